/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Processes of ours, each for one piece of work that would hold up the event loop. This is the one place that starts
 * them, watches them and lets go of what that takes: a Child lives until the function it was given has returned, then
 * process, descriptor and event source are gone, whoever started it.
 *
 * None of them keeps a descriptor of the daemon's open that is not meant for it, and all can be ended by SIGTERM: when
 * the daemon dies, systemd waits for them before it starts another. */

#include <signal.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

typedef struct Child Child;

/* Called once, from the event loop, when the process has ended. The Child is freed afterwards. */
typedef void (*ChildFunction)(const siginfo_t *si, void *userdata);

typedef struct ChildFd {
        int from; /* -EBADF: none */
        int to;   /* in the program; in ascending order */
} ChildFd;

/* Starts argv[0] with the given descriptors, stderr and nothing else, and with the signals of a fresh
 * process. If it fails the function is not called. */
int child_spawn(sd_event *event, char *const *argv, const ChildFd *fds, size_t n_fds, ChildFunction on_end, void *userdata,
                Child **ret);

#define CHILD_FD 3

/* Forks: returns 1 in the daemon, 0 in the child, which has fd (unless it is negative) as CHILD_FD, the three
 * standard descriptors and nothing else, and the signals of a fresh process. It must _exit(). */
int child_fork(sd_event *event, int fd, ChildFunction on_end, void *userdata);

/* Asks it to end. */
void child_terminate(Child *c);

/* Forgets those that still run, for the end of the daemon. */
void children_free(void);
