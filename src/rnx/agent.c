/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "cleanup.h"
#include "terminal.h"

#define AGENT_PATH "/usr/bin/pkttyagent"
#define READY_MSEC 5000

static pid_t agent_pid = 0;

static _Noreturn void agent_exec(int ready_fd, pid_t parent) {
        char notify[32];
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void) snprintf(notify, sizeof(notify), "%i", ready_fd);
        (void) fcntl(ready_fd, F_SETFD, 0);
        if (getppid() == parent)
                (void) execl(AGENT_PATH, AGENT_PATH, "--notify-fd", notify, "--fallback", NULL);
        _exit(EXIT_FAILURE);
}

void agent_open(void) {
        pid_t parent = getpid();
        struct pollfd p = { .events = POLLIN };
        int fds[2];

        if (agent_pid > 0 || !on_tty(STDIN_FILENO) || geteuid() == 0 || access(AGENT_PATH, X_OK) < 0)
                return;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;

        agent_pid = fork();
        if (agent_pid == 0)
                agent_exec(fds[1], parent);

        (void) safe_close(fds[1]);
        /* It closes the pipe when it is registered. */
        p.fd = fds[0];
        if (agent_pid > 0)
                (void) poll(&p, 1, READY_MSEC);
        (void) safe_close(fds[0]);
}

void agent_close(void) {
        if (agent_pid <= 0)
                return;
        (void) kill(agent_pid, SIGTERM);
        (void) kill(agent_pid, SIGCONT);
        while (waitpid(agent_pid, NULL, 0) < 0 && errno == EINTR)
                ;
        agent_pid = 0;
}
