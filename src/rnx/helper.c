/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "helper.h"
#include "rnx.h"

static int tell_status(int status, const char *what) {
        if (WIFSIGNALED(status))
                return log_error(-EIO, "%s was killed by signal %s", what, sigabbrev_np(WTERMSIG(status)) ?: "of an unknown number");
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int helper_wait(pid_t *pid, const char *what) {
        int status;

        if (*pid <= 0)
                return 0;
        while (waitpid(*pid, &status, 0) < 0)
                if (errno != EINTR)
                        return log_error(-errno, "cannot wait for %s: %m", what);
        *pid = 0;
        return tell_status(status, what);
}

void helper_tell_death(pid_t *pid, const char *what) {
        siginfo_t info = {};

        if (*pid > 0 && waitid(P_PID, (id_t) *pid, &info, WEXITED | WNOHANG | WNOWAIT) >= 0 && info.si_pid == *pid &&
            info.si_code != CLD_EXITED)
                (void) helper_wait(pid, what);
}
