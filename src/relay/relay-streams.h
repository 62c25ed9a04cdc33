/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standard output or standard error of the command on its two ways: byte by byte to the client, if there
 * is one, and in lines to the journal.
 *
 * What is read is offered to both. With a client nothing more is read before it has taken all of it, so its
 * speed is that of the command; what the journal has not taken yet collects. The journal's copy pauses where
 * too much of it waits or journald takes nothing for long, and ends after JOURNAL_COPY_MAX bytes, or
 * JOURNAL_BINARY_MAX where there was a NUL. A line in the journal says so, it gets the last of the output
 * whatever happens, and what it does not get is counted. Without a client the journal gets everything, and
 * the command waits for it.
 *
 * An unfinished line is handed over when nothing has come for LINE_IDLE_USEC, or at LINE_AGE_USEC: so that
 * a prompt is seen, and a progress line does not become a thousand. */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal-lines.h"

#define JOURNAL_COPY_MAX (UINT64_C(64) * 1024U * 1024U)
#define JOURNAL_BINARY_MAX (UINT64_C(1024) * 1024U)
#define LINE_IDLE_USEC (USEC_PER_SEC)
#define LINE_AGE_USEC (10U * USEC_PER_SEC)

typedef enum StreamCopy {
        COPY_ALL,     /* the journal gets all */
        COPY_BINARY,  /* it does not get the rest: it is binary, and long */
        COPY_LIMIT,   /* ... it is long */
        COPY_STALLED, /* it gets none now: it does not keep up, or takes nothing */
        _COPY_MAX,
} StreamCopy;

typedef struct Stream {
        int pipe_fd;   /* what the command writes; -EBADF after its end */
        int client_fd; /* -EBADF if there is none or it went */
        bool attached; /* to a client that did not vanish before the end */

        char *buffer; /* what was read and not yet taken by the client: from start to end */
        size_t start, end;

        JournalLines lines;
        JournalQueue *queue; /* not owned */
        StreamCopy copy;
        uint64_t n_copied, n_uncopied; /* bytes, while a client is attached */
        uint64_t binary_at;            /* n_copied at the first NUL; UINT64_MAX: there was none */
        char *tail;                    /* the end of what was not copied */
        size_t tail_size;

        uint64_t client_usec;  /* since when the client took nothing of what is there for it */
        uint64_t refused_usec; /* when the client's pipe was found closed; 0 if it was not */
        bool draining;         /* the command has ended: read what is there, so many bytes, and no more */
        size_t n_drain;
        bool finished; /* nothing more is read, the journal's last line is made */
} Stream;

#define STREAM_NULL                                                                                          \
        (Stream) {                                                                                           \
                .pipe_fd = -EBADF, .client_fd = -EBADF,                                                      \
        }

/* Takes ownership of client_fd. priority is that of its lines. Returns 0 or -ENOMEM. */
int stream_init(Stream *s, int client_fd, JournalQueue *queue, int priority);
void stream_done(Stream *s);

/* The client has got all. */
void stream_close_client(Stream *s);

/* Two entries for poll(), and what to do after it. */
#define STREAM_POLL_FDS 2U
void stream_poll_prepare(const Stream *s, struct pollfd *fds);
void stream_poll_handle(Stream *s, const struct pollfd *fds);

/* The client has gone, with whatever it had not yet taken. */
void stream_drop_client(Stream *s);
/* The client wants no more of this stream: the command finds its pipe closed. */
void stream_refuse(Stream *s);
/* The journal takes nothing for now: the client gets what comes alone. */
void stream_stall_journal(Stream *s);
/* The journal keeps up again, or has got what waited. */
void stream_resume_journal(Stream *s);
/* Hands over what has been a part of a line for long enough. */
void stream_check_line(Stream *s, uint64_t *timeout);
/* The command has ended. */
void stream_drain(Stream *s);
/* Ends the stream if nothing more will come. */
void stream_settle(Stream *s);

static inline bool stream_client_pending(const Stream *s) {
        return s->client_fd >= 0 && s->start < s->end;
}
