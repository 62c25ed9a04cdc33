/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "cleanup.h"
#include "log.h"

struct Child {
        Child *previous, *next;
        sd_event_source *source;
        ChildFunction on_end;
        void *userdata;
};

static Child *children;

static Child* child_free(Child *c) {
        if (!c)
                return NULL;
        if (c->previous)
                c->previous->next = c->next;
        else if (children == c)
                children = c->next;
        if (c->next)
                c->next->previous = c->previous;
        sd_event_source_disable_unref(c->source);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Child*, child_free);

void children_free(void) {
        while (children)
                child_free(children);
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *si, void *userdata) {
        _cleanup_(child_freep) Child *c = userdata;

        c->on_end(si, c->userdata);
        return 0;
}

/* A process that nobody watches would stay a zombie for ever: rather none at all. */
static void end_at_once(pid_t pid) {
        (void) kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

/* Watching takes a descriptor. It is taken before the process is there, so that it can be had when it is. */
static int reserve_fd(void) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int watch(sd_event *event, Child *c, pid_t pid, int *reserve) {
        int r;

        *reserve = safe_close(*reserve);
        r = sd_event_add_child(event, &c->source, pid, WEXITED, on_exit_of_child, c);
        if (r < 0) {
                log_error_errno(r, "Failed to watch a process just started, ending it: %m");
                end_at_once(pid);
                return r;
        }
        c->next = children;
        if (children)
                children->previous = c;
        children = c;
        return 0;
}

static int child_new(ChildFunction on_end, void *userdata, Child **ret) {
        Child *c = malloc(sizeof *c);

        if (!c)
                return -ENOMEM;
        *c = (Child) { .on_end = on_end, .userdata = userdata };
        *ret = c;
        return 0;
}

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

static int spawn(char *const *argv, const ChildFd *fds, size_t n_fds, pid_t *ret) {
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

int child_spawn(sd_event *event, char *const *argv, const ChildFd *fds, size_t n_fds, ChildFunction on_end, void *userdata,
                Child **ret) {
        _cleanup_(child_freep) Child *c = NULL;
        _cleanup_close_ int reserve = -EBADF;
        pid_t pid;
        int r;

        reserve = reserve_fd();
        if (reserve < 0)
                return reserve;
        r = child_new(on_end, userdata, &c);
        if (r >= 0)
                r = spawn(argv, fds, n_fds, &pid);
        if (r >= 0)
                r = watch(event, c, pid, &reserve);
        if (r < 0)
                return r;
        if (ret)
                *ret = c;
        TAKE_PTR(c);
        return 0;
}

/* The end of a descriptor in the daemon must be seen by its other end, whatever children go on. */
static bool keep_only(int fd) {
        if (fd >= 0 && fd != CHILD_FD && dup2(fd, CHILD_FD) < 0)
                return false;
        return close_range(fd >= 0 ? CHILD_FD + 1 : CHILD_FD, ~0U, 0) >= 0;
}

static void become_child(int fd) {
        sigset_t none;

        (void) signal(SIGPIPE, SIG_DFL);
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || !keep_only(fd))
                _exit(EXIT_FAILURE);
}

int child_fork(sd_event *event, int fd, ChildFunction on_end, void *userdata) {
        _cleanup_(child_freep) Child *c = NULL;
        _cleanup_close_ int reserve = -EBADF;
        pid_t pid;
        int r;

        reserve = reserve_fd();
        if (reserve < 0)
                return reserve;
        r = child_new(on_end, userdata, &c);
        if (r < 0)
                return r;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                become_child(fd);
                TAKE_PTR(c);
                TAKE_FD(reserve); /* closed with all the others */
                return 0;
        }
        r = watch(event, c, pid, &reserve);
        if (r < 0)
                return r;
        TAKE_PTR(c);
        return 1;
}

void child_terminate(Child *c) {
        int r = sd_event_source_send_child_signal(c->source, SIGTERM, NULL, 0);

        if (r < 0 && r != -ESRCH)
                log_warning_errno(r, "Failed to end a process of ours, ignoring: %m");
}
