/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cache-volume.h"
#include "plan.h"
#include "quantity.h"
#include "runtime-name.h"
#include "strv.h"
#include "text.h"

/* Where the relay is bound in the job, outside of everything that a runtime may mount. */
#define RELAY_IN_JOB "/run/joblet/relay"

/* With the host's /usr comes the relay, and no bind is needed: nothing but /usr/local is covered there,
 * nothing but that a runtime may mount to. A mount less saves 3 % of a start, since systemd reads the
 * whole mount table twice for each. */
static const char* relay_in_job(const Runtime *runtime, const Policy *policy) {
        bool self = runtime && runtime->manifest->base == RUNTIME_BASE_SELF;

        return !self && strncmp(policy->relay, "/usr/lib/", strlen("/usr/lib/")) == 0 ? policy->relay : RELAY_IN_JOB;
}

static int format_size_pair(uint64_t a, uint64_t b, char **ret_a, char **ret_b) {
        int r = size_format(a, ret_a);

        return r < 0 ? r : size_format(b, ret_b);
}

int plan_check_runtime(const Runtime *runtime, const Policy *policy, char **reterr) {
        _cleanup_free_ char *a = NULL, *b = NULL, *list = NULL;
        const Manifest *m = runtime->manifest;
        int r;

        if (!manifest_supports_machine(m, policy->machine)) {
                list = strv_join(m->architectures, ", ");
                if (!list)
                        return -ENOMEM;
                return message_set(reterr, -EINVAL, "runtime %s is made for %s, this host is %s; install the package built for %s",
                                   runtime->display_name, list, policy->machine, policy->machine);
        }
        if (m->min_memory > policy->memory_total) {
                r = format_size_pair(m->min_memory, policy->memory_total, &a, &b);
                if (r < 0)
                        return r;
                return message_set(reterr, -EINVAL,
                                   "runtime %s needs at least %s of memory, this host has %s",
                                   runtime->display_name, a, b);
        }
        return 0;
}

/* Whether the runtime can run here and within the limits asked for. */
static int check_requirements(const Request *request, const Runtime *runtime, const Policy *policy,
                              char **reterr) {
        _cleanup_free_ char *a = NULL, *b = NULL;
        const Manifest *m = runtime->manifest;
        int r;

        r = plan_check_runtime(runtime, policy, reterr);
        if (r < 0 || m->min_memory <= request->memory_max)
                return r;
        r = format_size_pair(m->min_memory, request->memory_max, &a, &b);
        if (r < 0)
                return r;
        return message_set(reterr, -EINVAL, request->given & REQUEST_MEMORY ? "runtime %s needs at least %s of memory, --max-memory allows %s; raise it" :
                                   "runtime %s needs at least %s of memory, jobs have %s here if they choose nothing (DefaultMaxMemory=); use --max-memory",
                           runtime->display_name, a, b);
}

static bool cpu_set_is_subset(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b) {
        for (size_t i = 0; i < n_a; i++)
                if (a[i] & ~(i < n_b ? b[i] : 0))
                        return false;
        return true;
}

/* A job that asked for a limit never runs without it. */
static int check_limits(const Request *request, const Policy *policy, char **reterr) {
        const struct {
                bool wanted, enforced;
                RequestGiven given;
                const char *option, *setting, *controller;
        } limits[] = {
                { request->memory_max != UINT64_MAX, policy->has_memory, REQUEST_MEMORY,      "--max-memory", "DefaultMaxMemory=", "memory" },
                { request->cpu_percent > 0,          policy->has_cpu,    REQUEST_CPU_PERCENT, "--max-cpu",    "DefaultMaxCPU=",    "cpu"    },
                { request->cpus != NULL,             policy->has_cpuset, REQUEST_CPUS,        "--cpu-cores",  NULL,                "cpuset" },
        };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                if (limits[i].wanted && !limits[i].enforced && !policy->accept_unenforced_limits)
                        return message_set(reterr, -EOPNOTSUPP, "%s: this host cannot enforce it, its control groups lack the %s controller; "
                                           "run without the option, or see AcceptUnenforcedLimits= in jobletd(8)",
                                           request->given & limits[i].given ? limits[i].option : limits[i].setting, limits[i].controller);

        if (request->cpus && !cpu_set_is_subset(request->cpu_set, request->cpu_set_size, policy->online_cpus,
                                                policy->online_cpus_size))
                return message_set(reterr, -EINVAL,
                                   "--cpu-cores: %s names a CPU that this host does not have; see nproc(1)",
                                   request->cpus);
        return 0;
}

static int copy_string(char **field, const char *value) {
        if (!value)
                return 0;
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

static int set_names(Plan *p, const Request *request, const Runtime *runtime, const Policy *policy) {
        const char *slash = strrchr(p->command[0], '/'), *base = slash ? slash + 1 : p->command[0];
        unsigned long long id = p->id;
        int r;

        if ((id && asprintf(&p->unit, "joblet-job-%llu.service", id) < 0) ||
            asprintf(&p->slice, "joblet-u%u.slice", p->owner) < 0 ||
            asprintf(&p->user, "joblet-u%u", p->owner) < 0 ||
            (id && asprintf(&p->directory, PKGRUNDIR "/jobs/%llu", id) < 0) ||
            (id && asprintf(&p->workspace, PKGSTATEDIR "/work/%llu", id) < 0) ||
            (id && asprintf(&p->temporary, PKGSTATEDIR "/tmp/%llu", id) < 0) ||
            asprintf(&p->description, "Joblet job%s%s%s%s%s%s",
                     request->name ? " " : "", request->name ?: "",
                     runtime ? " in " : "", runtime ? runtime->display_name : "",
                     *base ? ": " : "", text_is_line(base) && strlen(base) <= 64 ? base : "...") < 0) {
                return -ENOMEM;
        }

        p->identifier = text_for_message(*base ? base : "joblet", 64);
        if (!p->identifier)
                return -ENOMEM;
        if (id && policy->relay) {
                r = copy_string(&p->relay, relay_in_job(runtime, policy));
                if (r < 0)
                        return r;
        }
        if (runtime) {
                r = copy_string(&p->runtime, runtime->display_name);
                if (r >= 0)
                        r = copy_string(&p->runtime_id, runtime->id);
                if (r >= 0)
                        r = copy_string(&p->runtime_digest, runtime->digest);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Fields that journald adds to each line of the job; the job cannot forge them (LogExtraFields= in
 * systemd.exec(5)). */
static int set_log_fields(Plan *p) {
        int r = 0;

        if (p->id)
                r = strv_extendf(&p->log_fields, "JOBLET_JOB_ID=%llu", (unsigned long long) p->id);
        if (r >= 0 && p->runtime)
                r = strv_extendf(&p->log_fields, "JOBLET_RUNTIME=%s", p->runtime);
        if (r >= 0)
                r = strv_extendf(&p->log_fields, "JOBLET_OWNER_UID=%u", p->owner);
        return r;
}

static int set_limits(Plan *p, const Request *request, const Policy *policy) {
        p->memory_max = request->memory_max;
        p->cpu_percent = request->cpu_percent;
        p->timeout_usec = request->timeout_usec;
        p->stop_timeout_usec = policy->stop_timeout_usec;
        p->tasks_max = policy->bounds.tasks_max;
        p->network = request->network;
        if (!request->cpus)
                return 0;
        p->cpus = strdup(request->cpus);
        p->cpu_set = malloc(request->cpu_set_size);
        if (!p->cpus || !p->cpu_set)
                return -ENOMEM;
        memcpy(p->cpu_set, request->cpu_set, request->cpu_set_size);
        p->cpu_set_size = request->cpu_set_size;
        return 0;
}

static int set_cache(Plan *p, const Manifest *m) {
        int r;

        if (!m->cache_volume)
                return 0;
        r = copy_string(&p->cache_volume, m->cache_volume);
        if (r < 0)
                return r;
        if (asprintf(&p->cache_target, VOLUMES_IN_JOB "/%s", m->cache_volume) < 0) {
                p->cache_target = NULL;
                return -ENOMEM;
        }
        return package_manager_cache_assignment(m->package_manager, p->cache_target, &p->cache_assignment);
}

int plan_new(const Request *request, const Runtime *runtime, const Policy *policy, PlanSubject subject,
             Plan **ret, char **reterr) {
        _cleanup_(plan_freep) Plan *p = NULL;
        int r;

        if (runtime) {
                r = check_requirements(request, runtime, policy, reterr);
                if (r < 0)
                        return r;
        }
        r = check_limits(request, policy, reterr);
        if (r < 0)
                return r;

        p = malloc(sizeof *p);
        if (!p)
                return -ENOMEM;
        *p = (Plan) {
                .id = subject.id,
                .owner = subject.owner,
                .systemd_version = policy->systemd_version,
                .memory_recommended = runtime ? runtime->manifest->recommended_memory : 0,
        };

        r = request_command(request, &p->command, reterr);
        if (r >= 0)
                r = set_names(p, request, runtime, policy);
        if (r >= 0)
                r = set_limits(p, request, policy);
        if (r >= 0)
                r = copy_string(&p->workdir, request->workdir);
        if (r >= 0)
                r = set_log_fields(p);
        if (r >= 0 && runtime)
                r = set_cache(p, runtime->manifest);
        if (r >= 0)
                r = plan_add_environment(p, request, runtime, reterr);
        if (r >= 0)
                r = plan_add_mounts(p, runtime, policy);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(p);
        return 0;
}

Plan* plan_free(Plan *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n_mounts; i++) {
                free(p->mounts[i].source);
                free(p->mounts[i].target);
                free(p->mounts[i].options);
        }
        free(p->mounts);
        free(p->unit);
        free(p->slice);
        free(p->user);
        free(p->description);
        free(p->identifier);
        free(p->root);
        strv_free(p->command);
        free(p->workdir);
        strv_free(p->environment);
        strv_free(p->log_fields);
        free(p->relay);
        free(p->directory);
        free(p->cgroup);
        free(p->workspace);
        free(p->temporary);
        free(p->cpus);
        free(p->cpu_set);
        free(p->cache_volume);
        free(p->cache_target);
        free(p->cache_assignment);
        free(p->runtime);
        free(p->runtime_id);
        free(p->runtime_digest);
        free(p);
        return NULL;
}
