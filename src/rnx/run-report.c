/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "job.h"
#include "message.h"
#include "rnx.h"
#include "run-report.h"
#include "run.h"

RunReport arg_report = { .id_file = OUTPUT_FILE_NULL, .record = OUTPUT_FILE_NULL };

bool report_wants_record(void) {
        return arg_json != JSON_OFF || output_file_is_wanted(&arg_report.record);
}

bool report_wants_id(void) {
        return arg_report.verbose || output_file_is_wanted(&arg_report.id_file) || report_wants_record();
}

int report_id(uint64_t id) {
        char text[32];
        int n, r;

        if (arg_report.verbose)
                fprintf(stderr, "Running as joblet-job-%" PRIu64 "\n", id);
        if (!output_file_is_wanted(&arg_report.id_file))
                return 0;
        n = snprintf(text, sizeof(text), "%" PRIu64 "\n", id);
        r = output_file_write(&arg_report.id_file, text, (size_t) n);
        return r < 0 ? log_error(r, "job %" PRIu64 " was started all the same", id) : 0;
}

int report_record(json_object *record, FILE *f) {
        _cleanup_free_ char *line = NULL;
        int n;

        arg_report.recorded = true;
        if (arg_json != JSON_OFF && json_print(f, record) < 0)
                return -ENOMEM;
        if (!output_file_is_wanted(&arg_report.record))
                return 0;
        n = asprintf(&line, "%s\n", json_format(record));
        if (n < 0) {
                line = NULL;
                return log_oom();
        }
        return output_file_write(&arg_report.record, line, (size_t) n);
}

/* Where a job was made that could not be started, jobletd's sentence begins with its number. */
static json_object* failed_job(const char *message) {
        json_object *record = NULL;
        uint64_t id;

        if (!message_error_name() || sscanf(message, "job %" SCNu64 " ", &id) != 1 ||
            job_describe(id, "Describe", NULL, &record) < 0)
                return NULL;
        return record;
}

static const char* error_name(int status) {
        static char name[64];

        if (message_error_name())
                return message_error_name();
        if (status >= 0 || status == -EINVAL)
                return "org.joblet.Error.InvalidOption";
        (void) snprintf(name, sizeof(name), "System.Error.%s", strerrorname_np(-status) ?: "EIO");
        return name;
}

static int report_failure(int status, int exit_status) {
        _cleanup_free_ char *message = strdup(message_take() ?: "unknown error"), *name = strdup(error_name(status));
        _cleanup_json_ json_object *record = NULL;

        if (!message || !name)
                return log_oom();
        record = failed_job(message);
        if (!record) {
                record = json_object_new_object();
                if (!record || json_add(record, "id", NULL) < 0 || json_add_string(record, "name", run_name()) < 0 ||
                    json_add(record, "state", NULL) < 0 || json_add(record, "result", NULL) < 0)
                        return log_oom();
        }
        if (json_add_string(record, "error", name) < 0 || json_add_string(record, "message", message) < 0 ||
            json_add_uint(record, "exit_code", (uint64_t) exit_status) < 0)
                return log_oom();
        return report_record(record, run_is_detached() ? stdout : stderr);
}

int run_end(int status) {
        int exit_status = status < 0 ? EXIT_OWN_FAILURE : status;

        if (status != 0 && !arg_report.recorded && report_wants_record())
                (void) report_failure(status, exit_status);
        message_release();
        return exit_status;
}
