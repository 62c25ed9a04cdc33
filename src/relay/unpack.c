/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "strv.h"
#include "text.h"
#include "unpack.h"

#define ENTRIES_MAX 1000000U
#define NAME_MAX_MESSAGE 200U
#define IMPLIED_MODE 0755

/* A directory that was made. Its mode and time are set at the end: before, they could be in the way or
 * change again. */
typedef struct Directory {
        char *name;
        mode_t mode;
        struct timespec mtime;
        bool implied; /* only a name below it has been seen */
} Directory;

typedef struct Unpack {
        TarReader *reader;
        int root_fd;
        uint64_t bytes_max, bytes;
        size_t n_entries;
        char *parent; /* the directory of the entry before, open as parent_fd: the next one often has the same */
        int parent_fd;
        Directory *directories;
        size_t n_directories;
        char **unclear; /* links to be looked at again when everything is there */
        const TarEntry *entry;
        char *message;
} Unpack;

static void unpack_done(Unpack *u) {
        for (size_t i = 0; i < u->n_directories; i++)
                free(u->directories[i].name);
        free(u->directories);
        strv_free(u->unclear);
        safe_close(u->parent_fd);
        free(u->parent);
        free(u->message);
}

static int refuse_name(Unpack *u, const char *name, int error, const char *rule) {
        _cleanup_free_ char *shown = text_for_message(name, NAME_MAX_MESSAGE);

        return message_set(&u->message, error, "cannot unpack \"%s\": %s", shown ?: "?", rule);
}

static int refuse(Unpack *u, int error, const char *rule) {
        return refuse_name(u, u->entry->name, error, rule);
}

static int refuse_errno(Unpack *u, int error) {
        return refuse(u, -error, strerror(error));
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

LinkScope link_scope(const char *name, const char *target) {
        size_t depth = 0;
        bool down = false, unclear = false;

        if (!*target || *target == '/')
                return LINK_OUTSIDE;
        for (const char *p = name; *p; p++)
                depth += *p == '/';

        while (*target) {
                size_t n = strcspn(target, "/");

                if (n == 2 && memcmp(target, "..", 2) == 0) {
                        if (depth == 0)
                                return LINK_OUTSIDE;
                        depth--;
                        unclear = unclear || down;
                } else if (n > 0 && !(n == 1 && *target == '.')) {
                        depth++;
                        down = true;
                }
                target += n + (target[n] == '/');
        }
        return unclear ? LINK_UNCLEAR : LINK_INSIDE;
}

/* Takes ownership of name. */
static int directory_add(Unpack *u, char *name, mode_t mode, struct timespec mtime, bool implied) {
        Directory *grown;

        if (!name)
                return -ENOMEM;
        if ((u->n_directories & (u->n_directories - 1)) == 0) {
                grown = reallocarray(u->directories, u->n_directories ? u->n_directories * 2 : 1,
                                     sizeof(Directory));
                if (!grown) {
                        free(name);
                        return -ENOMEM;
                }
                u->directories = grown;
        }
        u->directories[u->n_directories++] = (Directory) { name, mode, mtime, implied };
        return 0;
}

/* Opens one directory in another, never through a link; makes it if that is wanted. name is its whole
 * name. */
static int enter(Unpack *u, int fd, const char *component, const char *name, bool make, int *ret) {
        const int flags = O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC;
        int r, sub_fd;

        sub_fd = openat(fd, component, flags);
        if (sub_fd < 0 && errno == ENOENT && make) {
                if (mkdirat(fd, component, 0700) < 0)
                        return refuse_errno(u, errno);
                r = directory_add(u, strdup(name), IMPLIED_MODE, (struct timespec) { .tv_nsec = UTIME_OMIT }, true);
                if (r < 0)
                        return r;
                sub_fd = openat(fd, component, flags);
        }
        if (sub_fd < 0) {
                if (errno == ENOTDIR || errno == ELOOP)
                        return refuse(u, -EPERM, "its name leads through something that is not a directory");
                return refuse_errno(u, errno);
        }
        *ret = sub_fd;
        return 0;
}

/* The directory that the clean name is in, and its last component. *ret_fd stays ours, until the next
 * call. */
static int open_parent(Unpack *u, const char *name, bool make, int *ret_fd, const char **ret_base) {
        _cleanup_free_ char *parent = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *slash = strrchr(name, '/');
        int r;

        *ret_base = slash ? slash + 1 : name;
        if (!slash) {
                *ret_fd = u->root_fd;
                return 0;
        }
        parent = strndup(name, (size_t) (slash - name));
        if (!parent)
                return -ENOMEM;

        if (!u->parent || strcmp(u->parent, parent) != 0) {
                for (char *component = parent, *end; component; component = end) {
                        int sub_fd = -EBADF;

                        end = strchr(component, '/');
                        if (end)
                                *end = 0;
                        r = enter(u, fd >= 0 ? fd : u->root_fd, component, parent, make, &sub_fd);
                        if (r < 0)
                                return r;
                        safe_close(fd);
                        fd = sub_fd;
                        if (end)
                                *end++ = '/';
                }
                safe_close(u->parent_fd);
                u->parent_fd = TAKE_FD(fd);
                free(u->parent);
                u->parent = TAKE_PTR(parent);
        }
        *ret_fd = u->parent_fd;
        return 0;
}

static int refuse_existing(Unpack *u) {
        return refuse(u, -EEXIST, "there is something of that name already; two uploads for one name");
}

static int make_directory(Unpack *u, int fd, const char *base, const char *name) {
        const TarEntry *e = u->entry;

        if (mkdirat(fd, base, 0700) >= 0)
                return directory_add(u, strdup(name), e->mode & 0777, e->mtime, false);
        if (errno != EEXIST)
                return refuse_errno(u, errno);

        for (size_t i = u->n_directories; i > 0; i--) {
                Directory *d = u->directories + i - 1;

                if (d->implied && strcmp(d->name, name) == 0) {
                        d->implied = false;
                        d->mode = e->mode & 0777;
                        d->mtime = e->mtime;
                        return 0;
                }
        }
        return refuse_existing(u);
}

static int set_mode_and_time(int fd, mode_t mode, struct timespec mtime) {
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };

        if (fchmod(fd, mode & 0777) < 0 || futimens(fd, times) < 0)
                return -errno;
        return 0;
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

static int make_file(Unpack *u, int dir_fd, const char *base) {
        const TarEntry *e = u->entry;
        _cleanup_close_ int fd = -EBADF;
        const char *data;
        size_t size;
        int r;

        if (e->size > u->bytes_max - u->bytes) {
                char rule[80];

                (void) snprintf(rule, sizeof(rule), "more than %" PRIu64 " bytes may not be uploaded",
                                u->bytes_max);
                return refuse(u, -EFBIG, rule);
        }
        u->bytes += e->size;

        fd = openat(dir_fd, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno == EEXIST ? refuse_existing(u) : refuse_errno(u, errno);

        while ((r = tar_reader_data(u->reader, &data, &size)) > 0) {
                r = write_all(fd, data, size);
                if (r < 0)
                        return refuse_errno(u, -r);
        }
        if (r < 0)
                return r;
        r = set_mode_and_time(fd, e->mode, e->mtime);
        return r < 0 ? refuse_errno(u, -r) : 0;
}

static int make_symbolic_link(Unpack *u, int fd, const char *base, const char *name) {
        const TarEntry *e = u->entry;
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, e->mtime };
        LinkScope scope = link_scope(name, e->link);

        if (scope == LINK_OUTSIDE)
                return refuse(u, -EPERM, "it is a link that leads out of what is uploaded");
        if (symlinkat(e->link, fd, base) < 0)
                return errno == EEXIST ? refuse_existing(u) : refuse_errno(u, errno);
        (void) utimensat(fd, base, times, AT_SYMLINK_NOFOLLOW);
        return scope == LINK_UNCLEAR ? strv_extend(&u->unclear, name) : 0;
}

static int make_hard_link(Unpack *u, const char *name) {
        _cleanup_free_ char *target = NULL;
        _cleanup_close_ int target_fd = -EBADF;
        const char *rule, *base, *target_base;
        int r, fd;

        r = entry_name_clean(u->entry->link, &target, &rule);
        if (r == -EPERM || (r >= 0 && !*target))
                return refuse(u, -EPERM, "it is a hard link to what is not uploaded");
        if (r < 0)
                return r;

        r = open_parent(u, target, false, &fd, &target_base);
        if (r < 0)
                return r;
        target_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (target_fd < 0)
                return refuse_errno(u, errno);
        r = open_parent(u, name, true, &fd, &base);
        if (r < 0)
                return r;
        if (linkat(target_fd, target_base, fd, base, 0) < 0)
                return errno == EEXIST ? refuse_existing(u) : refuse_errno(u, errno);
        return 0;
}

static int unpack_entry(Unpack *u) {
        const TarEntry *e = u->entry;
        _cleanup_free_ char *name = NULL;
        const char *base, *rule;
        int r, fd;

        if (++u->n_entries > ENTRIES_MAX)
                return refuse(u, -EFBIG, "there are too many files");
        r = entry_name_clean(e->name, &name, &rule);
        if (r == -EPERM)
                return refuse(u, r, rule);
        if (r < 0)
                return r;
        if (!*name)
                return e->type == TAR_DIRECTORY ? 0 : refuse(u, -EPERM, "it has no name");

        if (e->type == TAR_HARD_LINK)
                return make_hard_link(u, name);

        if (e->type != TAR_FILE && e->type != TAR_DIRECTORY && e->type != TAR_SYMBOLIC_LINK)
                return refuse(u, -EPERM, "only files, directories and links can be uploaded");
        r = open_parent(u, name, true, &fd, &base);
        if (r < 0)
                return r;
        if (e->type == TAR_DIRECTORY)
                return make_directory(u, fd, base, name);
        return e->type == TAR_FILE ? make_file(u, fd, base) : make_symbolic_link(u, fd, base, name);
}

/* From the last to the first: what is in a directory comes after it. */
static int complete_directories(Unpack *u) {
        for (size_t i = u->n_directories; i > 0; i--) {
                Directory *d = u->directories + i - 1;
                const TarEntry entry = { .name = d->name };
                _cleanup_close_ int fd = -EBADF;
                const char *base;
                int r, parent_fd;

                u->entry = &entry;
                r = open_parent(u, d->name, false, &parent_fd, &base);
                if (r < 0)
                        return r;
                fd = openat(parent_fd, base, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? -errno : set_mode_and_time(fd, d->mode, d->mtime);
                if (r < 0)
                        return refuse_errno(u, -r);
        }
        return 0;
}

/* Links that go up behind a name: the kernel tells whether they leave, now that all names are there. */
static int check_unclear(Unpack *u) {
        struct open_how how = { .flags = O_PATH | O_CLOEXEC,
                                .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };

        STRV_FOREACH(name, u->unclear) {
                _cleanup_close_ int fd = (int) syscall(SYS_openat2, u->root_fd, *name, &how, sizeof(how));

                if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != EACCES)
                        return refuse_name(u, *name, -EPERM,
                                           "it is a link that leads out of what is uploaded");
        }
        return 0;
}

int unpack(TarReader *reader, int dir_fd, uint64_t bytes_max, char **reterr_message) {
        _cleanup_(unpack_done) Unpack u = {
                .reader = reader, .root_fd = dir_fd, .bytes_max = bytes_max, .parent_fd = -EBADF,
        };
        int r;

        while ((r = tar_reader_next(reader, &u.entry)) > 0) {
                r = unpack_entry(&u);
                if (r < 0)
                        break;
        }
        if (r >= 0)
                r = check_unclear(&u);
        if (r >= 0)
                r = complete_directories(&u);
        if (r == -EBADMSG && reader->problem)
                return message_set(reterr_message, r, "the upload is no complete archive: %s",
                                   reader->problem);
        *reterr_message = TAKE_PTR(u.message);
        return r;
}
