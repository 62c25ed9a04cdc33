/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <string.h>

#include "conclusion.h"
#include "quantity.h"
#include "text.h"

/* What systemd's own exit codes of a process that never reached its program mean (systemd.exec(5),
 * "Process exit codes"). */
static const struct {
        int status;
        const char *name, *step;
} setup_steps[] = {
        { 200, "CHDIR",        "entering its working directory" },
        { 203, "EXEC",         "starting the relay"             },
        { 209, "STDOUT",       "connecting its output"          },
        { 216, "GROUP",        "setting its group"              },
        { 217, "USER",         "setting its user"               },
        { 218, "CAPABILITIES", "dropping its capabilities"      },
        { 219, "CGROUP",       "setting up its control group"   },
        { 225, "NETWORK",      "setting up its network"         },
        { 226, "NAMESPACE",    "setting up its mounts"          },
        { 227, "NO_NEW_PRIVILEGES", "dropping its privileges"   },
        { 228, "SECCOMP",      "setting up its system call filter" },
        { 240, "LOGS_DIRECTORY", "setting up its directories"   },
};

bool outcome_is_conclusive(const RelayOutcome *o) {
        return o && relay_outcome_tells_end(o) && o->terminated_usec == 0 && !o->oom;
}

static bool unit_result_is(const Ending *e, const char *result) {
        return e->unit_result && strcmp(e->unit_result, result) == 0;
}

/* An outcome that says nothing is one whose relay was not told to begin. */
static bool outcome_is_empty(const RelayOutcome *o) {
        return !o || (o->begun_usec == 0 && !relay_outcome_tells_end(o));
}

bool record_was_never_begun(const Record *r, const Ending *e) {
        return r->state == JOB_INITIALIZING && r->stop_usec == 0 && outcome_is_empty(e->outcome) &&
               (!e->unit_result || unit_result_is(e, "success") || e->unit_exit_status == RELAY_EXIT_NOT_BEGUN);
}

static int conclude(Record *r, JobState state, JobResult result) {
        r->state = state;
        r->result = result;
        free(r->reason);
        r->reason = NULL;
        return 0;
}

static int conclude_timeout(Record *r) {
        _cleanup_free_ char *limit = NULL;
        int q;

        conclude(r, JOB_TIMEOUT, JOB_RESULT_TIMEOUT);
        q = timespan_format(r->timeout_usec, 1000, &limit);
        if (q < 0)
                return q;
        return message_set(&r->reason, 0,
                           "was stopped at its time limit of %s; raise --timeout if it needs longer", limit);
}

static int conclude_oom(Record *r) {
        _cleanup_free_ char *limit = NULL, *recommended = NULL;
        int q;

        conclude(r, JOB_FAILED, JOB_RESULT_OOM);
        r->exit_code = -1; /* however the rest of it went down then */
        r->exit_signal = SIGKILL;
        if (r->memory_max == UINT64_MAX)
                return message_set(&r->reason, 0, "was killed because the host ran out of memory");
        q = size_format(r->memory_max, &limit);
        if (q >= 0 && r->memory_recommended > r->memory_max)
                q = size_format(r->memory_recommended, &recommended);
        if (q < 0)
                return q;
        if (recommended)
                return message_set(&r->reason, 0,
                                   "was killed by its memory limit of %s; raise --max-memory, %s recommends %s",
                                   limit, r->runtime ?: "the runtime", recommended);
        return message_set(&r->reason, 0,
                           "was killed by its memory limit of %s; raise --max-memory if it needs more", limit);
}

static int conclude_stopped(Record *r, const char *how) {
        conclude(r, JOB_STOPPED, JOB_RESULT_STOPPED);
        return message_set(&r->reason, 0, "was stopped %s%s", how,
                           r->started_usec > 0 ? "" : ", before its command was started");
}

static int conclude_outcome(Record *r, const RelayNotice *n) {
        switch (n->event) {
        case RELAY_FAILED:
                conclude(r, JOB_FAILED, JOB_RESULT_SETUP);
                r->exit_code = n->code;
                return message_set(&r->reason, 0, "did not start: %s", n->text ?: "unknown reason");
        case RELAY_EXITED:
                if (n->code == 0)
                        return conclude(r, JOB_COMPLETED, JOB_RESULT_SUCCESS);
                conclude(r, JOB_FAILED, JOB_RESULT_EXIT_CODE);
                return message_set(&r->reason, 0, "exited with code %d", n->code);
        default:
                conclude(r, JOB_FAILED, JOB_RESULT_SIGNAL);
                return message_set(&r->reason, 0, "was killed by signal %s",
                                   sigabbrev_np(n->code) ?: "of an unknown number");
        }
}

static int conclude_forgotten(Record *r, const Ending *e) {
        if (r->started_usec == 0 && outcome_is_empty(e->outcome)) {
                conclude(r, JOB_FAILED, JOB_RESULT_SETUP);
                return message_set(&r->reason, 0, "did not start: its unit had ended before the command could be started; see journalctl -u joblet-job-%llu",
                                   (unsigned long long) r->id);
        }
        conclude(r, JOB_FAILED, JOB_RESULT_LOST);
        return message_set(&r->reason, 0, "was lost: the host went down, or its unit was removed, %s",
                           r->started_usec > 0 ? "while it ran" : "before its command was started");
}

/* The relay did not come to say how it ended: it never ran, or was killed together with the rest. */
static int conclude_unit(Record *r, const Ending *e) {
        /* What PID 1 has forgotten it calls a success when it is asked */
        if (!e->unit_result || unit_result_is(e, "success"))
                return conclude_forgotten(r, e);
        if (r->started_usec == 0) {
                conclude(r, JOB_FAILED, JOB_RESULT_SETUP);
                for (size_t i = 0; i < ELEMENTSOF(setup_steps); i++)
                        if (setup_steps[i].status == e->unit_exit_status)
                                return message_set(&r->reason, 0, "did not start: %s failed (%d/%s); see journalctl -u joblet-job-%llu",
                                                   setup_steps[i].step, setup_steps[i].status, setup_steps[i].name, (unsigned long long) r->id);
                return message_set(&r->reason, 0,
                                   "did not start (%s, status %d); see journalctl -u joblet-job-%llu",
                                   e->unit_result, e->unit_exit_status, (unsigned long long) r->id);
        }
        if (r->exit_code >= 0) {
                conclude(r, JOB_FAILED, JOB_RESULT_EXIT_CODE);
                return message_set(&r->reason, 0, "exited with code %d", r->exit_code);
        }
        conclude(r, JOB_FAILED,
                 strcmp(e->unit_result, "core-dump") == 0 ? JOB_RESULT_CORE_DUMP : JOB_RESULT_SIGNAL);
        return message_set(&r->reason, 0, "was killed by signal %s",
                           sigabbrev_np(r->exit_signal) ?: "of an unknown number");
}

/* Without an outcome there is what PID 1 saw of the relay, which exits as a shell would. */
static void take_exit(Record *r, const Ending *e) {
        const RelayOutcome *o = e->outcome;

        if (o && relay_outcome_tells_end(o)) {
                if (o->notice.event == RELAY_EXITED)
                        r->exit_code = o->notice.code;
                else if (o->notice.event == RELAY_SIGNALED)
                        r->exit_signal = o->notice.code;
                return;
        }
        if (r->started_usec == 0 || !e->unit_result || unit_result_is(e, "success"))
                return;
        if (unit_result_is(e, "exit-code"))
                r->exit_code = e->unit_exit_status;
        else if ((unit_result_is(e, "signal") || unit_result_is(e, "core-dump")) && e->unit_exit_status > 0)
                r->exit_signal = e->unit_exit_status;
        else
                r->exit_signal = SIGKILL;
}

static void take_figures(Record *r, const Ending *e) {
        static const RelayOutcome none = RELAY_OUTCOME_NULL;
        const RelayOutcome *o = e->outcome ?: &none;

        if (e->outcome && o->notice.event == RELAY_FAILED)
                r->started_usec = 0;
        else if (o->started_usec > 0)
                r->started_usec = o->started_usec; /* to the point; what is there is when we heard of it */
        r->finished_usec = o->finished_usec > 0 ? o->finished_usec : e->now_usec;
        if (r->finished_usec < r->started_usec)
                r->finished_usec = r->started_usec; /* the clock was set back meanwhile */
        r->cpu_usec = o->cpu_usec != UINT64_MAX ? o->cpu_usec : e->unit_cpu_usec;
        r->memory_peak = o->memory_peak != UINT64_MAX ? o->memory_peak : e->unit_memory_peak;
        r->io_read_bytes = o->io_read_bytes;
        r->io_write_bytes = o->io_write_bytes;
        r->log_entries = o->log_entries;
        r->unlogged_bytes = o->unlogged_bytes;
}

/* Whether the time limit was reached when the job was told to end. PID 1 says "timeout" of a stop that took too
 * long as well; after a reboot, or if somebody was quicker to clean up, the unit cannot be asked. */
static bool time_was_up(const Record *r, const Ending *e) {
        const RelayOutcome *o = e->outcome;
        uint64_t begin = e->unit_started_usec ?: o ? o->begun_usec : 0,
                 end = o && o->terminated_usec > 1 ? o->terminated_usec : e->unit_exited_usec;

        if (r->timeout_usec == USEC_INFINITY || (e->unit_result && !unit_result_is(e, "timeout")))
                return false;
        if (begin > 0 && end > 0)
                return end >= begin && end - begin >= r->timeout_usec;
        if (e->unit_result)
                return true;
        return o && o->terminated_usec > 0 && r->started_usec > 0 &&
               r->finished_usec - r->started_usec >= r->timeout_usec;
}

/* When the command was first told to end, by whomever; 0: it was not. */
static uint64_t told_to_end(const RelayOutcome *o) {
        return o->terminated_usec == 0 || (o->abandoned_usec > 0 && o->abandoned_usec < o->terminated_usec) ?
                o->abandoned_usec : o->terminated_usec;
}

/* Whether PID 1 saw the relay end, and the relay had not been told to. */
static bool relay_ended_by_itself(const Ending *e) {
        return e->outcome && e->outcome->begun_usec > 0 && told_to_end(e->outcome) == 0 &&
               (unit_result_is(e, "exit-code") || unit_result_is(e, "signal") || unit_result_is(e, "core-dump"));
}

static bool ran_out_of_memory(const Ending *e) {
        const RelayOutcome *o = e->outcome;
        bool did_well = o && o->notice.event == RELAY_EXITED && o->notice.code == 0;

        if (did_well && told_to_end(o) == 0)
                return false; /* without the process that was killed */
        return unit_result_is(e, "oom-kill") || (o && o->oom && !did_well);
}

/* Whether the request to stop came before the job was told to end, as far as that is known. */
static bool request_came_first(const Record *r, const RelayOutcome *o) {
        return r->stop_usec > 0 && (!o || told_to_end(o) <= 1 || r->stop_usec <= told_to_end(o));
}

/* What was the first to end the job: it itself, or what told it to. Whatever came after that changes nothing. */
typedef enum Cause { CAUSE_ITSELF, CAUSE_REQUEST, CAUSE_CLIENT, CAUSE_TIME, CAUSE_MEMORY, CAUSE_OTHERS, CAUSE_UNIT } Cause;

static Cause find_cause(const Record *r, const Ending *e) {
        const RelayOutcome *o = e->outcome;
        bool told = o && relay_outcome_tells_end(o);

        if (told && told_to_end(o) == 0)
                return ran_out_of_memory(e) ? CAUSE_MEMORY : CAUSE_ITSELF;
        /* No stop makes a command that does not exist into one that was stopped */
        if (told && o->notice.event == RELAY_FAILED && o->notice.code != 125)
                return CAUSE_ITSELF;
        if (!told && relay_ended_by_itself(e))
                return CAUSE_UNIT;
        if (request_came_first(r, o))
                return CAUSE_REQUEST;
        if (ran_out_of_memory(e))
                return CAUSE_MEMORY;
        if (o && o->abandoned_usec > 0 && told_to_end(o) == o->abandoned_usec)
                return CAUSE_CLIENT;
        if (time_was_up(r, e))
                return CAUSE_TIME;
        if (r->stop_usec > 0)
                return CAUSE_REQUEST;
        return o && o->terminated_usec > 0 ? CAUSE_OTHERS : CAUSE_UNIT;
}

int record_conclude(Record *r, const Ending *e) {
        take_figures(r, e);
        take_exit(r, e);
        switch (find_cause(r, e)) {
        case CAUSE_ITSELF:
                return conclude_outcome(r, &e->outcome->notice);
        case CAUSE_REQUEST:
                return conclude_stopped(r, "on request");
        case CAUSE_CLIENT:
                return conclude_stopped(r, "because its client had gone (--kill-on-exit)");
        case CAUSE_TIME:
                return conclude_timeout(r);
        case CAUSE_MEMORY:
                return conclude_oom(r);
        case CAUSE_OTHERS:
                return conclude_stopped(r, "from outside: by systemctl, or because the host went down");
        default:
                return conclude_unit(r, e);
        }
}
