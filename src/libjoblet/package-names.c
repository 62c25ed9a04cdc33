/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A zip says each name twice or three times: in its directory at the end, perhaps once more beside that as UTF-8, and in
 * front of the contents. libzip takes one of them, and makes a blank of a NUL or ends the name there. What another program,
 * or a person who looks into the package, takes for the name must be the one that is checked and unpacked: so all of them are
 * read here, as bytes. */

#include <string.h>
#include <unistd.h>

#include "package-zip.h"
#include "text.h"

#define END_SIZE 22U           /* of the record at the end, without its comment */
#define COMMENT_MAX 65535U
#define LOCATOR_64_SIZE 20U
#define END_64_SIZE 56U
#define CENTRAL_SIZE 46U
#define LOCAL_SIZE 30U
#define DIRECTORY_MAX (512U * 1024U * 1024U)
#define SHOWN_MAX 200U
#define FIELD_ZIP64 0x0001U
#define FIELD_UNICODE_PATH 0x7075U /* of Info-ZIP: version, CRC of the name in the header, name */
#define UNICODE_PATH_HEAD 5U

static uint64_t number(const uint8_t *p, unsigned n) {
        uint64_t value = 0;

        while (n-- > 0)
                value = value << 8 | p[n];
        return value;
}

static int read_at(const PackageBytes *b, uint64_t offset, void *ret, size_t n) {
        size_t done = 0;

        if (offset > b->size || n > b->size - offset)
                return -EBADMSG;
        if (b->fd < 0) {
                memcpy(ret, (const uint8_t*) b->data + offset, n);
                return 0;
        }
        while (done < n) {
                ssize_t k = pread(b->fd, (uint8_t*) ret + done, n - done, (off_t) (offset + done));

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : -EBADMSG;
                done += (size_t) k;
        }
        return 0;
}

/* Where the directory is. */
typedef struct Directory {
        uint64_t offset, size, n_entries;
} Directory;

static int read_end_64(const PackageBytes *b, uint64_t end, Directory *ret) {
        uint8_t locator[LOCATOR_64_SIZE], record[END_64_SIZE];
        int r;

        if (end < LOCATOR_64_SIZE)
                return -EBADMSG;
        r = read_at(b, end - LOCATOR_64_SIZE, locator, sizeof(locator));
        if (r >= 0 && memcmp(locator, "PK\6\7", 4) != 0)
                return -EBADMSG;
        if (r >= 0)
                r = read_at(b, number(locator + 8, 8), record, sizeof(record));
        if (r < 0)
                return r;
        if (memcmp(record, "PK\6\6", 4) != 0)
                return -EBADMSG;
        *ret = (Directory) { number(record + 48, 8), number(record + 40, 8), number(record + 32, 8) };
        return 0;
}

/* The record at the end, whose comment ends with the package: what follows it could be another one. */
static int find_directory(const PackageBytes *b, Directory *ret) {
        size_t n = b->size < END_SIZE + COMMENT_MAX ? (size_t) b->size : END_SIZE + COMMENT_MAX;
        _cleanup_free_ uint8_t *tail = malloc(n + 1);
        int r;

        if (!tail)
                return -ENOMEM;
        r = read_at(b, b->size - n, tail, n);
        if (r < 0)
                return r;
        for (size_t i = n < END_SIZE ? 0 : n - END_SIZE + 1; i > 0; i--) {
                const uint8_t *p = tail + i - 1;

                if (memcmp(p, "PK\5\6", 4) != 0 || i - 1 + END_SIZE + number(p + 20, 2) != n)
                        continue;
                *ret = (Directory) { number(p + 16, 4), number(p + 12, 4), number(p + 10, 2) };
                if (ret->offset == UINT32_MAX || ret->size == UINT32_MAX || ret->n_entries == UINT16_MAX)
                        return read_end_64(b, b->size - n + i - 1, ret);
                return 0;
        }
        return -EBADMSG;
}

/* The data of a field, or NULL. */
static const uint8_t* find_field(const uint8_t *extra, size_t size, unsigned id, size_t *ret_size) {
        while (size >= 4) {
                size_t n = (size_t) number(extra + 2, 2);

                if (n > size - 4)
                        return NULL;
                if (number(extra, 2) == id) {
                        *ret_size = n;
                        return extra + 4;
                }
                extra += 4 + n;
                size -= 4 + n;
        }
        return NULL;
}

/* One entry of the directory. */
typedef struct Central {
        const uint8_t *head, *name, *extra;
        size_t name_size, extra_size;
} Central;

static uint64_t local_offset(const Central *c) {
        uint64_t offset = number(c->head + 42, 4);
        const uint8_t *field;
        size_t n, skip;

        if (offset != UINT32_MAX)
                return offset;
        field = find_field(c->extra, c->extra_size, FIELD_ZIP64, &n);
        skip = 8 * ((size_t) (number(c->head + 24, 4) == UINT32_MAX) + (number(c->head + 20, 4) == UINT32_MAX));
        return field && n >= skip + 8 ? number(field + skip, 8) : UINT64_MAX;
}

static int refuse(char **reterr, const uint8_t *name, size_t size, const char *rule) {
        _cleanup_free_ char *copy = malloc(size + 1), *shown = NULL;

        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++)
                copy[i] = (char) (name[i] ?: 1); /* is shown as all that is not printable */
        copy[size] = 0;
        shown = text_for_message(copy, SHOWN_MAX);
        return shown ? message_set(reterr, -EINVAL, "package refused: entry '%s': %s", shown, rule) : -ENOMEM;
}

static bool is_name(const uint8_t *name, size_t size, const char *taken) {
        return strlen(taken) == size && memcmp(name, taken, size) == 0;
}

static int check_central(const Central *c, const char *taken, char **reterr) {
        const uint8_t *other;
        size_t n = 0;

        if (memchr(c->name, 0, c->name_size))
                return refuse(reterr, c->name, c->name_size, "its name has a NUL byte");
        if (is_name(c->name, c->name_size, taken))
                return 0;
        other = find_field(c->extra, c->extra_size, FIELD_UNICODE_PATH, &n);
        if (other && n > UNICODE_PATH_HEAD && memchr(other + UNICODE_PATH_HEAD, 0, n - UNICODE_PATH_HEAD))
                return refuse(reterr, other + UNICODE_PATH_HEAD, n - UNICODE_PATH_HEAD, "its name has a NUL byte");
        if (other && n > UNICODE_PATH_HEAD && is_name(other + UNICODE_PATH_HEAD, n - UNICODE_PATH_HEAD, taken))
                return 0;
        return refuse(reterr, c->name, c->name_size, "the directory of the package has other names for it");
}

static int check_local(const PackageBytes *b, const Central *c, uint8_t *buffer, char **reterr) {
        uint64_t offset = local_offset(c);
        size_t n;
        int r;

        r = read_at(b, offset, buffer, LOCAL_SIZE);
        if (r >= 0 && memcmp(buffer, "PK\3\4", 4) != 0)
                r = -EBADMSG;
        n = r < 0 ? 0 : (size_t) number(buffer + 26, 2);
        if (r >= 0)
                r = read_at(b, offset + LOCAL_SIZE, buffer, n);
        if (r == -EBADMSG)
                return refuse(reterr, c->name, c->name_size, "its contents are not where the directory of the package says");
        if (r < 0)
                return r;
        if (memchr(buffer, 0, n))
                return refuse(reterr, buffer, n, "its name has a NUL byte");
        if (n != c->name_size || memcmp(buffer, c->name, n) != 0)
                return refuse(reterr, c->name, c->name_size, "it has another name in front of its contents");
        return 0;
}

/* Reads the entry at *p, which goes on to the next. */
static int next_central(const uint8_t **p, const uint8_t *end, Central *ret) {
        size_t left = (size_t) (end - *p), comment;

        if (left < CENTRAL_SIZE || memcmp(*p, "PK\1\2", 4) != 0)
                return -EBADMSG;
        *ret = (Central) {
                .head = *p,
                .name = *p + CENTRAL_SIZE,
                .name_size = (size_t) number(*p + 28, 2),
                .extra_size = (size_t) number(*p + 30, 2),
        };
        comment = (size_t) number(*p + 32, 2);
        ret->extra = ret->name + ret->name_size;
        if (ret->name_size + ret->extra_size + comment > left - CENTRAL_SIZE)
                return -EBADMSG;
        *p = ret->extra + ret->extra_size + comment;
        return 0;
}

int package_check_names(const PackageBytes *b, const PackageEntry *entries, size_t n_entries, char **reterr_message) {
        _cleanup_free_ uint8_t *data = NULL, *buffer = malloc(UINT16_MAX);
        const uint8_t *p;
        Directory d;
        int r;

        if (!buffer)
                return -ENOMEM;
        r = find_directory(b, &d);
        if (r >= 0 && (d.n_entries != n_entries || d.size > DIRECTORY_MAX || d.size > b->size))
                r = -EBADMSG;
        if (r >= 0) {
                data = malloc((size_t) d.size + 1);
                r = data ? read_at(b, d.offset, data, (size_t) d.size) : -ENOMEM;
        }
        p = data;
        for (size_t i = 0; r >= 0 && i < n_entries; i++) {
                Central c;

                r = next_central(&p, data + d.size, &c);
                if (r < 0)
                        break;
                r = check_central(&c, entries[i].name, reterr_message);
                if (r >= 0)
                        r = check_local(b, &c, buffer, reterr_message);
                if (r < 0)
                        return r;
        }
        return r != -EBADMSG ? r : message_set(reterr_message, -EINVAL, "package refused: its directory is damaged, or it is not the only one");
}
