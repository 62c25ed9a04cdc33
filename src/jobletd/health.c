/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "health.h"
#include "log.h"

#define CHECKS_PER_PERIOD 4U /* of the watchdog: what passes by itself ends nobody */

struct Health {
        const Calls *calls; /* not a reference */
        sd_event_source *timer;
        uint64_t interval_usec;
        bool ill;
};

/* The lowest one that is free is taken: if that is from the upper half, the lower one is full. */
bool descriptors_are_scarce(void) {
        _cleanup_close_ int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        struct rlimit limit;

        return fd < 0 || (getrlimit(RLIMIT_NOFILE, &limit) >= 0 && (rlim_t) fd >= limit.rlim_cur / 2);
}

/* What each job takes: a pair of sockets for its relay, and a descriptor that tells the relay's end. */
static int try_descriptors(void) {
        _cleanup_close_ int first = -EBADF, second = -EBADF, process = -EBADF;
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        first = fds[0];
        second = fds[1];
        process = pidfd_open(getpid(), 0);
        return process < 0 ? -errno : 0;
}

/* Whether a job could be started and looked after now, and if not, why. */
static const char* find_fault(const Health *h) {
        int r = try_descriptors();

        if (r < 0)
                return r == -EMFILE ? "it has as many open files as it may (LimitNOFILE=)" : strerror(-r);
        if (calls_are_overdue(h->calls))
                return "a call to systemd is neither answered nor given up";
        return NULL;
}

static int check(Health *h) {
        const char *fault = find_fault(h);
        int r;

        if (fault && !h->ill)
                log_error("jobletd cannot do its work: %s. If that lasts, the watchdog restarts it; jobs go on meanwhile.", fault);
        if (!fault && h->ill)
                log_notice("jobletd can do its work again.");
        h->ill = fault;
        if (!fault)
                (void) sd_notify(false, "WATCHDOG=1");

        r = sd_event_source_set_time_relative(h->timer, h->interval_usec);
        return r < 0 ? r : sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        return check(userdata);
}

Health* health_free(Health *h) {
        if (!h)
                return NULL;
        sd_event_source_disable_unref(h->timer);
        free(h);
        return NULL;
}

int health_watch(sd_event *event, const Calls *calls, Health **ret) {
        _cleanup_(health_freep) Health *h = NULL;
        uint64_t period_usec;
        int r;

        r = sd_watchdog_enabled(/* unset_environment= */ true, &period_usec);
        if (r <= 0) {
                *ret = NULL;
                return r;
        }
        h = malloc(sizeof *h);
        if (!h)
                return -ENOMEM;
        *h = (Health) { .calls = calls, .interval_usec = period_usec / CHECKS_PER_PERIOD };
        r = sd_event_add_time_relative(event, &h->timer, CLOCK_MONOTONIC, 0, 0, on_time, h);
        if (r >= 0)
                r = check(h);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(h);
        return 0;
}
