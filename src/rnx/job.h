/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A job as Describe() and Wait() of org.joblet.Job1 tell it. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "cleanup.h"

#include "json.h"
#include "terminal.h"

typedef struct JobMount {
        char *source, *target, *options;
} JobMount;

/* Fields are named after the properties; what jobletd did not say is NULL or the value for "not known". */
typedef struct JobRecord {
        uint64_t id;
        char *name, *state, *runtime, *unit, *slice, *invocation_id, *working_directory, *network,
                *allowed_cpus;
        char *result, *reason;
        char **command;
        JobMount *mounts;
        size_t n_mounts;
        uint32_t owner, cpu_quota_percent;
        int32_t exit_code, exit_signal;
        bool attached;
        uint64_t memory_max, timeout_usec;
        uint64_t submitted_usec, started_usec, finished_usec;
        uint64_t cpu_usage_nsec, memory_peak, io_read_bytes, io_write_bytes;
        uint64_t log_entries, unlogged_bytes;
} JobRecord;

void job_record_done(JobRecord *record);

/* From an a{sv} at the read pointer. 0 or a negative errno without a message. */
int job_record_read(sd_bus_message *m, JobRecord *ret);

/* "/org/joblet/job/42" in 64 bytes. */
void job_path(uint64_t id, char ret[static 64]);

/* Calls Describe() or Wait(). Either of ret and ret_json may be NULL. 0, or a negative errno after a
 * message; -ENOENT if there is no such job. */
int job_describe(uint64_t id, const char *method, JobRecord *ret, json_object **ret_json);

/* Like bus_error_print(), but says which job does not exist and returns -ENOENT then. */
int job_error_print(uint64_t id, const sd_bus_error *e, int error);

bool job_has_ended(const JobRecord *record);

/* What rnx exits with for this job. */
int job_exit_status(const JobRecord *record);

/* Whether the reason tells more than the exit status: all ends but success and the command's own exit
 * code. */
bool job_needs_words(const JobRecord *record);

Colour job_state_colour(const char *state);
