/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Processes of ours, each for one piece of work that would hold up the event loop. None of them keeps a
 * descriptor of the daemon's open that is not meant for it, and all can be ended by SIGTERM: when the daemon
 * dies, systemd waits for them before it starts another. */

#include <sys/types.h>

typedef struct SpawnFd {
        int from; /* -EBADF: none */
        int to;   /* in the program; in ascending order */
} SpawnFd;

/* Starts argv[0] with the given descriptors, stderr and nothing else, and with the signals of a fresh
 * process. */
int spawn_program(char *const *argv, const SpawnFd *fds, size_t n_fds, pid_t *ret);

#define WORKER_FD 3

/* Forks: returns 1 in the daemon, 0 in the child, which has fd (unless it is negative) as WORKER_FD, the three
 * standard descriptors and nothing else, and the signals of a fresh process. It must _exit(). */
int fork_worker(int fd, pid_t *ret);
