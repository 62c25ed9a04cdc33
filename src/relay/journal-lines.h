/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One stream of a command as the journal takes it: records that start with a priority ("<6>"), so that no
 * text of a job passes for one of another priority.
 *
 *   - a line that is empty or blank gets a no-break space at its end: journald takes blanks off the end
 *     of a line, and drops it if nothing is left
 *   - a line longer than JOURNAL_LINE_MAX is cut between two characters, and so is a last line without a
 *     newline: such records end in NUL, which journald notes as _LINE_BREAK=nul. Readers put them
 *     together again.
 *   - a NUL of the job becomes U+FFFD
 *
 * Pure: the records collect in a buffer that the owner writes out. */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#define JOURNAL_LINE_MAX (32U * 1024U) /* below LineMax=, 48K, of journald */

typedef struct JournalLines {
        int priority;
        bool in_line;  /* a record has been begun */
        bool blank;    /* nothing but blanks in it so far */
        char last;     /* byte of its text */
        size_t length; /* of its text */
        bool begun;    /* the first record of the buffer has been written out in part */
        char *buffer;
        size_t start, end, allocated; /* what is not yet written out is buffer[start] to buffer[end] */
} JournalLines;

void journal_lines_done(JournalLines *j);

/* All three return 0 or -ENOMEM. */
int journal_lines_feed(JournalLines *j, const char *data, size_t size);
/* Ends a record that was begun; the next text begins another. */
int journal_lines_flush(JournalLines *j);
/* A line of the relay's own. */
int journal_lines_note(JournalLines *j, int priority, const char *text);

static inline size_t journal_lines_pending(const JournalLines *j) {
        return j->end - j->start;
}

/* So many bytes have been written out. */
void journal_lines_consume(JournalLines *j, size_t size);
/* Drops what is not written out, but for the rest of a record that is so in part. Returns the bytes dropped. */
size_t journal_lines_cut(JournalLines *j);
