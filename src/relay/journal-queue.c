/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#include "clock.h"
#include "journal-queue.h"
#include "log-stream.h"

#define BUFFER_KEEP (512U * 1024U) /* more than this is not kept once it is empty */
#define SEND_MAX (32U * 1024U)
#define PREFIX_SIZE 3U             /* "<6>" */

#define GUARD_SIZE (sizeof(LOG_GUARD) - 1)

void journal_queue_init(JournalQueue *q, int fd) {
        int type;
        socklen_t size = sizeof(type);

        *q = JOURNAL_QUEUE_NULL;
        q->fd = fd;
        q->is_socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) >= 0;
}

void journal_queue_done(JournalQueue *q) {
        free(q->buffer);
        *q = JOURNAL_QUEUE_NULL;
}

static bool ends_record(char c) {
        return c == '\n' || c == 0;
}

/* Where the record ends that begins at that place, or goes on there. */
static size_t record_end(const JournalQueue *q, size_t at) {
        while (at < q->end && !ends_record(q->buffer[at]))
                at++;
        return at < q->end ? at + 1 : q->end;
}

/* What a whole record has of the command's output: what is marked as the relay's has nothing. */
static size_t record_bytes(const char *record, size_t size) {
        bool newline = record[size - 1] == '\n';
        size_t n = size - PREFIX_SIZE - 1;

        if (record[1] - '0' != LOG_INFO && record[1] - '0' != LOG_ERR)
                return 0;
        if (n >= GUARD_SIZE && memcmp(record + size - 1 - GUARD_SIZE, LOG_GUARD, GUARD_SIZE) == 0)
                n -= GUARD_SIZE;
        return n + newline;
}

/* Counts the records in that part of the buffer as lost; returns the bytes of the command's. */
static uint64_t records_lose(JournalQueue *q, size_t from, size_t to) {
        uint64_t n_lost = 0;

        while (from < to) {
                size_t next = record_end(q, from);

                n_lost += record_bytes(q->buffer + from, next - from);
                q->n_entries--;
                from = next;
        }
        q->n_lost += n_lost;
        return n_lost;
}

void journal_queue_break(JournalQueue *q) {
        size_t first = q->begun ? record_end(q, q->start) : q->start;

        if (first > q->start) {
                q->n_entries--;
                q->n_lost += first - q->start;
        }
        (void) records_lose(q, first, q->end);
        free(q->buffer);
        *q = (JournalQueue) { .fd = -EBADF, .max = q->max, .n_entries = q->n_entries, .n_lost = q->n_lost };
}

void journal_queue_consume(JournalQueue *q, size_t size) {
        if (size == 0)
                return;
        q->start += size;
        q->begun = !ends_record(q->buffer[q->start - 1]);
        if (q->start < q->end)
                return;

        q->start = q->end = 0;
        if (q->allocated > BUFFER_KEEP) {
                free(q->buffer);
                q->buffer = NULL;
                q->allocated = 0;
        }
}

/* Makes room for so much behind the end. */
static int reserve(JournalQueue *q, size_t size) {
        size_t pending = journal_queue_pending(q), wanted = pending + size, allocated;
        char *grown;

        if (size <= q->allocated - q->end)
                return 0;
        if (q->start > 0) {
                memmove(q->buffer, q->buffer + q->start, pending);
                q->start = 0;
                q->end = pending;
        }
        /* Nearly full of what waits, it would be moved again and again. */
        if (wanted <= q->allocated - q->allocated / 4)
                return 0;
        allocated = wanted + wanted / 2 + 4096;
        grown = realloc(q->buffer, allocated);
        if (!grown)
                return -ENOMEM;
        q->buffer = grown;
        q->allocated = allocated;
        return 0;
}

static bool needs_guard(const char *text, size_t size) {
        return size == 0 || strchr(" \t\r", text[size - 1]) ||
               (size >= GUARD_SIZE && memcmp(text + size - GUARD_SIZE, LOG_GUARD, GUARD_SIZE) == 0);
}

static int append(JournalQueue *q, int priority, const char *text, size_t size, char end) {
        const char prefix[PREFIX_SIZE] = { '<', (char) ('0' + priority), '>' };
        char *p;
        int r;

        r = reserve(q, PREFIX_SIZE + size + GUARD_SIZE + 1);
        if (r < 0)
                return r;
        /* The time that journald has for it begins when it is there. */
        if (journal_queue_pending(q) == 0)
                q->since_usec = now_monotonic();

        p = mempcpy(q->buffer + q->end, prefix, PREFIX_SIZE);
        p = mempcpy(p, text, size);
        if (needs_guard(text, size))
                p = mempcpy(p, LOG_GUARD, GUARD_SIZE);
        *p++ = end;
        q->end = (size_t) (p - q->buffer);
        q->n_entries++;
        return 0;
}

void journal_queue_add(JournalQueue *q, int priority, const char *text, size_t size, char end) {
        if (q->fd < 0 || append(q, priority, text, size, end) < 0)
                q->n_lost += size + (end == '\n');
}

void journal_queue_note(JournalQueue *q, int priority, const char *text) {
        if (q->fd >= 0)
                (void) append(q, priority, text, strlen(text), '\n');
}

/* Whole records. So much goes into one buffer of a socket, which takes all of it or nothing: where journald takes no
 * more, it does not end within a record. */
static size_t batch_size(const JournalQueue *q) {
        size_t n = journal_queue_pending(q);

        if (n <= SEND_MAX)
                return n;
        for (n = SEND_MAX; n > 0 && !ends_record(q->buffer[q->start + n - 1]);)
                n--;
        return n > 0 ? n : record_end(q, q->start) - q->start;
}

/* Without blocking, and without a flag on what may be shared with others. */
static ssize_t send_some(const JournalQueue *q) {
        const char *data = q->buffer + q->start;

        if (q->is_socket)
                return send(q->fd, data, batch_size(q), MSG_DONTWAIT | MSG_NOSIGNAL);
        return write(q->fd, data, batch_size(q));
}

void journal_queue_write(JournalQueue *q) {
        while (journal_queue_pending(q) > 0) {
                ssize_t n = send_some(q);

                if (n < 0) {
                        if (errno != EAGAIN && errno != EINTR)
                                journal_queue_break(q);
                        return;
                }
                q->since_usec = now_monotonic();
                journal_queue_consume(q, (size_t) n);
        }
}

void journal_queue_cut(JournalQueue *q) {
        _cleanup_free_ char *text = NULL, *tail = NULL;
        size_t first, last, size;

        first = q->begun ? record_end(q, q->start) : q->start;
        if (q->end - first <= 2 * JOURNAL_KEEP)
                return;
        last = record_end(q, q->end - JOURNAL_KEEP);
        size = q->end - last;
        tail = malloc(size + 1);
        if (tail)
                memcpy(tail, q->buffer + last, size);
        else
                last = q->end;
        if (asprintf(&text, "joblet: the journal did not keep up with the output: %" PRIu64 " bytes are missing here",
                     records_lose(q, first, last)) < 0)
                text = NULL;
        q->end = first;
        if (text)
                journal_queue_note(q, LOG_NOTICE, text);
        if (tail) {
                memcpy(q->buffer + q->end, tail, size); /* what was left out is longer than the note */
                q->end += size;
        }
}
