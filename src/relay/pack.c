/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "pack.h"

#define DEPTH_MAX 200U /* each level holds a descriptor open */
#define BLOCK (64U * 1024U)

typedef struct Pack {
        TarWriter *writer;
        PackProblem problem;
        void *userdata;
        char *block;
} Pack;

static int pack_at(Pack *p, int dir_fd, const char *file, const char *name, unsigned depth);

static int leave_out(Pack *p, const char *name, const char *why) {
        p->problem(p->userdata, name, why);
        return 0;
}

static void entry_from_stat(TarEntry *e, char type, const char *name, const struct stat *st) {
        *e = (TarEntry) {
                .type = type, .name = (char*) name, .mode = st->st_mode & 0777, .mtime = st->st_mtim,
                .size = type == TAR_FILE ? (uint64_t) st->st_size : 0,
        };
}

/* What a file loses while it is read is filled up with zeros by the writer, what it gains is left out. */
static int pack_file(Pack *p, int dir_fd, const char *file, const char *name) {
        _cleanup_close_ int fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        TarEntry e;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return leave_out(p, name, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return leave_out(p, name, "it was replaced meanwhile");

        entry_from_stat(&e, TAR_FILE, name, &st);
        if (e.size == 0 && read(fd, p->block, 1) > 0)
                return leave_out(p, name, "the kernel does not tell its size; copy it to another file in the job");
        r = tar_writer_header(p->writer, &e);
        for (uint64_t left = e.size; r >= 0 && left > 0;) {
                ssize_t n = read(fd, p->block, left < BLOCK ? (size_t) left : BLOCK);

                if (n <= 0)
                        return leave_out(p, name, n < 0 ? strerror(errno) : "it became shorter meanwhile");
                r = tar_writer_data(p->writer, p->block, (size_t) n);
                left -= (uint64_t) n;
        }
        return r;
}

static int pack_link(Pack *p, int dir_fd, const char *file, const char *name, const struct stat *st) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(dir_fd, file, target, sizeof(target) - 1);
        TarEntry e;

        if (n < 0)
                return leave_out(p, name, strerror(errno));
        target[n] = 0;
        entry_from_stat(&e, TAR_SYMBOLIC_LINK, name, st);
        e.link = target;
        return tar_writer_header(p->writer, &e);
}

static int pack_children(Pack *p, int fd, const char *name, unsigned depth) {
        _cleanup_closedir_ DIR *d = fdopendir(fd);
        struct dirent *e;
        int r;

        if (!d) {
                safe_close(fd);
                return leave_out(p, name, strerror(errno));
        }
        while ((errno = 0, e = readdir(d))) {
                _cleanup_free_ char *child = NULL;

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                if (asprintf(&child, "%s/%s", name, e->d_name) < 0)
                        return -ENOMEM;
                r = pack_at(p, dirfd(d), e->d_name, child, depth);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return errno == 0 ? 0 : leave_out(p, name, strerror(errno));
}

static int pack_directory(Pack *p, int dir_fd, const char *file, const char *name, const struct stat *st,
                          unsigned depth) {
        TarEntry e;
        int r, fd;

        entry_from_stat(&e, TAR_DIRECTORY, name, st);
        r = tar_writer_header(p->writer, &e);
        if (r < 0)
                return r;
        if (depth >= DEPTH_MAX)
                return leave_out(p, name, "what is in it is too deep");
        fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return leave_out(p, name, strerror(errno));
        return pack_children(p, fd, name, depth + 1);
}

/* Returns -ENOENT if it is not there, which is a problem of its own only for what was asked for by name. */
static int pack_at(Pack *p, int dir_fd, const char *file, const char *name, unsigned depth) {
        struct stat st;

        if (fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT || errno == ENOTDIR ? -ENOENT : leave_out(p, name, strerror(errno));

        switch (st.st_mode & S_IFMT) {
        case S_IFREG:
                return pack_file(p, dir_fd, file, name);
        case S_IFDIR:
                return pack_directory(p, dir_fd, file, name, &st, depth);
        case S_IFLNK:
                return pack_link(p, dir_fd, file, name, &st);
        default:
                return leave_out(p, name, "it is neither file nor directory nor link");
        }
}

int pack(TarWriter *writer, const char *path, const char *name, PackProblem problem, void *userdata) {
        _cleanup_free_ char *block = malloc(BLOCK);
        Pack p = { .writer = writer, .problem = problem, .userdata = userdata, .block = block };

        return block ? pack_at(&p, AT_FDCWD, path, name, 0) : -ENOMEM;
}
