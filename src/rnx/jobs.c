/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx wait, stop, delete. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "job-name.h"
#include "job.h"
#include "json.h"
#include "rnx.h"

/* Calls one for each job, goes on after failures and tells the worst. */
static int for_each_job(int argc, char *argv[], JobChoice choice, int (*one)(uint64_t id)) {
        int status = 0;

        for (int i = 0; i < argc; i++) {
                uint64_t id;
                int r;

                r = job_find(argv[i], choice, &id);
                if (r >= 0)
                        r = one(id);
                if (r == -ENOENT)
                        status = EXIT_NO_SUCH_JOB;
                else if (r < 0 && status == 0)
                        status = EXIT_FAILURE;
        }
        return status;
}

static int job_call(uint64_t id, const char *method, bool with_options) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        char path[64];
        int r;

        job_path(id, path);
        r = bus_call_new(path, JOB_INTERFACE, method, &m);
        if (r < 0)
                return r;
        if (with_options) {
                r = sd_bus_message_append(m, "a{sv}", 0);
                if (r < 0)
                        return bus_error_print(NULL, r);
        }
        r = bus_call(m, &error, NULL);
        if (r < 0)
                return job_error_print(id, &error, r);
        return 0;
}

static int stop_one(uint64_t id) {
        return job_call(id, "Stop", true);
}

int verb_stop(int argc, char *argv[]) {
        return for_each_job(argc, argv, JOB_ONLY_LIVE, stop_one);
}

static int delete_one(uint64_t id) {
        return job_call(id, "Delete", false);
}

int verb_delete(int argc, char *argv[]) {
        return for_each_job(argc, argv, JOB_ONLY, delete_one);
}

static int wait_status = 0;
static json_object *wait_records = NULL;

static int wait_one(uint64_t id) {
        _cleanup_(job_record_done) JobRecord record = {};
        json_object *json = NULL;
        int r;

        r = job_describe(id, "Wait", &record, arg_json != JSON_OFF ? &json : NULL);
        if (r < 0)
                return r;
        if (json && json_object_array_add(wait_records, json) < 0) {
                json_object_put(json);
                return log_oom();
        }

        wait_status = job_exit_status(&record);
        if (!arg_quiet && job_needs_words(&record))
                (void) log_error(0, "job %" PRIu64 " %s", id, record.reason);
        return 0;
}

int verb_wait(int argc, char *argv[]) {
        int r;

        if (arg_json != JSON_OFF) {
                wait_records = json_object_new_array();
                if (!wait_records)
                        return log_oom();
        }
        r = for_each_job(argc, argv, JOB_NEWEST, wait_one);
        if (wait_records) {
                if (r >= 0)
                        (void) json_print(stdout, wait_records);
                json_object_put(wait_records);
        }
        if (r == EXIT_FAILURE)
                return EXIT_OWN_FAILURE; /* 1 would be a job's own */
        return r != 0 ? r : wait_status;
}

int wait_end(int status) {
        return status < 0 ? EXIT_OWN_FAILURE : status;
}
