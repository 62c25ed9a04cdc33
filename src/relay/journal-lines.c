/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "clock.h"
#include "journal-lines.h"

#define CUT_SLACK 128U /* so much shorter than it could be may a record be cut */
#define SAFE_MAX (JOURNAL_LINE_MAX - CUT_SLACK)

void journal_lines_done(JournalLines *j) {
        free(j->text);
        *j = (JournalLines) {};
}

void journal_lines_flush(JournalLines *j, JournalQueue *q) {
        if (j->length == 0)
                return;
        journal_queue_add(q, j->priority, j->text, j->length, 0);
        j->length = 0;
}

static bool is_continuation(char c) {
        return ((unsigned char) c & 0xc0) == 0x80;
}

/* How much of the text may go into the current record. Where a record is full and text remains, that is
 * less than all, and not within a character, whatever the chunks that it came in. */
static size_t fitting(const JournalLines *j, const char *text, size_t size) {
        size_t n = j->length < SAFE_MAX ? SAFE_MAX - j->length : 0;

        if (size <= n)
                return size;
        while (n < size && j->length + n < JOURNAL_LINE_MAX && is_continuation(text[n]))
                n++;
        return n;
}

/* Text without newline or NUL. */
static void keep_text(JournalLines *j, JournalQueue *q, const char *text, size_t size) {
        if (!j->text && !(j->text = malloc(JOURNAL_LINE_MAX))) {
                q->n_lost += size;
                return;
        }
        while (size > 0) {
                size_t n = fitting(j, text, size);

                memcpy(j->text + j->length, text, n);
                j->length += n;
                text += n;
                size -= n;
                if (size > 0)
                        journal_lines_flush(j, q);
        }
}

/* One line or the part of it that is there. */
static void keep_line(JournalLines *j, JournalQueue *q, const char *line, size_t size) {
        static const char replacement[] = "\xef\xbf\xbd";

        while (size > 0) {
                size_t n = strnlen(line, size);

                keep_text(j, q, line, n);
                if (n < size) {
                        keep_text(j, q, replacement, strlen(replacement));
                        n++;
                }
                line += n;
                size -= n;
        }
}

static void feed_line(JournalLines *j, JournalQueue *q, const char *line, size_t size) {
        /* Nearly all are whole, and not long: these are not copied twice. */
        if (j->length == 0 && size <= SAFE_MAX && !memchr(line, 0, size)) {
                journal_queue_add(q, j->priority, line, size, '\n');
                return;
        }
        keep_line(j, q, line, size);
        journal_queue_add(q, j->priority, j->text ?: "", j->length, '\n');
        j->length = 0;
}

void journal_lines_feed(JournalLines *j, JournalQueue *q, const char *data, size_t size) {
        bool had_none;

        while (size > 0) {
                const char *newline = memchr(data, '\n', size);
                size_t n;

                if (!newline)
                        break;
                n = (size_t) (newline - data);
                feed_line(j, q, data, n);
                data += n + 1;
                size -= n + 1;
        }
        if (size == 0)
                return;
        had_none = j->length == 0;
        keep_line(j, q, data, size);
        j->touched_usec = now_monotonic();
        if (had_none)
                j->begun_usec = j->touched_usec;
}
