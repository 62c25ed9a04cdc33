/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <string.h>
#include <unistd.h>

#include "export-format.h"
#include "log-stream.h"

#define BUFFER_SIZE (256U * 1024U)
#define ENTRY_MAX (64U * 1024U * 1024U)

void export_reader_done(ExportReader *e) {
        e->fd = safe_close(e->fd);
        free(e->buffer);
        e->buffer = NULL;
}

/* Returns 1 if there is more in the buffer, 0 at the end. */
static int buffer_fill(ExportReader *e) {
        ssize_t n;

        if (e->start > 0) {
                memmove(e->buffer, e->buffer + e->start, e->end - e->start);
                e->end -= e->start;
                e->start = 0;
        }
        if (e->end == e->size) {
                size_t size = e->size > 0 ? 2 * e->size : BUFFER_SIZE;
                char *grown;

                if (size > ENTRY_MAX)
                        return -EMSGSIZE;
                grown = realloc(e->buffer, size);
                if (!grown)
                        return -ENOMEM;
                e->buffer = grown;
                e->size = size;
        }

        if (e->before_wait)
                e->before_wait();
        do
                n = read(e->fd, e->buffer + e->end, e->size - e->end);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        e->end += (size_t) n;
        return n > 0;
}

static uint64_t number(const char *s, size_t size) {
        uint64_t n = 0;

        for (size_t i = 0; i < size && s[i] >= '0' && s[i] <= '9'; i++)
                n = n * 10 + (uint64_t) (s[i] - '0');
        return n;
}

static bool is(const char *s, size_t size, const char *text) {
        return strlen(text) == size && memcmp(s, text, size) == 0;
}

static void field_take(LogEntry *entry, const char *name, size_t name_size, const char *value, size_t size) {
        if (is(name, name_size, "MESSAGE")) {
                entry->message = value;
                entry->message_size = size;
        } else if (is(name, name_size, "__CURSOR")) {
                entry->cursor = value;
                entry->cursor_size = size;
        } else if (is(name, name_size, "__REALTIME_TIMESTAMP"))
                entry->realtime = number(value, size);
        else if (is(name, name_size, "PRIORITY"))
                entry->priority = (int) (number(value, size) % 8);
        else if (is(name, name_size, "_LINE_BREAK"))
                entry->end = LINE_END_NONE; /* whatever it is: a newline is no break */
        else if (is(name, name_size, LOG_END_FIELD))
                entry->is_end = true;
}

size_t log_line_size(const LogEntry *e) {
        const size_t n = strlen(LOG_GUARD);

        if (e->message_size < n || memcmp(e->message + e->message_size - n, LOG_GUARD, n) != 0)
                return e->message_size;
        return e->message_size - n;
}

/* Parses what is in the buffer. Returns 1, 0 if the entry is not complete, -EBADMSG. */
static int entry_parse(ExportReader *e, LogEntry *ret) {
        LogEntry entry = { .priority = 6 };
        const char *p = e->buffer + e->start, *end = e->buffer + e->end;
        bool any = false;

        while (p < end) {
                const char *newline = memchr(p, '\n', (size_t) (end - p)), *equals, *value;
                size_t size;

                if (!newline)
                        return 0;
                if (newline == p) {
                        p++;
                        if (!any)
                                continue; /* between entries */
                        e->start = (size_t) (p - e->buffer);
                        *ret = entry;
                        return 1;
                }

                any = true;
                equals = memchr(p, '=', (size_t) (newline - p));
                if (equals) {
                        field_take(&entry, p, (size_t) (equals - p), equals + 1,
                                   (size_t) (newline - equals - 1));
                        p = newline + 1;
                        continue;
                }

                /* NAME, then the size in 64 bits little endian, the bytes and a newline. */
                uint64_t count;

                value = newline + 1 + sizeof(count);
                if (value > end)
                        return 0;
                memcpy(&count, newline + 1, sizeof(count));
                count = le64toh(count);
                if (count > ENTRY_MAX)
                        return -EBADMSG;
                size = (size_t) count;
                if ((size_t) (end - value) <= size)
                        return 0;
                if (value[size] != '\n')
                        return -EBADMSG;
                field_take(&entry, p, (size_t) (newline - p), value, size);
                p = value + size + 1;
        }
        if (!any)
                e->start = e->end;
        return 0;
}

int export_read(ExportReader *e, LogEntry *ret) {
        int r;

        for (;;) {
                if (e->end > e->start) {
                        r = entry_parse(e, ret);
                        if (r > 0 && ret->is_end) {
                                e->complete = true;
                                continue;
                        }
                        if (r != 0)
                                return r;
                }
                r = buffer_fill(e);
                if (r < 0)
                        return r;
                if (r == 0)
                        return e->end > e->start ? -EPIPE : 0;
        }
}
