/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "remove-tree.h"

#define DEPTH_MAX 256U

/* Takes ownership of fd. Goes on after an error, which it returns. */
static int remove_contents(int fd, unsigned depth) {
        _cleanup_closedir_ DIR *d = fdopendir(fd);
        struct dirent *de;
        int result = 0;

        if (!d) {
                safe_close(fd);
                return -ENOMEM;
        }
        if (depth > DEPTH_MAX)
                return -ELOOP;
        while ((de = readdir(d))) {
                int sub, r;

                if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
                        continue;
                if (unlinkat(dirfd(d), de->d_name, 0) >= 0)
                        continue;
                if (errno != EISDIR && errno != EPERM) {
                        result = -errno;
                        continue;
                }
                sub = openat(dirfd(d), de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                r = sub < 0 ? -errno : remove_contents(sub, depth + 1);
                if (r >= 0 && unlinkat(dirfd(d), de->d_name, AT_REMOVEDIR) < 0)
                        r = -errno;
                if (r < 0)
                        result = r;
        }
        return result;
}

int remove_tree_at(int parent_fd, const char *name) {
        int fd, r;

        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
                if (errno == ENOENT)
                        return 0;
                if (errno == ENOTDIR || errno == ELOOP)
                        return unlinkat(parent_fd, name, 0) < 0 ? -errno : 0;
                return -errno;
        }
        r = remove_contents(fd, 0);
        if (r < 0)
                return r;
        return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}
