/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* joblet.service: turns jobs into transient units. One thread, one event loop. */

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "health.h"
#include "log.h"
#include "manager.h"

#define LARGE_SIZE (128 * 1024)

static int add_signals(sd_event *event) {
        const int exits[] = { SIGTERM, SIGINT };
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD); /* sd_event_add_child() wants it blocked */
        sigaddset(&set, SIGHUP);  /* one that comes during the start is not lost: the settings may be read already */
        for (size_t i = 0; i < ELEMENTSOF(exits); i++)
                sigaddset(&set, exits[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(exits); i++) {
                r = sd_event_add_signal(event, NULL, exits[i], NULL, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void notify_ready(const Manager *m) {
        (void) sd_notifyf(false, "READY=1\nSTATUS=%zu jobs recorded, %" PRIu64 " running.", m->n_jobs, share_held(m->live));
}

/* The settings are read again (systemctl reload, see sd_notify(3)). A call that comes after the signal finds the new ones:
 * signals are looked after first. */
static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Manager *m = userdata;
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reading the settings.",
                          (unsigned long long) now.tv_sec * USEC_PER_SEC + (unsigned long long) now.tv_nsec / 1000);
        if (manager_reload(m) >= 0)
                log_info("The settings were read again; jobs that run keep what they have.");
        notify_ready(m);
        return 0;
}

static int run(void) {
        _cleanup_(manager_freep) Manager *m = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(health_freep) Health *health = NULL;
        _cleanup_(sd_event_source_unrefp) sd_event_source *reload = NULL;
        int r;

        umask(0022);
        /* A list of all jobs may have a megabyte. Such a piece is given back after use only if this is
         * said: glibc would learn that they are common, and keep two of them. */
        (void) mallopt(M_MMAP_THRESHOLD, LARGE_SIZE);
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -errno;
        r = sd_event_default(&event);
        if (r < 0)
                return log_error_errno(r, "Failed to create an event loop: %m");
        r = add_signals(event);
        if (r < 0)
                return log_error_errno(r, "Failed to set up signals: %m");

        r = manager_new(&m);
        if (r < 0)
                return log_error_errno(r, "Failed to set up jobletd: %m");
        r = manager_startup(m);
        if (r < 0)
                return log_error_errno(r, "Failed to start up jobletd: %m");

        r = health_watch(event, m->calls, &health);
        if (r < 0)
                return log_error_errno(r, "Failed to set up the watchdog: %m");
        r = sd_event_add_signal(event, &reload, SIGHUP, on_reload, m);
        if (r >= 0)
                r = sd_event_source_set_priority(reload, SD_EVENT_PRIORITY_IMPORTANT - 1);
        if (r < 0)
                return log_error_errno(r, "Failed to set up signals: %m");
        notify_ready(m);
        r = sd_event_loop(event);
        (void) sd_notify(false, "STOPPING=1");
        manager_shutdown(m);
        if (r < 0)
                return log_error_errno(r, "Event loop failed: %m");
        /* 0 after SIGTERM; sd-bus ends the loop with another number when the connection is gone. To be
         * started again, the end must be a failure then. */
        if (r > 0) {
                log_error("The connection to the system bus is lost, ending to be started again");
                return -ECONNRESET;
        }
        return 0;
}

int main(int argc, char *argv[]) {
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                puts("jobletd " PROJECT_VERSION);
                return EXIT_SUCCESS;
        }
        if (argc > 1) {
                fprintf(stderr, "jobletd takes no arguments, it is started by the bus as joblet.service; see jobletd(8)\n");
                return EXIT_FAILURE;
        }
        return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
