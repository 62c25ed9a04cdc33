/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <nettle/sha2.h>

#include "digest.h"
#include "package-zip.h"

#define BUFFER_SIZE (256U * 1024U)
#define TAKEN_AT_ONCE 8U
#define WRITTEN_EARLY_MIN (256U * 1024U)

/* The directory that the last item was in, as descriptors of each level: the next item is in most cases
 * beside it. */
typedef struct Position {
        const char *path; /* of the last item */
        size_t depth;     /* directories open below the top */
        int top_fd;
        int fds[FILE_TREE_DEPTH_MAX];
        size_t ends[FILE_TREE_DEPTH_MAX]; /* where each ends in path */
} Position;

static void position_done(Position *p) {
        while (p->depth > 0)
                (void) safe_close(p->fds[--p->depth]);
}

static int position_fd(const Position *p) {
        return p->depth > 0 ? p->fds[p->depth - 1] : p->top_fd;
}

/* Goes to the directory of path; *ret_name is the item's name there. Every step down refuses links. */
static int position_go(Position *p, const char *path, const char **ret_name) {
        const char *slash;
        size_t start;

        while (p->depth > 0 &&
               (strncmp(p->path, path, p->ends[p->depth - 1]) != 0 || path[p->ends[p->depth - 1]] != '/'))
                (void) safe_close(p->fds[--p->depth]);
        p->path = path;

        start = p->depth > 0 ? p->ends[p->depth - 1] + 1 : 0;
        while ((slash = strchr(path + start, '/'))) {
                char name[NAME_MAX + 1];
                size_t n = (size_t) (slash - path) - start;
                int fd;

                if (n > NAME_MAX || p->depth >= FILE_TREE_DEPTH_MAX)
                        return -ENAMETOOLONG;
                memcpy(name, path + start, n);
                name[n] = 0;
                fd = openat(position_fd(p), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                p->fds[p->depth] = fd;
                p->ends[p->depth++] = start + n;
                start += n + 1;
        }
        *ret_name = path + start;
        return 0;
}

static int set_times(int fd, const char *name, int64_t time) {
        const struct timespec times[2] = {{ .tv_sec = time }, { .tv_sec = time }};

        return (name ? utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW) : futimens(fd, times)) < 0 ? -errno : 0;
}

int package_unpack_directories(const Package *p, int dir_fd, char **reterr_message) {
        _cleanup_(position_done) Position position = { .top_fd = dir_fd };

        for (size_t i = 0; i < p->plan->tree->n_items; i++) {
                const FileItem *item = p->plan->tree->items + i;
                const char *name;
                int r;

                if (item->type != FILE_DIRECTORY)
                        continue;
                r = position_go(&position, item->path, &name);
                if (r >= 0 && mkdirat(position_fd(&position), name, item->mode) < 0)
                        r = -errno;
                if (r < 0)
                        return package_failed(reterr_message, r, item->path, strerror(-r));
        }
        return 0;
}

static int write_all(int fd, const uint8_t *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        data += n;
                        size -= (size_t) n;
                }
        }
        return 0;
}

/* Copies one file out of the package. Returns -EBADMSG if it is damaged, -EBADE if it is not what was
 * promised. */
static int copy_contents(zip_file_t *file, const FileItem *item, int fd, uint8_t *buffer,
                         UnpackState *state) {
        char hex[SHA256_HEX_SIZE];
        struct sha256_ctx sha256;
        uint64_t written = 0;

        sha256_init(&sha256);
        for (;;) {
                zip_int64_t n = zip_fread(file, buffer, BUFFER_SIZE);
                int r;

                if (n < 0 || (uint64_t) n > item->size - written)
                        return -EBADMSG;
                if (n == 0)
                        break;
                r = write_all(fd, buffer, (size_t) n);
                if (r < 0)
                        return r;
                if (item->digest)
                        sha256_update(&sha256, (size_t) n, buffer);
                written += (uint64_t) n;
                (void) __atomic_add_fetch(&state->done, (uint64_t) n, __ATOMIC_RELAXED);
        }
        if (written != item->size)
                return -EBADMSG;
        if (!item->digest)
                return 0;
        sha256_finish(&sha256, hex);
        return strcmp(hex, item->digest) == 0 ? 0 : -EBADE;
}

/* The disk begins with a file while the next ones are unpacked, so that there is little left to wait for
 * at the end. Small files are better left to the end: there they are written many at a time. An error of
 * this is one of writing the file. */
static int start_writing(int fd, const FileItem *item) {
        if (item->size < WRITTEN_EARLY_MIN)
                return 0;
        return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) < 0 && errno != ENOSYS ? -errno : 0;
}

static int unpack_file(Package *p, const FileItem *item, Position *position, uint8_t *buffer,
                       UnpackState *state) {
        _cleanup_close_ int fd = -EBADF;
        zip_file_t *file;
        const char *name;
        int r;

        r = position_go(position, item->path, &name);
        if (r < 0)
                return r;
        fd = openat(position_fd(position), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    item->mode);
        if (fd < 0)
                return -errno;

        file = zip_fopen_index(p->zip, item->index, 0);
        if (!file)
                return -EBADMSG;
        r = copy_contents(file, item, fd, buffer, state);
        (void) zip_fclose(file);
        if (r >= 0)
                r = set_times(fd, NULL, item->mtime);
        return r < 0 ? r : start_writing(fd, item);
}

int package_unpack_files(Package *p, int dir_fd, UnpackState *state, char **reterr_message) {
        _cleanup_(position_done) Position position = { .top_fd = dir_fd };
        _cleanup_free_ uint8_t *buffer = malloc(BUFFER_SIZE);
        const FileTree *t = p->plan->tree;

        if (!buffer)
                return -ENOMEM;
        for (;;) {
                uint64_t first = __atomic_fetch_add(&state->next, TAKEN_AT_ONCE, __ATOMIC_RELAXED);

                if (first >= t->n_items)
                        return 0;
                for (uint64_t i = first; i < t->n_items && i < first + TAKEN_AT_ONCE; i++) {
                        int r = t->items[i].type == FILE_REGULAR ? unpack_file(p, t->items + i, &position, buffer, state) : 0;

                        if (r < 0)
                                return package_failed(reterr_message, r, t->items[i].path,
                                                      r == -EBADMSG ? "it is damaged in the package, which may be incomplete: get it anew" :
                                                      r == -EBADE ? "it is not what " MANIFEST_DIGESTS_NAME " of the package says" :
                                                      strerror(-r));
                }
        }
}

static int unpack_link(const FileItem *item, Position *position) {
        const char *name;
        int r;

        r = position_go(position, item->path, &name);
        if (r < 0)
                return r;
        if (symlinkat(item->target, position_fd(position), name) < 0)
                return -errno;
        return set_times(position_fd(position), name, item->mtime);
}

static int finish_directory(const FileItem *item, Position *position) {
        const char *name;
        int r;

        r = position_go(position, item->path, &name);
        return r < 0 ? r : set_times(position_fd(position), name, item->mtime);
}

int package_unpack_finish(const Package *p, int dir_fd, char **reterr_message) {
        _cleanup_(position_done) Position links = { .top_fd = dir_fd }, directories = { .top_fd = dir_fd };
        const FileTree *t = p->plan->tree;
        int r;

        for (size_t i = 0; i < t->n_items; i++)
                if (t->items[i].type == FILE_LINK) {
                        r = unpack_link(t->items + i, &links);
                        if (r < 0)
                                return package_failed(reterr_message, r, t->items[i].path, strerror(-r));
                }
        /* From below upwards, after all that changes them. */
        for (size_t i = t->n_items; i > 0; i--)
                if (t->items[i - 1].type == FILE_DIRECTORY && t->items[i - 1].index != UINT64_MAX) {
                        r = finish_directory(t->items + i - 1, &directories);
                        if (r < 0)
                                return package_failed(reterr_message, r, t->items[i - 1].path, strerror(-r));
                }
        return 0;
}
