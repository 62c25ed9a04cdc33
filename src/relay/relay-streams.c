/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>

#include "relay-streams.h"

#define BUFFER_SIZE (64U * 1024U)

uint64_t now_monotonic(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000U;
}

int stream_init(Stream *s, const char *name, int client_fd, int journal_fd, int priority) {
        int type;
        socklen_t size = sizeof(type);

        *s = STREAM_NULL;
        s->name = name;
        s->client_fd = client_fd;
        s->attached = client_fd >= 0;
        s->backlog_max = JOURNAL_BACKLOG_MAX;
        s->journal_fd = journal_fd;
        s->journal_is_socket = getsockopt(journal_fd, SOL_SOCKET, SO_TYPE, &type, &size) >= 0;
        s->journal_usec = now_monotonic();
        s->lines.priority = priority;

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
        *s = STREAM_NULL;
}

void stream_drop_journal(Stream *s) {
        s->journal_fd = -EBADF;
        s->journal_lost = true;
        journal_lines_done(&s->lines);
}

/* To be asked before lines are added: the time that journald has for them begins when the first is there. */
static bool journal_begin(Stream *s) {
        if (s->journal_fd < 0)
                return false;
        if (!stream_journal_pending(s))
                s->journal_usec = now_monotonic();
        return true;
}

static void feed_journal(Stream *s, const char *data, size_t size) {
        if (journal_begin(s) && journal_lines_feed(&s->lines, data, size) < 0)
                stream_drop_journal(s);
}

static void flush_journal(Stream *s) {
        if (journal_begin(s) && journal_lines_flush(&s->lines) < 0)
                stream_drop_journal(s);
}

void stream_note(Stream *s, int priority, const char *text) {
        if (journal_begin(s) && journal_lines_note(&s->lines, priority, text) < 0)
                stream_drop_journal(s);
}

static void stop_copy(Stream *s, StreamCopy why) {
        flush_journal(s);
        s->copy = why;
}

void stream_stall_journal(Stream *s) {
        stop_copy(s, COPY_STALLED);
}

/* Says what the journal did not get, and lets it have what follows. */
static void resume_copy(Stream *s) {
        char text[160];

        switch (s->copy) {
        case COPY_BINARY:
                (void) snprintf(text, sizeof(text), "joblet: binary output, not copied to the journal "
                                "(%" PRIu64 " bytes went to the client)", s->n_uncopied);
                break;
        case COPY_LIMIT:
                (void) snprintf(text, sizeof(text), "joblet: more than %" PRIu64 " MiB of output, the rest "
                                "(%" PRIu64 " bytes) went to the client alone",
                                JOURNAL_COPY_MAX / 1024U / 1024U, s->n_uncopied);
                break;
        case COPY_STALLED:
                (void) snprintf(text, sizeof(text),
                                "joblet: the journal did not keep up with the output, the rest "
                                "(%" PRIu64 " bytes) went to the client alone",
                                s->n_uncopied);
                break;
        default:
                return;
        }
        stream_note(s, LOG_NOTICE, text);
        s->copy = COPY_ALL;
        s->n_copied = s->n_uncopied = 0;
}

void stream_drop_client(Stream *s) {
        size_t untaken = s->end - s->start;

        if (s->client_fd < 0)
                return;

        s->client_fd = safe_close(s->client_fd);
        s->attached = false;
        s->refused_usec = 0;
        if (s->copy != COPY_ALL) {
                s->n_uncopied -= untaken;
                resume_copy(s);
                feed_journal(s, s->buffer + s->start, untaken);
        }
        s->start = s->end = 0;
}

/* The end of the stream, whichever way: completes the journal's copy. */
static void finish(Stream *s) {
        if (s->finished)
                return;

        s->pipe_fd = safe_close(s->pipe_fd);
        s->finished = true;
        flush_journal(s);
        resume_copy(s);
}

void stream_close_client(Stream *s) {
        s->client_fd = safe_close(s->client_fd);
        s->refused_usec = 0;
}

void stream_cut_journal(Stream *s) {
        char text[160];
        size_t n;

        if (!stream_journal_pending(s))
                return;
        n = journal_lines_cut(&s->lines);
        (void) snprintf(text, sizeof(text), "joblet: the journal did not keep up with the output, the end "
                        "(%zu bytes) went to the client alone", n);
        if (n > 0)
                stream_note(s, LOG_NOTICE, text);
}

void stream_refuse(Stream *s) {
        s->n_uncopied -= s->copy == COPY_ALL ? 0 : s->end - s->start;
        s->start = s->end = 0;
        s->client_fd = safe_close(s->client_fd);
        s->refused_usec = 0;
        finish(s);
}

/* Something was read into the buffer: all of it belongs to the client, and the journal gets a copy. */
static void take(Stream *s, size_t size) {
        s->start = 0;
        s->end = size;
        s->client_usec = now_monotonic();

        if (s->client_fd < 0) {
                feed_journal(s, s->buffer, size);
                s->end = 0;
                return;
        }

        if (s->copy == COPY_ALL && memchr(s->buffer, 0, size))
                stop_copy(s, COPY_BINARY);
        else if (s->copy == COPY_ALL && s->n_copied + size > JOURNAL_COPY_MAX)
                stop_copy(s, COPY_LIMIT);
        else if (s->copy == COPY_ALL && journal_lines_pending(&s->lines) + size > s->backlog_max)
                stop_copy(s, COPY_STALLED);

        if (s->copy == COPY_ALL) {
                feed_journal(s, s->buffer, size);
                s->n_copied += size;
        } else
                s->n_uncopied += size;
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

/* Without blocking, and without a flag on what may be shared with others. */
static ssize_t send_journal(Stream *s, const char *data, size_t size) {
        if (s->journal_is_socket)
                return send(s->journal_fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        return write(s->journal_fd, data, size);
}

void stream_write_journal(Stream *s) {
        while (stream_journal_pending(s)) {
                ssize_t n = send_journal(s, s->lines.buffer + s->lines.start, journal_lines_pending(&s->lines));

                if (n < 0) {
                        if (errno != EAGAIN)
                                stream_drop_journal(s);
                        return;
                }
                s->journal_usec = now_monotonic();
                journal_lines_consume(&s->lines, (size_t) n);
        }
}

/* While the client's pipe is found closed, but whether the client as a whole has gone is not known yet,
 * nothing is read. */
static bool wants_read(const Stream *s) {
        if (s->pipe_fd < 0 || s->start < s->end || s->refused_usec > 0 || (s->draining && s->n_drain == 0))
                return false;
        return s->client_fd >= 0 || journal_lines_pending(&s->lines) < JOURNAL_AHEAD_MAX;
}

void stream_poll_prepare(const Stream *s, struct pollfd *fds) {
        bool wants_write = stream_client_pending(s) && s->refused_usec == 0;

        fds[0] = (struct pollfd) { .fd = wants_read(s) ? s->pipe_fd : -1, .events = POLLIN };
        fds[1] = (struct pollfd) { .fd = wants_write ? s->client_fd : -1, .events = POLLOUT };
        fds[2] = (struct pollfd) { .fd = stream_journal_pending(s) ? s->journal_fd : -1, .events = POLLOUT };
}

void stream_poll_handle(Stream *s, const struct pollfd *fds) {
        if (fds[2].revents)
                stream_write_journal(s);
        if (fds[0].revents && wants_read(s))
                read_pipe(s);
        if (stream_client_pending(s) && s->refused_usec == 0 && (fds[0].revents || fds[1].revents))
                write_client(s);
        if (fds[0].revents && stream_journal_pending(s))
                stream_write_journal(s);
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
