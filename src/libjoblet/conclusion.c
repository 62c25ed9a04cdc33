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

bool outcome_is_conclusive(const RelayOutcome *outcome) {
        return outcome && !outcome->terminated && !outcome->oom;
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

static int conclude_outcome(Record *r, const RelayNotice *n, bool terminated) {
        switch (n->event) {
        case RELAY_FAILED:
                conclude(r, JOB_FAILED, JOB_RESULT_SETUP);
                r->exit_code = n->code;
                return message_set(&r->reason, 0, "did not start: %s", n->text ?: "unknown reason");
        case RELAY_EXITED:
                r->exit_code = n->code;
                if (n->code == 0 && !terminated)
                        return conclude(r, JOB_COMPLETED, JOB_RESULT_SUCCESS);
                if (terminated)
                        break;
                conclude(r, JOB_FAILED, JOB_RESULT_EXIT_CODE);
                return message_set(&r->reason, 0, "exited with code %d", n->code);
        case RELAY_SIGNALED:
                r->exit_signal = n->code;
                if (terminated)
                        break;
                conclude(r, JOB_FAILED, JOB_RESULT_SIGNAL);
                return message_set(&r->reason, 0, "was killed by signal %s",
                                   sigabbrev_np(n->code) ?: "of an unknown number");
        default:
                break;
        }
        conclude(r, JOB_STOPPED, JOB_RESULT_STOPPED);
        return message_set(&r->reason, 0,
                           "was stopped from outside: by systemctl, or because the host went down");
}

/* Nothing is left by the relay: it never ran, or was killed together with the rest. */
static int conclude_unit(Record *r, const Ending *e) {
        /* What PID 1 has forgotten it calls a success when it is asked */
        if (!e->unit_result || (r->started_usec > 0 && strcmp(e->unit_result, "success") == 0)) {
                conclude(r, JOB_FAILED, JOB_RESULT_LOST);
                return message_set(&r->reason, 0,
                                   "was lost: the host went down, or its unit was removed, while it ran");
        }
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
        const char *result = e->unit_result;

        if (o && o->notice.event == RELAY_EXITED)
                r->exit_code = o->notice.code;
        else if (o && o->notice.event == RELAY_SIGNALED)
                r->exit_signal = o->notice.code;
        if (o || r->started_usec == 0 || !result || strcmp(result, "success") == 0)
                return;
        if (strcmp(result, "exit-code") == 0)
                r->exit_code = e->unit_exit_status;
        else if ((strcmp(result, "signal") == 0 || strcmp(result, "core-dump") == 0) && e->unit_exit_status > 0)
                r->exit_signal = e->unit_exit_status;
        else
                r->exit_signal = SIGKILL;
}

static void take_figures(Record *r, const Ending *e) {
        const RelayOutcome *o = e->outcome;

        if (o && o->notice.event == RELAY_FAILED)
                r->started_usec = 0;
        else if (o && o->started_usec > 0)
                r->started_usec = o->started_usec; /* to the point; what is there is when we heard of it */
        r->finished_usec = o && o->finished_usec > 0 ? o->finished_usec : e->now_usec;
        r->cpu_usec = o && o->cpu_usec != UINT64_MAX ? o->cpu_usec : e->unit_cpu_usec;
        r->memory_peak = o && o->memory_peak != UINT64_MAX ? o->memory_peak : e->unit_memory_peak;
        r->io_read_bytes = o ? o->io_read_bytes : UINT64_MAX;
        r->io_write_bytes = o ? o->io_write_bytes : UINT64_MAX;
}

int record_conclude(Record *r, const Ending *e) {
        const RelayOutcome *o = e->outcome;
        bool timed_out;

        take_figures(r, e);

        /* After a reboot, or if somebody was quicker to clean up, the unit cannot be asked; the clock
         * still can */
        timed_out = r->timeout_usec != USEC_INFINITY &&
                (e->unit_result ? strcmp(e->unit_result, "timeout") == 0 :
                                  o && o->terminated && r->finished_usec - r->started_usec >= r->timeout_usec);

        take_exit(r, e);
        if (r->stop_requested && !(o && o->notice.event == RELAY_FAILED)) {
                conclude(r, JOB_STOPPED, JOB_RESULT_STOPPED);
                return message_set(&r->reason, 0, "was stopped on request");
        }
        if (o && o->abandoned && o->notice.event != RELAY_FAILED) {
                conclude(r, JOB_STOPPED, JOB_RESULT_STOPPED);
                return message_set(&r->reason, 0, "was stopped because its client had gone (--kill-on-exit)");
        }
        if (timed_out)
                return conclude_timeout(r);
        if ((e->unit_result && strcmp(e->unit_result, "oom-kill") == 0) ||
            (o && o->oom && !(o->notice.event == RELAY_EXITED && o->notice.code == 0)))
                return conclude_oom(r);
        return o ? conclude_outcome(r, &o->notice, o->terminated) : conclude_unit(r, e);
}
