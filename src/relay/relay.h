/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The parts of the relay: relay.c is the sequence, relay-loop.c what goes on while the command runs,
 * relay-command.c how it is started, relay-exec.c how it is found, relay-transfer.c what goes in before and comes out after. */

#include <stdbool.h>
#include <sys/types.h>

#include "launch.h"
#include "relay-protocol.h"
#include "relay-streams.h"

typedef struct Relay {
        int daemon_fd; /* -EBADF once the daemon has gone */
        char *said;    /* the last packet that told of the command, or NULL */
        int signal_fd;
        int work_fd; /* the job's own directory */
        RelayGo go;  /* control_fd is closed once the client has gone; streams own its stdout_fd and stderr_fd */
        bool has_control; /* there was a control_fd */
        bool merged;      /* the client wants both streams in one pipe, in the order in which they are written */
        Stream streams[2];
        JournalQueue queue; /* of both */

        bool terminated;          /* SIGTERM was received */
        uint64_t stopping_usec;   /* ... when: CLOCK_MONOTONIC, as the next ones; else 0 */
        uint64_t terminated_usec; /* ... while the command was not yet reaped */
        uint64_t abandoned_usec;  /* when the client went whose job is not to outlive it; else 0 */
        uint64_t begun_usec;      /* when the relay was executed */
        uint64_t n_entries_told, n_lost_told; /* what the outcome says of the journal */
        bool abandoned_killed;    /* SIGTERM was not enough for an abandoned command */
        bool killed;              /* ... and for one that is stopped, whose files are to be fetched in time */
        int cancel_signal; /* "signal N" was received before there was a command */
        bool download_cancelled; /* ... after its end */
        pid_t pid;         /* the command's, which is its session's and process group's as well; 0 before */
        bool reaped;
        int status; /* of waitpid() */
        uint64_t started_usec, finished_usec; /* by the wall clock, see relay_wall_clock() */
        uint64_t started_boottime_usec;
} Relay;

/* The job's own directory; the tests put theirs in its place. */
const char* work_directory(void);

/* The wall clock as it was when the command began, going on evenly: one that is set meanwhile makes no job longer than
 * it was, nor lets it end before it began. */
uint64_t relay_wall_clock(const Relay *r);

/* A line of the relay's own in the journal, behind what waits there. */
void relay_log(Relay *r, int priority, const char *format, ...) _printf_(3, 4);

/* Notes what has happened in the outcome file, for a daemon that was not there. */
void relay_note(const Relay *r, const char *key, uint64_t usec);

/* Signals and packets that have arrived. */
void relay_handle_signals(Relay *r);
void relay_handle_packets(Relay *r, int *fd);

/* Waits until fd is ready, serving signals, packets and the journal meanwhile. Returns 0, -ECANCELED if that is not wanted
 * any more: before the command if the job is stopped or interrupted; after it if the download is interrupted, or the
 * time that a stop leaves is over. */
int relay_wait(Relay *r, int fd, short events);

/* Copies until the command has ended and the client, or the journal where there is none, has all that it
 * wrote. */
int relay_copy(Relay *r);
/* The client has its end: the journal gets what it has not taken yet, within some seconds. */
void relay_finish_journal(Relay *r);

/* The rest returns 0, or the exit code 125, 126 or 127 with a message, or a negative errno. */

/* Goes to the directory where the command starts; makes it if it is to be below the job's own. */
int command_enter_workdir(const char *workdir, char **reterr_message);
/* Executes the command with pipes to the streams. */
int command_start(Relay *r, const Launch *launch, char **reterr_message);

int transfer_upload(Relay *r, char **reterr_message);
/* What cannot be packed is told to the client within the stream, and noted in the journal. */
void transfer_download(Relay *r);

/* Executes the program with its variables; those that systemd has set for the unit come first. Returns an errno (positive)
 * if it could not. */
int program_execute(const Launch *launch);
/* Says why, as the functions above do. */
int program_describe_error(const Launch *launch, int error, char **reterr_message);
