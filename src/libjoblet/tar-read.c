/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "tar.h"

#define BUFFER_SIZE (256U * 1024U)
#define EXTENSION_MAX (1024U * 1024U) /* of one pax header: far more than two paths */
#define NSEC_PER_SEC 1000000000L

unsigned tar_header_checksum(const TarHeader *h) {
        const unsigned char *p = (const unsigned char*) h;
        unsigned sum = 0;

        for (size_t i = 0; i < sizeof(*h); i++)
                sum += i >= offsetof(TarHeader, checksum) && i < offsetof(TarHeader, type) ? ' ' : p[i];
        return sum;
}

uint64_t tar_entry_stored(const TarEntry *e) {
        uint64_t stored = 0;

        if (!e->sparse)
                return e->size;
        for (size_t i = 0; i < e->n_extents; i++)
                stored += e->extents[i].size;
        return stored;
}

static void entry_done(TarEntry *e) {
        free(e->name);
        free(e->link);
        free(e->extents);
        *e = (TarEntry) {};
}

int tar_reader_init(TarReader *r, TarRead read, void *userdata) {
        *r = (TarReader) { .read = read, .userdata = userdata, .buffer = malloc(BUFFER_SIZE) };
        return r->buffer ? 0 : -ENOMEM;
}

void tar_reader_done(TarReader *r) {
        entry_done(&r->entry);
        free(r->buffer);
        *r = TAR_READER_NULL;
}

static int malformed(TarReader *r, const char *problem) {
        r->problem = problem;
        return -EBADMSG;
}

/* Has at least size bytes in the buffer: 1, or 0 if the stream ends before the first. */
static int fill(TarReader *r, size_t size) {
        if (r->end - r->start >= size)
                return 1;

        memmove(r->buffer, r->buffer + r->start, r->end - r->start);
        r->end -= r->start;
        r->start = 0;
        while (r->end < size) {
                ssize_t n = r->read(r->userdata, r->buffer + r->end, BUFFER_SIZE - r->end);

                if (n < 0)
                        return (int) n;
                if (n == 0)
                        return r->end == 0 ? 0 : malformed(r, "it is cut off");
                r->end += (size_t) n;
        }
        return 1;
}

/* Some of what is in the stream for the current entry, at most size bytes. */
static int stored_data(TarReader *r, uint64_t size, const char **ret_data, size_t *ret_size) {
        size_t n;
        int q;

        if (r->contents < size)
                size = r->contents;
        if (size == 0)
                return 0;
        q = fill(r, 1);
        if (q <= 0)
                return q < 0 ? q : malformed(r, "it is cut off");

        n = r->end - r->start;
        if (n > size)
                n = (size_t) size;
        *ret_data = r->buffer + r->start;
        *ret_size = n;
        r->start += n;
        r->contents -= n;
        return 1;
}

int tar_reader_data(TarReader *r, const char **ret_data, size_t *ret_size, uint64_t *ret_offset) {
        const TarEntry *e = &r->entry;
        uint64_t left = UINT64_MAX;
        int q;

        if (e->sparse) {
                while (r->extent < e->n_extents &&
                       r->offset >= e->extents[r->extent].offset + e->extents[r->extent].size)
                        r->extent++;
                if (r->extent >= e->n_extents)
                        return 0;
                if (r->offset < e->extents[r->extent].offset)
                        r->offset = e->extents[r->extent].offset;
                left = e->extents[r->extent].offset + e->extents[r->extent].size - r->offset;
        }
        q = stored_data(r, left, ret_data, ret_size);
        if (q <= 0)
                return q;
        *ret_offset = r->offset;
        r->offset += *ret_size;
        return 1;
}

static int skip(TarReader *r) {
        const char *data;
        size_t size;
        int q;

        r->contents += r->padding;
        r->padding = 0;
        while ((q = stored_data(r, UINT64_MAX, &data, &size)) > 0)
                ;
        return q;
}

/* Octal digits, or a binary number after a byte with the top bit set. False if it is neither, or
 * negative. */
static bool number_parse(const char *field, size_t size, uint64_t *ret) {
        const unsigned char *p = (const unsigned char*) field, *end = p + size;
        uint64_t number = 0;

        if (*p & 0x80) {
                number = *p++ & 0x7f;
                for (; p < end; p++) {
                        if (number >> 55)
                                return false;
                        number = number << 8 | *p;
                }
                *ret = number;
                return true;
        }

        while (p < end && *p == ' ')
                p++;
        for (; p < end && *p >= '0' && *p <= '7'; p++)
                number = number << 3 | (unsigned) (*p - '0'); /* 12 digits at most: 36 bits */
        if (p < end && *p != 0 && *p != ' ')
                return false;
        *ret = number;
        return true;
}

/* Reads a header block. Returns 1, 0 at the end mark. */
static int header_read(TarReader *r, TarHeader *ret) {
        static const TarHeader zero;
        uint64_t checksum;
        int q;

        q = fill(r, TAR_BLOCK);
        if (q <= 0)
                return q < 0 ? q : malformed(r, "it ends without an end mark");
        memcpy(ret, r->buffer + r->start, TAR_BLOCK);
        r->start += TAR_BLOCK;

        if (memcmp(ret, &zero, TAR_BLOCK) == 0)
                return 0;
        if (!number_parse(ret->checksum, sizeof(ret->checksum), &checksum) ||
            checksum != tar_header_checksum(ret))
                return malformed(r, "a header has a wrong checksum");
        if (!number_parse(ret->size, sizeof(ret->size), &r->contents) || r->contents > INT64_MAX)
                return malformed(r, "a size is invalid");
        r->padding = tar_padding(r->contents);
        return 1;
}

/* The contents of an extended header or a long name, with a NUL behind them. */
static int extension_read(TarReader *r, char **ret, size_t *ret_size) {
        _cleanup_free_ char *text = NULL;
        const char *data;
        size_t size, n = 0;
        int q;

        if (r->contents > EXTENSION_MAX)
                return malformed(r, "an extended header is too large");
        text = malloc((size_t) r->contents + 1);
        if (!text)
                return -ENOMEM;
        while ((q = stored_data(r, UINT64_MAX, &data, &size)) > 0) {
                memcpy(text + n, data, size);
                n += size;
        }
        if (q < 0)
                return q;
        text[n] = 0;
        *ret = TAKE_PTR(text);
        *ret_size = n;
        return skip(r);
}

/* What extended headers said about the entry that follows. */
typedef struct Extension {
        char *name, *link, *sparse_name;
        bool has_size, has_mtime, has_real_size;
        uint64_t sparse_major, sparse_minor; /* 0 and 0: not sparse */
        uint64_t size, real_size;
        struct timespec mtime;
} Extension;

static void extension_done(Extension *x) {
        free(x->name);
        free(x->link);
        free(x->sparse_name);
}

static bool decimal_parse(const char **s, uint64_t *ret) {
        const char *p = *s;
        uint64_t number = 0;

        for (; *p >= '0' && *p <= '9'; p++) {
                if (number > (uint64_t) INT64_MAX / 10 - 1)
                        return false;
                number = number * 10 + (unsigned) (*p - '0');
        }
        if (p == *s)
                return false;
        *s = p;
        *ret = number;
        return true;
}

/* "1700000000.25", also below zero. */
static bool time_parse(const char *s, struct timespec *ret) {
        bool negative = *s == '-';
        uint64_t seconds;
        long nsec = 0, unit = NSEC_PER_SEC / 10;

        s += negative;
        if (!decimal_parse(&s, &seconds))
                return false;
        if (*s == '.')
                for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
                        nsec += unit * (*s - '0');
        if (*s)
                return false;

        *ret = (struct timespec) { .tv_sec = negative ? -(time_t) seconds : (time_t) seconds, .tv_nsec = nsec };
        if (negative && nsec > 0) {
                ret->tv_sec--;
                ret->tv_nsec = NSEC_PER_SEC - nsec;
        }
        return true;
}

static int string_set(char **target, const char *value) {
        free(*target);
        *target = strdup(value);
        return *target ? 0 : -ENOMEM;
}

static int number_record(TarReader *r, const char *value, uint64_t *ret) {
        return decimal_parse(&value, ret) && !*value ? 0 : malformed(r, "a number is invalid");
}

/* The map of version 1.0 is at the head of the contents; those of the other versions have no known end. */
static int sparse_record_apply(TarReader *r, Extension *x, const char *key, const char *value) {
        if (strcmp(key, "major") == 0)
                return number_record(r, value, &x->sparse_major);
        if (strcmp(key, "minor") == 0)
                return number_record(r, value, &x->sparse_minor);
        if (strcmp(key, "realsize") == 0) {
                x->has_real_size = true;
                return number_record(r, value, &x->real_size);
        }
        if (strcmp(key, "name") == 0)
                return string_set(&x->sparse_name, value);
        return malformed(r, "it has a sparse file of an old format");
}

/* The value is size bytes with a NUL behind them. */
static int record_apply(TarReader *r, Extension *x, const char *key, const char *value, size_t size) {
        static const char sparse[] = "GNU.sparse.";

        if (strlen(value) != size)
                return malformed(r, "an extended header holds a NUL");
        if (strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0)
                return string_set(key[0] == 'p' ? &x->name : &x->link, value);
        if (strcmp(key, "size") == 0) {
                x->has_size = decimal_parse(&value, &x->size) && !*value;
                return x->has_size ? 0 : malformed(r, "a size is invalid");
        }
        if (strcmp(key, "mtime") == 0) {
                x->has_mtime = time_parse(value, &x->mtime);
                return x->has_mtime ? 0 : malformed(r, "a time is invalid");
        }
        if (strncmp(key, sparse, strlen(sparse)) == 0)
                return sparse_record_apply(r, x, key + strlen(sparse), value);
        return 0;
}

/* Records of pax: "LENGTH KEY=VALUE\n", where LENGTH counts all of it. */
static int records_parse(TarReader *r, Extension *x, char *text, size_t size) {
        while (size > 0) {
                const char *p = text;
                char *key, *equals;
                uint64_t length;
                int q;

                if (!decimal_parse(&p, &length) || *p != ' ' || length > size ||
                    length <= (size_t) (p - text) + 1 || text[length - 1] != '\n')
                        return malformed(r, "an extended header is invalid");
                key = text + (p - text) + 1;
                text[length - 1] = 0;
                equals = strchr(key, '=');
                if (!equals)
                        return malformed(r, "an extended header is invalid");
                *equals = 0;
                q = record_apply(r, x, key, equals + 1, (size_t) (text + length - 1 - (equals + 1)));
                if (q < 0)
                        return q;
                text += length;
                size -= (size_t) length;
        }
        return 0;
}

/* Takes a header that only tells about others. */
static int extension_take(TarReader *r, char type, Extension *x) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int q;

        q = extension_read(r, &text, &size);
        if (q < 0)
                return q;
        switch (type) {
        case 'x':
                return records_parse(r, x, text, size);
        case 'L':
                return string_set(&x->name, text);
        case 'K':
                return string_set(&x->link, text);
        default: /* 'g': comments and defaults, of which none matters here */
                return 0;
        }
}

/* A line with a number, of the map of a sparse file. */
static int map_number(TarReader *r, uint64_t *ret) {
        char digits[24];
        const char *data, *p = digits;
        size_t size, n = 0;
        int q;

        while ((q = stored_data(r, 1, &data, &size)) > 0 && *data != '\n') {
                if (n >= sizeof(digits) - 1)
                        break;
                digits[n++] = *data;
        }
        if (q < 0)
                return q;
        digits[n] = 0;
        if (q == 0 || *data != '\n' || !decimal_parse(&p, ret) || *p)
                return malformed(r, "the map of a sparse file is invalid");
        return 0;
}

/* The map: how many extents, then offset and size of each, filled up to a whole block. What follows is their data. */
static int map_read(TarReader *r, uint64_t real_size) {
        uint64_t n, end = 0, stored = 0, before = r->contents;
        TarEntry *e = &r->entry;
        const char *data;
        size_t size;
        int q;

        q = map_number(r, &n);
        if (q < 0)
                return q;
        if (n > TAR_EXTENTS_MAX)
                return malformed(r, "a sparse file has too many holes");
        e->extents = calloc((size_t) n + 1, sizeof(*e->extents));
        if (!e->extents)
                return -ENOMEM;
        e->n_extents = (size_t) n;
        for (TarExtent *x = e->extents; x < e->extents + n; x++) {
                q = map_number(r, &x->offset);
                if (q >= 0)
                        q = map_number(r, &x->size);
                if (q < 0)
                        return q;
                if (x->offset < end || x->offset > real_size || x->size > real_size - x->offset)
                        return malformed(r, "the map of a sparse file is invalid");
                end = x->offset + x->size;
                stored += x->size;
        }
        for (uint64_t padding = tar_padding(before - r->contents); padding > 0; padding -= size) {
                q = stored_data(r, padding, &data, &size);
                if (q <= 0)
                        return q < 0 ? q : malformed(r, "the map of a sparse file is invalid");
        }
        if (stored != r->contents)
                return malformed(r, "the map of a sparse file is invalid");
        e->sparse = true;
        e->size = real_size;
        return 0;
}

static int sparse_fill(TarReader *r, Extension *x) {
        if (x->sparse_major == 0 && x->sparse_minor == 0 && !x->has_real_size)
                return 0;
        if (x->sparse_major != 1 || x->sparse_minor != 0 || !x->has_real_size || r->entry.type != TAR_FILE)
                return malformed(r, "it has a sparse file of an old format");
        return map_read(r, x->real_size);
}

static int entry_fill(TarReader *r, const TarHeader *h, Extension *x) {
        TarEntry *e = &r->entry;
        uint64_t mode, mtime;

        if (!number_parse(h->mode, sizeof(h->mode), &mode))
                return malformed(r, "a mode is invalid");
        if (!number_parse(h->mtime, sizeof(h->mtime), &mtime) || mtime > INT64_MAX)
                mtime = 0;
        if (x->has_size) {
                r->contents = x->size;
                r->padding = tar_padding(x->size);
        }

        e->type = h->type == 0 || h->type == '7' ? TAR_FILE : h->type;
        e->mode = (mode_t) (mode & 07777);
        e->mtime = x->has_mtime ? x->mtime : (struct timespec) { .tv_sec = (time_t) mtime };
        e->name = x->sparse_name ? TAKE_PTR(x->sparse_name) : TAKE_PTR(x->name);
        if (!e->name && memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0]) {
                if (asprintf(&e->name, "%.155s/%.100s", h->prefix, h->name) < 0)
                        e->name = NULL;
        } else if (!e->name)
                e->name = strndup(h->name, sizeof(h->name));
        if (!e->name)
                return -ENOMEM;
        if (e->type == TAR_HARD_LINK || e->type == TAR_SYMBOLIC_LINK) {
                e->link = x->link ? TAKE_PTR(x->link) : strndup(h->link, sizeof(h->link));
                if (!e->link)
                        return -ENOMEM;
        }

        /* Archives from before ustar say it so. */
        if (e->type == TAR_FILE && *e->name && e->name[strlen(e->name) - 1] == '/')
                e->type = TAR_DIRECTORY;
        if (e->type != TAR_FILE && r->contents > 0)
                return malformed(r, "something that is no file has contents");
        e->size = r->contents;
        return sparse_fill(r, x);
}

int tar_reader_next(TarReader *r, const TarEntry **ret) {
        _cleanup_(extension_done) Extension x = {};
        TarHeader h;
        int q;

        q = skip(r);
        if (q < 0)
                return q;
        entry_done(&r->entry);
        r->offset = r->extent = 0;

        for (;;) {
                q = header_read(r, &h);
                if (q <= 0)
                        return q;
                if (!h.type || !strchr("xgLK", h.type))
                        break;
                q = extension_take(r, h.type, &x);
                if (q < 0)
                        return q;
        }

        q = entry_fill(r, &h, &x);
        if (q < 0)
                return q;
        *ret = &r->entry;
        return 1;
}
