/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "journal-lines.h"

#define CUT_SLACK 128U                  /* so much shorter than it could be may a record be cut */
#define BUFFER_KEEP (512U * 1024U)      /* more than this is not kept once it is empty */

void journal_lines_done(JournalLines *j) {
        free(j->buffer);
        *j = (JournalLines) {};
}

static bool ends_record(char c) {
        return c == '\n' || c == 0;
}

void journal_lines_consume(JournalLines *j, size_t size) {
        if (size == 0)
                return;
        j->start += size;
        j->begun = !ends_record(j->buffer[j->start - 1]);
        if (j->start < j->end)
                return;

        j->start = j->end = 0;
        if (j->allocated > BUFFER_KEEP) {
                free(j->buffer);
                j->buffer = NULL;
                j->allocated = 0;
        }
}

size_t journal_lines_cut(JournalLines *j) {
        size_t end = j->start, dropped;

        while (j->begun && end < j->end)
                if (ends_record(j->buffer[end++]))
                        break;
        dropped = j->end - end;
        j->end = end;
        if (dropped > 0)
                j->in_line = false;
        return dropped;
}

static int append(JournalLines *j, const char *data, size_t size) {
        if (size > j->allocated - j->end) {
                size_t pending = journal_lines_pending(j), wanted = pending + size;

                if (j->start > 0) {
                        memmove(j->buffer, j->buffer + j->start, pending);
                        j->start = 0;
                        j->end = pending;
                }
                /* Nearly full of what waits, it would be moved again and again. */
                if (wanted > j->allocated - j->allocated / 4) {
                        size_t allocated = wanted + wanted / 2 + 4096;
                        char *grown = realloc(j->buffer, allocated);

                        if (!grown)
                                return -ENOMEM;
                        j->buffer = grown;
                        j->allocated = allocated;
                }
        }

        memcpy(j->buffer + j->end, data, size);
        j->end += size;
        return 0;
}

static int begin(JournalLines *j, int priority) {
        char prefix[] = { '<', (char) ('0' + priority), '>' };

        j->in_line = true;
        j->blank = true;
        j->length = 0;
        return append(j, prefix, sizeof(prefix));
}

int journal_lines_flush(JournalLines *j) {
        if (!j->in_line)
                return 0;
        j->in_line = false;
        return append(j, "", 1);
}

int journal_lines_note(JournalLines *j, int priority, const char *text) {
        int r;

        r = journal_lines_flush(j);
        if (r >= 0)
                r = begin(j, priority);
        if (r >= 0)
                r = append(j, text, strlen(text));
        if (r >= 0)
                r = append(j, "\n", 1);
        j->in_line = false;
        return r;
}

static bool is_continuation(char c) {
        return ((unsigned char) c & 0xc0) == 0x80;
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

/* How much of the text may go into the current record. Where a record is full and text remains, that is
 * less than all: neither within a character, whatever the chunks that it came in, nor behind a blank,
 * which journald would take off. */
static size_t fitting(const JournalLines *j, const char *text, size_t size) {
        const size_t safe = JOURNAL_LINE_MAX - CUT_SLACK;
        size_t n = j->length < safe ? safe - j->length : 0;

        if (size <= n)
                return size;
        while (n < size && j->length + n < JOURNAL_LINE_MAX &&
               (is_continuation(text[n]) || is_blank(n > 0 ? text[n - 1] : j->last)))
                n++;
        return n;
}

/* Text without newline or NUL. */
static int feed_text(JournalLines *j, const char *text, size_t size) {
        int r;

        while (size > 0) {
                size_t n;

                if (!j->in_line) {
                        r = begin(j, j->priority);
                        if (r < 0)
                                return r;
                }

                n = fitting(j, text, size);
                r = append(j, text, n);
                if (r < 0)
                        return r;
                for (size_t i = 0; j->blank && i < n; i++)
                        j->blank = is_blank(text[i]);
                if (n > 0)
                        j->last = text[n - 1];
                j->length += n;
                text += n;
                size -= n;

                if (size > 0) {
                        r = journal_lines_flush(j);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Of blanks journald takes all at the end of a line, and then drops the line if nothing is left: U+00A0
 * stays. */
static int feed_newline(JournalLines *j) {
        static const char stays[] = "\xc2\xa0";
        int r;

        if (!j->in_line) {
                r = begin(j, j->priority);
                if (r < 0)
                        return r;
        }
        if (j->blank) {
                r = append(j, stays, strlen(stays));
                if (r < 0)
                        return r;
        }
        j->in_line = false;
        return append(j, "\n", 1);
}

/* One line or the part of it that is there. */
static int feed_line(JournalLines *j, const char *line, size_t size) {
        static const char replacement[] = "\xef\xbf\xbd";
        int r;

        while (size > 0) {
                const char *zero = memchr(line, 0, size);
                size_t n = zero ? (size_t) (zero - line) : size;

                r = feed_text(j, line, n);
                if (r >= 0 && zero)
                        r = feed_text(j, replacement, strlen(replacement));
                if (r < 0)
                        return r;
                n += zero ? 1 : 0;
                line += n;
                size -= n;
        }
        return 0;
}

int journal_lines_feed(JournalLines *j, const char *data, size_t size) {
        int r;

        while (size > 0) {
                const char *newline = memchr(data, '\n', size);
                size_t n = newline ? (size_t) (newline - data) : size;

                r = feed_line(j, data, n);
                if (r >= 0 && newline)
                        r = feed_newline(j);
                if (r < 0)
                        return r;
                n += newline ? 1 : 0;
                data += n;
                size -= n;
        }
        return 0;
}
