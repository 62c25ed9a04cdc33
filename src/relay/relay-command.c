/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "relay.h"
#include "text.h"

#define NAME_MAX_MESSAGE 200U

static int failed(int code, char **reterr_message, const char *what, const char *name, int error) {
        _cleanup_free_ char *shown = text_for_message(name, NAME_MAX_MESSAGE);

        return message_set(reterr_message, code, "%s %s: %s", what, shown ?: "?", strerror(error));
}

/* Makes the directories of path, which is below the job's own directory. */
static void make_directories(const char *path) {
        char copy[PATH_MAX];

        if (strlen(path) >= sizeof(copy))
                return;
        strcpy(copy, path);
        for (char *p = copy + 1; *p; p++)
                if (*p == '/') {
                        *p = 0;
                        (void) mkdir(copy, 0777);
                        *p = '/';
                }
        (void) mkdir(copy, 0777);
}

static bool has_dotdot(const char *path) {
        for (const char *p = path; (p = strstr(p, "..")); p += 2)
                if ((p == path || p[-1] == '/') && (p[2] == 0 || p[2] == '/'))
                        return true;
        return false;
}

int command_enter_workdir(const char *workdir, char **reterr_message) {
        const char *work = work_directory();
        _cleanup_free_ char *joined = NULL;
        size_t n = strlen(work);

        if (!workdir || !*workdir)
                workdir = work;
        if (workdir[0] != '/') {
                if (asprintf(&joined, "%s/%s", work, workdir) < 0)
                        return -ENOMEM;
                workdir = joined;
        }

        if (chdir(workdir) >= 0)
                return 0;
        if (errno == ENOENT && strncmp(workdir, work, n) == 0 && workdir[n] == '/' && !has_dotdot(workdir)) {
                make_directories(workdir);
                if (chdir(workdir) >= 0)
                        return 0;
        }
        return failed(125, reterr_message, "cannot change to the directory", workdir, errno);
}

/* In the child: what the relay has changed for itself goes back to what a program expects. */
static void reset_signals(void) {
        sigset_t none;

        for (int i = 1; i < _NSIG; i++)
                (void) signal(i, SIG_DFL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The relay has the user of the command, and so could have its limits lowered by it: without descriptors, or with files
 * of no size, the end of the job would not be written down. From here on prlimit() does not reach it. Kernel and
 * systemd have no other way: the call asks for the same user, and no more. */
static int protect_limits(pid_t relay) {
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) relay, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { .len = ELEMENTSOF(filter), .filter = filter };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
                return -errno;
        return 0;
}

_Noreturn static void execute(const Launch *launch, int stdin_fd, int stdout_fd, int stderr_fd, int errno_fd) {
        int error = 0;

        if (setsid() < 0 || dup2(stdin_fd, STDIN_FILENO) < 0 || dup2(stdout_fd, STDOUT_FILENO) < 0 ||
            dup2(stderr_fd, STDERR_FILENO) < 0 || protect_limits(getppid()) < 0)
                error = errno;
        else {
                reset_signals();
                error = program_execute(launch);
        }
        (void) !write(errno_fd, &error, sizeof(error));
        _exit(127);
}

/* Of the usual size: larger ones were measured to be no faster, and count against what the user may have. */
static int make_pipe(int ends[2]) {
        return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
}

static void close_ends(int (*ends)[2]) {
        safe_close((*ends)[0]);
        safe_close((*ends)[1]);
}

#define PIPE_NULL { -EBADF, -EBADF }

int command_start(Relay *r, const Launch *launch, char **reterr_message) {
        _cleanup_(close_ends) int out[2] = PIPE_NULL, err[2] = PIPE_NULL, result[2] = PIPE_NULL;
        int q, error = 0;
        ssize_t n;

        if (r->go.stdin_fd < 0)
                r->go.stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (r->go.stdin_fd < 0)
                return failed(125, reterr_message, "cannot open", "/dev/null", errno);

        if ((q = make_pipe(out)) < 0 || (!r->merged && (q = make_pipe(err)) < 0) || (q = make_pipe(result)) < 0)
                return failed(125, reterr_message, "cannot make", "pipes", -q);
        (void) fcntl(out[0], F_SETFL, O_NONBLOCK);
        if (err[0] >= 0)
                (void) fcntl(err[0], F_SETFL, O_NONBLOCK);

        r->pid = fork();
        if (r->pid < 0) {
                r->pid = 0;
                return failed(125, reterr_message, "cannot fork for", launch->command[0], errno);
        }
        if (r->pid == 0)
                execute(launch, r->go.stdin_fd, out[1], r->merged ? out[1] : err[1], result[1]);

        /* Closed by a successful execve(). The wait is short, and signals stay pending. */
        result[1] = safe_close(result[1]);
        do
                n = read(result[0], &error, sizeof(error));
        while (n < 0 && errno == EINTR);
        r->go.stdin_fd = safe_close(r->go.stdin_fd);
        if (n == sizeof(error)) {
                (void) waitpid(r->pid, NULL, 0);
                r->reaped = true;
                return program_describe_error(launch, error, reterr_message);
        }

        r->streams[0].pipe_fd = TAKE_FD(out[0]);
        r->streams[1].pipe_fd = TAKE_FD(err[0]);
        return 0;
}
