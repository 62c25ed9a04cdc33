/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "events.h"
#include "log.h"
#include "quantity.h"
#include "strv.h"

/* One without a value is left out. */
static int add(StrvBuilder *fields, const char *name, const char *value) {
        return value ? strv_builder_extendf(fields, "%s=%s", name, value) : 0;
}

static int add_figure(StrvBuilder *fields, const char *name, uint64_t value) {
        return value != UINT64_MAX ? strv_builder_extendf(fields, "%s=%" PRIu64, name, value) : 0;
}

/* OBJECT_SYSTEMD_UNIT= makes journalctl -u show the event beside the job's own lines
 * (systemd.journal-fields(7)). The others are those that each line of the job has, see plan.c. */
static int add_job(StrvBuilder *fields, const Record *r, const char *id, int priority) {
        int q;

        q = add(fields, "MESSAGE_ID", id);
        if (q >= 0)
                q = strv_builder_extendf(fields, "PRIORITY=%d", priority);
        if (q >= 0)
                q = strv_builder_extendf(fields, "OBJECT_SYSTEMD_UNIT=joblet-job-%" PRIu64 ".service", r->id);
        if (q >= 0)
                q = add_figure(fields, "JOBLET_JOB_ID", r->id);
        if (q >= 0)
                q = add_figure(fields, "JOBLET_OWNER_UID", r->owner);
        if (q >= 0)
                q = add(fields, "JOBLET_RUNTIME", r->runtime);
        return q;
}

static void send_event(const StrvBuilder *fields, int r) {
        _cleanup_free_ struct iovec *iov = calloc(fields->n + 1, sizeof *iov);

        if (r >= 0 && !iov)
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < fields->n; i++)
                iov[i] = (struct iovec) { fields->l[i], strlen(fields->l[i]) };
        if (r >= 0)
                r = sd_journal_sendv(iov, (int) fields->n);
        if (r < 0)
                log_warning_errno(r, "Failed to write an event to the journal, ignoring: %m");
}

void event_job_started(const Record *r) {
        _cleanup_(strv_builder_done) StrvBuilder fields = {};
        int q;

        q = strv_builder_extendf(&fields, "MESSAGE=Job %" PRIu64 " of uid %u started%s%s.", r->id, r->owner,
                                 r->runtime ? " in " : "", r->runtime ?: "");
        if (q >= 0)
                q = add_job(&fields, r, EVENT_JOB_STARTED, 6);
        send_event(&fields, q);
}

void event_job_ended(const Record *r) {
        static const struct {
                const char *id;
                int priority;
        } events[_JOB_RESULT_MAX] = {
                [JOB_RESULT_SUCCESS] = { EVENT_JOB_FINISHED, 6 },
                [JOB_RESULT_OOM] = { EVENT_JOB_OOM, 4 },
                [JOB_RESULT_TIMEOUT] = { EVENT_JOB_TIMEOUT, 4 },
                [JOB_RESULT_STOPPED] = { EVENT_JOB_STOPPED, 6 },
        };
        const char *id = events[r->result].id;
        _cleanup_(strv_builder_done) StrvBuilder fields = {};
        _cleanup_free_ char *duration = NULL;
        int q;

        if (r->result == JOB_RESULT_SUCCESS && r->started_usec > 0 && r->finished_usec >= r->started_usec)
                (void) timespan_format(r->finished_usec - r->started_usec, 1000, &duration);
        q = strv_builder_extendf(&fields, "MESSAGE=Job %" PRIu64 " of uid %u %s%s%s.", r->id, r->owner,
                                 r->reason ?: "finished", duration ? " after " : "", duration ?: "");
        if (q >= 0)
                q = add_job(&fields, r, id ?: EVENT_JOB_FAILED, id ? events[r->result].priority : 5);
        if (q >= 0)
                q = add(&fields, "JOBLET_RESULT", job_result_to_string(r->result));
        if (q >= 0)
                q = strv_builder_extendf(&fields, "JOBLET_EXIT_STATUS=%d", record_exit_status(r));
        if (q >= 0)
                q = add_figure(&fields, "JOBLET_CPU_USEC", r->cpu_usec);
        if (q >= 0)
                q = add_figure(&fields, "JOBLET_MEMORY_PEAK", r->memory_peak);
        send_event(&fields, q);
}
