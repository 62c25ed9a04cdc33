/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "file-tree.h"
#include "string-table.h"
#include "text.h"

#define SHOWN_MAX 200U

static const char *const file_type_table[_FILE_TYPE_MAX] = {
        [FILE_REGULAR] = "file",
        [FILE_DIRECTORY] = "directory",
        [FILE_LINK] = "link",
        [FILE_SPECIAL] = "special file",
};
DEFINE_STRING_TABLE(file_type, FileType);

static void item_done(FileItem *i) {
        free(i->path);
        free(i->target);
        free(i->digest);
}

FileTree* file_tree_free(FileTree *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_items; i++)
                item_done(t->items + i);
        free(t->items);
        free(t);
        return NULL;
}

int file_tree_new(FileTree **ret) {
        *ret = calloc(1, sizeof(FileTree));
        return *ret ? 0 : -ENOMEM;
}

int file_tree_add(FileTree *t, FileItem item) {
        if (t->n_items == t->n_allocated) {
                size_t n = t->n_allocated ? t->n_allocated * 2 : 256;
                FileItem *grown = NULL;

                if (t->n_items < FILE_TREE_ITEMS_MAX)
                        grown = reallocarray(t->items, n, sizeof(FileItem));
                if (!grown) {
                        item_done(&item);
                        return t->n_items < FILE_TREE_ITEMS_MAX ? -ENOMEM : -E2BIG;
                }
                t->items = grown;
                t->n_allocated = n;
        }
        if (item.type == FILE_REGULAR)
                t->size += item.size;
        t->items[t->n_items++] = item;
        return 0;
}

void file_tree_leave_out(FileTree *t, bool (*leave_out)(const FileItem *item, void *userdata), void *userdata) {
        size_t n = 0;

        for (size_t i = 0; i < t->n_items; i++) {
                FileItem *item = t->items + i;

                if (!leave_out(item, userdata)) {
                        t->items[n++] = *item;
                        continue;
                }
                if (item->type == FILE_REGULAR)
                        t->size -= item->size;
                item_done(item);
        }
        t->n_items = n;
        file_tree_sort(t); /* a directory may have become empty */
}

/* The end of a path sorts before '/', and that before all else. */
static int rank(char c) {
        return c == 0 ? 0 : c == '/' ? 1 : (unsigned char) c + 1;
}

int file_path_compare(const char *a, const char *b) {
        while (*a && *a == *b)
                a++, b++;
        return rank(*a) - rank(*b);
}

bool file_path_is_below(const char *path, const char *directory) {
        size_t n = strlen(directory);

        return strncmp(path, directory, n) == 0 && path[n] == '/';
}

static int item_compare(const void *a, const void *b) {
        return file_path_compare(((const FileItem*) a)->path, ((const FileItem*) b)->path);
}

void file_tree_sort(FileTree *t) {
        if (t->n_items > 0)
                qsort(t->items, t->n_items, sizeof(FileItem), item_compare);
        for (size_t i = 0; i < t->n_items; i++)
                t->items[i].empty = t->items[i].type == FILE_DIRECTORY &&
                        !(i + 1 < t->n_items && file_path_is_below(t->items[i + 1].path, t->items[i].path));
}

FileItem* file_tree_find(const FileTree *t, const char *path) {
        FileItem key = { .path = (char*) path };

        return t->n_items > 0 ? bsearch(&key, t->items, t->n_items, sizeof(FileItem), item_compare) : NULL;
}

/* A walk through a directory on disk. */
typedef struct Walk {
        FileTree *tree;
        dev_t device;
        char **reterr_message;
} Walk;

static int walk_failed(const Walk *w, int error, const char *path, const char *what) {
        _cleanup_free_ char *shown = text_for_message(path, SHOWN_MAX);

        return shown ? message_set(w->reterr_message, error, "%s: %s", shown, what) : -ENOMEM;
}

static FileType type_of_mode(mode_t mode) {
        return S_ISREG(mode) ? FILE_REGULAR : S_ISDIR(mode) ? FILE_DIRECTORY : S_ISLNK(mode) ? FILE_LINK : FILE_SPECIAL;
}

static int read_target(int dir_fd, const char *name, char **ret) {
        char target[PATH_MAX];
        ssize_t n;

        n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
        if (n < 0)
                return -errno;
        target[n] = 0;
        *ret = strdup(target);
        return *ret ? 0 : -ENOMEM;
}

static int walk_directory(const Walk *w, int fd, const char *directory, unsigned depth);

static int walk_one(const Walk *w, int dir_fd, const char *directory, const char *name, unsigned depth) {
        FileItem item = { .index = UINT64_MAX };
        char path[PATH_MAX];
        struct stat st;
        int fd, r;

        if ((size_t) snprintf(path, sizeof(path), "%s%s%s", directory, *directory ? "/" : "", name) >=
            FILE_TREE_PATH_MAX)
                return walk_failed(w, -ENAMETOOLONG, path, "its path is too long");
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
                return walk_failed(w, -errno, path, strerror(errno));
        if (st.st_dev != w->device)
                return walk_failed(w, -EXDEV, path, "something else is mounted there");

        item.type = type_of_mode(st.st_mode);
        item.mode = st.st_mode & 07777;
        item.size = item.type == FILE_REGULAR ? (uint64_t) st.st_size : 0;
        item.mtime = st.st_mtim.tv_sec;
        item.inode = st.st_ino;
        item.path = strdup(path);
        r = item.path ? 0 : -ENOMEM;
        if (r >= 0 && item.type == FILE_LINK)
                r = read_target(dir_fd, name, &item.target);
        if (r < 0) {
                item_done(&item);
                return walk_failed(w, r, path, strerror(-r));
        }
        r = file_tree_add(w->tree, item);
        if (r < 0)
                return walk_failed(w, r, path, r == -E2BIG ? "there are too many files" : strerror(-r));
        if (!S_ISDIR(st.st_mode))
                return 0;

        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return walk_failed(w, -errno, path, strerror(errno));
        return walk_directory(w, fd, path, depth + 1);
}

/* Takes ownership of fd. */
static int walk_directory(const Walk *w, int fd, const char *directory, unsigned depth) {
        _cleanup_closedir_ DIR *d = fdopendir(fd);

        if (!d) {
                safe_close(fd);
                return -ENOMEM;
        }
        if (depth > FILE_TREE_DEPTH_MAX)
                return walk_failed(w, -ELOOP, directory, "it is too deep a directory");
        for (;;) {
                struct dirent *de;
                int r;

                errno = 0;
                de = readdir(d);
                if (!de)
                        return errno == 0 ? 0 : walk_failed(w, -errno, directory, strerror(errno));
                if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
                        continue;
                r = walk_one(w, dirfd(d), directory, de->d_name, depth);
                if (r < 0)
                        return r;
        }
}

int file_tree_scan(int dir_fd, FileTree **ret, char **reterr_message) {
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        struct stat st;
        int fd, r;

        r = file_tree_new(&t);
        if (r < 0)
                return r;
        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0) {
                r = -errno;
                safe_close(fd);
                return r;
        }

        r = walk_directory(&(Walk) { t, st.st_dev, reterr_message }, fd, "", 0);
        if (r < 0)
                return r;
        file_tree_sort(t);
        *ret = TAKE_PTR(t);
        return 0;
}

int file_item_hash(const FileItem *i, int dir_fd, char ret[static SHA256_HEX_SIZE], char **reterr_message) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        /* Who can change the tree while it is read is root, or it is the caller's own. */
        fd = openat(dir_fd, i->path, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        r = fd < 0 ? -errno : sha256_fd(fd, ret);
        return r < 0 ? walk_failed(&(Walk) { .reterr_message = reterr_message }, r, i->path, strerror(-r)) : 0;
}
