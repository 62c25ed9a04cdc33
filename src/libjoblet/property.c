/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "property.h"

/* The sandbox of every job. Nothing here depends on the request: what may differ is in
 * properties_of_plan(). */
typedef struct SandboxProperty {
        Property property;
        unsigned since; /* version of systemd that has it, 0 for all that we support */
} SandboxProperty;

static const SandboxProperty sandbox[] = {
        /* A user of its own, without any privilege */
        { { "DynamicUser",             NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "PrivateUsers",            NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "NoNewPrivileges",         NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "CapabilityBoundingSet",   NULL, PROPERTY_FLAGS_NONE }, 0 },
        { { "AmbientCapabilities",     NULL, PROPERTY_FLAGS_NONE }, 0 },
        { { "KeyringMode",             NULL, PROPERTY_STRING, .string = "private" }, 0 },
        { { "RemoveIPC",               NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },

        /* A file system, devices and processes of its own */
        { { "MountAPIVFS",             NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "BindLogSockets",          NULL, PROPERTY_BOOLEAN, .boolean = false }, 257 }, /* since then the default is yes */
        { { "PrivateTmp",              NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "PrivateDevices",          NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "PrivateIPC",              NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "PrivatePIDs",             NULL, PROPERTY_STRING, .string = "yes" }, 257 },
        { { "DevicePolicy",            NULL, PROPERTY_STRING, .string = "closed" }, 0 },
        { { "ProtectSystem",           NULL, PROPERTY_STRING, .string = "strict" }, 0 },
        { { "ProtectHome",             NULL, PROPERTY_STRING, .string = "yes" }, 0 },
        /* Not "invisible", which shows the owner's other jobs: they share its uid but not its user
         * namespace */
        { { "ProtectProc",             NULL, PROPERTY_STRING, .string = "ptraceable" }, 0 },
        { { "ProtectClock",            NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "ProtectHostname",         NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "ProtectKernelLogs",       NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "ProtectKernelModules",    NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "ProtectKernelTunables",   NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        /* A namespace of its own for groups, with its own at the top, where programs look for their limits. Before,
         * the plan covers the tree, see add_cgroup() */
        { { "ProtectControlGroupsEx",  NULL, PROPERTY_STRING, .string = "strict" }, PLAN_CGROUP_NAMESPACE_SINCE },

        /* Few system calls, none for other architectures. With ptrace() debuggers and sanitizers work; it reaches no other
         * job, not even one of the same uid, since each has a user namespace of its own, nor the relay, which is
         * not dumpable */
        { { "LockPersonality",         NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "RestrictNamespaces",      NULL, PROPERTY_FLAGS_NONE, .string = "yes" }, 0 },
        { { "RestrictRealtime",        NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "RestrictSUIDSGID",        NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "SystemCallFilter",        NULL, PROPERTY_ALLOW_LIST, .strings = (const char *const []) { "@system-service", "ptrace", NULL } }, 0 },
        /* Of these, what no program of ours needs, and what faults of the kernel were used by: rings of I/O that go
         * past this very filter, keys, memory of other processes at once (debuggers fall back to ptrace()), page
         * faults of its own. Libraries that try them take EPERM for an answer: libuv, MPI, OpenSSL */
        { { "SystemCallFilter",        NULL, PROPERTY_DENY_LIST, .strings = (const char *const []) {
                "@keyring", "io_uring_enter", "io_uring_register", "io_uring_setup", "kcmp", "process_vm_readv",
                "process_vm_writev", "userfaultfd", NULL } }, 0 },
        { { "SystemCallErrorNumber",   NULL, PROPERTY_INT32, .number = EPERM }, 0 },
        { { "SystemCallArchitectures", NULL, PROPERTY_STRINGS, .strings = (const char *const []) { "native", NULL } }, 0 },
        /* Netlink is how programs list the network interfaces; it changes nothing without capabilities */
        { { "RestrictAddressFamilies", NULL, PROPERTY_ALLOW_LIST,
            .strings = (const char *const []) { "AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK", NULL } }, 0 },
        /* MemoryDenyWriteExecute= is missing: no JIT compiler works with it */

        /* Its end, and what is counted */
        { { "KillMode",                NULL, PROPERTY_STRING, .string = "control-group" }, 0 },
        { { "OOMPolicy",               NULL, PROPERTY_STRING, .string = "stop" }, 0 },
        { { "CPUAccounting",           NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "MemoryAccounting",        NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "IOAccounting",            NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "TasksAccounting",         NULL, PROPERTY_BOOLEAN, .boolean = true }, 0 },
        { { "LogRateLimitIntervalUSec", "LogRateLimitIntervalSec", PROPERTY_USEC, .number = 0 }, 0 },
};

typedef struct PropertyList {
        Property *properties;
        size_t n;
        bool failed;
} PropertyList;

static void append(PropertyList *l, Property property) {
        Property *larger;

        if (l->failed)
                return;
        larger = reallocarray(l->properties, l->n + 1, sizeof *larger);
        if (!larger) {
                l->failed = true;
                return;
        }
        l->properties = larger;
        l->properties[l->n++] = property;
}

static void append_limits(PropertyList *l, const Plan *p) {
        if (p->memory_max != UINT64_MAX) {
                append(l, (Property) { "MemoryMax", NULL, PROPERTY_UINT64, .number = p->memory_max });
                append(l, (Property) { "MemorySwapMax", NULL, PROPERTY_UINT64, .number = 0 });
        }
        if (p->cpu_percent > 0)
                append(l, (Property) { "CPUQuotaPerSecUSec", "CPUQuota", PROPERTY_CPU_QUOTA,
                                       .number = (uint64_t) p->cpu_percent * (USEC_PER_SEC / 100) });
        if (p->cpus)
                append(l, (Property) { "AllowedCPUs", NULL, PROPERTY_CPU_SET });
        if (p->timeout_usec != USEC_INFINITY)
                append(l, (Property) { "RuntimeMaxUSec", "RuntimeMaxSec", PROPERTY_USEC, .number = p->timeout_usec });
        append(l, (Property) { "TasksMax", NULL, PROPERTY_UINT64, .number = p->tasks_max });
        append(l, (Property) { "TimeoutStopUSec", "TimeoutStopSec", PROPERTY_USEC, .number = p->stop_timeout_usec });
}

int properties_of_plan(const Plan *p, Property **ret, size_t *ret_n) {
        static const char *const after[] = { "joblet.service", NULL }; /* so that a shutdown stops jobs before the daemon */
        PropertyList l = {};

        append(&l, (Property) { "Description", NULL, PROPERTY_STRING, .string = p->description });
        append(&l, (Property) { "Slice", NULL, PROPERTY_STRING, .string = p->slice });
        append(&l, (Property) { "Type", NULL, PROPERTY_STRING, .string = "exec" });
        append(&l, (Property) { "User", NULL, PROPERTY_STRING, .string = p->user });
        append(&l, (Property) { "RootDirectory", NULL, PROPERTY_STRING, .string = p->root });
        if (!p->relay) /* else the relay goes there, once the workspace belongs to the job's user */
                append(&l, (Property) { "WorkingDirectory", NULL, PROPERTY_STRING, .string = p->workdir });
        append(&l, (Property) { "BindReadOnlyPaths", NULL, PROPERTY_BINDS, .number = PLAN_BIND_READ_ONLY });
        append(&l, (Property) { "BindPaths", NULL, PROPERTY_BINDS, .number = PLAN_BIND_WRITABLE });
        append(&l, (Property) { "TemporaryFileSystem", NULL, PROPERTY_TMPFS });
        append(&l, (Property) { "InaccessiblePaths", NULL, PROPERTY_INACCESSIBLE });
        if (p->id) {
                append(&l, (Property) { "SyslogIdentifier", NULL, PROPERTY_STRING, .string = p->identifier });
                append(&l, (Property) { "LogExtraFields", NULL, PROPERTY_LOG_FIELDS });
                append(&l, (Property) { "After", NULL, PROPERTY_STRINGS, .strings = after });
        }
        append_limits(&l, p);
        if (p->network == NETWORK_NONE) {
                append(&l, (Property) { "PrivateNetwork", NULL, PROPERTY_BOOLEAN, .boolean = true });
                append(&l, (Property) { "IPAddressDeny", NULL, PROPERTY_ANY_ADDRESS });
                append(&l, (Property) { "IPAddressAllow", NULL, PROPERTY_LOCALHOST }); /* its own */
        }
        if (p->systemd_version < PLAN_CGROUP_NAMESPACE_SINCE) /* what the plan puts there hides more, this is what people look for */
                append(&l, (Property) { "ProtectControlGroups", NULL, PROPERTY_BOOLEAN, .boolean = true });
        for (const SandboxProperty *s = sandbox; s < sandbox + ELEMENTSOF(sandbox); s++)
                if (s->since <= p->systemd_version)
                        append(&l, s->property);

        if (l.failed) {
                free(l.properties);
                return -ENOMEM;
        }
        *ret = l.properties;
        *ret_n = l.n;
        return 0;
}
