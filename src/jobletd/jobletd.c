/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* joblet.service: turns jobs into transient units. One thread, one event loop. */

#include <errno.h>
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

static int run(void) {
        _cleanup_(manager_freep) Manager *m = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(health_freep) Health *health = NULL;
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
        (void) sd_notifyf(false, "READY=1\nSTATUS=%zu jobs recorded, %u running.", m->n_jobs, (unsigned) share_held(m->live));
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
