/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "download.h"
#include "job-pattern.h"
#include "message.h"
#include "rnx.h"
#include "signals.h"

static void download_done(Download *d) {
        free(d->shown);
        free(d->pattern);
        free(d->last);
        free(d->name);
        safe_close(d->parent_fd);
}

static bool is_directory(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISDIR(st.st_mode);
}

/* A download is made beside its name and renamed: of a device, for root, or a FIFO there would be nothing left. */
static bool is_no_place(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* Where DEST puts a file called base: as cp(1), into DEST if that is a directory, else under the name DEST. */
static int download_locate(const char *value, const char *destination, const char *base, Download *d) {
        _cleanup_free_ char *parent = NULL;
        size_t n = destination ? strlen(destination) : 0;
        const char *slash;

        if (!destination)
                parent = strdup(".");
        else if (destination[n - 1] == '/' || is_directory(destination))
                parent = strdup(destination);
        else if (d->many)
                return log_error(-ENOTDIR, "--download=%s: '%s' must be a directory that is there, since several files may match; "
                                           "write \\*, \\? and \\[ for what is no pattern", value, destination);
        else if (is_no_place(destination))
                return log_error(-EINVAL, "--download=%s: '%s' is neither a file nor a directory, and would be replaced by a file; "
                                          "write another DEST", value, destination);
        else {
                slash = strrchr(destination, '/');
                parent = !slash ? strdup(".") : strndup(destination, slash == destination ? 1 : (size_t) (slash - destination));
                base = slash ? slash + 1 : destination;
        }
        if (!d->many)
                d->name = strdup(base);
        if (!parent || (!d->many && !d->name))
                return log_oom();

        d->parent_fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (d->parent_fd < 0 || faccessat(d->parent_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
                return log_error(-errno, "--download=%s: cannot write to the directory '%s': %s", value,
                                 parent, strerror(errno));
        return 0;
}

static bool is_same_place(const Download *a, const Download *b) {
        struct stat x, y;

        return a->name && b->name && strcmp(a->name, b->name) == 0 &&
               fstat(a->parent_fd, &x) >= 0 && fstat(b->parent_fd, &y) >= 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* What PATH means: the pattern and its last component; *ret_base is that without escapes. */
static int path_parse(const char *value, Download *d, char **ret_base) {
        _cleanup_free_ char *canonical = NULL;
        const char *last;
        size_t n;
        int r;

        r = job_pattern_parse(d->shown, &canonical);
        if (r == -EINVAL)
                return log_error(r, "--download=%s: nothing follows the last backslash; a backslash is written \\\\", value);
        if (r < 0)
                return log_oom();
        for (n = strlen(canonical); n > 1 && canonical[n - 1] == '/';)
                canonical[--n] = 0;
        last = strrchr(canonical, '/');
        last = last ? last + 1 : canonical;
        d->many = !job_pattern_is_plain(canonical);
        d->last = strdup(last);
        d->pattern = job_pattern_encode(d->shown);
        *ret_base = job_pattern_literal(last);
        if (!d->last || !d->pattern || !*ret_base)
                return log_oom();
        if (!**ret_base || strcmp(*ret_base, ".") == 0 || strcmp(*ret_base, "..") == 0)
                return log_error(-EINVAL, "--download=%s: must name a file or directory of the job, as PATH or PATH:DEST", value);
        return 0;
}

static int download_parse(const char *value, Download *d) {
        _cleanup_free_ char *base = NULL;
        const char *colon = value;
        int r;

        for (; *colon && *colon != ':'; colon++)
                if (*colon == '\\' && colon[1])
                        colon++;
        d->shown = strndup(value, (size_t) (colon - value));
        if (!d->shown)
                return log_oom();
        r = path_parse(value, d, &base);
        if (r < 0)
                return r;
        if (*colon && !colon[1])
                return log_error(-EINVAL, "--download=%s: nothing follows the colon, write PATH or PATH:DEST; "
                                          "a colon within PATH is written \\:", value);
        return download_locate(value, *colon ? colon + 1 : NULL, base, d);
}

int download_add(Run *run, const char *value) {
        Download d = { .parent_fd = -EBADF }, *grown;
        int r;

        r = download_parse(value, &d);
        for (size_t i = 0; i < run->n_downloads && r >= 0; i++)
                if (is_same_place(run->downloads + i, &d))
                        r = log_error(-EEXIST, "--download=%s: '%s' and '%s' would both be written to '%s' here", value,
                                      run->downloads[i].shown, d.shown, d.name);
        grown = r >= 0 ? reallocarray(run->downloads, run->n_downloads + 1, sizeof(*grown)) : NULL;
        if (!grown) {
                download_done(&d);
                return r < 0 ? r : log_oom();
        }
        run->downloads = grown;
        grown[run->n_downloads++] = d;
        return 0;
}

int download_start(const Run *run, int fd, const RunFds *theirs, pid_t *ret_pid) {
        RunFds copy = *theirs;
        sigset_t none;
        pid_t pid;
        int r;

        pid = fork();
        if (pid < 0)
                return log_error(-errno, "cannot start unpacking the download: %m");
        if (pid == 0) {
                run_fds_close(&copy);
                (void) signal(SIGINT, SIG_IGN); /* the parent says what it means */
                (void) signal(SIGQUIT, SIG_IGN);
                signals_note();
                (void) sigemptyset(&none);
                (void) sigprocmask(SIG_SETMASK, &none, NULL);
                (void) message_take(); /* what is held is the parent's */
                r = download_unpack(run, fd);
                message_release();
                _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }
        *ret_pid = pid;
        return 0;
}
