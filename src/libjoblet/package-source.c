/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>
#include <unistd.h>

#include "package-zip.h"

#define BUFFER_SIZE (256U * 1024U)

typedef struct Source {
        int fd; /* not ours */
        uint64_t size, position;
        uint8_t *buffer;
        uint64_t buffer_start;
        size_t buffer_size;
        zip_error_t error;
} Source;

static int fill(Source *s) {
        ssize_t n;

        do
                n = pread(s->fd, s->buffer, BUFFER_SIZE, (off_t) s->position);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        s->buffer_start = s->position;
        s->buffer_size = (size_t) n;
        return 0;
}

static zip_int64_t source_read(Source *s, uint8_t *data, uint64_t size) {
        uint64_t copied = 0;

        while (copied < size && s->position < s->size) {
                uint64_t there;

                if (s->position < s->buffer_start || s->position >= s->buffer_start + s->buffer_size) {
                        int r = fill(s);

                        if (r < 0) {
                                zip_error_set(&s->error, ZIP_ER_READ, -r);
                                return -1;
                        }
                        if (s->buffer_size == 0)
                                break; /* it became shorter */
                }
                there = s->buffer_start + s->buffer_size - s->position;
                if (there > size - copied)
                        there = size - copied;
                memcpy(data + copied, s->buffer + (s->position - s->buffer_start), there);
                copied += there;
                s->position += there;
        }
        return (zip_int64_t) copied;
}

static void source_free(Source *s) {
        zip_error_fini(&s->error);
        free(s->buffer);
        free(s);
}

static zip_int64_t source_seek(Source *s, void *data, uint64_t size) {
        zip_int64_t position = zip_source_seek_compute_offset(s->position, s->size, data, size, &s->error);

        if (position < 0)
                return -1;
        s->position = (uint64_t) position;
        return 0;
}

static zip_int64_t source_call(void *userdata, void *data, zip_uint64_t size, zip_source_cmd_t command) {
        Source *s = userdata;

        switch (command) {
        case ZIP_SOURCE_OPEN:
                s->position = 0;
                return 0;
        case ZIP_SOURCE_READ:
                return source_read(s, data, size);
        case ZIP_SOURCE_CLOSE:
                return 0;
        case ZIP_SOURCE_STAT: {
                zip_stat_t *st = data;

                zip_stat_init(st);
                st->size = s->size;
                st->valid |= ZIP_STAT_SIZE;
                return sizeof(*st);
        }
        case ZIP_SOURCE_ERROR:
                return zip_error_to_data(&s->error, data, size);
        case ZIP_SOURCE_FREE:
                source_free(s);
                return 0;
        case ZIP_SOURCE_SEEK:
                return source_seek(s, data, size);
        case ZIP_SOURCE_TELL:
                return (zip_int64_t) s->position;
        case ZIP_SOURCE_SUPPORTS:
                return ZIP_SOURCE_SUPPORTS_SEEKABLE;
        default:
                zip_error_set(&s->error, ZIP_ER_OPNOTSUPP, 0);
                return -1;
        }
}

zip_source_t* package_source_new(int fd, uint64_t size, zip_error_t *error) {
        zip_source_t *source;
        Source *s;

        s = calloc(1, sizeof(Source));
        if (s)
                s->buffer = malloc(BUFFER_SIZE);
        if (!s || !s->buffer) {
                free(s);
                zip_error_set(error, ZIP_ER_MEMORY, 0);
                return NULL;
        }
        s->fd = fd;
        s->size = size;
        zip_error_init(&s->error);
        source = zip_source_function_create(source_call, s, error);
        if (!source)
                source_free(s);
        return source;
}
