/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Programs of ours, each for one piece of work that would hold up the event loop. */

#include <sys/types.h>

typedef struct SpawnFd {
        int from; /* -EBADF: none */
        int to;   /* in the program; in ascending order */
} SpawnFd;

/* Starts argv[0] with the given descriptors, stderr and nothing else, and with the signals of a fresh
 * process. */
int spawn_program(char *const *argv, const SpawnFd *fds, size_t n_fds, pid_t *ret);
