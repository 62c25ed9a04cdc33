/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "extract.h"

#define IMPLIED_MODE 0755
#define HOLE_BLOCK 65536U

/* A directory that was made. Its mode and time are set at the end: before, they could be in the way or change again. */
typedef struct ExtractDirectory {
        char *name;
        mode_t mode;
        struct timespec mtime;
        bool implied; /* only a name below it has been seen */
} ExtractDirectory;

void extract_done(Extract *x) {
        for (size_t i = 0; i < x->n_directories; i++)
                free(x->directories[i].name);
        free(x->directories);
        safe_close(x->parent_fd);
        free(x->parent);
        *x = EXTRACT_NULL;
}

int entry_name_clean(const char *name, char **ret, const char **ret_rule) {
        _cleanup_free_ char *clean = NULL;
        char *p;

        *ret_rule = NULL;
        if (!*name)
                *ret_rule = "it has no name";
        else if (*name == '/')
                *ret_rule = "its name is absolute";
        if (*ret_rule)
                return -EPERM;

        clean = p = malloc(strlen(name) + 2);
        if (!clean)
                return -ENOMEM;
        while (*name) {
                size_t n = strcspn(name, "/");

                if (n == 2 && memcmp(name, "..", 2) == 0) {
                        *ret_rule = "its name contains \"..\"";
                        return -EPERM;
                }
                if (n > 0 && !(n == 1 && *name == '.')) {
                        p = mempcpy(p, name, n);
                        *p++ = '/';
                }
                name += n + (name[n] == '/');
        }
        if (p > clean)
                p--; /* the last slash */
        *p = 0;
        *ret = TAKE_PTR(clean);
        return 0;
}

/* Takes ownership of name. */
static int directory_add(Extract *x, char *name, mode_t mode, struct timespec mtime, bool implied) {
        ExtractDirectory *grown;

        if (!name)
                return -ENOMEM;
        if ((x->n_directories & (x->n_directories - 1)) == 0) {
                grown = reallocarray(x->directories, x->n_directories ? x->n_directories * 2 : 1,
                                     sizeof(ExtractDirectory));
                if (!grown) {
                        free(name);
                        return -ENOMEM;
                }
                x->directories = grown;
        }
        x->directories[x->n_directories++] = (ExtractDirectory) { name, mode, mtime, implied };
        return 0;
}

/* Opens one directory in another, never through a link; makes it if that is wanted. name is its whole name. */
static int enter(Extract *x, int fd, const char *component, const char *name, bool make, int *ret) {
        const int flags = O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC;
        int r, sub_fd;

        sub_fd = openat(fd, component, flags);
        if (sub_fd < 0 && errno == ENOENT && make) {
                if (mkdirat(fd, component, 0700) < 0)
                        return -errno;
                r = directory_add(x, strdup(name), IMPLIED_MODE, (struct timespec) { .tv_nsec = UTIME_OMIT }, true);
                if (r < 0)
                        return r;
                sub_fd = openat(fd, component, flags);
        }
        if (sub_fd < 0)
                return errno == ENOTDIR ? -ELOOP : -errno;
        *ret = sub_fd;
        return 0;
}

int extract_parent(Extract *x, const char *name, bool make, int *ret_fd, const char **ret_base) {
        _cleanup_free_ char *parent = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *slash = strrchr(name, '/');
        int r;

        *ret_base = slash ? slash + 1 : name;
        if (!slash) {
                *ret_fd = x->root_fd;
                return 0;
        }
        parent = strndup(name, (size_t) (slash - name));
        if (!parent)
                return -ENOMEM;

        if (!x->parent || strcmp(x->parent, parent) != 0) {
                for (char *component = parent, *end; component; component = end) {
                        int sub_fd = -EBADF;

                        end = strchr(component, '/');
                        if (end)
                                *end = 0;
                        r = enter(x, fd >= 0 ? fd : x->root_fd, component, parent, make, &sub_fd);
                        if (r < 0)
                                return r;
                        safe_close(fd);
                        fd = sub_fd;
                        if (end)
                                *end++ = '/';
                }
                safe_close(x->parent_fd);
                x->parent_fd = TAKE_FD(fd);
                free(x->parent);
                x->parent = TAKE_PTR(parent);
        }
        *ret_fd = x->parent_fd;
        return 0;
}

static bool is_directory(int fd, const char *name) {
        struct stat st;

        return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISDIR(st.st_mode);
}

int extract_directory(Extract *x, const char *name, const TarEntry *e) {
        const char *base;
        int r, fd;

        r = extract_parent(x, name, true, &fd, &base);
        if (r < 0)
                return r;
        if (mkdirat(fd, base, 0700) >= 0)
                return directory_add(x, strdup(name), e->mode, e->mtime, false);
        if (errno != EEXIST)
                return -errno;

        for (size_t i = x->n_directories; i > 0; i--) {
                ExtractDirectory *d = x->directories + i - 1;

                if (d->implied && strcmp(d->name, name) == 0) {
                        d->implied = false;
                        d->mode = e->mode;
                        d->mtime = e->mtime;
                        return 0;
                }
        }
        return x->fill && is_directory(fd, base) ? 0 : -EEXIST;
}

static int set_mode_and_time(const Extract *x, int fd, mode_t mode, struct timespec mtime) {
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };

        return fchmod(fd, mode & x->modes) < 0 || futimens(fd, times) < 0 ? -errno : 0;
}

static int write_at(int fd, const char *data, size_t size, uint64_t offset) {
        while (size > 0) {
                ssize_t n = pwrite(fd, data, size, (off_t) offset);

                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
                offset += (uint64_t) n;
        }
        return 0;
}

/* Of a file with holes, what is nothing but zeros is left a hole, too: there may be more of them than were told. */
static int write_sparse(int fd, const char *data, size_t size, uint64_t offset) {
        int r = 0;

        while (size > 0 && r >= 0) {
                size_t n = HOLE_BLOCK - (size_t) (offset % HOLE_BLOCK);

                if (n > size)
                        n = size;
                if (data[0] != 0 || memcmp(data, data + 1, n - 1) != 0)
                        r = write_at(fd, data, n, offset);
                data += n;
                size -= n;
                offset += n;
        }
        return r;
}

int extract_contents(const Extract *x, TarReader *reader, const TarEntry *e, int fd, int *ret_error) {
        const char *data;
        uint64_t offset;
        size_t size;
        int r, q = 0;

        while ((r = tar_reader_data(reader, &data, &size, &offset)) > 0 && q >= 0)
                q = e->sparse ? write_sparse(fd, data, size, offset) : write_at(fd, data, size, offset);
        if (r < 0)
                return r;
        if (q >= 0 && e->sparse && ftruncate(fd, (off_t) e->size) < 0)
                q = -errno;
        if (q >= 0)
                q = set_mode_and_time(x, fd, e->mode, e->mtime);
        *ret_error = -q;
        return q < 0;
}

/* From the last to the first: what is in a directory comes after it. */
int extract_finish(Extract *x, const char **ret_name) {
        for (size_t i = x->n_directories; i > 0; i--) {
                ExtractDirectory *d = x->directories + i - 1;
                _cleanup_close_ int fd = -EBADF;
                const char *base;
                int r, parent_fd;

                *ret_name = d->name;
                r = extract_parent(x, d->name, false, &parent_fd, &base);
                if (r < 0)
                        return r;
                fd = openat(parent_fd, base, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? -errno : set_mode_and_time(x, fd, d->mode, d->mtime);
                if (r < 0)
                        return r;
        }
        return 0;
}
