/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What goes to the journal, in whole records that begin with a priority ("<6>"), so that no text of a job
 * passes for one of another priority. Both streams of a command share one connection to journald: a record
 * is added when all of it is known, and so nothing of one stream can get into a line of the other.
 *
 *   - a record ends in a newline, or in NUL where the line goes on (or ended without a newline): journald
 *     notes that as _LINE_BREAK=nul, and readers put the parts together
 *   - journald takes blanks off the end of a line, and drops it if nothing is left: such a text gets a
 *     no-break space at its end, as does one that ends in a no-break space, and readers take one off
 *
 * It counts what journald is given, and what of the command's output it is not. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define JOURNAL_AHEAD_MAX (256U * 1024U)          /* that waits, without a client */
#define JOURNAL_BACKLOG_MAX (16U * 1024U * 1024U) /* with one */
#define JOURNAL_KEEP (64U * 1024U)                /* of the end, where the middle is left out */

typedef struct JournalQueue {
        int fd; /* not owned; -EBADF if it broke */
        bool is_socket;
        size_t max; /* so much may wait while there is a client */

        char *buffer;
        size_t start, end, allocated; /* what is not yet written out is buffer[start] to buffer[end] */
        bool begun;                   /* the first of these records has been written out in part */
        uint64_t since_usec;          /* since when journald took nothing of it */

        uint64_t n_entries; /* records, with those that wait */
        uint64_t n_lost;    /* bytes of the command's that the journal does not get */
} JournalQueue;

#define JOURNAL_QUEUE_NULL                                                                                   \
        (JournalQueue) {                                                                                     \
                .fd = -EBADF, .max = JOURNAL_BACKLOG_MAX,                                                    \
        }

void journal_queue_init(JournalQueue *q, int fd);
void journal_queue_done(JournalQueue *q);

/* A record of text without newline or NUL; end is one of the two. Where there is no room it counts as lost. */
void journal_queue_add(JournalQueue *q, int priority, const char *text, size_t size, char end);
/* A line of the relay's own. */
void journal_queue_note(JournalQueue *q, int priority, const char *text);

static inline size_t journal_queue_pending(const JournalQueue *q) {
        return q->end - q->start;
}

/* Writes out what journald takes at once. */
void journal_queue_write(JournalQueue *q);
/* Journald takes no more: what waits is lost, and so is what is still to come. */
void journal_queue_break(JournalQueue *q);
/* Journald is too slow: leaves out the middle of what waits, with a line that says so in its place. */
void journal_queue_cut(JournalQueue *q);

/* For the tests: so many bytes have been written out. */
void journal_queue_consume(JournalQueue *q, size_t size);
