/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standard output or standard error of the command on its two ways: byte by byte to the client, if there
 * is one, and in lines to the journal.
 *
 * What is read is offered to both. With a client nothing more is read before it has taken all of it, so its
 * speed is that of the command; what the journal has not taken yet collects. The journal's copy ends where
 * it makes no sense: at the first NUL (binary output), after JOURNAL_COPY_MAX bytes, when too much of it
 * waits, and when journald takes nothing for long. Without a client the journal gets everything, and the
 * command waits for it. */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal-lines.h"

#define JOURNAL_COPY_MAX (UINT64_C(64) * 1024U * 1024U)
#define JOURNAL_AHEAD_MAX (256U * 1024U)          /* that waits for the journal, without a client */
#define JOURNAL_BACKLOG_MAX (8U * 1024U * 1024U)  /* with one */

typedef enum StreamCopy {
        COPY_ALL,     /* the journal gets all */
        COPY_BINARY,  /* it does not get the rest: there was a NUL */
        COPY_LIMIT,   /* ... it was too much */
        COPY_STALLED, /* ... it did not keep up, or took nothing for too long */
        _COPY_MAX,
} StreamCopy;

typedef struct Stream {
        const char *name;
        int pipe_fd;    /* what the command writes; -EBADF after its end */
        int client_fd;  /* -EBADF if there is none or it went */
        int journal_fd; /* -EBADF if it broke; not owned */
        bool journal_is_socket;
        bool attached; /* to a client that did not vanish before the end */
        size_t backlog_max;

        char *buffer; /* what was read and not yet taken by the client: from start to end */
        size_t start, end;

        JournalLines lines;
        StreamCopy copy;
        uint64_t n_copied, n_uncopied; /* bytes, while a client is attached */
        uint64_t client_usec, journal_usec; /* since when they took nothing of what is there for them */
        bool journal_lost;                  /* the journal's copy broke and nobody has been told */

        uint64_t refused_usec; /* when the client's pipe was found closed; 0 if it was not */
        bool draining;         /* the command has ended: read what is there, so many bytes, and no more */
        size_t n_drain;
        bool finished; /* nothing more is read, the journal's last line is made */
} Stream;

#define STREAM_NULL                                                                                          \
        (Stream) {                                                                                           \
                .pipe_fd = -EBADF, .client_fd = -EBADF, .journal_fd = -EBADF,                                \
        }

uint64_t now_monotonic(void);

/* Takes ownership of client_fd. priority is that of its lines. Returns 0 or -ENOMEM. */
int stream_init(Stream *s, const char *name, int client_fd, int journal_fd, int priority);
void stream_done(Stream *s);

/* The client has got all. */
void stream_close_client(Stream *s);
/* Writes out what the journal takes at once. */
void stream_write_journal(Stream *s);
/* The journal is not waited for any longer: it gets a line that says so. */
void stream_cut_journal(Stream *s);

/* Three entries for poll(), and what to do after it. */
#define STREAM_POLL_FDS 3U
void stream_poll_prepare(const Stream *s, struct pollfd *fds);
void stream_poll_handle(Stream *s, const struct pollfd *fds);

/* The client has gone, with whatever it had not yet taken. */
void stream_drop_client(Stream *s);
/* The client wants no more of this stream: the command finds its pipe closed. */
void stream_refuse(Stream *s);
/* The journal takes no more of this stream. */
void stream_drop_journal(Stream *s);
/* The journal takes nothing for now: the client gets the rest alone. */
void stream_stall_journal(Stream *s);
/* A line of the relay's own in the journal. */
void stream_note(Stream *s, int priority, const char *text);
/* The command has ended. */
void stream_drain(Stream *s);
/* Ends the stream if nothing more will come. */
void stream_settle(Stream *s);

static inline bool stream_client_pending(const Stream *s) {
        return s->client_fd >= 0 && s->start < s->end;
}

static inline bool stream_journal_pending(const Stream *s) {
        return s->journal_fd >= 0 && journal_lines_pending(&s->lines) > 0;
}
