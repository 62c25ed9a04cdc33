/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.joblet.Manager1. Handlers read and check their arguments, then ask the authority, then act: they
 * may be called twice for one message. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bus-error.h"
#include "bus-options.h"
#include "bus.h"
#include "health.h"
#include "job.h"
#include "log.h"
#include "options.h"
#include "property.h"
#include "runtime-life.h"
#include "runtime-name.h"
#include "shell-quote.h"
#include "strv.h"

#define LIVE_WHEN_SCARCE 16U /* jobs of one user, while descriptors are scarce */
#define LIST_JOBS_MAX 20000U /* of at most 1.4 KiB each: dbus-daemon ends a connection that sends 32 MiB at once */

static int resolve(Manager *m, const char *spelling, Runtime **ret, sd_bus_error *error) {
        _cleanup_free_ char *sentence = NULL;
        int r;

        r = store_resolve(m->store, spelling, ret, &sentence);
        switch (r) {
        case -ENOENT:
                return sd_bus_error_set(error, ERROR_NO_SUCH_RUNTIME, sentence);
        case -ENOTUNIQ:
                return sd_bus_error_set(error, ERROR_AMBIGUOUS_RUNTIME, sentence);
        case -EINVAL:
                return sd_bus_error_set(error, ERROR_INVALID_RUNTIME, sentence);
        default:
                return r;
        }
}

/* A job takes a number, a record and a workspace: where a disk takes no more, there is none. */
static int refuse_unstored(int r, sd_bus_error *error) {
        _cleanup_free_ char *sentence = NULL;

        if (r != -ENOSPC && r != -EDQUOT && r != -EROFS && r != -EIO)
                return r;
        if (job_files_explain(r, &sentence) < 0)
                return -ENOMEM;
        return sd_bus_error_setf(error, SD_BUS_ERROR_IO_ERROR, "the job cannot be accepted, since %s", sentence);
}

/* Request and runtime, and the plan that they give on this host. What the runtime mounts is checked
 * before: a source that is missing would end in a unit that fails with a number, one that leaves the
 * runtime by a link would show the job what is not its own. */
static int make_plan(Manager *m, const Request *request, PlanSubject subject, Plan **ret,
                     sd_bus_error *error) {
        _cleanup_(runtime_freep) Runtime *runtime = NULL;
        _cleanup_free_ char *sentence = NULL;
        int r;

        if (request->runtime) {
                r = resolve(m, request->runtime, &runtime, error);
                if (r < 0)
                        return r;
                r = runtime_check_sources(runtime, &sentence);
                if (r < 0)
                        return sentence ? sd_bus_error_set(error, ERROR_INVALID_RUNTIME, sentence) : r;
        }
        r = refuse_unstored(job_etc_refresh(&m->files.etc), error);
        if (r < 0)
                return r;
        m->policy.etc_directories = m->files.etc.directories;
        r = plan_new(request, runtime, &m->policy, subject, ret, &sentence);
        if (r == -EOPNOTSUPP)
                return sd_bus_error_set(error, ERROR_UNSUPPORTED, sentence);
        if (r == -EINVAL)
                return sd_bus_error_set(error, ERROR_INVALID_OPTION, sentence);
        return r;
}

/* Whether one job more is allowed. */
static int check_limits(Manager *m, uid_t owner, sd_bus_error *error) {
        _cleanup_(place_freep) Place *place = NULL;
        int r;

        if (owner != 0 && share_held_by(m->live, owner) >= LIVE_WHEN_SCARCE && descriptors_are_scarce())
                return sd_bus_error_set(error, ERROR_LIMITS_EXCEEDED, "jobletd has nearly as many open files as it may; wait for some of your jobs to end");
        r = share_take(m->live, owner, 1, &place);
        if (r == -EDQUOT)
                return sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED, "you have %" PRIu64 " running jobs, more are not allowed; wait for some to end",
                                         share_held_by(m->live, owner));
        if (r == -EBUSY)
                return sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED, "%" PRIu64 " jobs run on this host, more are not allowed; wait for some to end",
                                         share_held(m->live));
        return r;
}

static size_t request_size(const Request *request) {
        return strv_size(request->command) + strv_size(request->environment);
}

static int take_size(Manager *m, const Request *request, uid_t owner, Place **ret, sd_bus_error *error) {
        int r = share_take(m->sizes, owner, request_size(request), ret);

        if (r == -EDQUOT || r == -EBUSY)
                return sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED,
                                         "the commands and variables of jobs %sthat wait for their start are too many already; try again later",
                                         r == -EDQUOT ? "of yours " : "");
        return r;
}

static int submit(Manager *m, const Request *request, RelayGo *go, uid_t owner, sd_bus_message *message,
                  sd_bus_error *error) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(job_freep) Job *j = NULL;
        _cleanup_(place_freep) Place *size = NULL;
        PlanSubject subject = { .id = m->last_id + 1, .owner = owner };
        bool attached = go->stdout_fd >= 0 || go->stderr_fd >= 0 || go->control_fd >= 0;
        int r;

        r = make_plan(m, request, subject, &plan, error);
        if (r >= 0 && plan->runtime_id && runtime_hold_call(plan->runtime_id, owner, message) > 0)
                return 1;
        if (r >= 0)
                r = take_size(m, request, owner, &size, error);
        if (r >= 0)
                r = refuse_unstored(manager_allocate_id(m, &subject.id), error);
        if (r >= 0)
                r = record_new(plan, request, attached, now_realtime(), &record);
        if (r >= 0)
                r = job_new(m, record, &j);
        if (r < 0)
                return r;
        TAKE_PTR(record);
        j->live->size = TAKE_PTR(size);

        go->workdir = strdup(plan->workdir);
        go->upload_max = m->settings.upload_max;
        if (request->kill_on_exit)
                go->abandon_usec = plan->stop_timeout_usec;
        go->stop_usec = plan->stop_timeout_usec;
        r = go->workdir ? strv_copy(request->download, &go->download) : -ENOMEM;
        if (r >= 0)
                r = refuse_unstored(job_submit(j, plan, go, message), error);
        if (r < 0)
                return r;
        TAKE_PTR(plan);
        TAKE_PTR(j);
        return 1;
}

static int authorize(Manager *m, sd_bus_message *message, const Request *request, const char *action, sd_bus_error *error) {
        return authority_check_large(m->authority, message, request_size(request), action,
                                     (const char *const []) { "command", request->command[0], "runtime", request->runtime ?: "", NULL }, error);
}

static int method_run(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        _cleanup_(relay_go_done) RelayGo go = RELAY_GO_NULL;
        Manager *m = userdata;
        uid_t owner;
        Job *j;
        int r;

        r = options_read(message, &m->settings.defaults, &request, &go, error);
        if (r < 0)
                return r;
        r = authority_sender_uid(m->authority, message, &owner);
        if (r < 0)
                return r;
        r = authorize(m, message, request, ACTION_RUN, error);
        if (r > 0 && request->network == NETWORK_HOST)
                r = authorize(m, message, request, ACTION_USE_HOST_NETWORK, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        /* A client that lost the connection repeats its call: it gets the job that the first one made */
        j = request->request_id ? manager_find_request(m, owner, request->request_id) : NULL;
        if (j)
                return job_repeat(j, message);
        r = check_limits(m, owner, error);
        return r < 0 ? r : submit(m, request, &go, owner, message, error);
}

static int method_plan(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(request_freep) Request *request = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_strv_free_ char **argv = NULL;
        Manager *m = userdata;
        uid_t owner;
        int r;

        r = options_read(message, &m->settings.defaults, &request, NULL, error);
        if (r < 0)
                return r;
        r = authority_sender_uid(m->authority, message, &owner);
        if (r < 0)
                return r;
        r = authorize(m, message, request, ACTION_RUN, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = make_plan(m, request, (PlanSubject) { .id = 0, .owner = owner }, &plan, error);
        if (r >= 0)
                r = plan_to_systemd_run(plan, &argv);
        if (r >= 0)
                r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, argv);
        return r < 0 ? r : sd_bus_message_send(reply);
}

typedef struct Filter {
        int all;
        uint32_t limit;
        char **states;
        const char *name, *runtime; /* belong to the message */
        char *runtime_key;
        uint64_t since_usec;
} Filter;

static int read_filter(sd_bus_message *m, Filter *f, sd_bus_error *error) {
        const BusOption options[] = {
                { "All",       "b",  &f->all        },
                { "Limit",     "u",  &f->limit      },
                { "State",     "as", &f->states     },
                { "Name",      "s",  &f->name       },
                { "Runtime",   "s",  &f->runtime    },
                { "SinceUSec", "t",  &f->since_usec },
        };
        int r;

        r = bus_options_read(m, options, ELEMENTSOF(options), error);
        if (r < 0 || !f->runtime)
                return r;
        r = runtime_name_normalize(f->runtime, &f->runtime_key);
        if (r == -EINVAL)
                return sd_bus_error_set(error, ERROR_INVALID_OPTION, "Runtime: that cannot be the name of a runtime");
        return r;
}

static void filter_done(Filter *f) {
        strv_free(f->states);
        free(f->runtime_key);
}

static int append_job(sd_bus_message *reply, const Job *j) {
        _cleanup_strv_free_ char **words = NULL;
        _cleanup_free_ char *path = NULL, *command = NULL;
        const Record *record = j->record;
        int r;

        r = job_path(record->id, &path);
        if (r >= 0)
                r = record_brief_command(record, &words);
        if (r >= 0)
                r = shell_quote(words, &command);
        if (r < 0)
                return r;
        return sd_bus_message_append(reply, "(tosssusttti)", record->id, path, record->name ?: "",
                                     job_state_to_string(record->state), record->runtime ?: "",
                                     (uint32_t) record->owner, command, record->submitted_usec,
                                     record->started_usec, record->finished_usec,
                                     (int32_t) record_exit_status(record));
}

/* In any spelling. */
static bool runtime_matches(const Filter *f, const Record *r) {
        _cleanup_free_ char *key = NULL;

        if (!f->runtime)
                return true;
        if (!r->runtime)
                return false;
        return strcmp(r->runtime, f->runtime) == 0 ||
               (runtime_name_normalize(r->runtime, &key) >= 0 && strcmp(key, f->runtime_key) == 0);
}

static bool filter_matches(const Filter *f, const Record *r, uid_t uid) {
        return (f->all || r->owner == uid) &&
               (!f->states || strv_contains(f->states, job_state_to_string(r->state))) &&
               (!f->name || (r->name && strcmp(r->name, f->name) == 0)) &&
               r->submitted_usec >= f->since_usec && runtime_matches(f, r);
}

static int method_list_jobs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(filter_done) Filter f = {};
        Manager *m = userdata;
        size_t first = m->n_jobs, n = 0;
        uid_t uid;
        int r;

        r = read_filter(message, &f, error);
        if (r >= 0)
                r = authority_sender_uid(m->authority, message, &uid);
        if (r >= 0)
                r = authority_check(m->authority, message, f.all ? ACTION_MANAGE_JOBS : ACTION_VIEW, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        if (f.limit == 0 || f.limit > LIST_JOBS_MAX)
                f.limit = LIST_JOBS_MAX;
        while (first > 0 && n < f.limit)
                n += filter_matches(&f, m->jobs[--first]->record, uid);

        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(tosssusttti)");
        for (size_t i = first; r >= 0 && i < m->n_jobs; i++)
                if (filter_matches(&f, m->jobs[i]->record, uid))
                        r = append_job(reply, m->jobs[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int method_get_job(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *path = NULL;
        Manager *m = userdata;
        uint64_t id;
        int r;

        r = sd_bus_message_read(message, "t", &id);
        if (r < 0)
                return r;
        r = authority_check(m->authority, message, ACTION_VIEW, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!manager_find_job(m, id))
                return sd_bus_error_setf(error, ERROR_NO_SUCH_JOB,
                                         "there is no job %" PRIu64 "; see 'rnx list'", id);
        r = job_path(id, &path);
        return r < 0 ? r : sd_bus_reply_method_return(message, "o", path);
}

static int method_get_runtime(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(runtime_freep) Runtime *runtime = NULL;
        _cleanup_free_ char *path = NULL;
        Manager *m = userdata;
        const char *name;
        int r;

        r = bus_string_read(message, "the name", BUS_OPTION_SIZE_MAX, &name, error);
        if (r < 0)
                return r;
        r = authority_check(m->authority, message, ACTION_VIEW, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = resolve(m, name, &runtime, error);
        if (r >= 0)
                r = runtime_path(runtime->id, &path);
        return r < 0 ? r : sd_bus_reply_method_return(message, "o", path);
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", PROJECT_VERSION);
}

static int get_systemd_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                               sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;

        return sd_bus_message_append(reply, "u", m->policy.systemd_version);
}

static int get_n_jobs(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;

        return sd_bus_message_append(reply, "t", (uint64_t) m->n_jobs);
}

static int get_n_live(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;

        return sd_bus_message_append(reply, "t", share_held(m->live));
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("SystemdVersion", "u", get_systemd_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("NJobs", "t", get_n_jobs, 0, 0),
        SD_BUS_PROPERTY("NJobsRunning", "t", get_n_live, 0, 0),
        SD_BUS_METHOD_WITH_ARGS("Run", SD_BUS_ARGS("as", command, "a{sv}", options), SD_BUS_RESULT("t", id, "o", job), method_run,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Plan", SD_BUS_ARGS("as", command, "a{sv}", options), SD_BUS_RESULT("as", systemd_run), method_plan,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListJobs", SD_BUS_ARGS("a{sv}", filter), SD_BUS_RESULT("a(tosssusttti)", jobs), method_list_jobs,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetJob", SD_BUS_ARGS("t", id), SD_BUS_RESULT("o", job), method_get_job, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetRuntime", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", runtime), method_get_runtime,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("t", id, "o", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved", SD_BUS_ARGS("t", id, "o", job), 0),
        SD_BUS_VTABLE_END,
};

void bus_reply_failure(sd_bus_message *call, int error) {
        int r = sd_bus_reply_method_errno(call, error, NULL);

        if (r < 0)
                log_error_errno(r, "Failed to answer a caller, which waits until it gives up: %m");
}

int manager_bus_register(Manager *m) {
        return sd_bus_add_object_vtable(m->bus, NULL, "/org/joblet", "org.joblet.Manager1", manager_vtable, m);
}

int bus_register(Manager *m) {
        int r;

        r = manager_bus_register(m);
        if (r >= 0)
                r = job_bus_register(m);
        if (r >= 0)
                r = runtime_bus_register(m);
        if (r >= 0)
                r = runtime_manage_bus_register(m);
        if (r >= 0)
                r = sd_bus_add_object_manager(m->bus, NULL, "/org/joblet");
        return r;
}
