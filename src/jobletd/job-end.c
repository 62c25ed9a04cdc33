/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a job: its unit is stopped, what there is to know is put together, and everybody who waits
 * is told. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bus-error.h"
#include "bus-options.h"
#include "bus.h"
#include "conclusion.h"
#include "events.h"
#include "job-internal.h"
#include "log-reader.h"
#include "log.h"
#include "runtime-life.h"
#include "settling.h"
#include "strv.h"
#include "unit.h"

#define RETRY_USEC (2 * USEC_PER_SEC)
#define LOST_USEC (30 * USEC_PER_SEC) /* beyond what a stop may take */
#define STARTS_MAX 3U

static int reply_to_run(const Job *j, sd_bus_message *run) {
        const Record *r = j->record;
        _cleanup_free_ char *path = NULL;
        int q;

        if (job_state_is_final(r->state) && r->result == JOB_RESULT_SETUP)
                return sd_bus_reply_method_errorf(run, r->exit_code == 127 ? ERROR_COMMAND_NOT_FOUND :
                                                  r->exit_code == 126 ? ERROR_COMMAND_NOT_EXECUTABLE : ERROR_SETUP_FAILED,
                                                  "job %" PRIu64 " %s", r->id, r->reason ?: "did not start");
        q = job_path(r->id, &path);
        return q < 0 ? q : sd_bus_reply_method_return(run, "to", r->id, path);
}

/* Answers the call that submitted the job, once. */
void job_answer_run(Job *j) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *run = TAKE_PTR(j->live->run);
        int r;

        if (!run)
                return;
        r = reply_to_run(j, run);
        if (r < 0) {
                log_warning_errno(r, "Failed to answer the caller of job %" PRIu64 ": %m", j->record->id);
                bus_reply_failure(run, r);
        }
}

/* The record is final. Everybody who waited is told, and nothing of the job is left but the record. */
static void job_settle(Job *j) {
        j->phase = JOB_SETTLED;
        (void) sd_event_now(j->manager->event, CLOCK_MONOTONIC, &j->settled_usec);
        job_drop_call(j);
        job_drop_relay(j);
        job_drop_start(j);
        job_files_remove(&j->manager->files, j->manager->event, j->record->id);
        job_save_end(j);
        runtimes_job_ended(j->manager);
        event_job_ended(j->record);

        job_answer_run(j);
        job_answer_waiters(j);
        j->live = job_live_free(j->live);
        log_readers_end(j->record->id);
        if (!j->unsaved)
                (void) record_make_brief(j->record);
        job_emit_changed(j);
        settling_go_on(j->manager);
}

/* A former daemon ended before it could start this job, and so before it could tell anybody that it was
 * accepted: it never was. Whoever repeats the call, with the same request id, starts anew. */
static void job_drop(Job *j) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *run = TAKE_PTR(j->live->run);
        Manager *m = j->manager;
        int r;

        r = record_remove(m->records_fd, j->record->id);
        if (r < 0 && r != -ENOENT)
                log_warning_errno(r, "Failed to remove the record of job %" PRIu64 ", ignoring: %m",
                                  j->record->id);
        job_files_remove(&m->files, m->event, j->record->id);
        job_files_remove_outcome(&m->files, j->record->id);
        job_emit_removed(j);
        manager_remove_job(m, j);
        settling_go_on(m);

        r = run ? sd_bus_enqueue_for_read(m->bus, run) : 0;
        if (r < 0)
                bus_reply_failure(run, r);
}

/* systemd 257 may take the end of the process that makes a PID namespace for that of the service: the unit
 * is over with success when its relay was only about to be executed (one of some thousand starts, on a machine
 * with much to do). As the relay has not been heard of, nothing has happened yet. */
static bool may_start_again(const Job *j, const Ending *ending) {
        return !j->live->resumed && j->live->start_done && !j->live->said_hello && j->live->n_starts < STARTS_MAX &&
               record_was_never_begun(j->record, ending) && (!ending->unit_result || strcmp(ending->unit_result, "success") == 0);
}

/* The end of a job whose unit has come to rest, with all that can be known. */
static void conclude(Job *j, const Ending *ending) {
        bool never_begun = record_was_never_begun(j->record, ending);
        int r;

        /* Whatever the outcome says: its time may have been up, or a stop too slow, at the same moment */
        if (j->live->unit_is_loaded) {
                r = unit_reset_failed(j->manager->bus, j->live->unit);
                if (r < 0)
                        log_warning_errno(r, "Failed to reset %s, ignoring: %m", j->live->unit);
        }
        if (may_start_again(j, ending)) {
                log_notice("%s was over before its main process was executed, starting it again", j->live->unit);
                job_start(j);
                return;
        }

        r = record_conclude(j->record, ending);
        if (r < 0)
                log_error_errno(r, "Failed to conclude job %" PRIu64 ": %m", j->record->id);
        if (j->live->resumed && never_begun)
                job_drop(j);
        else
                job_settle(j);
}

static void conclude_without_unit(Job *j, const RelayOutcome *outcome) {
        Ending ending = ENDING_NULL;

        ending.outcome = outcome;
        ending.now_usec = now_realtime();
        conclude(j, &ending);
}

/* Before there is a unit: it cannot be set up at all. */
void job_fail_setup(Job *j, const char *text) {
        RelayOutcome outcome = RELAY_OUTCOME_NULL;

        outcome.notice = (RelayNotice) { .event = RELAY_FAILED, .code = 125, .text = (char*) text };
        conclude_without_unit(j, &outcome);
}

void job_conclude_unstarted(Job *j) {
        conclude_without_unit(j, NULL);
}

/* What the relay left in its file, and where that does not say how the command ended, what it said. */
static int read_outcome(Job *j, RelayOutcome *outcome) {
        const RelayNotice *said = &j->live->notice;
        _cleanup_free_ char *text = NULL;
        int r;

        *outcome = RELAY_OUTCOME_NULL;
        r = job_files_read_outcome(&j->manager->files, j->record->id, &text);
        if (r >= 0)
                r = relay_outcome_parse(text, outcome);
        if (r < 0 && r != -ENOENT)
                log_warning_errno(r, "Failed to read the outcome of job %" PRIu64 ", ignoring: %m",
                                  j->record->id);
        if (r > 0 || (said->event != RELAY_EXITED && said->event != RELAY_SIGNALED && said->event != RELAY_FAILED))
                return r >= 0;
        outcome->notice = (RelayNotice) { .event = said->event, .code = said->code, .text = said->text ? strdup(said->text) : NULL };
        return 1;
}

/* What PID 1 knows of a unit that ended. */
typedef struct UnitEnd {
        char *result;
        Ending *ending;
} UnitEnd;

static void unit_end_done(UnitEnd *u) {
        free(u->result);
}

static int read_unit_property(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error) {
        UnitEnd *u = userdata;
        const char *result;
        int32_t status;
        int r;

        if (strcmp(name, "Result") == 0) {
                r = sd_bus_message_read(m, "v", "s", &result);
                if (r < 0)
                        return r;
                free(u->result);
                u->result = strdup(result);
                return u->result ? 0 : -ENOMEM;
        }
        if (strcmp(name, "ExecMainStatus") == 0) {
                r = sd_bus_message_read(m, "v", "i", &status);
                if (r >= 0)
                        u->ending->unit_exit_status = status;
                return r;
        }
        if (strcmp(name, "ExecMainStartTimestampMonotonic") == 0)
                return sd_bus_message_read(m, "v", "t", &u->ending->unit_started_usec);
        if (strcmp(name, "ExecMainExitTimestampMonotonic") == 0)
                return sd_bus_message_read(m, "v", "t", &u->ending->unit_exited_usec);
        if (strcmp(name, "CPUUsageNSec") == 0) {
                r = sd_bus_message_read(m, "v", "t", &u->ending->unit_cpu_usec);
                if (r >= 0 && u->ending->unit_cpu_usec != UINT64_MAX)
                        u->ending->unit_cpu_usec /= 1000;
                return r;
        }
        if (strcmp(name, "MemoryPeak") == 0) /* since 255 */
                return sd_bus_message_read(m, "v", "t", &u->ending->unit_memory_peak);
        return sd_bus_message_skip(m, "v");
}

/* Whether the reply tells something of the unit, be it that there is none. Other errors, such as a limit of
 * the bus or a timeout, tell nothing. */
static bool was_answered(sd_bus_message *m) {
        static const char *const names[] = {
                "org.freedesktop.systemd1.NoSuchUnit",
                SD_BUS_ERROR_UNKNOWN_OBJECT,
                SD_BUS_ERROR_UNKNOWN_INTERFACE,
                SD_BUS_ERROR_UNKNOWN_PROPERTY,
        };

        if (!sd_bus_message_is_method_error(m, NULL))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (sd_bus_message_is_method_error(m, names[i]))
                        return true;
        return false;
}

static void call_for_end(Job *j);

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        call_for_end(userdata);
        return 0;
}

static void call_again_in(Job *j, uint64_t usec) {
        int r;

        j->live->retry_source = sd_event_source_disable_unref(j->live->retry_source);
        r = sd_event_add_time_relative(j->manager->event, &j->live->retry_source, CLOCK_MONOTONIC, usec, USEC_PER_SEC,
                                       on_retry, j);
        if (r < 0)
                log_error_errno(r, "Failed to look after %s, its end is noticed at the next start only: %m",
                                j->live->unit);
}

/* Without an answer nothing is concluded: the unit may run still. */
static void retry_later(Job *j, const char *what, const char *error) {
        log_warning("%s %s, trying again: %s", what, j->live->unit, error);
        call_again_in(j, RETRY_USEC);
}

static int on_unit_properties(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        _cleanup_(relay_outcome_done) RelayOutcome outcome = {};
        Ending ending = ENDING_NULL;
        _cleanup_(unit_end_done) UnitEnd unit = { .ending = &ending };
        Job *j = userdata;
        int r;

        job_drop_call(j);
        if (!was_answered(m)) {
                retry_later(j, "Failed to ask for the properties of", sd_bus_message_get_error(m)->message);
                return 1;
        }
        if (!sd_bus_message_is_method_error(m, NULL)) {
                r = bus_dictionary_read(m, read_unit_property, &unit, NULL);
                if (r < 0)
                        log_warning_errno(r, "Failed to read the properties of %s, ignoring: %m",
                                          j->live->unit);
        }
        ending.outcome = read_outcome(j, &outcome) ? &outcome : NULL;
        ending.unit_result = unit.result;
        ending.now_usec = now_realtime();
        conclude(j, &ending);
        return 1;
}

/* No process of the job is left. */
void job_on_stopped(Job *j, bool unit_is_loaded) {
        _cleanup_(relay_outcome_done) RelayOutcome outcome = {};
        bool found;

        j->live->retry_source = sd_event_source_disable_unref(j->live->retry_source);
        job_drop_relay(j);
        job_drop_call(j);
        j->live->unit_is_loaded = unit_is_loaded;
        found = read_outcome(j, &outcome);
        if (j->live->start_error && outcome.begun_usec == 0)
                job_fail_setup(j, j->live->start_error);
        else if (unit_is_loaded && !(found && outcome_is_conclusive(&outcome))) {
                j->phase = JOB_INQUIRING;
                call_for_end(j);
        } else
                conclude_without_unit(j, found ? &outcome : NULL);
}

static int on_reply_of_stop(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Job *j = userdata;
        const char *path;
        int r;

        job_drop_call(j);
        if (!was_answered(m)) {
                retry_later(j, "Failed to stop", sd_bus_message_get_error(m)->message);
                return 1;
        }
        if (sd_bus_message_is_method_error(m, NULL)) {
                job_on_stopped(j, /* unit_is_loaded= */ false);
                return 1;
        }
        r = sd_bus_message_read(m, "o", &path);
        if (r >= 0) {
                free(j->live->stop_job);
                j->live->stop_job = strdup(path);
                r = j->live->stop_job ? 0 : -ENOMEM;
        }
        if (r < 0)
                log_error_errno(r, "Failed to follow the end of %s, asking again: %m", j->live->unit);
        /* If the signal that tells the end gets lost: to stop what is being stopped is no harm */
        call_again_in(j, LOST_USEC + j->manager->settings.stop_timeout_usec);
        return 1;
}

/* The call that the phase of j asks for. */
static void call_for_end(Job *j) {
        Manager *m = j->manager;
        int r;

        j->live->retry_source = sd_event_source_disable_unref(j->live->retry_source);
        job_drop_call(j);
        if (j->phase == JOB_STOPPING)
                r = unit_stop(m->bus, m->calls, j->record->owner, j->live->unit, on_reply_of_stop, j, &j->live->call);
        else
                r = unit_get_all(m->bus, m->calls, j->record->owner, j->live->unit,
                                 "org.freedesktop.systemd1.Service", on_unit_properties, j, &j->live->call);
        if (r < 0)
                retry_later(j, "Failed to call systemd for", strerror(-r));
}

void job_ask_again(Job *j) {
        if (j->phase == JOB_STOPPING && !j->live->call)
                call_for_end(j);
}

void job_stop_unit(Job *j) {
        if (j->phase >= JOB_STOPPING)
                return;
        j->phase = JOB_STOPPING;
        job_drop_call(j);
        call_for_end(j);
}

int job_repeat(Job *j, sd_bus_message *run) {
        if (j->record->state != JOB_INITIALIZING || j->live->run)
                return reply_to_run(j, run);
        j->live->run = sd_bus_message_ref(run);
        return 1;
}
