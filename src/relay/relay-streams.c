/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <syslog.h>

#include "clock.h"
#include "relay-streams.h"

#define BUFFER_SIZE (64U * 1024U)

int stream_init(Stream *s, int client_fd, JournalQueue *queue, int priority) {
        *s = STREAM_NULL;
        s->client_fd = client_fd;
        s->attached = client_fd >= 0;
        s->queue = queue;
        s->lines.priority = priority;
        s->binary_at = UINT64_MAX;

        /* A pipe made for this stream: the client holds its other end, which this flag does not touch. */
        if (client_fd >= 0)
                (void) fcntl(client_fd, F_SETFL, fcntl(client_fd, F_GETFL) | O_NONBLOCK);

        s->buffer = malloc(BUFFER_SIZE);
        return s->buffer ? 0 : -ENOMEM;
}

void stream_done(Stream *s) {
        safe_close(s->pipe_fd);
        safe_close(s->client_fd);
        journal_lines_done(&s->lines);
        free(s->buffer);
        free(s->tail);
        *s = STREAM_NULL;
}

static void feed_journal(Stream *s, const char *data, size_t size) {
        journal_lines_feed(&s->lines, s->queue, data, size);
}

static void stop_copy(Stream *s, StreamCopy why) {
        journal_lines_flush(&s->lines, s->queue);
        s->copy = why;
}

void stream_stall_journal(Stream *s) {
        stop_copy(s, COPY_STALLED);
}

/* Keeps the last of it. */
static void leave_out(Stream *s, const char *data, size_t size) {
        size_t keep;

        s->n_uncopied += size;
        if (!s->tail && !(s->tail = malloc(JOURNAL_KEEP)))
                return;
        if (size > JOURNAL_KEEP) {
                data += size - JOURNAL_KEEP;
                size = JOURNAL_KEEP;
        }
        keep = s->tail_size < JOURNAL_KEEP - size ? s->tail_size : JOURNAL_KEEP - size;
        memmove(s->tail, s->tail + s->tail_size - keep, keep);
        memcpy(s->tail + keep, data, size);
        s->tail_size = keep + size;
}

/* The last whole lines of what was left out; all of it, if all of it is there. */
static size_t tail_begin(const Stream *s) {
        const char *newline;

        if (s->tail_size == s->n_uncopied)
                return 0;
        newline = memchr(s->tail, '\n', s->tail_size);
        return newline ? (size_t) (newline + 1 - s->tail) : 0;
}

void stream_resume_journal(Stream *s) {
        static const char *const reasons[_COPY_MAX] = {
                [COPY_BINARY] = "long binary output is not kept here",
                [COPY_LIMIT] = "only so much output is kept here",
                [COPY_STALLED] = "the journal did not keep up with the output",
        };
        _cleanup_free_ char *text = NULL;
        size_t begin = s->tail ? tail_begin(s) : 0;
        uint64_t n_missing = s->n_uncopied - (s->tail_size - begin);

        if (s->copy == COPY_ALL)
                return;
        if (n_missing > 0 && asprintf(&text, "joblet: %s: %" PRIu64 " bytes are missing here, which the client got",
                                      reasons[s->copy], n_missing) < 0)
                text = NULL;
        if (text)
                journal_queue_note(s->queue, LOG_NOTICE, text);
        s->queue->n_lost += n_missing;
        s->copy = COPY_ALL;
        if (s->tail)
                feed_journal(s, s->tail + begin, s->tail_size - begin);
        free(s->tail);
        s->tail = NULL;
        s->tail_size = 0;
        s->n_uncopied = 0;
}

void stream_drop_client(Stream *s) {
        if (s->client_fd < 0)
                return;

        s->client_fd = safe_close(s->client_fd);
        s->attached = false;
        s->refused_usec = 0;
        /* What it had not taken was offered to the journal when it was read: it is the last of what was left out. */
        stream_resume_journal(s);
        s->start = s->end = 0;
}

/* The end of the stream, whichever way: completes the journal's copy. */
static void finish(Stream *s) {
        if (s->finished)
                return;

        s->pipe_fd = safe_close(s->pipe_fd);
        s->finished = true;
        stream_resume_journal(s);
        journal_lines_flush(&s->lines, s->queue);
}

void stream_close_client(Stream *s) {
        s->client_fd = safe_close(s->client_fd);
        s->refused_usec = 0;
}

void stream_refuse(Stream *s) {
        s->start = s->end = 0;
        s->client_fd = safe_close(s->client_fd);
        s->refused_usec = 0;
        finish(s);
}

void stream_check_line(Stream *s, uint64_t *timeout) {
        uint64_t now;

        if (s->lines.length == 0)
                return;
        now = now_monotonic();
        if (expired(now, s->lines.touched_usec, LINE_IDLE_USEC, timeout) ||
            expired(now, s->lines.begun_usec, LINE_AGE_USEC, timeout))
                journal_lines_flush(&s->lines, s->queue);
}

/* Whether the journal gets these bytes as well. */
static StreamCopy judge(Stream *s, const char *data, size_t size) {
        if (s->copy != COPY_ALL)
                return s->copy;
        if (s->binary_at == UINT64_MAX && memchr(data, 0, size))
                s->binary_at = s->n_copied;
        if (s->binary_at != UINT64_MAX && s->n_copied + size - s->binary_at > JOURNAL_BINARY_MAX)
                return COPY_BINARY;
        if (s->n_copied + size > JOURNAL_COPY_MAX)
                return COPY_LIMIT;
        return journal_queue_pending(s->queue) + size > s->queue->max ? COPY_STALLED : COPY_ALL;
}

/* Something was read into the buffer: all of it belongs to the client, and the journal gets a copy. */
static void take(Stream *s, size_t size) {
        StreamCopy copy;

        s->start = 0;
        s->end = size;
        s->client_usec = now_monotonic();

        if (s->client_fd < 0) {
                feed_journal(s, s->buffer, size);
                s->end = 0;
                return;
        }

        copy = judge(s, s->buffer, size);
        if (copy != s->copy)
                stop_copy(s, copy);
        if (copy == COPY_ALL) {
                feed_journal(s, s->buffer, size);
                s->n_copied += size;
        } else
                leave_out(s, s->buffer, size);
}

static void read_pipe(Stream *s) {
        size_t wanted = s->draining && s->n_drain < BUFFER_SIZE ? s->n_drain : BUFFER_SIZE;
        ssize_t n = wanted > 0 ? read(s->pipe_fd, s->buffer, wanted) : 0;

        if (n > 0) {
                if (s->draining)
                        s->n_drain -= (size_t) n;
                take(s, (size_t) n);
        } else if (n == 0 || errno != EAGAIN)
                s->pipe_fd = safe_close(s->pipe_fd);
        else if (s->draining)
                s->n_drain = 0;
}

static void write_client(Stream *s) {
        while (s->start < s->end) {
                ssize_t n = write(s->client_fd, s->buffer + s->start, s->end - s->start);

                if (n < 0) {
                        if (errno != EAGAIN)
                                s->refused_usec = now_monotonic();
                        return;
                }
                s->start += (size_t) n;
                s->client_usec = now_monotonic();
        }
        s->start = s->end = 0;
}

/* While the client's pipe is found closed, but whether the client as a whole has gone is not known yet,
 * nothing is read. */
static bool wants_read(const Stream *s) {
        if (s->pipe_fd < 0 || s->start < s->end || s->refused_usec > 0 || (s->draining && s->n_drain == 0))
                return false;
        return s->client_fd >= 0 || journal_queue_pending(s->queue) < JOURNAL_AHEAD_MAX;
}

void stream_poll_prepare(const Stream *s, struct pollfd *fds) {
        bool wants_write = stream_client_pending(s) && s->refused_usec == 0;

        fds[0] = (struct pollfd) { .fd = wants_read(s) ? s->pipe_fd : -1, .events = POLLIN };
        fds[1] = (struct pollfd) { .fd = wants_write ? s->client_fd : -1, .events = POLLOUT };
}

void stream_poll_handle(Stream *s, const struct pollfd *fds) {
        if (fds[0].revents && wants_read(s))
                read_pipe(s);
        if (stream_client_pending(s) && s->refused_usec == 0 && (fds[0].revents || fds[1].revents))
                write_client(s);
}

void stream_settle(Stream *s) {
        if ((s->pipe_fd < 0 || (s->draining && s->n_drain == 0)) && !stream_client_pending(s))
                finish(s);
}

void stream_drain(Stream *s) {
        int n = 0;

        if (s->draining)
                return;
        s->draining = true;
        if (s->pipe_fd >= 0 && ioctl(s->pipe_fd, FIONREAD, &n) >= 0)
                s->n_drain = (size_t) n;
}
