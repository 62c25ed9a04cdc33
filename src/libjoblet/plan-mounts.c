/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a job sees. Nothing is visible but what this file names: the root is the skeleton, and everything
 * else is mounted into it. systemd applies mounts parents first, whatever their order here
 * (systemd.exec(5)). */

#include <string.h>

#include "plan.h"
#include "strv.h"

static int add(Plan *p, PlanMountKind kind, const char *source, const char *target, const char *options,
               bool optional) {
        PlanMount *m;

        m = reallocarray(p->mounts, p->n_mounts + 1, sizeof *m);
        if (!m)
                return -ENOMEM;
        p->mounts = m;
        m = p->mounts + p->n_mounts++;
        *m = (PlanMount) {
                .kind = kind,
                .source = source ? strdup(source) : NULL,
                .target = strdup(target),
                .options = options ? strdup(options) : NULL,
                .optional = optional,
        };
        if ((source && !m->source) || !m->target || (options && !m->options))
                return -ENOMEM;
        return 0;
}

static int add_formatted(Plan *p, PlanMountKind kind, const char *directory, const char *name,
                         const char *target, const char *entry) {
        _cleanup_free_ char *source = NULL, *to = NULL;
        bool itself = strcmp(name, ".") == 0;

        if (asprintf(&source, "%s%s%s%s%s", directory, itself ? "" : "/", itself ? "" : name,
                     entry ? "/" : "", entry ?: "") < 0 ||
            asprintf(&to, "%s%s%s", target, entry ? "/" : "", entry ?: "") < 0) {
                return -ENOMEM;
        }
        return add(p, kind, source, to, NULL, false);
}

/* A table of the fixed part; sources beginning with '-' are optional, as in unit files. */
typedef struct FixedMount {
        PlanMountKind kind;
        const char *source, *target, *options;
} FixedMount;

/* The /etc of all jobs: what its programs do not work without, without what says who uses the host (job-etc.h). */
#define ETC_OF_JOBS PKGRUNDIR "/etc"

/* With the host's /usr goes what belongs to it in /etc. */
static const FixedMount host_base_mounts[] = {
        { PLAN_BIND_READ_ONLY, "/usr", "/usr", NULL },
        { PLAN_TMPFS, NULL, "/usr/local", "mode=0755,ro" },
        { PLAN_BIND_READ_ONLY, ETC_OF_JOBS, "/etc", NULL },
};

/* On the host's network the job finds hosts as the host does. */
static const FixedMount host_network_mounts[] = {
        { PLAN_BIND_READ_ONLY, "-/etc/hosts", "/etc/hosts", NULL },
        { PLAN_BIND_READ_ONLY, "-/etc/resolv.conf", "/etc/resolv.conf", NULL },
};

static int add_fixed(Plan *p, const FixedMount *table, size_t n) {
        for (const FixedMount *f = table; f < table + n; f++) {
                bool optional = f->source && f->source[0] == '-';
                int r = add(p, f->kind, optional ? f->source + 1 : f->source, f->target, f->options,
                            optional);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_host_base(Plan *p, const Policy *policy) {
        int r;

        r = add_fixed(p, host_base_mounts, ELEMENTSOF(host_base_mounts));
        STRV_FOREACH(name, policy->etc_directories) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "/etc/%s", *name) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                if (r >= 0)
                        r = add(p, PLAN_BIND_READ_ONLY, path, path, NULL, true);
        }
        return r;
}

static int add_manifest_mount(Plan *p, const Runtime *runtime, const ManifestMount *m) {
        if (!m->selective)
                return add_formatted(p, PLAN_BIND_READ_ONLY, runtime->path, m->source, m->target, NULL);

        for (char **entry = m->selective; *entry; entry++) {
                int r = add_formatted(p, PLAN_BIND_READ_ONLY, runtime->path, m->source, m->target, *entry);

                if (r < 0)
                        return r;
        }
        return 0;
}

static bool has_target(const Manifest *manifest, const char *path) {
        for (size_t i = 0; i < manifest->n_mounts; i++)
                if (strcmp(manifest->mounts[i].target, path) == 0)
                        return true;
        return false;
}

static bool has_target_below(const Manifest *manifest, const char *directory) {
        for (size_t i = 0; i < manifest->n_mounts; i++)
                if (strncmp(manifest->mounts[i].target, directory, strlen(directory)) == 0)
                        return true;
        return false;
}

#define RUNTIMES_IN_USR "/usr/lib/joblet/runtimes"

/* The runtime itself: at its own path, since wrappers, virtual environments and script interpreters name
 * it, and where its manifest says. Other runtimes stay out of sight: those below /opt because /opt is
 * empty, those that came with /usr by a cover. */
static int add_runtime(Plan *p, const Runtime *runtime) {
        bool in_usr = runtime && strncmp(runtime->path, RUNTIMES_IN_USR "/", strlen(RUNTIMES_IN_USR "/")) == 0;
        int r;

        if (in_usr)
                r = add(p, PLAN_TMPFS, NULL, RUNTIMES_IN_USR, "ro", false);
        else
                r = add(p, PLAN_INACCESSIBLE, NULL, RUNTIMES_IN_USR, NULL, true);
        if (r < 0 || !runtime)
                return r;

        r = add(p, PLAN_TMPFS, NULL, "/opt", "mode=0755,ro", false);
        if (r >= 0 && has_target_below(runtime->manifest, "/srv/"))
                r = add(p, PLAN_TMPFS, NULL, "/srv", "mode=0755,ro", false);
        /* Single packages need a directory to be in. */
        if (r >= 0 && runtime->manifest->base == RUNTIME_BASE_HOST &&
            has_target_below(runtime->manifest, "/node_modules/") &&
            !has_target(runtime->manifest, "/node_modules"))
                r = add(p, PLAN_TMPFS, NULL, "/node_modules", "mode=0755,ro", false);
        if (r < 0)
                return r;
        r = add(p, PLAN_BIND_READ_ONLY, runtime->path, runtime->path, NULL, false);
        for (size_t i = 0; r >= 0 && i < runtime->manifest->n_mounts; i++)
                r = add_manifest_mount(p, runtime, runtime->manifest->mounts + i);
        return r;
}

/* Where passwd and group of the /etc of jobs point to: one mount for both. A runtime's own root has
 * files instead. */
#define USER_IN_JOB "/run/joblet/user"
/* The same without the job's user, whom nobody knows before it runs. */
#define NOBODY_ELSE PKGLIBEXECDIR "/user"

#define EMPTY_DIRECTORY PKGLIBEXECDIR "/root/volumes"

/* The control groups are hidden but for the job's own, which it needs to see its limits: they tell the names of other
 * jobs. Where there is no namespace for them the job's own is at its full path, below a directory that was made for it
 * (job-files.c) and has links to its files at the top. */
static int add_cgroup(Plan *p) {
        _cleanup_free_ char *group = NULL, *view = NULL;
        int r;

        if (p->systemd_version >= PLAN_CGROUP_NAMESPACE_SINCE)
                return 0;
        if (p->id == 0) /* not a tmpfs, over which ProtectControlGroups= would win */
                return add(p, PLAN_BIND_READ_ONLY, EMPTY_DIRECTORY, "/sys/fs/cgroup", NULL, false);
        if (asprintf(&p->cgroup, "joblet.slice/%s/%s", p->slice, p->unit) < 0) {
                p->cgroup = NULL;
                return -ENOMEM;
        }
        if (asprintf(&group, "/sys/fs/cgroup/%s", p->cgroup) < 0 || asprintf(&view, "%s/cgroup", p->directory) < 0)
                return -ENOMEM;
        r = add(p, PLAN_BIND_READ_ONLY, view, "/sys/fs/cgroup", NULL, false);
        return r < 0 ? r : add(p, PLAN_BIND_READ_ONLY, group, group, NULL, true);
}

/* What is made for this job alone. */
static int add_own(Plan *p, bool self, const Policy *policy) {
        int r;

        if (p->id == 0) {
                r = add(p, PLAN_TMPFS, NULL, "/work", "mode=1777,nosuid,nodev", false);
                if (r >= 0 && !self)
                        r = add(p, PLAN_BIND_READ_ONLY, NOBODY_ELSE, USER_IN_JOB, NULL, false);
                return r;
        }

        r = add(p, PLAN_BIND_WRITABLE, p->workspace, "/work", NULL, false);
        /* In the place of what PrivateTmp= mounts, which is in the host's /tmp, and that may be in memory: a bind goes before it */
        if (r >= 0)
                r = add(p, PLAN_BIND_WRITABLE, p->temporary, "/tmp", NULL, false);
        if (r >= 0)
                r = add(p, PLAN_BIND_WRITABLE, p->temporary, "/var/tmp", NULL, false);
        if (r >= 0 && self) {
                r = add_formatted(p, PLAN_BIND_READ_ONLY, p->directory, "user/passwd", "/etc/passwd", NULL);
                if (r >= 0)
                        r = add_formatted(p, PLAN_BIND_READ_ONLY, p->directory, "user/group", "/etc/group", NULL);
        } else if (r >= 0)
                r = add_formatted(p, PLAN_BIND_READ_ONLY, p->directory, "user", USER_IN_JOB, NULL);
        if (r >= 0 && policy->relay && strcmp(p->relay, policy->relay) != 0)
                r = add(p, PLAN_BIND_READ_ONLY, policy->relay, p->relay, NULL, false);
        return r;
}

/* It is the host's even with PrivateDevices=. Without a limit of its own it is half of the memory of the host. */
static int add_shm(Plan *p, uint64_t size) {
        _cleanup_free_ char *options = NULL;
        int r;

        if (size == UINT64_MAX)
                r = asprintf(&options, "mode=1777,nosuid,nodev");
        else
                r = asprintf(&options, "mode=1777,nosuid,nodev,size=%llu", (unsigned long long) size);
        if (r < 0) {
                options = NULL;
                return -ENOMEM;
        }
        return add(p, PLAN_TMPFS, NULL, "/dev/shm", options, false);
}

int plan_add_mounts(Plan *p, const Runtime *runtime, const Policy *policy) {
        bool self = runtime && runtime->manifest->base == RUNTIME_BASE_SELF;
        int r;

        if (self) {
                if (asprintf(&p->root, "%s/root", runtime->path) < 0) {
                        p->root = NULL;
                        return -ENOMEM;
                }
        } else {
                p->root = strdup(policy->root);
                if (!p->root)
                        return -ENOMEM;
                r = add_host_base(p, policy);
                if (r < 0)
                        return r;
        }

        r = add_shm(p, policy->bounds.shm_size);
        if (r >= 0 && p->network == NETWORK_HOST)
                r = add_fixed(p, host_network_mounts, ELEMENTSOF(host_network_mounts));
        else if (r >= 0 && self && runtime->root_has_hosts) /* with its own host name */
                r = add(p, PLAN_BIND_READ_ONLY, ETC_OF_JOBS "/hosts", "/etc/hosts", NULL, false);
        if (r >= 0)
                r = add_cgroup(p);
        if (r >= 0)
                r = add_runtime(p, runtime);
        if (r >= 0)
                r = add_own(p, self, policy);
        return r;
}
