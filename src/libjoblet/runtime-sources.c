/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The manifest's rules keep a source in the runtime's directory by its letters; what links make of it only
 * the file system knows. Nobody but root can change the directory (the store sees to that), so what is found
 * here still holds when systemd mounts. */

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "manifest-rules.h"
#include "store.h"
#include "text.h"

/* The path of an open file, as the kernel sees it. */
static int fd_path(int fd, char ret[static PATH_MAX]) {
        char link[sizeof("/proc/self/fd/") + 16];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, ret, PATH_MAX - 1);
        if (n < 0)
                return -errno;
        ret[n] = 0;
        return 0;
}

static int check_source(const Runtime *r, int dir_fd, const char *directory, const char *source,
                        const char *entry, char **reterr_message) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        char real[PATH_MAX];
        struct stat st;
        int k;

        if (asprintf(&path, "%s%s%s", source, entry ? "/" : "", entry ?: "") < 0) {
                path = NULL;
                return -ENOMEM;
        }

        fd = openat(dir_fd, path, O_PATH|O_CLOEXEC);
        if (fd < 0) {
                k = -errno;
                return message_set(reterr_message, k,
                                   "%s/runtime.yml: mounts: source '%s' cannot be used: %s, add it to the "
                                   "runtime or remove the mount",
                                   r->path, path, strerror(-k));
        }
        k = fd_path(fd, real);
        if (k < 0)
                return message_set(reterr_message, k, "%s: source '%s' cannot be examined: %s", r->path,
                                   path, strerror(-k));
        if (!path_is_below(real, directory))
                return message_set(reterr_message, -EXDEV,
                                   "%s/runtime.yml: mounts: source '%s' is a link to '%s', which is not "
                                   "in the runtime's directory, copy the files into it",
                                   r->path, path, real);

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
                return message_set(reterr_message, -EINVAL,
                                   "%s/runtime.yml: mounts: source '%s' is neither a file nor a "
                                   "directory, remove the mount",
                                   r->path, path);
        return 0;
}

static int check_own_root(Runtime *r, int dir_fd, char **reterr_message) {
        struct stat st;
        int k;

        if (fstatat(dir_fd, "root", &st, AT_SYMLINK_NOFOLLOW) < 0) {
                k = -errno;
                return message_set(reterr_message, k, "%s/runtime.yml: base: 'self' needs the root in %s/root: %s, put it there "
                                   "or use 'host'", r->path, r->path, strerror(-k));
        }
        if (!S_ISDIR(st.st_mode))
                return message_set(reterr_message, -ENOTDIR,
                                   "%s/runtime.yml: base: %s/root is no directory, put the root "
                                   "itself there",
                                   r->path, r->path);
        r->root_has_hosts = fstatat(dir_fd, "root/etc/hosts", &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISREG(st.st_mode);
        return 0;
}

int runtime_check_sources(Runtime *r, char **reterr_message) {
        _cleanup_close_ int dir_fd = -EBADF;
        char directory[PATH_MAX];
        int k;

        dir_fd = open(r->path, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
        if (dir_fd < 0)
                return message_set(reterr_message, -errno, "%s: cannot be opened: %m", r->path);
        k = fd_path(dir_fd, directory);
        if (k < 0)
                return message_set(reterr_message, k, "%s: cannot be examined: %s", r->path, strerror(-k));

        if (r->manifest->base == RUNTIME_BASE_SELF) {
                k = check_own_root(r, dir_fd, reterr_message);
                if (k < 0)
                        return k;
        }

        for (size_t i = 0; i < r->manifest->n_mounts; i++) {
                const ManifestMount *m = r->manifest->mounts + i;

                k = m->selective ? 0 : check_source(r, dir_fd, directory, m->source, NULL, reterr_message);
                for (size_t e = 0; k >= 0 && m->selective && m->selective[e]; e++)
                        k = check_source(r, dir_fd, directory, m->source, m->selective[e], reterr_message);
                if (k < 0)
                        return k;
        }
        return 0;
}
