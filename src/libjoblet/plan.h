/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The plan of a job: what it will see, may use and is limited to, as a plain value. plan = request +
 * runtime + policy. Building one touches no bus, reads no file and changes nothing. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "request.h"
#include "store.h"

/* How much of what everybody shares a job may take that has no limit of its own. UINT64_MAX: no limit. */
typedef struct JobBounds {
        uint64_t tasks_max; /* processes and threads */
        uint64_t shm_size;  /* bytes of /dev/shm */
} JobBounds;

#define JOB_BOUNDS_DEFAULT (JobBounds) { 4096, UINT64_C(1) << 30 }

/* What is true of this host, and what its administrator has decided. */
typedef struct Policy {
        unsigned systemd_version; /* of the running manager: 252 */
        const char *machine;      /* uname -m */
        uint64_t memory_total;    /* bytes of the host */
        const uint8_t *online_cpus;
        size_t online_cpus_size;
        bool has_memory, has_cpu, has_cpuset; /* whether the manager can enforce such limits */
        bool accept_unenforced_limits;        /* run a job all the same where it cannot */
        uint64_t stop_timeout_usec;           /* between SIGTERM and SIGKILL */
        JobBounds bounds;
        const char *root;                     /* the skeleton of a job's root */
        char *const *etc_directories;         /* names of those in the host's /etc that jobs see */
        const char *relay;                    /* the relay's path on the host, or NULL: the command is run directly */
} Policy;

typedef enum PlanMountKind {
        PLAN_BIND_READ_ONLY,
        PLAN_BIND_WRITABLE,
        PLAN_TMPFS,
        PLAN_INACCESSIBLE,
        _PLAN_MOUNT_KIND_MAX,
} PlanMountKind;

/* systemd 257 gives a job a view of the control groups with its own at the top (ProtectControlGroups=strict). */
#define PLAN_CGROUP_NAMESPACE_SINCE 257U

/* Binds are not recursive (norbind, no MS_REC): what is mounted below /usr is not the job's business. The
 * root of the job itself is among that, with all that is mounted there, and would be seen twice. */
#define PLAN_BIND_FLAGS UINT64_C(0)

typedef struct PlanMount {
        PlanMountKind kind;
        char *source;  /* on the host; NULL for a tmpfs */
        char *target;  /* in the job */
        char *options; /* of a tmpfs */
        bool optional; /* goes without if the source does not exist */
} PlanMount;

typedef struct Plan {
        uint64_t id; /* 0: not a job of the daemon, but what `rnx run --dry-run` shows */
        uid_t owner;
        unsigned systemd_version;

        char *unit;        /* joblet-job-42.service */
        char *slice;       /* joblet-u1000.slice */
        char *user;        /* name of the dynamic user: joblet-u1000 */
        char *description;
        char *identifier;  /* the tag of its lines in the journal */

        char *root; /* RootDirectory= */
        PlanMount *mounts;
        size_t n_mounts;

        char **command;
        char *workdir;
        char **environment; /* complete: NAME=VALUE, each name once */
        char **log_fields;  /* JOBLET_JOB_ID=42, ... */
        char *relay;        /* its path in the job, or NULL */
        char *directory;    /* per-boot files of this job below /run/joblet, or NULL */
        char *cgroup;       /* of the job, below /sys/fs/cgroup, where it has no namespace of its own for them; or NULL */
        char *workspace;    /* on the host, or NULL */
        char *temporary;    /* the same of /tmp and /var/tmp */

        uint64_t memory_max;
        uint64_t memory_recommended; /* by the runtime, for who asks why it was not enough; 0 if it does not say */
        uint32_t cpu_percent;
        char *cpus;
        uint8_t *cpu_set;
        size_t cpu_set_size;
        uint64_t timeout_usec;
        uint64_t stop_timeout_usec;
        uint64_t tasks_max;
        NetworkMode network;

        /* Of the runtime's package manager. There are no volumes yet, so that no job has one mounted. */
        char *cache_volume;     /* its name, or NULL */
        char *cache_target;     /* where the job would see it: /volumes/pip-cache */
        char *cache_assignment; /* PIP_CACHE_DIR=/volumes/pip-cache, or NULL if the tool is not known */

        char *runtime;        /* display name, or NULL */
        char *runtime_id;     /* see runtime_name_id(), or NULL */
        char *runtime_digest; /* or NULL */
} Plan;

/* Who runs it: id 0 makes the plan of a dry run. */
typedef struct PlanSubject {
        uint64_t id;
        uid_t owner;
} PlanSubject;

/* runtime may be NULL: the host's programs. Returns 0; -EOPNOTSUPP if a promise cannot be kept on this
 * host, -EINVAL if request and runtime do not fit together, both with a sentence in *reterr; -ENOMEM. */
int plan_new(const Request *request, const Runtime *runtime, const Policy *policy, PlanSubject subject,
             Plan **ret, char **reterr);
Plan* plan_free(Plan *p);
DEFINE_CLEANUP(Plan*, plan_free);

/* The parts of plan_new(), each in a file of its own. */
/* Whether this host has what the runtime requires. Returns 0, or -EINVAL with a sentence; -ENOMEM. */
int plan_check_runtime(const Runtime *runtime, const Policy *policy, char **reterr);

int plan_add_mounts(Plan *p, const Runtime *runtime, const Policy *policy);
int plan_add_environment(Plan *p, const Request *request, const Runtime *runtime, char **reterr);
