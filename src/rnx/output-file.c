/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "atomic-file.h"
#include "output-file.h"
#include "rnx.h"

#define OF_THE_JOB "that descriptor is the job's, give another one: 3>FILE"

static int refuse(const OutputFile *f, int error, const char *why) {
        return log_error(error, "--%s=%s: %s", f->option, f->value, why);
}

/* A regular file has a directory that it is renamed into. */
static int open_directory(OutputFile *f) {
        const char *slash = strrchr(f->value, '/');
        _cleanup_free_ char *directory = NULL;

        directory = slash ? strndup(f->value, slash == f->value ? 1 : (size_t) (slash - f->value)) : strdup(".");
        f->name = strdup(slash ? slash + 1 : f->value);
        if (!directory || !f->name)
                return log_oom();
        if (!*f->name || strcmp(f->name, ".") == 0 || strcmp(f->name, "..") == 0)
                return refuse(f, -EISDIR, "must be the name of a file");

        f->directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (f->directory_fd < 0 || faccessat(f->directory_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
                return log_error(-errno, "--%s=%s: cannot write to the directory '%s': %s", f->option, f->value,
                                 directory, strerror(errno));
        if (unlinkat(f->directory_fd, f->name, 0) < 0 && errno != ENOENT)
                return log_error(-errno, "--%s=%s: cannot replace the file: %s", f->option, f->value, strerror(errno));
        return 0;
}

/* What we opened ourselves is closed when a program is executed; what the caller gave us is not. */
static bool is_callers(int fd) {
        int flags = fcntl(fd, F_GETFD);

        return flags >= 0 && !(flags & FD_CLOEXEC);
}

static int take_fd(OutputFile *f, const char *digits) {
        unsigned long n;
        char *end;
        int mode;

        errno = 0;
        n = strtoul(digits, &end, 10);
        if (*digits < '0' || *digits > '9' || *end || errno != 0 || n > INT_MAX)
                return refuse(f, -EINVAL, "is not the number of a descriptor");
        if (n <= STDERR_FILENO)
                return refuse(f, -EINVAL, OF_THE_JOB);
        mode = is_callers((int) n) ? fcntl((int) n, F_GETFL) : -1;
        if (mode < 0 || mode & O_PATH || (mode & O_ACCMODE) == O_RDONLY)
                return refuse(f, -EBADF, "that descriptor is not open for writing, open it: 3>FILE");
        (void) fcntl((int) n, F_SETFD, FD_CLOEXEC);
        f->fd = (int) n;
        return 0;
}

/* What the shell names so is a descriptor: opening it again would begin at the start of its file. NULL if it is none, or
 * one of the job's. */
static const char* descriptor_of(const char *path) {
        static const char *const directories[] = { "/dev/fd/", "/proc/self/fd/" };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                const char *digits = path + strlen(directories[i]);

                if (strncmp(path, directories[i], strlen(directories[i])) == 0)
                        return strlen(digits) == 1 && *digits <= '2' ? NULL : digits;
        }
        return NULL;
}

/* A link of /dev or /proc to the file that an output of rnx is written to: neither that file nor the link is replaced. */
static bool is_standard_stream(const char *path) {
        struct stat st;

        return (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0) &&
               lstat(path, &st) >= 0 && S_ISLNK(st.st_mode);
}

static int begin(const Option *o, const char *value) {
        OutputFile *f = o->target;

        if (f->value)
                return log_error(-EINVAL, "--%s was given twice", o->name);
        f->option = o->name;
        f->value = value;
        return 0;
}

int option_set_output_file(const Option *o, const char *value) {
        const char *digits = descriptor_of(value);
        OutputFile *f = o->target;
        struct stat st;
        int r;

        r = begin(o, value);
        if (r < 0)
                return r;
        if (digits)
                return take_fd(f, digits);
        if (stat(value, &st) < 0)
                return open_directory(f);
        if (S_ISREG(st.st_mode))
                return is_standard_stream(value) ? refuse(f, -EINVAL, OF_THE_JOB) : open_directory(f);
        if (S_ISDIR(st.st_mode))
                return refuse(f, -EISDIR, "is a directory, must be the name of a file");
        /* A named pipe or a device. */
        f->fd = open(value, O_WRONLY | O_NOCTTY | O_CLOEXEC);
        return f->fd < 0 ? refuse(f, -errno, strerror(errno)) : 0;
}

int option_set_output_file_or_fd(const Option *o, const char *value) {
        static const char prefix[] = "fd:";
        bool marked = strncmp(value, prefix, strlen(prefix)) == 0;
        int r;

        if (!marked && (!*value || strspn(value, "0123456789") != strlen(value)))
                return option_set_output_file(o, value);
        r = begin(o, value);
        return r < 0 ? r : take_fd(o->target, marked ? value + strlen(prefix) : value);
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

int output_file_write(OutputFile *f, const char *data, size_t size) {
        mode_t mask = umask(0);
        int r;

        (void) umask(mask);
        if (f->fd >= 0)
                r = write_all(f->fd, data, size);
        else
                r = atomic_file_write_at(f->directory_fd, f->name, data, size, 0666 & ~mask, false);
        if (r < 0)
                return log_error(r, "--%s=%s: cannot write it: %s", f->option, f->value, strerror(-r));
        return 0;
}
