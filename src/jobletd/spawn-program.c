/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <signal.h>
#include <spawn.h>
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
