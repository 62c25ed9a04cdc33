/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "spawn-program.h"

static int set_signals(posix_spawnattr_t *attributes) {
        sigset_t none, defaults;
        int r;

        sigemptyset(&none);
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        r = -posix_spawnattr_setsigmask(attributes, &none);
        if (r >= 0)
                r = -posix_spawnattr_setsigdefault(attributes, &defaults);
        if (r >= 0)
                r = -posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        return r;
}

int spawn_program(char *const *argv, const SpawnFd *fds, size_t n_fds, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        r = -posix_spawn_file_actions_init(&actions);
        if (r < 0)
                return r;
        r = -posix_spawnattr_init(&attributes);
        if (r >= 0) {
                for (size_t i = 0; r >= 0 && i < n_fds; i++)
                        if (fds[i].from >= 0)
                                r = -posix_spawn_file_actions_adddup2(&actions, fds[i].from, fds[i].to);
                if (r >= 0)
                        r = set_signals(&attributes);
                if (r >= 0)
                        r = -posix_spawn(ret, argv[0], &actions, &attributes, argv, environ);
                (void) posix_spawnattr_destroy(&attributes);
        }
        (void) posix_spawn_file_actions_destroy(&actions);
        return r;
}

/* The end of a descriptor in the daemon must be seen by its other end, whatever children go on. */
static bool keep_only(int fd) {
        if (fd >= 0 && fd != WORKER_FD && dup2(fd, WORKER_FD) < 0)
                return false;
        return close_range(fd >= 0 ? WORKER_FD + 1 : WORKER_FD, ~0U, 0) >= 0;
}

int fork_worker(int fd, pid_t *ret) {
        sigset_t none;
        pid_t pid;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid > 0) {
                *ret = pid;
                return 1;
        }
        (void) signal(SIGPIPE, SIG_DFL);
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || !keep_only(fd))
                _exit(EXIT_FAILURE);
        return 0;
}
