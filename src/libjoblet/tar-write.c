/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <string.h>

#include "strv.h"
#include "tar.h"
#include "text.h"

#define BUFFER_SIZE (64U * 1024U)
#define NSEC_PER_SEC 1000000000L
#define TIME_MAX ((time_t) 1 << 56) /* what no file system keeps is not told */
#define OCTAL_MAX (UINT64_C(1) << 33) /* what eleven digits hold */

int tar_writer_init(TarWriter *w, TarWrite write, void *userdata) {
        *w = (TarWriter) { .write = write, .userdata = userdata, .buffer = malloc(BUFFER_SIZE) };
        return w->buffer ? 0 : -ENOMEM;
}

void tar_writer_done(TarWriter *w) {
        free(w->buffer);
        free(w->block);
        *w = TAR_WRITER_NULL;
}

static int flush(TarWriter *w) {
        int r = w->used > 0 ? w->write(w->userdata, w->buffer, w->used) : 0;

        w->used = 0;
        return r;
}

static int put(TarWriter *w, const void *data, size_t size) {
        int r;

        if (size > BUFFER_SIZE - w->used) {
                r = flush(w);
                if (r < 0)
                        return r;
                if (size >= BUFFER_SIZE)
                        return w->write(w->userdata, data, size);
        }
        memcpy(w->buffer + w->used, data, size);
        w->used += size;
        return 0;
}

static int put_zeros(TarWriter *w, uint64_t size) {
        static const char zeros[4096];

        while (size > 0) {
                size_t n = size < sizeof(zeros) ? (size_t) size : sizeof(zeros);
                int r = put(w, zeros, n);

                if (r < 0)
                        return r;
                size -= n;
        }
        return 0;
}

int tar_writer_data(TarWriter *w, const void *data, size_t size) {
        if (size > w->contents)
                return -EINVAL;
        w->contents -= size;
        return put(w, data, size);
}

/* Digits that fill the field but for its last byte. */
static void octal(char *field, size_t size, uint64_t number) {
        field[--size] = 0;
        for (; size > 0; number >>= 3)
                field[--size] = (char) ('0' + (number & 7));
}

/* size is that of what follows in the stream. */
static int put_header(TarWriter *w, const char *name, const char *link, char type, mode_t mode,
                      uint64_t size, time_t mtime) {
        TarHeader h = { .type = type, .magic = "ustar", .version = { '0', '0' } };

        memcpy(h.name, name, strnlen(name, sizeof(h.name)));
        memcpy(h.link, link, strnlen(link, sizeof(h.link)));
        octal(h.mode, sizeof(h.mode), mode);
        octal(h.uid, sizeof(h.uid), 0);
        octal(h.gid, sizeof(h.gid), 0);
        octal(h.size, sizeof(h.size), size < OCTAL_MAX ? size : 0);
        octal(h.mtime, sizeof(h.mtime), mtime >= 0 && (uint64_t) mtime < OCTAL_MAX ? (uint64_t) mtime : 0);
        octal(h.checksum, sizeof(h.checksum) - 1, tar_header_checksum(&h));
        h.checksum[7] = ' ';

        return put(w, &h, sizeof(h));
}

/* "LENGTH KEY=VALUE\n": LENGTH counts its own digits as well. */
static int record_append(char ***records, const char *key, const char *value) {
        size_t size = strlen(key) + strlen(value) + strlen(" =\n"), length = size, before;
        char digits[24];

        do {
                before = length;
                length = size + (size_t) snprintf(digits, sizeof(digits), "%zu", before);
        } while (length != before);
        return strv_extendf(records, "%zu %s=%s\n", length, key, value);
}

static int name_append(char ***records, const char *key, const char *name, bool *binary) {
        bool ascii = true;
        int r = 0;

        for (const char *p = name; *p; p++)
                if ((unsigned char) *p >= 0x80)
                        ascii = false;
        if (ascii && strlen(name) <= sizeof(((TarHeader*) NULL)->name))
                return 0;
        if (!ascii && !utf8_is_valid(name, strlen(name)) && !*binary) {
                *binary = true;
                r = record_append(records, "hdrcharset", "BINARY");
        }
        return r < 0 ? r : record_append(records, key, name);
}

static int number_append(char ***records, const char *key, uint64_t number) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRIu64, number);
        return record_append(records, key, text);
}

/* What a plain header has no room for: parts of a second, and what is before 1970. */
static int time_append(char ***records, struct timespec t) {
        bool negative = t.tv_sec < 0;
        char text[48];

        if (t.tv_sec < -TIME_MAX || t.tv_sec > TIME_MAX)
                t = (struct timespec) { .tv_sec = negative ? -TIME_MAX : TIME_MAX };
        if (!negative && t.tv_nsec == 0 && (uint64_t) t.tv_sec < OCTAL_MAX)
                return 0;
        if (negative) /* the other way round: -1.25 is 2 seconds before and 0.75 after */
                t = t.tv_nsec > 0 ? (struct timespec) { -(t.tv_sec + 1), NSEC_PER_SEC - t.tv_nsec } :
                                    (struct timespec) { -t.tv_sec, 0 };
        (void) snprintf(text, sizeof(text), "%s%lld.%09ld", negative ? "-" : "", (long long) t.tv_sec, t.tv_nsec);
        return record_append(records, "mtime", text);
}

static int sparse_append(char ***records, const TarEntry *e) {
        int r = number_append(records, "GNU.sparse.major", 1);

        if (r >= 0)
                r = number_append(records, "GNU.sparse.minor", 0);
        if (r >= 0)
                r = record_append(records, "GNU.sparse.name", e->name);
        return r < 0 ? r : number_append(records, "GNU.sparse.realsize", e->size);
}

/* What does not fit into a plain header goes before it, in an extended one. */
static int put_extended(TarWriter *w, const TarEntry *e, uint64_t size) {
        _cleanup_strv_free_ char **records = NULL;
        _cleanup_free_ char *text = NULL;
        bool binary = false;
        int r;

        r = name_append(&records, "path", e->name, &binary);
        if (r >= 0 && e->link)
                r = name_append(&records, "linkpath", e->link, &binary);
        if (r >= 0 && size >= OCTAL_MAX)
                r = number_append(&records, "size", size);
        if (r >= 0)
                r = time_append(&records, e->mtime);
        if (r >= 0 && e->sparse)
                r = sparse_append(&records, e);
        if (r < 0 || !records)
                return r;

        text = strv_join(records, "");
        if (!text)
                return -ENOMEM;
        r = put_header(w, "PaxHeaders/entry", "", 'x', 0644, strlen(text), 0);
        if (r >= 0)
                r = put(w, text, strlen(text));
        return r < 0 ? r : put_zeros(w, tar_padding(strlen(text)));
}

/* Completes the entry before, if its contents were less than was said. */
static int complete(TarWriter *w) {
        int r = put_zeros(w, w->contents + w->padding);

        w->contents = 0;
        w->padding = 0;
        return r;
}

/* The map that a reader needs before the data, see map_read(). NULL on OOM. */
static char* map_format(const TarEntry *e) {
        const size_t line_max = 21; /* the longest number, and its end */
        char *text = malloc((2 * e->n_extents + 1) * line_max + 1), *p = text;

        if (!text)
                return NULL;
        p += sprintf(p, "%zu\n", e->n_extents);
        for (size_t i = 0; i < e->n_extents; i++)
                p += sprintf(p, "%" PRIu64 "\n%" PRIu64 "\n", e->extents[i].offset, e->extents[i].size);
        return text;
}

int tar_writer_header(TarWriter *w, const TarEntry *e) {
        uint64_t map_size = 0, size = tar_entry_stored(e);
        _cleanup_free_ char *map = NULL;
        int r;

        if (e->n_extents > TAR_EXTENTS_MAX)
                return -EINVAL;
        if (e->sparse) {
                map = map_format(e);
                if (!map)
                        return -ENOMEM;
                map_size = strlen(map) + tar_padding(strlen(map));
        }
        r = complete(w);
        if (r >= 0)
                r = put_extended(w, e, map_size + size);
        if (r >= 0)
                r = put_header(w, e->name, e->link ?: "", e->type, e->mode, map_size + size, e->mtime.tv_sec);
        if (r >= 0 && map)
                r = put(w, map, strlen(map));
        if (r >= 0 && map)
                r = put_zeros(w, tar_padding(strlen(map)));
        w->contents = size;
        w->padding = tar_padding(map_size + size);
        return r;
}

int tar_writer_end(TarWriter *w) {
        int r;

        r = complete(w);
        if (r >= 0)
                r = put_zeros(w, UINT64_C(2) * TAR_BLOCK);
        return r < 0 ? r : flush(w);
}
