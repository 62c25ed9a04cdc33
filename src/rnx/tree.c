/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rnx.h"
#include "strv.h"
#include "tree.h"

#define DEPTH_MAX 256U

typedef struct Walk {
        const char *option;
        bool follow;
        TreeFunction function;
        void *userdata;
} Walk;

static int entry_walk(const Walk *w, int dir_fd, const char *file, const char *path, const char *name,
                      unsigned depth);

static int names_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int names_read(int fd, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_closedir_ DIR *d = fdopendir(fd);

        if (!d) {
                int r = -errno;

                (void) safe_close(fd);
                return r;
        }
        for (;;) {
                struct dirent *e;

                errno = 0;
                e = readdir(d);
                if (!e)
                        break;
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                    strv_extend(&names, e->d_name) < 0)
                        return -ENOMEM;
        }
        if (errno != 0)
                return -errno;
        if (names)
                qsort(names, strv_length(names), sizeof(*names), names_compare);
        *ret = TAKE_PTR(names);
        return 0;
}

static int directory_walk(const Walk *w, int fd, const char *path, const char *name, unsigned depth) {
        _cleanup_strv_free_ char **names = NULL;
        int r, copy;

        if (depth >= DEPTH_MAX)
                return log_error(-ELOOP, "%s: '%s' is nested too deep", w->option, path);
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        r = copy < 0 ? -errno : names_read(copy, &names);
        if (r < 0)
                return log_error(r, "%s: cannot read the directory '%s': %s", w->option, path, strerror(-r));

        STRV_FOREACH(n, names) {
                _cleanup_free_ char *inner_path = NULL, *inner_name = NULL;

                if (asprintf(&inner_path, "%s/%s", path, *n) < 0) {
                        inner_path = NULL;
                        return log_oom();
                }
                if (asprintf(&inner_name, "%s/%s", name, *n) < 0) {
                        inner_name = NULL;
                        return log_oom();
                }
                r = entry_walk(w, fd, *n, inner_path, inner_name, depth + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static const char* type_name(mode_t mode) {
        return S_ISSOCK(mode) ? "a socket" : S_ISFIFO(mode) ? "a FIFO" : "a device";
}

static int entry_walk(const Walk *w, int dir_fd, const char *file, const char *path, const char *name,
                      unsigned depth) {
        int r, nofollow = w->follow && depth == 0 ? 0 : AT_SYMLINK_NOFOLLOW;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        TreeEntry e = { .dir_fd = dir_fd, .file = file, .follow = !nofollow, .path = path, .name = name, .st = &st };

        if (fstatat(dir_fd, file, &st, nofollow) < 0)
                return log_error(-errno, "%s=%s: %s", w->option, path, strerror(errno));
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
                return log_error(-EINVAL,
                                 "%s: '%s' is %s; only files, directories and links can be uploaded",
                                 w->option, path, type_name(st.st_mode));
        if (S_ISREG(st.st_mode) && faccessat(dir_fd, file, R_OK, AT_EACCESS) < 0)
                return log_error(-errno, "%s: cannot read '%s': %s", w->option, path, strerror(errno));

        if (S_ISDIR(st.st_mode)) {
                fd = openat(dir_fd, file, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (nofollow ? O_NOFOLLOW : 0));
                if (fd < 0)
                        return log_error(-errno, "%s: cannot read the directory '%s': %s", w->option, path,
                                         strerror(errno));
        }
        r = w->function(&e, w->userdata);
        if (r < 0)
                return r;
        return fd >= 0 ? directory_walk(w, fd, path, name, depth) : 0;
}

int tree_walk(const char *option, const char *path, const char *name, bool follow, TreeFunction function,
              void *userdata) {
        const Walk w = { .option = option, .follow = follow, .function = function, .userdata = userdata };

        return entry_walk(&w, AT_FDCWD, path, path, name, 0);
}
