/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "events.h"
#include "quantity.h"
#include "runtime-name.h"

/* OBJECT_SYSTEMD_UNIT= makes journalctl -u show the event beside the job's own lines
 * (systemd.journal-fields(7)). */
#define JOB_FIELDS(r, runtime)                                                                                        \
        "OBJECT_SYSTEMD_UNIT=joblet-job-%" PRIu64 ".service", (r)->id,                                       \
        "JOBLET_JOB_ID=%" PRIu64, (r)->id,                                                                   \
        "JOBLET_OWNER_UID=%u", (r)->owner,                                                                   \
        "JOBLET_RUNTIME=%s", (runtime) ?: ""

/* The name as on the lines of the job itself, see plan.c. */
static char* runtime_of(const Record *r) {
        char *name = NULL;

        return r->runtime && runtime_name_normalize(r->runtime, &name) >= 0 ? name : NULL;
}

/* Empty where it is not known. */
static char* figure(uint64_t value) {
        char *text;

        return value != UINT64_MAX && asprintf(&text, "%" PRIu64, value) >= 0 ? text : NULL;
}

void event_job_started(const Record *r) {
        _cleanup_free_ char *runtime = runtime_of(r);

        (void) sd_journal_send("MESSAGE=Job %" PRIu64 " of uid %u started%s%s.", r->id, r->owner,
                               r->runtime ? " in " : "", r->runtime ?: "", "MESSAGE_ID=" EVENT_JOB_STARTED,
                               "PRIORITY=6", JOB_FIELDS(r, runtime), NULL);
}

void event_job_ended(const Record *r) {
        static const struct {
                const char *id;
                int priority;
        } events[_JOB_RESULT_MAX] = {
                [JOB_RESULT_SUCCESS] = { "MESSAGE_ID=" EVENT_JOB_FINISHED, 6 },
                [JOB_RESULT_OOM] = { "MESSAGE_ID=" EVENT_JOB_OOM, 4 },
                [JOB_RESULT_TIMEOUT] = { "MESSAGE_ID=" EVENT_JOB_TIMEOUT, 4 },
                [JOB_RESULT_STOPPED] = { "MESSAGE_ID=" EVENT_JOB_STOPPED, 6 },
        };
        const char *id = events[r->result].id ?: "MESSAGE_ID=" EVENT_JOB_FAILED;
        _cleanup_free_ char *duration = NULL, *runtime = runtime_of(r), *cpu = figure(r->cpu_usec),
                            *peak = figure(r->memory_peak);

        if (r->result == JOB_RESULT_SUCCESS && r->started_usec > 0 && r->finished_usec >= r->started_usec)
                (void) timespan_format(r->finished_usec - r->started_usec, 1000, &duration);
        (void) sd_journal_send("MESSAGE=Job %" PRIu64 " of uid %u %s%s%s.", r->id, r->owner,
                               r->reason ?: "finished", duration ? " after " : "", duration ?: "", id,
                               "PRIORITY=%d", events[r->result].id ? events[r->result].priority : 5,
                               JOB_FIELDS(r, runtime), "JOBLET_RESULT=%s", job_result_to_string(r->result),
                               "JOBLET_EXIT_STATUS=%d", record_exit_status(r), "JOBLET_CPU_USEC=%s",
                               cpu ?: "", "JOBLET_MEMORY_PEAK=%s", peak ?: "", NULL);
}
