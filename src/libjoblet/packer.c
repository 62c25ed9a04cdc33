/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

#include "packer.h"

#define DEPTH_MAX 200U /* each level holds a descriptor open */
#define LINKS_MAX 1000000U

/* A file with several names, of which the first was packed. */
typedef struct Link {
        dev_t device;
        ino_t inode;
        char name[];
} Link;

/* The directories that the current one is in. */
typedef struct Level {
        const struct Level *up;
        const struct stat *st;
        unsigned depth;
} Level;

/* What is to be packed: file in the directory dir_fd. */
typedef struct Place {
        const Level *level;
        int dir_fd;
        const char *file, *name;
        bool follow;
} Place;

static int pack_at(Packer *p, const Place *place);

static int report(const Packer *p, PackProblem problem, const char *name, const char *why) {
        return p->problem(p->userdata, problem, name, why);
}

static int link_compare(const void *a, const void *b) {
        const Link *x = a, *y = b;

        if (x->device != y->device)
                return x->device < y->device ? -1 : 1;
        return x->inode == y->inode ? 0 : x->inode < y->inode ? -1 : 1;
}

void packer_done(Packer *p) {
        tdestroy(p->links, free);
        p->links = NULL;
}

/* The name under which the same file was packed before. */
static const char* link_find(const Packer *p, const struct stat *st) {
        const Link key = { .device = st->st_dev, .inode = st->st_ino };
        Link **found = st->st_nlink > 1 ? tfind(&key, &p->links, link_compare) : NULL;

        return found ? (*found)->name : NULL;
}

static int link_remember(Packer *p, const struct stat *st, const char *name) {
        Link *l;

        if (st->st_nlink < 2 || p->n_links >= LINKS_MAX)
                return 0;
        l = malloc(sizeof(*l) + strlen(name) + 1);
        if (!l)
                return -ENOMEM;
        l->device = st->st_dev;
        l->inode = st->st_ino;
        strcpy(l->name, name);
        if (!tsearch(l, &p->links, link_compare)) {
                free(l);
                return -ENOMEM;
        }
        p->n_links++;
        return 0;
}

static TarEntry entry_of(char type, const char *name, const struct stat *st) {
        return (TarEntry) { .type = type, .name = (char*) name, .mode = st->st_mode & 0777, .mtime = st->st_mtim };
}

static uint64_t stored_size(const struct stat *st) {
        uint64_t size = (uint64_t) st->st_size, allocated = (uint64_t) st->st_blocks * 512U;

        return allocated < size ? allocated : size;
}

static int look_at_file(Packer *p, const Place *at, const struct stat *st) {
        p->bytes += stored_size(st);
        if (faccessat(at->dir_fd, at->file, R_OK, AT_EACCESS) < 0)
                return report(p, PACK_UNREADABLE, at->name, strerror(errno));
        return 0;
}

static int pack_file(Packer *p, const Place *at) {
        _cleanup_close_ int fd = openat(at->dir_fd, at->file,
                                        O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (at->follow ? 0 : O_NOFOLLOW));
        const char *first, *why;
        struct stat st;
        TarEntry e;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return report(p, PACK_UNREADABLE, at->name, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return report(p, PACK_UNREADABLE, at->name, "it was replaced meanwhile");

        first = link_find(p, &st);
        if (first) {
                e = entry_of(TAR_HARD_LINK, at->name, &st);
                e.link = (char*) first;
                return tar_writer_header(p->writer, &e);
        }
        e = entry_of(TAR_FILE, at->name, &st);
        r = tar_writer_file(p->writer, &e, fd, &why);
        if (r < 0)
                return r;
        return r > 0 ? report(p, PACK_UNREADABLE, at->name, why) : link_remember(p, &st, at->name);
}

static int pack_link(Packer *p, const Place *at, const struct stat *st) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(at->dir_fd, at->file, target, sizeof(target) - 1);
        TarEntry e = entry_of(TAR_SYMBOLIC_LINK, at->name, st);

        if (n < 0)
                return report(p, PACK_UNREADABLE, at->name, strerror(errno));
        target[n] = 0;
        e.link = target;
        return p->writer ? tar_writer_header(p->writer, &e) : 0;
}

typedef struct Names {
        char **names;
        size_t n, n_allocated;
} Names;

static void names_done(Names *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->names[i]);
        free(l->names);
}

static int names_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int names_add(Names *l, const char *name) {
        if (l->n == l->n_allocated) {
                size_t n = l->n_allocated ? l->n_allocated * 2 : 64;
                char **grown = reallocarray(l->names, n, sizeof(char*));

                if (!grown)
                        return -ENOMEM;
                l->names = grown;
                l->n_allocated = n;
        }
        l->names[l->n] = strdup(name);
        return l->names[l->n] ? (int) ++l->n : -ENOMEM;
}

/* Those in a directory, in their order; fd stays open. */
static int names_read(int fd, Names *l) {
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *e;
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

        if (copy < 0)
                return -errno;
        d = fdopendir(copy);
        if (!d) {
                safe_close(copy);
                return -errno;
        }
        while ((errno = 0, e = readdir(d)))
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && names_add(l, e->d_name) < 0)
                        return -ENOMEM;
        if (errno != 0)
                return -errno;
        if (l->n > 0)
                qsort(l->names, l->n, sizeof(char*), names_compare);
        return 0;
}

static int pack_children(Packer *p, int fd, const Level *level, const char *name) {
        _cleanup_(names_done) Names names = {};
        int r = names_read(fd, &names);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return report(p, PACK_UNREADABLE, name, strerror(-r));
        for (size_t i = 0; i < names.n; i++) {
                _cleanup_free_ char *child = NULL;

                if (asprintf(&child, "%s/%s", name, names.names[i]) < 0) {
                        child = NULL;
                        return -ENOMEM;
                }
                r = pack_at(p, &(Place) { level, fd, names.names[i], child, p->follow });
                if (r < 0 && r != -ENOENT) /* it has gone meanwhile */
                        return r;
        }
        return 0;
}

static bool is_loop(const Level *level, const struct stat *st) {
        for (; level; level = level->up)
                if (level->st->st_ino == st->st_ino && level->st->st_dev == st->st_dev)
                        return true;
        return false;
}

static int pack_directory(Packer *p, const Place *at, const struct stat *st) {
        const Level level = { at->level, st, at->level ? at->level->depth + 1 : 0 };
        TarEntry e = entry_of(TAR_DIRECTORY, at->name, st);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (is_loop(at->level, st))
                return report(p, PACK_LOOP, at->name, "it is a link to a directory that it is in");
        fd = openat(at->dir_fd, at->file, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (at->follow ? 0 : O_NOFOLLOW));
        r = fd < 0 ? errno : 0;
        if (p->writer) {
                int q = tar_writer_header(p->writer, &e);

                if (q < 0)
                        return q;
        }
        if (r > 0)
                return report(p, PACK_UNREADABLE, at->name, strerror(r));
        if (level.depth >= DEPTH_MAX)
                return report(p, PACK_UNREADABLE, at->name, "what is in it is too deep");
        return pack_children(p, fd, &level, at->name);
}

static int pack_missing(Packer *p, const Place *at) {
        struct stat st;

        if (!at->follow || fstatat(at->dir_fd, at->file, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -ENOENT;
        return at->level ? report(p, PACK_DANGLING, at->name, "it is a link to nothing") : -ENOLINK;
}

static int pack_at(Packer *p, const Place *at) {
        struct stat st;

        if (fstatat(at->dir_fd, at->file, &st, at->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT || errno == ENOTDIR ? pack_missing(p, at) :
                                                             report(p, PACK_UNREADABLE, at->name, strerror(errno));
        if (p->is_ignored && p->is_ignored(p->userdata, at->name, S_ISDIR(st.st_mode)))
                return 0;

        p->bytes += TAR_BLOCK;
        switch (st.st_mode & S_IFMT) {
        case S_IFREG:
                return p->writer ? pack_file(p, at) : look_at_file(p, at, &st);
        case S_IFDIR:
                return pack_directory(p, at, &st);
        case S_IFLNK:
                return pack_link(p, at, &st);
        default:
                return report(p, PACK_SPECIAL, at->name,
                              S_ISSOCK(st.st_mode) ? "it is a socket" :
                              S_ISFIFO(st.st_mode) ? "it is a FIFO" : "it is a device");
        }
}

int packer_add(Packer *p, const char *path, const char *name, bool follow) {
        return pack_at(p, &(Place) { NULL, AT_FDCWD, path, name, follow });
}
