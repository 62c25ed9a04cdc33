/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.joblet.Job1. Objects are found, not registered: there may be many thousands. What a job is about is
 * for its owner and root; a method may be allowed for others by polkit, a property cannot ask. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "bus-error.h"
#include "bus-options.h"
#include "bus.h"
#include "job.h"
#include "log-reader.h"
#include "log.h"
#include "settling.h"
#include "strv.h"

#define JOB_INTERFACE "org.joblet.Job1"
#define JOB_PREFIX "/org/joblet/job"
#define OBJECTS_SIZE_MAX (24U << 20) /* dbus-daemon ends a connection that sends 32 MiB at once */

/* 0 if whoever reads a property of j may do so. Nobody reads when it goes into a signal, whoever's call it is that
 * we emit that for. */
static int check_reader(Job *j, sd_bus *bus, sd_bus_message *reply, sd_bus_error *error) {
        sd_bus_message *message = sd_bus_get_current_message(bus);
        uid_t uid;
        int r;

        if (sd_bus_message_is_signal(reply, NULL, NULL) > 0)
                return 0;
        if (!message)
                return -EPERM;
        r = authority_sender_uid(j->manager->authority, message, &uid);
        if (r < 0)
                return r;
        if (uid == 0 || uid == j->record->owner)
                return 0;
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                 "job %" PRIu64 " belongs to somebody else", j->record->id);
}

/* The record with its whole command and all mounts: of a job that runs or is over they are on disk only. All else is as
 * in memory, or older. */
static int whole_record(const Job *j, Record **loaded, const Record **ret) {
        int r = 0;

        if (j->record->brief)
                r = record_load(j->manager->records_fd, j->record->id, /* whole= */ true, loaded);
        if (r < 0)
                return r;
        *ret = *loaded ?: j->record;
        return 0;
}

typedef enum ValueType { VALUE_STRING, VALUE_STRINGS, VALUE_UINT64, VALUE_UINT32, VALUE_INT32, VALUE_BOOLEAN, VALUE_STATE, VALUE_RESULT, VALUE_NETWORK, VALUE_NSEC } ValueType;

/* The properties that mirror a field of the record, for the vtable and for Describe() and Wait(). */
static const struct Value {
        const char *name, *signature;
        ValueType type;
        size_t offset;
} values[] = {
        { "Id",                 "t",  VALUE_UINT64,  offsetof(Record, id)             },
        { "Name",               "s",  VALUE_STRING,  offsetof(Record, name)           },
        { "State",              "s",  VALUE_STATE,   offsetof(Record, state)          },
        { "Command",            "as", VALUE_STRINGS, offsetof(Record, command)        },
        { "Runtime",            "s",  VALUE_STRING,  offsetof(Record, runtime)        },
        { "RuntimeDigest",      "s",  VALUE_STRING,  offsetof(Record, runtime_digest) },
        { "Owner",              "u",  VALUE_UINT32,  offsetof(Record, owner)          },
        { "InvocationId",       "s",  VALUE_STRING,  offsetof(Record, invocation_id)  },
        { "Attached",           "b",  VALUE_BOOLEAN, offsetof(Record, attached)       },
        { "WorkingDirectory",   "s",  VALUE_STRING,  offsetof(Record, workdir)        },
        { "Network",            "s",  VALUE_NETWORK, offsetof(Record, network)        },
        { "MemoryMax",          "t",  VALUE_UINT64,  offsetof(Record, memory_max)     },
        { "CPUQuotaPercent",    "u",  VALUE_UINT32,  offsetof(Record, cpu_percent)    },
        { "AllowedCPUs",        "s",  VALUE_STRING,  offsetof(Record, cpus)           },
        { "TimeoutUSec",        "t",  VALUE_UINT64,  offsetof(Record, timeout_usec)   },
        { "SubmittedTimestamp", "t",  VALUE_UINT64,  offsetof(Record, submitted_usec) },
        { "StartedTimestamp",   "t",  VALUE_UINT64,  offsetof(Record, started_usec)   },
        { "FinishedTimestamp",  "t",  VALUE_UINT64,  offsetof(Record, finished_usec)  },
        { "ExitCode",           "i",  VALUE_INT32,   offsetof(Record, exit_code)      },
        { "ExitSignal",         "i",  VALUE_INT32,   offsetof(Record, exit_signal)    },
        { "Result",             "s",  VALUE_RESULT,  offsetof(Record, result)         },
        { "Reason",             "s",  VALUE_STRING,  offsetof(Record, reason)         },
        { "CPUUsageNSec",       "t",  VALUE_NSEC,    offsetof(Record, cpu_usec)       },
        { "MemoryPeak",         "t",  VALUE_UINT64,  offsetof(Record, memory_peak)    },
        { "IOReadBytes",        "t",  VALUE_UINT64,  offsetof(Record, io_read_bytes)  },
        { "IOWriteBytes",       "t",  VALUE_UINT64,  offsetof(Record, io_write_bytes) },
        { "LogEntries",         "t",  VALUE_UINT64,  offsetof(Record, log_entries)    },
        { "UnloggedBytes",      "t",  VALUE_UINT64,  offsetof(Record, unlogged_bytes) },
};

static int append_value(sd_bus_message *m, const struct Value *v, const Record *record) {
        const void *field = (const char*) record + v->offset;
        uint64_t n;

        switch (v->type) {
        case VALUE_STRING:
                return sd_bus_message_append(m, "s", *(char *const *) field ?: "");
        case VALUE_STRINGS:
                return sd_bus_message_append_strv(m, *(char **const *) field);
        case VALUE_UINT64:
                return sd_bus_message_append(m, "t", *(const uint64_t*) field);
        case VALUE_UINT32:
                return sd_bus_message_append(m, "u", *(const uint32_t*) field);
        case VALUE_INT32:
                return sd_bus_message_append(m, "i", *(const int32_t*) field);
        case VALUE_BOOLEAN:
                return sd_bus_message_append(m, "b", (int) *(const bool*) field);
        case VALUE_STATE:
                return sd_bus_message_append(m, "s", job_state_to_string(*(const JobState*) field));
        case VALUE_RESULT:
                return sd_bus_message_append(m, "s", job_result_to_string(*(const JobResult*) field));
        case VALUE_NETWORK:
                return sd_bus_message_append(m, "s", network_mode_to_string(*(const NetworkMode*) field));
        case VALUE_NSEC:
                n = *(const uint64_t*) field;
                return sd_bus_message_append(m, "t", n == UINT64_MAX ? n : n * 1000);
        }
        return -EINVAL;
}

static int get_value(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Job *j = userdata;
        int r;

        r = check_reader(j, bus, reply, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                if (strcmp(values[i].name, property) == 0)
                        return append_value(reply, values + i, j->record);
        return -ENOENT;
}

/* Among the properties of thousands of jobs it is brief, whoever asks for those of one gets all of it. */
static int get_command(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_(record_freep) Record *loaded = NULL;
        _cleanup_strv_free_ char **brief = NULL;
        sd_bus_message *message = sd_bus_get_current_message(bus);
        const Record *record;
        Job *j = userdata;
        int r;

        r = check_reader(j, bus, reply, error);
        if (r < 0)
                return r;
        if (message && sd_bus_message_is_method_call(message, NULL, "GetManagedObjects")) {
                r = record_brief_command(j->record, &brief);
                return r < 0 ? r : sd_bus_message_append_strv(reply, brief);
        }
        r = whole_record(j, &loaded, &record);
        return r < 0 ? r : sd_bus_message_append_strv(reply, record->command);
}

static int get_unit(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *unit = NULL;
        Job *j = userdata;
        int r;

        r = job_unit(j->record->id, &unit);
        return r < 0 ? r : sd_bus_message_append(reply, "s", unit);
}

static int job_slice(const Job *j, char **ret) {
        return asprintf(ret, "joblet-u%u.slice", j->record->owner) < 0 ? -ENOMEM : 0;
}

static int get_slice(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *slice = NULL;
        Job *j = userdata;
        int r;

        r = check_reader(j, bus, reply, error);
        if (r >= 0)
                r = job_slice(j, &slice);
        return r < 0 ? r : sd_bus_message_append(reply, "s", slice);
}

static int append_mounts(sd_bus_message *m, char *const *mounts) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "(sss)");
        STRV_FOREACH(mount, mounts) {
                _cleanup_free_ char *copy = strdup(*mount);
                char *rest = copy, *source, *target, *kind;

                if (!copy)
                        return -ENOMEM;
                source = strsep(&rest, "\t");
                target = strsep(&rest, "\t");
                kind = strsep(&rest, "\t");
                if (r >= 0 && target && kind)
                        r = sd_bus_message_append(m, "(sss)", source, target, kind);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int get_mounts(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_(record_freep) Record *loaded = NULL;
        const Record *record;
        Job *j = userdata;
        int r;

        r = check_reader(j, bus, reply, error);
        if (r >= 0)
                r = whole_record(j, &loaded, &record);
        return r < 0 ? r : append_mounts(reply, record->mounts);
}

static int append_described_mounts(sd_bus_message *m, const Record *record) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "Mounts");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(sss)");
        if (r >= 0)
                r = append_mounts(m, record->mounts);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int job_send_record(Job *j, sd_bus_message *m) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(record_freep) Record *loaded = NULL;
        _cleanup_free_ char *slice = NULL, *unit = NULL;
        const Record *record;
        int r;

        r = whole_record(j, &loaded, &record);
        if (r >= 0)
                r = job_slice(j, &slice);
        if (r >= 0)
                r = job_unit(j->record->id, &unit);
        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(values); i++) {
                r = sd_bus_message_open_container(reply, 'e', "sv");
                if (r >= 0)
                        r = sd_bus_message_append(reply, "s", values[i].name);
                if (r >= 0)
                        r = sd_bus_message_open_container(reply, 'v', values[i].signature);
                if (r >= 0)
                        r = append_value(reply, values + i, values[i].type == VALUE_STRINGS ? record : j->record);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}", "Unit", "s", unit, "Slice", "s", slice);
        if (r >= 0)
                r = append_described_mounts(reply, record);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

/* The action that lets the sender of m do something with this job: its own, or anybody's. */
static int authorize(Job *j, sd_bus_message *m, const char *own_action, sd_bus_error *error) {
        _cleanup_free_ char *id = NULL, *owner = NULL;
        uid_t uid;
        int r;

        r = authority_sender_uid(j->manager->authority, m, &uid);
        if (r < 0)
                return r;
        if (asprintf(&id, "%" PRIu64, j->record->id) < 0 || asprintf(&owner, "%u", j->record->owner) < 0)
                return -ENOMEM;
        return authority_check(j->manager->authority, m,
                               uid == j->record->owner ? own_action : ACTION_MANAGE_JOBS,
                               (const char *const[]) { "job", id, "owner", owner, NULL }, error);
}

static int wait_for_end(Job *j, sd_bus_message *m, sd_bus_error *error) {
        int r = job_add_waiter(j, m);

        if (r == -EBUSY)
                return sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED,
                                         "too many callers wait for job %" PRIu64 " already", j->record->id);
        return r;
}

static int method_describe(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *j = userdata;
        int r;

        r = authorize(j, m, ACTION_VIEW, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        /* One that has just ended has its figures in a moment */
        return job_state_is_final(j->record->state) ? wait_for_end(j, m, error) : job_send_record(j, m);
}

static int method_wait(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *j = userdata;
        int r;

        r = authorize(j, m, ACTION_VIEW, error);
        return r > 0 ? wait_for_end(j, m, error) : r < 0 ? r : 1;
}

static int method_stop(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *j = userdata;
        int r;

        r = bus_options_read(m, NULL, 0, error);
        if (r < 0)
                return r;
        r = authorize(j, m, ACTION_MANAGE_OWN_JOBS, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (job_has_ended(j))
                return sd_bus_error_setf(error, ERROR_NOT_RUNNING, "job %" PRIu64 " has ended already",
                                         j->record->id);
        job_stop(j);
        return sd_bus_reply_method_return(m, NULL);
}

static int method_kill(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *j = userdata;
        int32_t signo;
        int r;

        r = sd_bus_message_read(m, "i", &signo);
        if (r < 0)
                return r;
        if (signo <= 0 || signo > SIGRTMAX)
                return sd_bus_error_setf(error, ERROR_INVALID_OPTION, "%d is not a signal", signo);
        r = authorize(j, m, ACTION_MANAGE_OWN_JOBS, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = j->phase == JOB_LIVE && !job_has_ended(j) ? job_kill(j, signo) : -ESRCH;
        if (r == -EBUSY)
                return sd_bus_error_set(error, ERROR_LIMITS_EXCEEDED,
                                        "too many signals are on their way already; try again later");
        if (r == -ESRCH || r == -EPIPE || r == -ECONNRESET)
                return sd_bus_error_setf(error, ERROR_NOT_RUNNING, "job %" PRIu64 " does not run", j->record->id);
        if (r == -ENOTCONN)
                return sd_bus_error_setf(error, ERROR_NOT_RUNNING, "job %" PRIu64 " cannot be reached; 'rnx stop %" PRIu64 "' ends it",
                                         j->record->id, j->record->id);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static Job* find_by_path(Manager *m, const char *path) {
        uint64_t id;

        if (strncmp(path, JOB_PREFIX "/", strlen(JOB_PREFIX "/")) != 0 || job_id_parse(path + strlen(JOB_PREFIX "/"), &id) < 0)
                return NULL;
        return manager_find_job(m, id);
}

static int delete_job(Manager *manager, sd_bus_message *m, bool may_wait, sd_bus_error *error) {
        Job *j = find_by_path(manager, sd_bus_message_get_path(m));
        int r;

        if (!j)
                return sd_bus_error_set(error, ERROR_NO_SUCH_JOB, "the job has been deleted meanwhile");
        if (may_wait && job_is_settling(j))
                return 0;
        if (job_is_live(j))
                return sd_bus_error_setf(error, ERROR_JOB_RUNNING,
                                         job_has_ended(j) ? "job %" PRIu64 " is just ending; try again when it is over: rnx status %" PRIu64 :
                                         "job %" PRIu64 " still runs; stop it first: rnx stop %" PRIu64,
                                         j->record->id, j->record->id);
        r = record_remove(j->manager->records_fd, j->record->id);
        if (r < 0 && r != -ENOENT)
                return sd_bus_error_setf(error, SD_BUS_ERROR_IO_ERROR, "the record of job %" PRIu64 " cannot be removed from " PKGSTATEDIR ": %s",
                                         j->record->id, strerror(-r));
        job_emit_removed(j);
        manager_remove_job(j->manager, j);
        return sd_bus_reply_method_return(m, NULL);
}

static int method_delete(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *j = userdata;
        int r;

        r = authorize(j, m, ACTION_MANAGE_OWN_JOBS, error);
        return r <= 0 ? (r < 0 ? r : 1) : settling_handle(j->manager, m, delete_job, error);
}

static int read_log_options(sd_bus_message *m, LogQuery *q, sd_bus_error *error) {
        const BusOption options[] = {
                { "Follow",      "b", &q->follow       },
                { "Lines",       "t", &q->lines        },
                { "SinceUSec",   "t", &q->since_usec   },
                { "AfterCursor", "s", &q->after_cursor },
        };

        return bus_options_read(m, options, ELEMENTSOF(options), error);
}

static int method_open_log(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_close_ int log_fd = -EBADF;
        LogQuery q = { .lines = UINT64_MAX, .entries = UINT64_MAX };
        _cleanup_free_ char *unit = NULL;
        Job *j = userdata;
        uid_t uid;
        int r;

        r = read_log_options(m, &q, error);
        if (r < 0)
                return r;
        r = authorize(j, m, ACTION_VIEW, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = job_unit(j->record->id, &unit);
        if (r < 0)
                return r;
        q.unit = unit;
        q.invocation_id = j->record->invocation_id;
        q.ended = j->phase == JOB_SETTLED;
        q.settled_usec = j->settled_usec;
        q.wait = !q.follow && !q.ended && j->live->notice.event != RELAY_STARTED;
        q.entries = j->record->log_entries;
        r = authority_sender_uid(j->manager->authority, m, &uid);
        if (r >= 0)
                r = log_reader_start(j->manager->event, &q, j->record->id, uid, &log_fd);
        if (r == -EBUSY || r == -EDQUOT)
                return sd_bus_error_set(error, ERROR_LIMITS_EXCEEDED,
                                        r == -EBUSY ? "too many logs are being read; try again later" :
                                        "you read too many logs at once; end some of them first");
        if (r >= 0 && j->phase == JOB_SETTLED)
                log_readers_end(j->record->id);
        return r < 0 ? r : sd_bus_reply_method_return(m, "h", log_fd);
}

static int find_job(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
                    sd_bus_error *error) {
        *ret = find_by_path(userdata, path);
        return *ret != NULL;
}

/* At least so much does a job add to the reply of GetManagedObjects(). */
static size_t object_size(const Record *r) {
        const char *const texts[] = { r->name, r->runtime, r->runtime_digest, r->workdir, r->cpus, r->reason };
        size_t size = 2048; /* names, types and numbers, and a brief command */

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                size += strlen(texts[i] ?: "");
        return size;
}

/* Everybody sees the own jobs, root sees all: the newest, as many as fit into one message. */
static int enumerate_jobs(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                          sd_bus_error *error) {
        _cleanup_(strv_builder_done) StrvBuilder paths = {};
        sd_bus_message *message = sd_bus_get_current_message(bus);
        Manager *m = userdata;
        size_t size = 0;
        uid_t uid = 0;
        int r = 0;

        if (strcmp(prefix, "/org/joblet") != 0 && strcmp(prefix, JOB_PREFIX) != 0)
                return 0; /* one job is introspected: what all the others are is not asked */
        if (message)
                r = authority_sender_uid(m->authority, message, &uid);
        for (size_t i = m->n_jobs; r >= 0 && i > 0 && size < OBJECTS_SIZE_MAX; i--) {
                const Record *record = m->jobs[i - 1]->record;

                if (uid != 0 && record->owner != uid)
                        continue;
                size += object_size(record);
                r = strv_builder_extendf(&paths, JOB_PREFIX "/%" PRIu64, record->id);
        }
        if (r < 0)
                return r;
        *ret = strv_builder_take(&paths);
        return 0;
}

#define RECORD_PROPERTY(name, signature, flags) SD_BUS_PROPERTY(name, signature, get_value, 0, flags)

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        RECORD_PROPERTY("Id", "t", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("Name", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("State", "s", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Command", "as", get_command, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("Runtime", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("RuntimeDigest", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("Owner", "u", SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Unit", "s", get_unit, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Slice", "s", get_slice, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("InvocationId", "s", 0),
        RECORD_PROPERTY("Attached", "b", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("WorkingDirectory", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("Network", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("MemoryMax", "t", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("CPUQuotaPercent", "u", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("AllowedCPUs", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("TimeoutUSec", "t", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("SubmittedTimestamp", "t", SD_BUS_VTABLE_PROPERTY_CONST),
        RECORD_PROPERTY("StartedTimestamp", "t", 0),
        RECORD_PROPERTY("FinishedTimestamp", "t", 0),
        RECORD_PROPERTY("ExitCode", "i", 0),
        RECORD_PROPERTY("ExitSignal", "i", 0),
        RECORD_PROPERTY("Result", "s", 0),
        RECORD_PROPERTY("Reason", "s", 0),
        RECORD_PROPERTY("CPUUsageNSec", "t", 0),
        RECORD_PROPERTY("MemoryPeak", "t", 0),
        RECORD_PROPERTY("IOReadBytes", "t", 0),
        RECORD_PROPERTY("IOWriteBytes", "t", 0),
        RECORD_PROPERTY("LogEntries", "t", 0),
        RECORD_PROPERTY("UnloggedBytes", "t", 0),
        SD_BUS_PROPERTY("Mounts", "a(sss)", get_mounts, 0, SD_BUS_VTABLE_PROPERTY_EXPLICIT),
        SD_BUS_METHOD_WITH_ARGS("Describe", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", record), method_describe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Wait", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", record), method_wait, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Stop", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_stop, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Kill", SD_BUS_ARGS("i", signal), SD_BUS_NO_RESULT, method_kill, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Delete", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_delete, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenLog", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("h", log), method_open_log, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

void job_emit_changed(Job *j) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = job_path(j->record->id, &path);
        if (r >= 0)
                r = sd_bus_emit_properties_changed(j->manager->bus, path, JOB_INTERFACE, "State", NULL);
        if (r < 0)
                log_warning_errno(r, "Failed to announce the state of job %" PRIu64 ", ignoring: %m",
                                  j->record->id);
}

static int emit_to_listeners(Job *j, const char *path, const char *name) {
        return sd_bus_emit_signal(j->manager->bus, "/org/joblet", "org.joblet.Manager1", name, "to", j->record->id, path);
}

/* What sd_bus_emit_object_added() would send goes to everybody on the bus: this has no more than is public. */
static int emit_interfaces_added(Job *j, const char *path) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(j->manager->bus, &m, "/org/joblet", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded");
        if (r >= 0)
                r = sd_bus_message_append(m, "oa{sa{sv}}", path, 4,
                                          "org.freedesktop.DBus.Peer", 0,
                                          "org.freedesktop.DBus.Introspectable", 0,
                                          "org.freedesktop.DBus.Properties", 0,
                                          JOB_INTERFACE, 2,
                                          "Id", "t", j->record->id,
                                          "State", "s", job_state_to_string(j->record->state));
        return r < 0 ? r : sd_bus_send(j->manager->bus, m, NULL);
}

void job_emit_new(Job *j) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = job_path(j->record->id, &path);
        if (r >= 0)
                r = emit_interfaces_added(j, path);
        if (r >= 0)
                r = emit_to_listeners(j, path, "JobNew");
        if (r < 0)
                log_warning_errno(r, "Failed to announce job %" PRIu64 ", ignoring: %m", j->record->id);
}

void job_emit_removed(Job *j) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = job_path(j->record->id, &path);
        if (r >= 0)
                r = sd_bus_emit_object_removed(j->manager->bus, path);
        if (r >= 0)
                r = emit_to_listeners(j, path, "JobRemoved");
        if (r < 0)
                log_warning_errno(r, "Failed to announce that job %" PRIu64 " is deleted, ignoring: %m", j->record->id);
}

int job_bus_register(Manager *m) {
        int r;

        r = sd_bus_add_fallback_vtable(m->bus, NULL, JOB_PREFIX, JOB_INTERFACE, job_vtable, find_job, m);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(m->bus, NULL, JOB_PREFIX, enumerate_jobs, m);
}
