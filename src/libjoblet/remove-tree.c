/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "remove-tree.h"

#define DEPTH_MAX 100U

/* Moves a directory that is nested too deep to the top of the tree, where the next pass finds it. */
static int move_up(int top_fd, int dir_fd, const char *name) {
        static unsigned n;
        _cleanup_free_ char *to = NULL;

        if (asprintf(&to, ".joblet-deep-%u", n++) < 0) {
                to = NULL;
                return -ENOMEM;
        }
        if (renameat2(dir_fd, name, top_fd, to, RENAME_NOREPLACE) < 0 && errno != EEXIST)
                return -errno;
        return -EAGAIN;
}

static int remove_contents(int top_fd, int fd, unsigned depth);

/* Returns -EAGAIN if something came to the top. What somebody else removes at the same time is removed. */
static int remove_entry(int top_fd, int dir_fd, const char *name, unsigned depth) {
        int fd, r;

        if (unlinkat(dir_fd, name, 0) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        if (depth >= DEPTH_MAX)
                return move_up(top_fd, dir_fd, name);
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        r = remove_contents(top_fd, fd, depth + 1);
        if (r < 0)
                return r;
        return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Takes ownership of fd. Goes on after an error, which it returns; -EAGAIN goes before others, since all
 * is tried again then. */
static int remove_contents(int top_fd, int fd, unsigned depth) {
        _cleanup_closedir_ DIR *d = fdopendir(fd);
        struct dirent *de;
        int result = 0;

        if (!d) {
                safe_close(fd);
                return -ENOMEM;
        }
        while ((de = readdir(d))) {
                int r;

                if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
                        continue;
                r = remove_entry(top_fd, dirfd(d), de->d_name, depth);
                if (r < 0 && result != -EAGAIN)
                        result = r;
        }
        return result;
}

int remove_tree_at(int parent_fd, const char *name) {
        int r;

        do {
                _cleanup_close_ int top_fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                int fd;

                if (top_fd < 0) {
                        if (errno == ENOENT)
                                return 0;
                        if (errno == ENOTDIR || errno == ELOOP)
                                return unlinkat(parent_fd, name, 0) < 0 ? -errno : 0;
                        return -errno;
                }
                fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? -errno : remove_contents(top_fd, fd, 0);
        } while (r == -EAGAIN);
        if (r < 0)
                return r;
        return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}
