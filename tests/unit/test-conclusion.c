/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From how a job ended to what its user is told: every way there is. */

#include <signal.h>
#include <string.h>

#include "conclusion.h"
#include "test.h"

#define MIB (UINT64_C(1) << 20)

typedef struct Case {
        const char *what;

        /* what is known */
        bool has_outcome;
        RelayEvent event;
        int code;
        const char *text;
        bool terminated, abandoned, oom;
        const char *unit_result;
        int unit_exit_status;

        /* what was asked */
        bool never_started, stop_requested;
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

        { "timeout", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .unit_result = "timeout", .timeout_usec = 2 * USEC_PER_SEC,
          ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, -1, SIGTERM, 124), .reason = "was stopped at its time limit of 2s; raise --timeout if it needs longer" },
        { "timeout, and exited with 0", OUTCOME(RELAY_EXITED, 0), .terminated = true, .unit_result = "timeout", .timeout_usec = 90 * USEC_PER_SEC,
          ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, 0, 0, 124), .reason = "was stopped at its time limit of 1min 30s; raise --timeout if it needs longer" },
        { "timeout with SIGKILL", .unit_result = "timeout", .timeout_usec = 500000, ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, -1, SIGKILL, 124),
          .reason = "was stopped at its time limit of 500ms; raise --timeout if it needs longer" },
        { "timeout, unit gone", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .timeout_usec = USEC_PER_SEC, .took_usec = USEC_PER_SEC,
          ENDS(JOB_TIMEOUT, JOB_RESULT_TIMEOUT, -1, SIGTERM, 124), .reason = "was stopped at its time limit of 1s; raise --timeout if it needs longer" },
        { "ended before its time, unit gone", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .timeout_usec = USEC_PER_SEC, .took_usec = USEC_PER_SEC - 1,
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped from outside: by systemctl, or because the host went down" },
        { "ended by itself after its time", OUTCOME(RELAY_EXITED, 0), .timeout_usec = USEC_PER_SEC, .took_usec = 2 * USEC_PER_SEC,
          ENDS(JOB_COMPLETED, JOB_RESULT_SUCCESS, 0, 0, 0) },
        { "stop timeout of a job without one", OUTCOME(RELAY_SIGNALED, SIGTERM), .terminated = true, .unit_result = "timeout", .timeout_usec = USEC_INFINITY,
          ENDS(JOB_STOPPED, JOB_RESULT_STOPPED, -1, SIGTERM, 143), .reason = "was stopped from outside: by systemctl, or because the host went down" },
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
        { "lost before it began", .never_started = true, ENDS(JOB_FAILED, JOB_RESULT_LOST, -1, 0, 125),
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

static Record* make_record(const Case *c) {
        Record *r = NULL;

        assert_int_equal(record_parse("ID=42\nCOMMAND=x\nSUBMITTED=1000\nEND\n", false, &r), 0);
        r->stop_requested = c->stop_requested;
        r->memory_max = c->memory_max ?: UINT64_MAX;
        r->memory_recommended = c->memory_recommended;
        r->timeout_usec = c->timeout_usec ?: USEC_INFINITY;
        r->started_usec = c->never_started ? 0 : 5000000;
        r->state = c->never_started ? JOB_INITIALIZING : JOB_RUNNING;
        return r;
}

static void test_cases(void **state) {
        for (const Case *c = cases; c < cases + ELEMENTSOF(cases); c++) {
                _cleanup_(record_freep) Record *r = make_record(c);
                RelayOutcome outcome = {
                        .notice = { c->event, c->code, (char*) c->text },
                        .terminated = c->terminated,
                        .abandoned = c->abandoned,
                        .oom = c->oom,
                        .started_usec = c->has_outcome && c->event != RELAY_FAILED ? 5000000 : 0,
                        .finished_usec = 5000000 + c->took_usec,
                        .cpu_usec = UINT64_MAX,
                        .memory_peak = UINT64_MAX,
                        .io_read_bytes = UINT64_MAX,
                        .io_write_bytes = UINT64_MAX,
                };
                Ending e = {
                        .outcome = c->has_outcome ? &outcome : NULL,
                        .unit_result = c->unit_result,
                        .unit_exit_status = c->unit_exit_status,
                        .unit_cpu_usec = UINT64_MAX,
                        .unit_memory_peak = UINT64_MAX,
                        .now_usec = 9000000,
                };

                assert_int_equal(record_conclude(r, &e), 0);
                if (r->state != c->state || r->result != c->result || r->exit_code != c->exit_code ||
                    r->exit_signal != c->exit_signal || record_exit_status(r) != c->exit_status ||
                    !r->reason != !c->reason || (c->reason && strcmp(r->reason, c->reason) != 0))
                        fail_msg("%s: %s, %s, code %d, signal %d, status %d: %s", c->what,
                                 job_state_to_string(r->state), job_result_to_string(r->result),
                                 r->exit_code, r->exit_signal, record_exit_status(r),
                                 r->reason ?: "(no reason)");
        }
}

/* What the relay measured comes before what systemd did; what neither knows stays unknown. */
static void test_figures(void **state) {
        const Case c = {};
        _cleanup_(record_freep) Record *r = make_record(&c), *s = make_record(&c), *t = make_record(&c);
        RelayOutcome outcome = {
                .notice = { RELAY_EXITED, 0, NULL }, .started_usec = 6000000, .finished_usec = 7000000, .cpu_usec = 11, .memory_peak = 12,
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
}

static void test_conclusive(void **state) {
        assert_false(outcome_is_conclusive(NULL));
        assert_true(outcome_is_conclusive(&(RelayOutcome) { .notice = { .event = RELAY_EXITED } }));
        assert_false(outcome_is_conclusive(&(RelayOutcome) { .terminated = true }));
        assert_false(outcome_is_conclusive(&(RelayOutcome) { .oom = true }));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cases),
                cmocka_unit_test(test_figures),
                cmocka_unit_test(test_conclusive),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
