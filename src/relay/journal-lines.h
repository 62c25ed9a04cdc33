/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One stream of a command as lines for the journal. What there is of a line that is not complete is kept
 * here until it is, or until its owner wants it to be seen.
 *
 *   - a line longer than JOURNAL_LINE_MAX is cut between two characters
 *   - a NUL of the job becomes U+FFFD; all other bytes stay what they are, also what is not UTF-8 */

#include <stdbool.h>
#include <stddef.h>

#include "journal-queue.h"

#define JOURNAL_LINE_MAX (32U * 1024U) /* below LineMax=, 48K, of journald */

typedef struct JournalLines {
        int priority;
        char *text; /* of a line that is not complete */
        size_t length;
        uint64_t begun_usec, touched_usec; /* when its first and its last byte came */
} JournalLines;

void journal_lines_done(JournalLines *j);

/* Takes what was read; hands over the lines that it completes. */
void journal_lines_feed(JournalLines *j, JournalQueue *q, const char *data, size_t size);
/* Hands over what there is of a line. */
void journal_lines_flush(JournalLines *j, JournalQueue *q);
