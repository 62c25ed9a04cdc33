/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx list, wait, stop, delete. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bus.h"
#include "format.h"
#include "job.h"
#include "jobs.h"
#include "json.h"
#include "pager.h"
#include "rnx.h"
#include "table.h"

#define STATES_MAX 8U

static bool arg_all = false, arg_full = false;
static uint64_t arg_limit = 0;
static const char *arg_states[STATES_MAX];
static size_t n_arg_states = 0;

static int state_add(const Option *o, const char *s) {
        static const char *const states[] = {
                "SCHEDULED", "QUEUED", "INITIALIZING", "RUNNING",
                "COMPLETED", "FAILED", "STOPPED",      "TIMEOUT",
        };

        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (strcasecmp(states[i], s) == 0 && n_arg_states < STATES_MAX) {
                        arg_states[n_arg_states++] = states[i];
                        return 0;
                }
        return log_error(-EINVAL, "--state=%s: must be one of scheduled, queued, initializing, running, completed, failed, "
                                  "stopped, timeout", s);
}

const Option list_options[] = {
        { 'a', "all",   NULL,    "also the jobs of other users", option_set_true,   &arg_all   },
        { 'n', "limit", "N",     "only the newest N jobs",       option_set_number, &arg_limit },
        { 's', "state", "STATE", "only jobs in this state (may be given repeatedly)", state_add, NULL,
          "initializing running completed failed stopped timeout" },
        { 'l', "full",  NULL,    "do not cut long commands on a terminal", option_set_true, &arg_full },
        {}
};

/* One line of ListJobs(); strings belong to the message. */
typedef struct JobLine {
        uint64_t id, submitted, started, finished;
        const char *path, *name, *state, *runtime, *command;
        uint32_t owner;
        int32_t exit_code;
} JobLine;

static int line_read(sd_bus_message *m, JobLine *l) {
        return sd_bus_message_read(m, "(tosssusttti)", &l->id, &l->path, &l->name, &l->state, &l->runtime,
                                   &l->owner, &l->command, &l->submitted, &l->started, &l->finished,
                                   &l->exit_code);
}

static uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

static int line_add(Table *t, const JobLine *l, uint64_t now) {
        _cleanup_free_ char *duration = NULL;
        char id[24], started[32], exit_code[16] = "";
        int r;

        (void) snprintf(id, sizeof(id), "%" PRIu64, l->id);
        timestamp_format(l->started, started);
        if (l->started > 0) {
                uint64_t end = l->finished > 0 ? l->finished : now,
                         usec = end > l->started ? end - l->started : 0;

                r = duration_format(usec, &duration);
                if (r < 0)
                        return r;
        }
        if (l->exit_code >= 0)
                (void) snprintf(exit_code, sizeof(exit_code), "%" PRIi32, l->exit_code);

        if (table_add(t, id, COLOUR_NORMAL) < 0 ||
            table_add_borrowed(t, l->name, COLOUR_NORMAL) < 0 ||
            table_add_borrowed(t, l->state, job_state_colour(l->state)) < 0 ||
            table_add_borrowed(t, l->runtime, COLOUR_NORMAL) < 0 ||
            table_add(t, exit_code, l->exit_code > 0 ? COLOUR_RED : COLOUR_NORMAL) < 0 ||
            table_add(t, started, COLOUR_NORMAL) < 0 ||
            table_add(t, duration, COLOUR_NORMAL) < 0 ||
            table_add_borrowed(t, l->command, COLOUR_NORMAL) < 0)
                return -ENOMEM;
        return 0;
}

static int list_table(sd_bus_message *m) {
        static const char *const heads[] = { "ID",   "NAME",    "STATE",    "RUNTIME",
                                             "EXIT", "STARTED", "DURATION", "COMMAND" };
        _cleanup_(table_freep) Table *t = table_new(heads, ELEMENTSOF(heads));
        uint64_t now = now_usec();
        size_t n = 0;
        JobLine l;
        int r;

        if (!t)
                return -ENOMEM;
        table_align_right(t, 4);
        pager_open();
        while ((r = line_read(m, &l)) > 0) {
                r = line_add(t, &l, now);
                if (r < 0)
                        return r;
                n++;
        }
        if (r < 0)
                return r;

        if (n == 0)
                printf("No jobs.\n");
        else
                table_print(t, arg_legend, false, arg_full ? 0 : terminal_columns());
        return 0;
}

static json_object* timestamp_json(uint64_t usec) {
        return usec > 0 ? json_object_new_uint64(usec) : NULL;
}

static int list_json(sd_bus_message *m) {
        _cleanup_json_ json_object *list = json_object_new_array();
        JobLine l;
        int r;

        if (!list)
                return -ENOMEM;
        while ((r = line_read(m, &l)) > 0) {
                json_object *o = json_object_new_object();

                if (!o || json_object_array_add(list, o) < 0) {
                        json_object_put(o);
                        return -ENOMEM;
                }
                if (json_add_uint(o, "id", l.id) < 0 || json_add_string(o, "name", *l.name ? l.name : NULL) < 0 ||
                    json_add_string(o, "state", l.state) < 0 ||
                    json_add_string(o, "runtime", *l.runtime ? l.runtime : NULL) < 0 ||
                    json_add_uint(o, "owner", l.owner) < 0 || json_add_string(o, "command", l.command) < 0 ||
                    json_add(o, "submitted_timestamp", timestamp_json(l.submitted)) < 0 ||
                    json_add(o, "started_timestamp", timestamp_json(l.started)) < 0 ||
                    json_add(o, "finished_timestamp", timestamp_json(l.finished)) < 0 ||
                    json_add(o, "exit_status", l.exit_code >= 0 ? json_object_new_int(l.exit_code) : NULL) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        return json_print(stdout, list);
}

static int filter_append(sd_bus_message *m) {
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0 && arg_all)
                r = sd_bus_message_append(m, "{sv}", "All", "b", true);
        if (r >= 0 && arg_limit > 0)
                r = sd_bus_message_append(m, "{sv}", "Limit", "u",
                                          (uint32_t) (arg_limit < UINT32_MAX ? arg_limit : UINT32_MAX));
        if (r >= 0 && n_arg_states > 0) {
                const char *states[STATES_MAX + 1] = {};

                memcpy(states, arg_states, n_arg_states * sizeof(*states));
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
                if (r >= 0)
                        r = sd_bus_message_append(m, "s", "State");
                if (r >= 0)
                        r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "as");
                if (r >= 0)
                        r = sd_bus_message_append_strv(m, (char**) states);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r >= 0 ? sd_bus_message_close_container(m) : r;
}

int verb_list(int argc, char *argv[]) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = bus_call_new(BUS_PATH, MANAGER_INTERFACE, "ListJobs", &m);
        if (r < 0)
                return r;
        r = filter_append(m);
        if (r < 0)
                return bus_error_print(NULL, r);
        r = bus_call(m, &error, &reply);
        if (r < 0)
                return bus_error_print(&error, r);

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(tosssusttti)");
        if (r >= 0)
                r = arg_json != JSON_OFF ? list_json(reply) : list_table(reply);
        if (r < 0)
                return log_error(r, "cannot list jobs: %s", strerror(-r));
        return 0;
}

int job_argument(const char *s, uint64_t *ret) {
        if (job_id_parse(s, ret) < 0)
                return log_error(-EINVAL, "'%s' is not the id of a job, see 'rnx list'", s);
        return 0;
}

/* Calls one for each job, goes on after failures and tells the worst. */
static int for_each_job(int argc, char *argv[], int (*one)(uint64_t id)) {
        int status = 0;

        for (int i = 0; i < argc; i++) {
                uint64_t id;

                if (job_argument(argv[i], &id) < 0)
                        return -EINVAL;
        }
        for (int i = 0; i < argc; i++) {
                uint64_t id;
                int r;

                (void) job_id_parse(argv[i], &id);
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
        return for_each_job(argc, argv, stop_one);
}

static int delete_one(uint64_t id) {
        return job_call(id, "Delete", false);
}

int verb_delete(int argc, char *argv[]) {
        return for_each_job(argc, argv, delete_one);
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
        r = for_each_job(argc, argv, wait_one);
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
