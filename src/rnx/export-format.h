/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reader of the Journal Export Format, for the few fields of a line of output. Reads as a stream: memory
 * is needed for one entry. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

typedef enum LineEnd {
        LINE_END_NEWLINE,
        LINE_END_NONE, /* the rest of the line follows as an entry of its own, or it was the last */
} LineEnd;

/* Strings are not terminated and valid until the next reading. */
typedef struct LogEntry {
        const char *cursor, *message;
        size_t cursor_size, message_size;
        uint64_t realtime; /* µs */
        int priority;
        LineEnd end;
        bool is_end; /* no entry, but the mark behind the last; not given out */
} LogEntry;

typedef struct ExportReader {
        int fd;
        char *buffer;
        size_t start, end, size;
        void (*before_wait)(void); /* called before more is read, may be NULL */
        bool complete; /* at the end: it was said to be the end */
} ExportReader;

void export_reader_done(ExportReader *e);

/* The text of a line, without what the relay put behind it. */
size_t log_line_size(const LogEntry *e);

/* Returns 1, 0 at the end, -EPIPE if the stream ends within an entry, -EBADMSG, -EMSGSIZE, -ENOMEM or an
 * errno of reading. */
int export_read(ExportReader *e, LogEntry *ret);
