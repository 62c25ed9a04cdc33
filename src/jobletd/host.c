/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "atomic-file.h"
#include "host.h"
#include "log.h"
#include "quantity.h"

static int read_line(const char *path, char **ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        size_t size = 0;

        if (!f)
                return -errno;
        if (getline(&text, &size, f) < 0)
                return ferror(f) ? -EIO : -ENODATA;
        text[strcspn(text, "\n")] = 0;
        *ret = TAKE_PTR(text);
        return 0;
}

static int read_version(sd_bus *bus, unsigned *ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *version = NULL;
        int r;

        r = sd_bus_get_property_string(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                       "org.freedesktop.systemd1.Manager", "Version", &error, &version);
        if (r < 0)
                return log_error_errno(r, "Failed to ask systemd for its version: %s",
                                       error.message ?: strerror(-r));
        /* "252.39-1~deb12u1", "257", "v258~rc1" */
        *ret = (unsigned) strtoul(version + strcspn(version, "0123456789"), NULL, 10);
        if (*ret < 252)
                return log_error_errno(-EOPNOTSUPP, "systemd %s is too old: 252 or newer is needed", version);
        return 0;
}

static bool has_word(const char *words, const char *word) {
        size_t n = strlen(word);

        for (const char *s = words; (s = strstr(s, word)); s += n)
                if ((s == words || s[-1] == ' ') && (s[n] == 0 || s[n] == ' '))
                        return true;
        return false;
}

/* With cgroup v1 systemd enforces memory and CPU time, but has no AllowedCPUs=
 * (systemd.resource-control(5)). */
static void read_controllers(Policy *p) {
        _cleanup_free_ char *controllers = NULL;
        struct statfs st;

        if (statfs("/sys/fs/cgroup", &st) < 0)
                return;
        if ((unsigned long) st.f_type != CGROUP2_SUPER_MAGIC) {
                p->has_memory = access("/sys/fs/cgroup/memory", F_OK) >= 0;
                p->has_cpu = access("/sys/fs/cgroup/cpu", F_OK) >= 0;
                return;
        }
        if (read_line("/sys/fs/cgroup/cgroup.controllers", &controllers) < 0)
                return;
        p->has_memory = has_word(controllers, "memory");
        p->has_cpu = has_word(controllers, "cpu");
        p->has_cpuset = has_word(controllers, "cpuset");
}

int host_policy(sd_bus *bus, const Settings *settings, Policy *ret) {
        _cleanup_free_ char *online = NULL;
        struct utsname uts;
        struct sysinfo info;
        Policy p = {
                .root = PKGLIBEXECDIR "/root",
                .relay = PKGLIBEXECDIR "/joblet-relay",
        };
        int r;

        r = read_version(bus, &p.systemd_version);
        if (r < 0)
                return r;
        if (uname(&uts) < 0 || sysinfo(&info) < 0)
                return -errno;
        p.memory_total = (uint64_t) info.totalram * info.mem_unit;
        r = read_line("/sys/devices/system/cpu/online", &online);
        if (r >= 0)
                r = cpu_list_parse(online, (uint8_t**) &p.online_cpus, &p.online_cpus_size, NULL);
        if (r < 0)
                return log_error_errno(r, "Failed to read which CPUs are online: %m");
        read_controllers(&p);
        p.machine = strdup(uts.machine);
        if (!p.machine)
                return -ENOMEM;
        policy_set(&p, settings);
        *ret = p;
        return 0;
}

void policy_set(Policy *p, const Settings *settings) {
        p->accept_unenforced_limits = settings->accept_unenforced_limits;
        p->stop_timeout_usec = settings->stop_timeout_usec;
        p->bounds = settings->bounds;
}

void policy_done(Policy *p) {
        free((char*) p->machine);
        free((uint8_t*) p->online_cpus);
        *p = (Policy) {};
}
