/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One job and its life:
 *
 *      WAITING ── StartTransientUnit ──► STARTING ── hello, go ──► LIVE ── end of the command ──► STOPPING ── no process left ──► INQUIRING ──► SETTLED
 *
 * WAITING   accepted, the record is written, its unit not yet asked for (see starts_max())
 * STARTING  PID 1 sets up the unit; its relay has not said "started" yet
 * LIVE      the command runs
 * STOPPING  it ended, or its unit failed; a stop job makes sure that nothing of it is left
 * INQUIRING PID 1 is asked for what the relay cannot know: a timeout, the OOM killer
 * SETTLED   the record is final, its files are removed; all that can happen still is that it is deleted
 *
 * A job that the daemon finds when it starts is entered at LIVE or STOPPING. The manager owns jobs. */

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "manager.h"
#include "record.h"
#include "relay-protocol.h"

typedef enum JobPhase {
        JOB_WAITING,
        JOB_STARTING,
        JOB_LIVE,
        JOB_STOPPING,
        JOB_INQUIRING,
        JOB_SETTLED,
} JobPhase;

/* What there is of a job until it is settled, beside its record. */
typedef struct JobLive {
        char *unit;
        Place *place; /* among the jobs that live */

        /* While it starts */
        Plan *plan;
        RelayGo go;          /* descriptors of the client's, handed to the relay */
        Place *size;         /* of the command that is kept */
        Place *start;        /* among the starts; until the relay has said hello */
        char *start_job;     /* object path of the start job of PID 1 */
        sd_bus_message *run; /* the call that submitted it, unanswered */
        char *start_error;   /* what prevented it, in words */
        bool start_done;     /* PID 1 says that it has started it */
        bool said_hello;     /* its relay */
        unsigned n_starts;
        bool resumed;        /* found when the daemon started */

        /* While it lives */
        int relay_fd;
        sd_event_source *relay_source;
        sd_event_source *pidfd_source; /* the relay itself; all that is left to watch after a restart of the daemon */
        RelayNotice notice;            /* how the relay said it ended; RELAY_STARTED until then */
        unsigned n_packets;            /* that came from it: few, unless it has been taken over */
        sd_event_source *leave_source; /* it said that the command has ended, and has to end itself */

        /* While it ends */
        char *stop_job; /* object path of the stop job of PID 1 */
        bool unit_is_loaded; /* PID 1 keeps it, if it failed, until it is reset */
        Call *call; /* the one call to PID 1 under way */
        sd_event_source *retry_source; /* it is made again, if it failed or nothing comes of it */

        Waiter *waiters; /* see job-wait.c */
        unsigned n_waiters;
} JobLive;

/* Ten thousands of them may be kept, nearly all of them settled: those are small. */
struct Job {
        Manager *manager; /* not a reference */
        Record *record;
        JobLive *live; /* NULL once it is settled */
        JobPhase phase;
        uint64_t settled_usec; /* CLOCK_MONOTONIC; not later than when this daemon began if it was before */
        bool unsaved; /* settled, but its record could not be written yet: see job_save_end() */
};

/* A job with its record. Takes ownership of record. */
int job_new(Manager *m, Record *record, Job **ret);
Job* job_free(Job *j);
DEFINE_CLEANUP(Job*, job_free);

/* Puts a new job on its way, with what belongs to it: takes ownership of plan and of the descriptors of
 * go; run is answered when the command runs or cannot. Returns 0, or a negative errno with the job still
 * owned by the caller. */
int job_submit(Job *j, Plan *plan, RelayGo *go, sd_bus_message *run);
/* Answers a call of Run() that repeats the one which made this job, as soon as it is known what became of
 * that. */
int job_repeat(Job *j, sd_bus_message *run);
/* Asks PID 1 for the unit of a waiting job. */
void job_start(Job *j);

/* Enters a job that was found when the daemon started; main_pid 0 if its unit has no process (any more). */
void job_resume(Job *j, bool unit_exists, bool unit_lives, pid_t main_pid);

/* Answers m when the job is settled (or at once). */
int job_add_waiter(Job *j, sd_bus_message *m);
/* Whoever had this name on the bus has gone. */
void waiters_forget(Manager *m, const char *sender);

/* Whether it is known to be over, be it that not all is known of it yet: then there is nothing to stop. */
bool job_has_ended(const Job *j);
/* Whether it has ended, in whatever way, or is on the way to it, and is not settled. */
bool job_is_settling(const Job *j);
/* Stops it on request; again is no harm. Signals its command. Both need a job that has not ended. */
void job_stop(Job *j);
int job_kill(Job *j, int signo);

/* Writes the records of settled jobs that could not be written before, as far as they can be now. */
void jobs_save_again(Manager *m);

/* Signals of PID 1 that concern its units. */
void job_on_systemd_job_removed(Job *j, const char *systemd_job, const char *result);
/* A signal may have been lost: asks for what the job waits for. */
void job_ask_again(Job *j);

bool job_is_live(const Job *j);
int job_path(uint64_t id, char **ret);
int job_unit(uint64_t id, char **ret);

/* job-bus.c */
int job_send_record(Job *j, sd_bus_message *m);
void job_emit_changed(Job *j);
void job_emit_new(Job *j);
void job_emit_removed(Job *j);
