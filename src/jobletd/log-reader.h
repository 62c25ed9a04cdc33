/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading a job's lines out of the journal is work for a process of its own (joblet-log): it maps all
 * journal files and may follow for hours. The daemon decides who may read and passes a pipe on. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

typedef struct LogQuery {
        const char *unit;
        const char *invocation_id; /* or NULL */
        int follow;
        bool wait;           /* the command has ended, but the journal may not have all of it until the job is over */
        bool ended;          /* the job is over */
        uint64_t settled_usec; /* since then, CLOCK_MONOTONIC */
        uint64_t entries;    /* that the journal was given, then; UINT64_MAX: not known */
        uint64_t lines;      /* only the last ones; UINT64_MAX: all */
        uint64_t since_usec; /* CLOCK_REALTIME, 0: from the beginning */
        const char *after_cursor; /* or NULL */
} LogQuery;

/* Starts a reader of a job's log for a user. *ret_log is the reading end of a pipe with the Journal Export Format (see
 * log-stream.h). One that follows ends when the job is over; any other, when it has delivered what is there. Returns 0, -EBUSY if too many run already,
 * -EDQUOT if that user has too many, or another negative errno. */
int log_reader_start(sd_event *event, const LogQuery *query, uint64_t job, uid_t uid, int *ret_log);

/* The job is over: its readers deliver what is there, and end. */
void log_readers_end(uint64_t job);
