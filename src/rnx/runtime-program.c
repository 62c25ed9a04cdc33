/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the verbs for runtimes share: other programs, and a bar while they work. */

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "progress.h"
#include "rnx.h"
#include "runtime.h"

#define CAPTURE_MAX (1024U * 1024U)

static void __attribute__((__noreturn__)) bar_run(const char *label, int fd) {
        _cleanup_fclose_ FILE *f = fdopen(fd, "r");
        Progress progress = { .label = label };
        uint64_t done, total;

        (void) signal(SIGINT, SIG_IGN);
        while (f && fscanf(f, "%" SCNu64 " %" SCNu64, &done, &total) == 2)
                progress_update(&progress, done, total);
        progress_clear(&progress);
        _exit(EXIT_SUCCESS);
}

int progress_start(const char *label, int *ret_fd, pid_t *ret_pid) {
        pid_t pid;
        int fds[2];

        *ret_fd = -EBADF;
        *ret_pid = 0;
        if (!progress_wanted())
                return 0;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return log_error(-errno, "cannot make a pipe: %s", strerror(errno));
        (void) fflush(NULL);
        pid = fork();
        if (pid == 0) {
                (void) close(fds[1]);
                bar_run(label, fds[0]);
        }
        (void) safe_close(fds[0]);
        if (pid < 0) {
                (void) safe_close(fds[1]);
                return log_error(-errno, "cannot start a process: %s", strerror(errno));
        }
        *ret_fd = fds[1];
        *ret_pid = pid;
        return 0;
}

void progress_end(pid_t pid) {
        if (pid > 0)
                (void) program_wait(pid);
}

static bool move_fd(int from, int to) {
        return from < 0 || (from == to ? fcntl(from, F_SETFD, 0) : dup2(from, to)) >= 0;
}

pid_t program_start(char *const *argv, int stdin_fd, int stdout_fd, int stderr_fd, int progress_fd) {
        pid_t pid;

        (void) fflush(NULL);
        pid = fork();
        if (pid < 0)
                return log_error(-errno, "cannot start a process: %s", strerror(errno));
        if (pid == 0) {
                int error = STDERR_FILENO;

                if (move_fd(stdin_fd, STDIN_FILENO) && move_fd(stdout_fd, STDOUT_FILENO) &&
                    move_fd(stderr_fd, error) && move_fd(progress_fd, 3)) {
                        (void) signal(SIGPIPE, SIG_DFL);
                        (void) execv(argv[0], argv);
                }
                (void) dprintf(error, "cannot run %s: %s\n", argv[0], strerror(errno));
                _exit(127);
        }
        return pid;
}

int program_wait(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return EXIT_FAILURE;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int unnamed_file(const char *directory, char *name, bool *ret_named) {
        int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        *ret_named = fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR);
        if (*ret_named)
                fd = mkostemp(name, O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int temporary_file(void) {
        const char *e = getenv("TMPDIR"), *directory = e && *e ? e : "/var/tmp";
        _cleanup_free_ char *name = NULL;
        bool named;
        int fd;

        if (asprintf(&name, "%s/rnx-XXXXXX", directory) < 0) {
                name = NULL;
                return log_oom();
        }
        fd = unnamed_file(directory, name, &named);
        if (fd < 0)
                return log_error(fd, "cannot create a temporary file in %s: %s; set TMPDIR to another place",
                                 directory, strerror(-fd));
        if (named)
                (void) unlink(name);
        return fd;
}

int capture_new(void) {
        int fd = memfd_create("rnx", MFD_CLOEXEC);

        return fd < 0 ? log_error(-errno, "cannot make a file in memory: %s", strerror(errno)) : fd;
}

int capture_read(int fd, char **ret) {
        _cleanup_free_ char *text = calloc(1, CAPTURE_MAX + 1);
        ssize_t n;

        if (!text)
                return log_oom();
        n = pread(fd, text, CAPTURE_MAX, 0);
        if (n < 0)
                return log_error(-errno, "cannot read what a program said: %s", strerror(errno));
        *ret = TAKE_PTR(text);
        return 0;
}

bool is_runtime_directory(const char *path) {
        _cleanup_free_ char *manifest = NULL;
        struct stat st;

        if (asprintf(&manifest, "%s/runtime.yml", path) < 0) {
                manifest = NULL;
                return false;
        }
        return stat(manifest, &st) >= 0 && S_ISREG(st.st_mode);
}
