/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From how a job ended to what its user is told: every way there is. */

#include <limits.h>
#include <signal.h>
#include <string.h>

#include "conclusion.h"
#include "test.h"

#define MIB (UINT64_C(1) << 20)

typedef struct Case {
        const char *what;

        /* what is known */
        bool has_outcome;
        bool has_notes; /* the relay was killed before it could say how it ended */
        RelayEvent event;
        int code;
        const char *text;
        bool terminated, abandoned, oom;
        const char *unit_result;
        int unit_exit_status;

        /* what was asked */
        bool never_started, stop_requested, stop_requested_too_late;
        uint64_t memory_max, memory_recommended, timeout_usec;
        uint64_t took_usec;

        /* what must come of it */
        JobState state;
        JobResult result;
        int exit_code, exit_signal, exit_status;
        const char *reason; /* NULL: none */
} Case;

#define OUTCOME(e, c) .has_outcome = true, .event = (e), .code = (c)
#define ENDS(s, r, code_, signal_, status) .state = (s), .result = (r), .exit_code = (code_), .exit_signal = (signal_), .exit_status = (status)

static const Case cases[] = {
        { "success", OUTCOME(RELAY_EXITED, 0), .unit_result = "success", ENDS(JOB_COMPLETED, JOB_RESULT_SUCCESS, 0, 0, 0) },
        { "success, unit not asked", OUTCOME(RELAY_EXITED, 0), ENDS(JOB_COMPLETED, JOB_RESULT_SUCCESS, 0, 0, 0) },
        { "exit code", OUTCOME(RELAY_EXITED, 3), ENDS(JOB_FAILED, JOB_RESULT_EXIT_CODE, 3, 0, 3), .reason = "exited with code 3" },
        { "exit code of a timeout(1)", OUTCOME(RELAY_EXITED, 124), ENDS(JOB_FAILED, JOB_RESULT_EXIT_CODE, 124, 0, 124), .reason = "exited with code 124" },
        { "signal", OUTCOME(RELAY_SIGNALED, SIGSEGV), ENDS(JOB_FAILED, JOB_RESULT_SIGNAL, -1, SIGSEGV, 139), .reason = "was killed by signal SEGV" },
        { "signal without a name", OUTCOME(RELAY_SIGNALED, 40), ENDS(JOB_FAILED, JOB_RESULT_SIGNAL, -1, 40, 168),
          .reason = "was killed by signal of an unknown number" },
        { "not found", OUTCOME(RELAY_FAILED, 127), .text = "command not found: x", ENDS(JOB_FAILED, JOB_RESULT_SETUP, 127, 0, 127),
          .reason = "did not start: command not found: x" },
        { "not executable", OUTCOME(RELAY_FAILED, 126), .text = "cannot execute x", ENDS(JOB_FAILED, JOB_RESULT_SETUP, 126, 0, 126),
          .reason = "did not start: cannot execute x" },
        { "failed without a word", OUTCOME(RELAY_FAILED, 125), ENDS(JOB_FAILED, JOB_RESULT_SETUP, 125, 0, 125), .reason = "did not start: unknown reason" },
        { "not found although it was to be stopped", OUTCOME(RELAY_FAILED, 127), .text = "command not found: x", .stop_requested = true,
          ENDS(JOB_FAILED, JOB_RESULT_SETUP, 127, 0, 127), .reason = "did not start: command not found: x" },

        { "stopped", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .stop_requested = true, .unit_result = "exit-code",
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped on request" },
        { "client gone", OUTCOME(RELAY_SIGNALED, SIGTERM), .abandoned = true,
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped because its client had gone (--kill-on-exit)" },
        { "client gone, exited by itself", OUTCOME(RELAY_EXITED, 0), .abandoned = true,
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, 0, 0, 0), .reason = "was stopped because its client had gone (--kill-on-exit)" },
        { "client gone, never started", OUTCOME(RELAY_FAILED, 127), .text = "command not found: x", .abandoned = true,
          ENDS(JOB_FAILED, JOB_RESULT_SETUP, 127, 0, 127), .reason = "did not start: command not found: x" },
        { "stopped, and exited by itself", OUTCOME(RELAY_EXITED, 0), .terminated = true, .stop_requested = true,
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, 0, 0, 0), .reason = "was stopped on request" },
        { "stopped with SIGKILL", .stop_requested = true, .unit_result = "timeout", ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGKILL, 137),
          .reason = "was stopped on request" },
        { "stopped, unit gone", .stop_requested = true, ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, 0, 125), .reason = "was stopped on request" },
        { "stopped by systemctl", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .unit_result = "success",
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped from outside: by systemctl, or because the host went down" },
        { "stopped by systemctl, and exited by itself", OUTCOME(RELAY_EXITED, 0), .terminated = true, .unit_result = "success",
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, 0, 0, 0), .reason = "was stopped from outside: by systemctl, or because the host went down" },
        { "stopped by systemctl, and exited with a code", OUTCOME(RELAY_EXITED, 4), .terminated = true, .unit_result = "exit-code",
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, 4, 0, 4), .reason = "was stopped from outside: by systemctl, or because the host went down" },

        { "timeout", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .unit_result = "timeout", .timeout_usec = 2 * USEC_PER_SEC, .took_usec = 2 * USEC_PER_SEC,
          ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, -1, SIGTERM, 124), .reason = "was stopped at its time limit of 2s; raise --timeout if it needs longer" },
        { "timeout, and exited with 0", OUTCOME(RELAY_EXITED, 0), .terminated = true, .unit_result = "timeout", .timeout_usec = 90 * USEC_PER_SEC, .took_usec = 91 * USEC_PER_SEC,
          ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, 0, 0, 124), .reason = "was stopped at its time limit of 1min 30s; raise --timeout if it needs longer" },
        { "timeout with SIGKILL", .unit_result = "timeout", .timeout_usec = 500000, .took_usec = 500000, ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, -1, SIGKILL, 124),
          .reason = "was stopped at its time limit of 500ms; raise --timeout if it needs longer" },
        { "timeout, unit gone", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .timeout_usec = USEC_PER_SEC, .took_usec = USEC_PER_SEC,
          ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, -1, SIGTERM, 124), .reason = "was stopped at its time limit of 1s; raise --timeout if it needs longer" },
        { "ended before its time, unit gone", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .timeout_usec = USEC_PER_SEC, .took_usec = USEC_PER_SEC - 1,
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped from outside: by systemctl, or because the host went down" },
        { "ended by itself after its time", OUTCOME(RELAY_EXITED, 0), .timeout_usec = USEC_PER_SEC, .took_usec = 2 * USEC_PER_SEC,
          ENDS(JOB_COMPLETED, JOB_RESULT_SUCCESS, 0, 0, 0) },
        { "stop timeout of a job without one", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .unit_result = "timeout", .timeout_usec = USEC_INFINITY,
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped from outside: by systemctl, or because the host went down" },
        { "told to end by others before its time, and killed for not doing it", .has_notes = true, .terminated = true, .unit_result = "timeout",
          .timeout_usec = 60 * USEC_PER_SEC, .took_usec = USEC_PER_SEC, ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGKILL, 137),
          .reason = "was stopped from outside: by systemctl, or because the host went down" },
        { "the same at its time", .has_notes = true, .terminated = true, .unit_result = "timeout",
          .timeout_usec = 60 * USEC_PER_SEC, .took_usec = 60 * USEC_PER_SEC, ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, -1, SIGKILL, 124),
          .reason = "was stopped at its time limit of 1min; raise --timeout if it needs longer" },
        { "the same, and nothing noted", .unit_result = "timeout", .timeout_usec = 60 * USEC_PER_SEC, .took_usec = 20 * USEC_PER_SEC,
          ENDS(JOB_FAILED, JOB_RESULT_SIGNAL, -1, SIGKILL, 137), .reason = "was killed by signal KILL" },
        { "stopped on request when its time was up already", .has_notes = true, .terminated = true, .stop_requested_too_late = true, .unit_result = "timeout",
          .timeout_usec = 60 * USEC_PER_SEC, .took_usec = 60 * USEC_PER_SEC, ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, -1, SIGKILL, 124),
          .reason = "was stopped at its time limit of 1min; raise --timeout if it needs longer" },
        { "stopped on request when others had told it to end", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .stop_requested_too_late = true,
          .unit_result = "success", ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped on request" },
        { "stopped on request when it had ended", OUTCOME(RELAY_EXITED, 3), .stop_requested = true, .unit_result = "exit-code",
          ENDS(JOB_FAILED, JOB_RESULT_EXIT_CODE, 3, 0, 3), .reason = "exited with code 3" },
        { "stopped on request when it had done well", OUTCOME(RELAY_EXITED, 0), .stop_requested = true, .unit_result = "timeout",
          ENDS(JOB_COMPLETED, JOB_RESULT_SUCCESS, 0, 0, 0) },
        { "stopped on request, noted nothing, relay killed by others", .has_notes = true, .stop_requested = true, .unit_result = "signal",
          ENDS(JOB_FAILED, JOB_RESULT_SIGNAL, -1, SIGKILL, 137), .reason = "was killed by signal KILL" },
        { "stopped on request and killed for not ending", .has_notes = true, .terminated = true, .stop_requested = true, .unit_result = "timeout",
          .timeout_usec = 60 * USEC_PER_SEC, .took_usec = USEC_PER_SEC, ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGKILL, 137), .reason = "was stopped on request" },
        { "stopped on request before it began", .never_started = true, .stop_requested = true, ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, 0, 125),
          .reason = "was stopped on request, before its command was started" },
        { "stopped on request during its uploads", OUTCOME(RELAY_FAILED, 125), .text = "stopped before the command was started", .terminated = true,
          .never_started = true, .stop_requested = true, .unit_result = "exit-code", ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, 0, 125),
          .reason = "was stopped on request, before its command was started" },
        { "stopped by others during its uploads", OUTCOME(RELAY_FAILED, 125), .text = "stopped before the command was started", .terminated = true,
          .never_started = true, .unit_result = "exit-code", ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, 0, 125),
          .reason = "was stopped from outside: by systemctl, or because the host went down, before its command was started" },
        { "out of memory, and stopped after that", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .stop_requested_too_late = true, .oom = true,
          .unit_result = "oom-kill", .memory_max = 512 * MIB, ENDS(JOB_FAILED, JOB_RESULT_OOM, -1, SIGKILL, 137),
          .reason = "was killed by its memory limit of 512.0MB; raise --max-memory if it needs more" },
        { "stopped on request at its time", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .stop_requested = true, .unit_result = "timeout",
          .timeout_usec = USEC_PER_SEC, ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped on request" },

        { "memory limit", .unit_result = "oom-kill", .memory_max = 512 * MIB, ENDS(JOB_FAILED, JOB_RESULT_OOM, -1, SIGKILL, 137),
          .reason = "was killed by its memory limit of 512.0MB; raise --max-memory if it needs more" },
        { "memory limit below what the runtime recommends", .unit_result = "oom-kill", .memory_max = 512 * MIB,
          .memory_recommended = 2048 * MIB, ENDS(JOB_FAILED, JOB_RESULT_OOM, -1, SIGKILL, 137),
          .reason = "was killed by its memory limit of 512.0MB; raise --max-memory, the runtime recommends 2.0GB" },
        { "memory limit, seen by the relay", OUTCOME(RELAY_SIGNALED, SIGKILL), .oom = true, .memory_max = 512 * MIB,
          ENDS(JOB_FAILED, JOB_RESULT_OOM, -1, SIGKILL, 137), .reason = "was killed by its memory limit of 512.0MB; raise --max-memory if it needs more" },
        { "memory limit of a child", OUTCOME(RELAY_EXITED, 1), .oom = true, .memory_max = 512 * MIB,
          ENDS(JOB_FAILED, JOB_RESULT_OOM, -1, SIGKILL, 137), .reason = "was killed by its memory limit of 512.0MB; raise --max-memory if it needs more" },
        { "memory limit of a child, the rest stopped", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .unit_result = "oom-kill", .memory_max = 512 * MIB,
          ENDS(JOB_FAILED, JOB_RESULT_OOM, -1, SIGKILL, 137), .reason = "was killed by its memory limit of 512.0MB; raise --max-memory if it needs more" },
        { "success in spite of a child out of memory", OUTCOME(RELAY_EXITED, 0), .oom = true, .memory_max = 512 * MIB, .unit_result = "success",
          ENDS(JOB_COMPLETED, JOB_RESULT_SUCCESS, 0, 0, 0) },
        { "host out of memory", OUTCOME(RELAY_SIGNALED, SIGKILL), .oom = true, .unit_result = "oom-kill",
          ENDS(JOB_FAILED, JOB_RESULT_OOM, -1, SIGKILL, 137), .reason = "was killed because the host ran out of memory" },

        { "relay killed", .unit_result = "signal", ENDS(JOB_FAILED, JOB_RESULT_SIGNAL, -1, SIGKILL, 137), .reason = "was killed by signal KILL" },
        { "relay dumped core", .unit_result = "core-dump", ENDS(JOB_FAILED, JOB_RESULT_CORE_DUMP, -1, SIGKILL, 137), .reason = "was killed by signal KILL" },
        { "relay ended, without an outcome", .unit_result = "exit-code", .unit_exit_status = 7, ENDS(JOB_FAILED, JOB_RESULT_EXIT_CODE, 7, 0, 7),
          .reason = "exited with code 7" },
        { "relay killed by another signal", .unit_result = "signal", .unit_exit_status = SIGSEGV, ENDS(JOB_FAILED, JOB_RESULT_SIGNAL, -1, SIGSEGV, 139),
          .reason = "was killed by signal SEGV" },
        { "relay forgotten", .unit_result = "success", ENDS(JOB_FAILED, JOB_RESULT_LOST, -1, 0, 125),
          .reason = "was lost: the host went down, or its unit was removed, while it ran" },
        { "stopped, without an outcome", .stop_requested = true, .unit_result = "exit-code", .unit_exit_status = 143,
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, 143, 0, 143), .reason = "was stopped on request" },
        { "lost", ENDS(JOB_FAILED, JOB_RESULT_LOST, -1, 0, 125), .reason = "was lost: the host went down, or its unit was removed, while it ran" },
        { "gone before it began", .never_started = true, ENDS(JOB_FAILED, JOB_RESULT_SETUP, -1, 0, 125),
          .reason = "did not start: its unit had ended before the command could be started; see journalctl -u joblet-job-42" },
        { "gone before it began, and asked", .never_started = true, .unit_result = "success", ENDS(JOB_FAILED, JOB_RESULT_SETUP, -1, 0, 125),
          .reason = "did not start: its unit had ended before the command could be started; see journalctl -u joblet-job-42" },
        { "lost during its uploads", .never_started = true, .has_notes = true, ENDS(JOB_FAILED, JOB_RESULT_LOST, -1, 0, 125),
          .reason = "was lost: the host went down, or its unit was removed, before its command was started" },
        { "lost, with notes", .has_notes = true, ENDS(JOB_FAILED, JOB_RESULT_LOST, -1, 0, 125),
          .reason = "was lost: the host went down, or its unit was removed, while it ran" },
        { "mounts", .never_started = true, .unit_result = "exit-code", .unit_exit_status = 226, ENDS(JOB_FAILED, JOB_RESULT_SETUP, -1, 0, 125),
          .reason = "did not start: setting up its mounts failed (226/NAMESPACE); see journalctl -u joblet-job-42" },
        { "network", .never_started = true, .unit_result = "exit-code", .unit_exit_status = 225, ENDS(JOB_FAILED, JOB_RESULT_SETUP, -1, 0, 125),
          .reason = "did not start: setting up its network failed (225/NETWORK); see journalctl -u joblet-job-42" },
        { "a step without a name", .never_started = true, .unit_result = "exit-code", .unit_exit_status = 1, ENDS(JOB_FAILED, JOB_RESULT_SETUP, -1, 0, 125),
          .reason = "did not start (exit-code, status 1); see journalctl -u joblet-job-42" },
        { "resources", .never_started = true, .unit_result = "resources", ENDS(JOB_FAILED, JOB_RESULT_SETUP, -1, 0, 125),
          .reason = "did not start (resources, status 0); see journalctl -u joblet-job-42" },
};

/* On the monotonic clock: when the relay was executed. */
#define BEGUN_USEC (UINT64_C(100) * USEC_PER_SEC)

static Record* make_record(const Case *c) {
        Record *r = NULL;

        assert_int_equal(record_parse("ID=42\nCOMMAND=x\nSUBMITTED=1000\nEND\n", false, &r), 0);
        r->stop_usec = c->stop_requested ? BEGUN_USEC : c->stop_requested_too_late ? BEGUN_USEC + c->took_usec + 2 : 0;
        r->memory_max = c->memory_max ?: UINT64_MAX;
        r->memory_recommended = c->memory_recommended;
        r->timeout_usec = c->timeout_usec ?: USEC_INFINITY;
        r->started_usec = c->never_started ? 0 : 5000000;
        r->state = c->never_started ? JOB_INITIALIZING : JOB_RUNNING;
        return r;
}

static void assert_concluded(const char *what, Record *r, const Ending *e, const Case *c) {
        assert_int_equal(record_conclude(r, e), 0);
        if (r->state != c->state || r->result != c->result || r->exit_code != c->exit_code ||
            r->exit_signal != c->exit_signal || record_exit_status(r) != c->exit_status ||
            !r->reason != !c->reason || (c->reason && strcmp(r->reason, c->reason) != 0))
                fail_msg("%s: %s, %s, code %d, signal %d, status %d: %s", what,
                         job_state_to_string(r->state), job_result_to_string(r->result),
                         r->exit_code, r->exit_signal, record_exit_status(r),
                         r->reason ?: "(no reason)");
}

static void test_cases(void **state) {
        for (const Case *c = cases; c < cases + ELEMENTSOF(cases); c++) {
                _cleanup_(record_freep) Record *r = make_record(c);
                RelayOutcome outcome = RELAY_OUTCOME_NULL;
                Ending e = ENDING_NULL;

                outcome.begun_usec = BEGUN_USEC;
                outcome.terminated_usec = c->terminated ? BEGUN_USEC + (c->took_usec ?: 1) : 0;
                outcome.abandoned_usec = c->abandoned ? BEGUN_USEC + 1 : 0;
                outcome.started_usec = c->never_started || (c->has_outcome && c->event == RELAY_FAILED) ? 0 : 5000000;
                if (c->has_outcome) {
                        outcome.notice = (RelayNotice) { c->event, c->code, (char*) c->text };
                        outcome.oom = c->oom;
                        outcome.finished_usec = 5000000 + c->took_usec;
                }
                e.outcome = c->has_outcome || c->has_notes ? &outcome : NULL;
                e.unit_result = c->unit_result;
                e.unit_exit_status = c->unit_exit_status;
                e.unit_started_usec = c->unit_result ? BEGUN_USEC - 1000 : 0;
                e.unit_exited_usec = c->unit_result ? BEGUN_USEC + c->took_usec : 0;
                e.now_usec = 9000000;
                assert_concluded(c->what, r, &e, c);
        }
}

/* Of the version before, which did not write down when things happened. */
static void test_an_older_relay(void **state) {
        static const Case c[] = {
                { .stop_requested = true, ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped on request" },
                { .timeout_usec = USEC_PER_SEC, ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, -1, SIGTERM, 124),
                  .reason = "was stopped at its time limit of 1s; raise --timeout if it needs longer" },
                { .timeout_usec = 3 * USEC_PER_SEC, ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143),
                  .reason = "was stopped from outside: by systemctl, or because the host went down" },
        };

        for (size_t i = 0; i < ELEMENTSOF(c); i++) {
                _cleanup_(record_freep) Record *r = make_record(c + i);
                RelayOutcome outcome = RELAY_OUTCOME_NULL;
                Ending e = ENDING_NULL;

                outcome.notice = (RelayNotice) { RELAY_SIGNALED, SIGTERM, NULL };
                outcome.terminated_usec = 1;
                outcome.started_usec = 5000000;
                outcome.finished_usec = 7000000;
                e.outcome = &outcome;
                assert_concluded("older", r, &e, c + i);
        }
}

/* What the relay measured comes before what systemd did; what neither knows stays unknown. */
static void test_figures(void **state) {
        const Case c = {};
        _cleanup_(record_freep) Record *r = make_record(&c), *s = make_record(&c), *t = make_record(&c);
        RelayOutcome outcome = {
                .notice = { RELAY_EXITED, 0, NULL }, .begun_usec = 1, .started_usec = 6000000, .finished_usec = 7000000, .cpu_usec = 11, .memory_peak = 12,
                .io_read_bytes = 13, .io_write_bytes = 14,
        };
        Ending e = { .outcome = &outcome, .unit_cpu_usec = 21, .unit_memory_peak = 22, .now_usec = 8000000 };

        assert_int_equal(record_conclude(r, &e), 0);
        assert_int_equal(r->started_usec, 6000000);
        assert_int_equal(r->finished_usec, 7000000);
        assert_int_equal(r->cpu_usec, 11);
        assert_int_equal(r->memory_peak, 12);
        assert_int_equal(r->io_read_bytes, 13);
        assert_int_equal(r->io_write_bytes, 14);

        outcome.cpu_usec = outcome.memory_peak = outcome.io_read_bytes = outcome.io_write_bytes = UINT64_MAX;
        outcome.started_usec = outcome.finished_usec = 0;
        assert_int_equal(record_conclude(s, &e), 0);
        assert_int_equal(s->started_usec, 5000000);
        assert_int_equal(s->finished_usec, 8000000);
        assert_int_equal(s->cpu_usec, 21);
        assert_int_equal(s->memory_peak, 22);
        assert_int_equal(s->io_read_bytes, UINT64_MAX);

        e = (Ending) { .unit_result = "signal", .unit_cpu_usec = UINT64_MAX, .unit_memory_peak = 22, .now_usec = 8000000 };
        assert_int_equal(record_conclude(t, &e), 0);
        assert_int_equal(t->finished_usec, 8000000);
        assert_int_equal(t->cpu_usec, UINT64_MAX);
        assert_int_equal(t->memory_peak, 22);
        assert_int_equal(t->io_write_bytes, UINT64_MAX);

        /* the clock was set back while it ran */
        e.now_usec = 1;
        t->state = JOB_RUNNING;
        assert_int_equal(record_conclude(t, &e), 0);
        assert_int_equal(t->finished_usec, t->started_usec);
}

static void test_conclusive(void **state) {
        assert_false(outcome_is_conclusive(NULL));
        assert_true(outcome_is_conclusive(&(RelayOutcome) { .notice = { .event = RELAY_EXITED } }));
        assert_false(outcome_is_conclusive(&(RelayOutcome) { .notice = { .event = RELAY_EXITED }, .terminated_usec = 1 }));
        assert_false(outcome_is_conclusive(&(RelayOutcome) { .notice = { .event = RELAY_EXITED }, .oom = true }));
        assert_false(outcome_is_conclusive(&(RelayOutcome) { .notice = { .event = RELAY_STARTED } }));
        assert_false(outcome_is_conclusive(&RELAY_OUTCOME_NULL));
}

/*
 * Every order of what may happen to a job. A model of relay, PID 1 and daemon, which knows what really happened,
 * makes the facts that the daemon finds; what it concludes must be what happened.
 */

typedef enum Event {
        COMMAND_ENDS,  /* by itself */
        STOP,          /* a client asks for it, and is told that it will be */
        TIME_LIMIT,
        OTHERS_STOP,   /* systemctl stop */
        DAEMON_DIES,   /* and comes back when all else has happened but DAEMON_RETURNS */
        DAEMON_RETURNS,
        _EVENT_MAX,
} Event;

typedef struct History {
        int order[_EVENT_MAX]; /* when each happens, -1: it does not */
        int end;               /* exit code, or -signal */
        bool ignores_sigterm, forgotten; /* forgotten: the unit is gone when the daemon asks */
        bool relay_killed;     /* with the rest, so that it leaves notes only */
} History;

static bool happens(const History *h, Event e) {
        return h->order[e] >= 0;
}

/* When PID 1 is told to stop the job on request; the daemon does so at once, or when it is back. */
static int stop_arrives(const History *h) {
        if (!happens(h, STOP))
                return -1;
        /* nobody is told by a dead daemon: the call waits */
        if (happens(h, DAEMON_DIES) && h->order[STOP] + 1 == h->order[DAEMON_DIES] && happens(h, DAEMON_RETURNS))
                return h->order[DAEMON_RETURNS]; /* it died between writing down and doing it */
        return h->order[STOP];
}

static uint64_t moment(int at) {
        return BEGUN_USEC + (uint64_t) (at + 1) * USEC_PER_SEC;
}

static void check_history(const History *h, unsigned *n) {
        static const Case none = {};
        _cleanup_(record_freep) Record *r = make_record(&none);
        RelayOutcome outcome = RELAY_OUTCOME_NULL;
        Ending e = ENDING_NULL;
        int stop = stop_arrives(h), told = INT_MAX;
        bool by_itself, by_limit, killed;
        JobState expected;

        /* what really happens */
        if (stop >= 0 && stop < told)
                told = stop;
        if (happens(h, TIME_LIMIT) && h->order[TIME_LIMIT] < told)
                told = h->order[TIME_LIMIT];
        if (happens(h, OTHERS_STOP) && h->order[OTHERS_STOP] < told)
                told = h->order[OTHERS_STOP];
        by_itself = happens(h, COMMAND_ENDS) && h->order[COMMAND_ENDS] < told;
        if (!by_itself && told == INT_MAX)
                return; /* it runs still */
        by_limit = !by_itself && happens(h, TIME_LIMIT) && told == h->order[TIME_LIMIT];
        killed = !by_itself && (h->ignores_sigterm || h->relay_killed);
        expected = by_itself ? h->end == 0 ? JOB_COMPLETED : JOB_FAILED : by_limit ? JOB_TIMEOUT : JOB_STOPPED;
        if (!by_itself && happens(h, STOP) && h->order[STOP] < told)
                expected = JOB_STOPPED; /* it was asked for before, and only not done yet */

        /* what is found of it */
        r->stop_usec = happens(h, STOP) ? moment(h->order[STOP]) : 0;
        r->timeout_usec = happens(h, TIME_LIMIT) ? (uint64_t) (h->order[TIME_LIMIT] + 1) * USEC_PER_SEC : 3600 * USEC_PER_SEC;
        outcome.begun_usec = BEGUN_USEC;
        outcome.started_usec = 5000000;
        outcome.terminated_usec = by_itself ? 0 : moment(told) + 1000;
        if (!killed) {
                outcome.notice = by_itself && h->end < 0 ? (RelayNotice) { RELAY_SIGNALED, -h->end, NULL } :
                                 by_itself ? (RelayNotice) { RELAY_EXITED, h->end, NULL } : (RelayNotice) { RELAY_SIGNALED, SIGTERM, NULL };
                outcome.finished_usec = 5000000 + USEC_PER_SEC;
        }
        e.outcome = &outcome;
        if (!h->forgotten) {
                e.unit_result = by_limit || killed ? "timeout" : by_itself && h->end == 0 ? "success" : "exit-code";
                e.unit_exit_status = by_itself && h->end > 0 ? h->end : 143;
                e.unit_started_usec = BEGUN_USEC - 1000;
                e.unit_exited_usec = moment(by_itself ? h->order[COMMAND_ENDS] : told) + (killed ? 10 * USEC_PER_SEC : 2000);
        }
        e.now_usec = 9000000;

        assert_false(record_was_never_begun(r, &e));
        assert_int_equal(record_conclude(r, &e), 0);
        (*n)++;
        if (r->state != expected)
                fail_msg("end %d of %d, stop %d, limit %d, others %d, daemon %d to %d%s%s%s: %s instead of %s",
                         h->order[COMMAND_ENDS], h->end, h->order[STOP], h->order[TIME_LIMIT], h->order[OTHERS_STOP],
                         h->order[DAEMON_DIES], h->order[DAEMON_RETURNS], h->ignores_sigterm ? ", ignores SIGTERM" : "",
                         h->relay_killed ? ", relay killed" : "", h->forgotten ? ", unit forgotten" : "",
                         job_state_to_string(r->state), job_state_to_string(expected));
        if (by_itself) {
                assert_int_equal(r->exit_code, h->end >= 0 ? h->end : -1);
                assert_int_equal(r->exit_signal, h->end < 0 ? -h->end : 0);
        }
        assert_true((r->state == JOB_COMPLETED) == !r->reason);
        assert_true(record_exit_status(r) >= 0 && record_exit_status(r) <= 255);
}

static void vary_history(History *h, unsigned *n) {
        static const int ends[] = { 0, 3, -SIGSEGV };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                for (unsigned flags = 0; flags < 8; flags++) {
                        h->end = ends[i];
                        h->ignores_sigterm = flags & 1;
                        h->forgotten = flags & 2;
                        h->relay_killed = flags & 4;
                        check_history(h, n);
                }
}

/* All orders of all sets of events. */
static void permute(History *h, unsigned left, int at, unsigned *n) {
        vary_history(h, n);
        for (int e = 0; e < _EVENT_MAX; e++) {
                if (!(left & (1U << e)) || (e == DAEMON_RETURNS && !happens(h, DAEMON_DIES)) ||
                    (e == STOP && happens(h, DAEMON_DIES) && !happens(h, DAEMON_RETURNS)))
                        continue;
                h->order[e] = at;
                permute(h, left & ~(1U << e), at + 1, n);
                h->order[e] = -1;
        }
}

static void test_every_order(void **state) {
        History h = { .order = { -1, -1, -1, -1, -1, -1 } };
        unsigned n = 0;

        permute(&h, (1U << _EVENT_MAX) - 1, 0, &n);
        assert_true(n > 5000);
}

/* Every combination of facts there is, sensible or forged: something is concluded, and it does not contradict
 * what is known. */
static void check_facts(const RelayOutcome *o, const char *unit_result, uint64_t stop, uint64_t timeout, bool started) {
        static const Case none = {};
        _cleanup_(record_freep) Record *r = make_record(&none);
        Ending e = ENDING_NULL;
        bool told = o && relay_outcome_tells_end(o), never_begun;

        r->started_usec = started ? 5000000 : 0;
        r->state = started ? JOB_RUNNING : JOB_INITIALIZING;
        r->stop_usec = stop;
        r->timeout_usec = timeout;
        e.outcome = o;
        e.unit_result = unit_result;
        e.now_usec = 9000000;
        never_begun = record_was_never_begun(r, &e);
        assert_int_equal(record_conclude(r, &e), 0);

        assert_true(job_state_is_final(r->state) && r->result != JOB_RESULT_NONE);
        assert_true((r->state == JOB_COMPLETED) == (r->result == JOB_RESULT_SUCCESS));
        assert_true((r->state == JOB_STOPPED) == (r->result == JOB_RESULT_STOPPED));
        assert_true((r->state == JOB_TIMEOUT) == (r->result == JOB_RESULT_TIMEOUT));
        /* who repeats the call starts anew: only what nobody stopped, and what cannot have run */
        assert_true(!never_begun || (stop == 0 && !started && !told && (!o || o->begun_usec == 0)));
        /* what ran to its end before anything told it to was not stopped */
        if (told && o->terminated_usec == 0 && o->abandoned_usec == 0)
                assert_true(r->state == JOB_COMPLETED || r->state == JOB_FAILED);
        /* what was not asked to stop was not stopped on request, and what was is not forgotten */
        if (stop == 0)
                assert_true(!r->reason || !strstr(r->reason, "on request"));
        else if (!told && !unit_result)
                assert_true(r->state == JOB_STOPPED || r->state == JOB_TIMEOUT);
        if (timeout == USEC_INFINITY)
                assert_int_not_equal(r->state, JOB_TIMEOUT);
        if (r->state == JOB_COMPLETED)
                assert_true(told && o->notice.event == RELAY_EXITED && o->notice.code == 0);
        /* only what began can be lost */
        if (r->result == JOB_RESULT_LOST)
                assert_true(started || (o && (told || o->begun_usec > 0)));
}

static void test_every_fact(void **state) {
        static const RelayNotice notices[] = {
                { _RELAY_EVENT_INVALID, 0, NULL }, { RELAY_STARTED, 0, NULL }, { RELAY_EXITED, 0, NULL }, { RELAY_EXITED, 3, NULL },
                { RELAY_SIGNALED, SIGTERM, NULL }, { RELAY_SIGNALED, SIGSEGV, NULL }, { RELAY_FAILED, 125, NULL }, { RELAY_FAILED, 127, NULL },
        };
        static const char *const results[] = { NULL, "success", "exit-code", "signal", "core-dump", "timeout", "oom-kill", "resources", "protocol" };
        static const uint64_t terminated[] = { 0, 1, BEGUN_USEC + 1000, UINT64_MAX }, abandoned[] = { 0, BEGUN_USEC + 500 }, stops[] = { 0, 1, BEGUN_USEC, BEGUN_USEC + 2000 },
                              timeouts[] = { USEC_INFINITY, 500, 3600 * USEC_PER_SEC };

        for (size_t n = 0; n < ELEMENTSOF(notices); n++)
        for (size_t t = 0; t < ELEMENTSOF(terminated); t++)
        for (size_t u = 0; u < ELEMENTSOF(results); u++)
        for (size_t s = 0; s < ELEMENTSOF(stops); s++)
        for (size_t l = 0; l < ELEMENTSOF(timeouts); l++)
        for (unsigned flags = 0; flags < 32; flags++) {
                RelayOutcome o = RELAY_OUTCOME_NULL;

                o.notice = notices[n];
                o.terminated_usec = terminated[t];
                o.abandoned_usec = abandoned[!!(flags & 16)];
                o.begun_usec = flags & 1 ? BEGUN_USEC : 0;
                o.oom = (flags & 2) && relay_outcome_tells_end(&o);
                check_facts(flags & 4 ? NULL : &o, results[u], stops[s], timeouts[l], flags & 8);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cases),
                cmocka_unit_test(test_an_older_relay),
                cmocka_unit_test(test_figures),
                cmocka_unit_test(test_conclusive),
                cmocka_unit_test(test_every_order),
                cmocka_unit_test(test_every_fact),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
