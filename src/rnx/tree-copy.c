/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "progress.h"
#include "rnx.h"
#include "signals.h"
#include "tree-copy.h"

#define CHUNK (16U * 1024U * 1024U)

typedef struct Copy {
        const FileTree *tree;
        int from_fd, to_fd;
        bool for_everybody;
        uint64_t bytes;
        Progress progress;
} Copy;

/* Shares the blocks where the file system can (copy_file_range(2)); it cannot between two of them. */
static int copy_contents(Copy *c, int from, int to) {
        bool share = true;

        for (;;) {
                ssize_t n = share ? copy_file_range(from, NULL, to, NULL, CHUNK, 0) : sendfile(to, from, NULL, CHUNK);

                if (n < 0 && share &&
                    (errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS)) {
                        share = false;
                        continue;
                }
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                if (signals_noted())
                        return -EINTR;
                c->bytes += (uint64_t) n;
                progress_update(&c->progress, c->bytes, c->tree->size);
        }
}

static int open_beneath(int dir_fd, const char *path) {
        struct open_how how = {
                .flags = O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        int fd = (int) syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

        return fd < 0 ? -errno : fd;
}

static int copy_file(Copy *c, const FileItem *item) {
        const struct timespec times[] = { { .tv_sec = item->mtime }, { .tv_sec = item->mtime } };
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        struct stat st;
        int r;

        from = open_beneath(c->from_fd, item->path);
        if (from < 0)
                return from;
        if (fstat(from, &st) < 0)
                return -errno;
        if (c->for_everybody && !(st.st_mode & S_IROTH))
                return 0;
        to = openat(c->to_fd, item->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        r = copy_contents(c, from, to);
        if (r < 0)
                return r;
        return fchmod(to, item->mode & 0777) < 0 || futimens(to, times) < 0 ? -errno : 0;
}

static int copy_item(Copy *c, const FileItem *item) {
        switch (item->type) {
        case FILE_DIRECTORY:
                return mkdirat(c->to_fd, item->path, (item->mode & 0777) | 0700) < 0 ? -errno : 0;
        case FILE_LINK:
                return symlinkat(item->target, c->to_fd, item->path) < 0 ? -errno : 0;
        case FILE_REGULAR:
                return copy_file(c, item);
        default:
                return 0;
        }
}

int tree_copy(const FileTree *t, int from_fd, int to_fd, bool for_everybody) {
        Copy c = { .tree = t, .from_fd = from_fd, .to_fd = to_fd, .for_everybody = for_everybody, .progress.label = "Copying" };
        size_t i;
        int r = 0;

        for (i = 0; i < t->n_items && r >= 0; i++)
                r = signals_noted() ? -EINTR : copy_item(&c, t->items + i);
        progress_clear(&c.progress);
        if (signals_noted())
                return -EINTR;
        return r < 0 ? log_error(r, "cannot copy '%s': %s", t->items[i - 1].path, strerror(-r)) : 0;
}
