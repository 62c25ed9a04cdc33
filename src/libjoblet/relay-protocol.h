/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What jobletd, the relay inside a job and the attached client say to each other: packets of text over SOCK_SEQPACKET,
 * descriptors beside them. The relay is the main process of a job's unit and the parent of its command.
 *
 *   relay  -> daemon   "hello [INVOCATION]"    first packet, with the invocation id of the unit; its credentials
 *                                              (SCM_CREDENTIALS) tell uid and pid
 *   daemon -> relay    "go\nKEY=VALUE\n..."    with descriptors, see RelayGo; only then the command is started
 *   relay  -> both     RELAY_STARTED, RELAY_EXITED, RELAY_SIGNALED, RELAY_FAILED, RELAY_ENDED
 *   both   -> relay    "signal N"              sent to the command's process group; once the command has ended, it ends the
 *                                              download
 *
 * Whoever closes its end has gone; the relay works on without it. A daemon that was started again connects to the
 * socket that the relay has got with "go", and is told first what was said last. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"

#define RELAY_PACKET_MAX (64U * 1024U)
#define RELAY_FDS_MAX 16U

/* How the relay exits if the daemon has gone before it said "go" (EX_TEMPFAIL). */
#define RELAY_EXIT_NOT_BEGUN 75

typedef enum RelayEvent {
        RELAY_STARTED,  /* "started": the command was executed */
        RELAY_EXITED,   /* "exited CODE": it ended, its output has been delivered before */
        RELAY_SIGNALED, /* "signaled N": the same, by a signal */
        RELAY_FAILED,   /* "failed CODE TEXT": it never ran; CODE is 125, 126 or 127, TEXT says why */
        RELAY_ENDED,    /* "ended": it ended, but not by itself alone (SIGTERM from outside, out of memory): the daemon knows */
        _RELAY_EVENT_MAX,
        _RELAY_EVENT_INVALID = -EINVAL,
} RelayEvent;

typedef struct RelayNotice {
        RelayEvent event;
        int code;   /* exit code or signal */
        char *text; /* of RELAY_FAILED, else NULL */
} RelayNotice;

void relay_notice_done(RelayNotice *n);

/* Between text and notice. relay_notice_parse(): 0, -EBADMSG for what is not in the table above, -ENOMEM. */
int relay_notice_format(const RelayNotice *n, char **ret);
int relay_notice_parse(const char *packet, RelayNotice *ret);
/* "signal N". Returns 0, -EBADMSG, -ERANGE if N is no signal. */
int relay_signal_parse(const char *packet, int *ret_signo);

/* The "go" packet. Descriptors that are absent are -EBADF; the text names those that are there, in their
 * order. */
typedef struct RelayGo {
        int stdin_fd, stdout_fd, stderr_fd; /* the client's pipes */
        int control_fd;                     /* the client's control socket */
        int upload_fd, download_fd;         /* tar streams */
        int command_fd;                     /* what is executed, see launch.h */
        int outcome_fd;                     /* file that the outcome is written to, see RelayOutcome */
        int listen_fd;                      /* socket at which a later daemon calls */
        char *workdir;                      /* where the command starts, absolute in the job */
        char **download;                    /* paths in the job: patterns, see job-pattern.h */
        uint64_t stop_usec;                 /* from SIGTERM to SIGKILL, when the unit is stopped */
        uint64_t upload_max;                /* bytes of file contents that may be unpacked */
        uint64_t abandon_usec;              /* a job whose client goes is ended, with so long between SIGTERM and SIGKILL;
                                             * UINT64_MAX: it goes on */
} RelayGo;

#define RELAY_GO_NULL                                                                                        \
        (RelayGo) {                                                                                          \
                .stdin_fd = -EBADF, .stdout_fd = -EBADF, .stderr_fd = -EBADF, .control_fd = -EBADF,          \
                .upload_fd = -EBADF, .download_fd = -EBADF, .command_fd = -EBADF, .outcome_fd = -EBADF,      \
                .listen_fd = -EBADF, .upload_max = UINT64_MAX, .abandon_usec = UINT64_MAX,                   \
                .stop_usec = 10 * USEC_PER_SEC,                                                              \
        }

/* Entries in the stream of a download that are no files, TRANSFER_PROBLEMS "/INDEX": a line for each that is not in it as
 * it should be. The others are INDEX/BASENAME[/...]. */
#define TRANSFER_PROBLEMS "problems"

void relay_go_done(RelayGo *go);
int relay_go_send(int fd, const RelayGo *go);
/* Interprets a packet with the descriptors received beside it; takes ownership of all of them, also on
 * failure. */
int relay_go_parse(const char *packet, int *fds, size_t n_fds, RelayGo *ret);

/* Sends one text packet (MSG_NOSIGNAL | MSG_DONTWAIT). Returns 0 or a negative errno. */
int relay_send(int fd, const char *packet);

/* Receives one packet as a string, with its descriptors (O_CLOEXEC) and, if wanted, the sender's
 * credentials. Returns 1, 0 if the other end has gone, -EAGAIN, -EBADMSG if it is too long or holds a
 * NUL, or another errno. */
int relay_receive(int fd, char **ret_packet, int *ret_fds, size_t *ret_n_fds, uid_t *ret_uid,
                  pid_t *ret_pid);

/* What the relay leaves behind in the outcome file, for whoever reads it however later: text, one KEY=VALUE a
 * line. It is written as things happen, so that what is there is true if the relay is killed: that the job was
 * begun, that the command was started, that the relay was told to end; and last, in one piece that ends in a line
 * "END", how the command ended. Its writer runs as the job's user: the values are claims of the job about
 * itself, parsed strictly. */
typedef struct RelayOutcome {
        RelayNotice notice;        /* how the command ended; RELAY_STARTED or _RELAY_EVENT_INVALID where that is not known */
        int oom;                   /* the kernel killed at least one process of the job for want of memory */
        uint64_t begun_usec;       /* CLOCK_MONOTONIC, as the next: when the relay was executed; 0 if it never got "go" */
        uint64_t terminated_usec;  /* when the relay got SIGTERM (a stop, a timeout, a shutdown) before the command had
                                    * ended; 0: it did not; 1 in files of earlier versions, which do not say when */
        uint64_t abandoned_usec;   /* when the relay told it to end, since its client had gone; 0: it did not */
        uint64_t started_usec;     /* CLOCK_REALTIME, as the next; 0: not */
        uint64_t finished_usec;
        uint64_t cpu_usec;         /* UINT64_MAX where not known, as below */
        uint64_t memory_peak;
        uint64_t io_read_bytes, io_write_bytes;
        uint64_t log_entries;      /* that the journal was given */
        uint64_t unlogged_bytes;   /* of the output, that it was not */
} RelayOutcome;

#define RELAY_OUTCOME_NULL                                                                                   \
        (RelayOutcome) {                                                                                     \
                .notice.event = _RELAY_EVENT_INVALID, .cpu_usec = UINT64_MAX, .memory_peak = UINT64_MAX,     \
                .io_read_bytes = UINT64_MAX, .io_write_bytes = UINT64_MAX,                                   \
                .log_entries = UINT64_MAX, .unlogged_bytes = UINT64_MAX,                                     \
        }

void relay_outcome_done(RelayOutcome *o);
/* Whether it says how the command ended, or why it never ran. */
bool relay_outcome_tells_end(const RelayOutcome *o);
/* One line of what comes before the end: key is one of those below. Returns 0 or -ENOMEM. */
#define OUTCOME_BEGUN "begun"
#define OUTCOME_STARTED "started"
#define OUTCOME_TERMINATED "terminated"
#define OUTCOME_ABANDONED "abandoned"
int relay_outcome_note(const char *key, uint64_t usec, char **ret);
/* The last piece: all but what is 0 or not known, and so was noted already. */
int relay_outcome_format(const RelayOutcome *o, char **ret);
/* What may follow: the last two once more, where the journal took less than it was thought to; and another END. */
int relay_outcome_format_log(uint64_t entries, uint64_t unlogged_bytes, char **ret);
/* Returns 1, 0 if there is no END (then *ret has what came before), -EBADMSG if it is malformed, -ENOMEM. */
int relay_outcome_parse(const char *text, RelayOutcome *ret);
