/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "job.h"
#include "strv.h"

typedef struct Field {
        const char *name, *type;
        size_t offset;
} Field;

#define FIELD(name, type, member) { name, type, offsetof(JobRecord, member) }

static const Field fields[] = {
        FIELD("Id",                 "t",      id),
        FIELD("Name",               "s",      name),
        FIELD("State",              "s",      state),
        FIELD("Command",            "as",     command),
        FIELD("Runtime",            "s",      runtime),
        FIELD("Owner",              "u",      owner),
        FIELD("Unit",               "s",      unit),
        FIELD("Slice",              "s",      slice),
        FIELD("InvocationId",       "s",      invocation_id),
        FIELD("Attached",           "b",      attached),
        FIELD("WorkingDirectory",   "s",      working_directory),
        FIELD("Network",            "s",      network),
        FIELD("MemoryMax",          "t",      memory_max),
        FIELD("CPUQuotaPercent",    "u",      cpu_quota_percent),
        FIELD("AllowedCPUs",        "s",      allowed_cpus),
        FIELD("TimeoutUSec",        "t",      timeout_usec),
        FIELD("SubmittedTimestamp", "t",      submitted_usec),
        FIELD("StartedTimestamp",   "t",      started_usec),
        FIELD("FinishedTimestamp",  "t",      finished_usec),
        FIELD("ExitCode",           "i",      exit_code),
        FIELD("ExitSignal",         "i",      exit_signal),
        FIELD("Result",             "s",      result),
        FIELD("Reason",             "s",      reason),
        FIELD("CPUUsageNSec",       "t",      cpu_usage_nsec),
        FIELD("MemoryPeak",         "t",      memory_peak),
        FIELD("IOReadBytes",        "t",      io_read_bytes),
        FIELD("IOWriteBytes",       "t",      io_write_bytes),
        FIELD("LogEntries",         "t",      log_entries),
        FIELD("UnloggedBytes",      "t",      unlogged_bytes),
        FIELD("Mounts",             "a(sss)", mounts),
};

void job_record_done(JobRecord *record) {
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (strcmp(fields[i].type, "s") == 0)
                        free(*(char**) ((char*) record + fields[i].offset));
        strv_free(record->command);
        for (size_t i = 0; i < record->n_mounts; i++) {
                free(record->mounts[i].source);
                free(record->mounts[i].target);
                free(record->mounts[i].options);
        }
        free(record->mounts);
        *record = (JobRecord) {};
}

static int mounts_read(sd_bus_message *m, JobRecord *record) {
        const char *source, *target, *options;
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "(sss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(sss)", &source, &target, &options)) > 0) {
                JobMount *grown = reallocarray(record->mounts, record->n_mounts + 1, sizeof(*grown)), *mount;

                if (!grown)
                        return -ENOMEM;
                record->mounts = grown;
                mount = grown + record->n_mounts++;
                *mount = (JobMount) { strdup(source), strdup(target), strdup(options) };
                if (!mount->source || !mount->target || !mount->options)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

static int field_read(sd_bus_message *m, const Field *f, JobRecord *record) {
        void *p = (char*) record + f->offset;
        const char *s;
        int r, b;

        switch (f->type[0]) {
        case 'a':
                if (f->type[1] == '(')
                        return mounts_read(m, record);
                *(char***) p = strv_free(*(char***) p);
                return sd_bus_message_read_strv(m, p);
        case 's':
                r = sd_bus_message_read_basic(m, 's', &s);
                if (r < 0)
                        return r;
                free(*(char**) p);
                *(char**) p = strdup(s);
                return *(char**) p ? 0 : -ENOMEM;
        case 'b':
                r = sd_bus_message_read_basic(m, 'b', &b);
                *(bool*) p = r >= 0 && b;
                return r;
        default:
                return sd_bus_message_read_basic(m, f->type[0], p);
        }
}

static int property_read(sd_bus_message *m, JobRecord *record) {
        const char *name, *contents;
        char type;
        int r;

        r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                if (strcmp(fields[i].name, name) != 0 || strcmp(fields[i].type, contents) != 0)
                        continue;
                r = sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, contents);
                if (r < 0)
                        return r;
                r = field_read(m, fields + i, record);
                if (r < 0)
                        return r;
                return sd_bus_message_exit_container(m);
        }
        return sd_bus_message_skip(m, "v"); /* of a newer jobletd */
}

int job_record_read(sd_bus_message *m, JobRecord *ret) {
        _cleanup_(job_record_done) JobRecord record = {
                .owner = UINT32_MAX,
                .exit_code = -1,
                .memory_max = UINT64_MAX,
                .timeout_usec = UINT64_MAX,
                .cpu_usage_nsec = UINT64_MAX,
                .memory_peak = UINT64_MAX,
                .io_read_bytes = UINT64_MAX,
                .io_write_bytes = UINT64_MAX,
                .log_entries = UINT64_MAX,
                .unlogged_bytes = UINT64_MAX,
        };
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = property_read(m, &record);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (!record.state || !record.result)
                return -EBADMSG;

        *ret = record;
        record = (JobRecord) {};
        return 0;
}

void job_path(uint64_t id, char ret[static 64]) {
        (void) snprintf(ret, 64, BUS_PATH "/job/%" PRIu64, id);
}

int job_error_print(uint64_t id, const sd_bus_error *e, int error) {
        if (sd_bus_error_has_name(e, ERROR_NO_SUCH_JOB) ||
            sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_OBJECT))
                return log_error(-ENOENT, "there is no job %" PRIu64 ", see 'rnx list'", id);
        if (sd_bus_error_has_name(e, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) ||
            sd_bus_error_has_name(e, SD_BUS_ERROR_ACCESS_DENIED))
                return log_error(error, "job %" PRIu64 " belongs to another user; administrators may do this, try it as one", id);
        return bus_error_print(e, error);
}

int job_describe(uint64_t id, const char *method, JobRecord *ret, json_object **ret_json) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_json_ json_object *json = NULL;
        char path[64];
        int r;

        job_path(id, path);
        r = bus_call_new(path, JOB_INTERFACE, method, &m);
        if (r < 0)
                return r;
        r = bus_call(m, &error, &reply);
        if (r < 0)
                return job_error_print(id, &error, r);

        if (ret_json) {
                r = json_from_properties(reply, &json);
                if (r >= 0)
                        r = sd_bus_message_rewind(reply, true);
        }
        if (r >= 0 && ret)
                r = job_record_read(reply, ret);
        if (r < 0)
                return log_error(r, "jobletd sent a record of job %" PRIu64 " that cannot be read: %s", id,
                                 strerror(-r));

        if (ret_json)
                *ret_json = TAKE_PTR(json);
        return 0;
}

bool job_has_ended(const JobRecord *record) {
        return record->result[0] != 0;
}

int job_exit_status(const JobRecord *record) {
        if (strcmp(record->result, "timeout") == 0)
                return EXIT_TIMEOUT;
        if (record->exit_signal > 0)
                return 128 + record->exit_signal;
        if (record->exit_code >= 0)
                return record->exit_code;
        return strcmp(record->result, "success") == 0 ? EXIT_SUCCESS : EXIT_OWN_FAILURE;
}

bool job_needs_words(const JobRecord *record) {
        return record->reason && record->reason[0] && strcmp(record->result, "success") != 0 &&
                strcmp(record->result, "exit-code") != 0;
}

Colour job_state_colour(const char *state) {
        static const struct {
                const char *state;
                Colour colour;
        } table[] = {
                { "SCHEDULED",    COLOUR_YELLOW },
                { "QUEUED",       COLOUR_YELLOW },
                { "INITIALIZING", COLOUR_YELLOW },
                { "RUNNING",      COLOUR_GREEN  },
                { "COMPLETED",    COLOUR_NORMAL },
                { "FAILED",       COLOUR_RED    },
                { "TIMEOUT",      COLOUR_RED    },
                { "STOPPED",      COLOUR_GREY   },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(table[i].state, state) == 0)
                        return table[i].colour;
        return COLOUR_NORMAL;
}
