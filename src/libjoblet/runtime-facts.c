/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "digest.h"
#include "runtime-facts.h"

/* Each level of the walk holds a descriptor. */
#define TREE_DEPTH_MAX 128U
#define FACTS_FILE_MAX 8192U
#define FACTS_HEADER "# private data, do not parse"
#define IDENTITY_MAX 96U

/* The files with more than one name that were met: an open hash table of inodes, at most half full. */
typedef struct SeenFiles {
        ino_t *slots; /* 0 is free: no file has this number */
        size_t n_slots;
        size_t n_used;
} SeenFiles;

void runtime_facts_done(RuntimeFacts *f) {
        free(f->digest);
        *f = (RuntimeFacts) { .size = UINT64_MAX };
}

static bool seen_insert(ino_t *slots, size_t n_slots, ino_t inode) {
        size_t i = (size_t) (((uint64_t) inode * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (n_slots - 1);

        for (; slots[i]; i = (i + 1) & (n_slots - 1))
                if (slots[i] == inode)
                        return false;
        slots[i] = inode;
        return true;
}

/* Returns 1 if inode was not seen before, 0 if it was, or -ENOMEM. */
static int seen_add(SeenFiles *s, ino_t inode) {
        if (s->n_used * 2 >= s->n_slots) {
                size_t n = s->n_slots ? s->n_slots * 2 : 256;
                ino_t *grown;

                grown = calloc(n, sizeof(ino_t));
                if (!grown)
                        return -ENOMEM;
                for (size_t i = 0; i < s->n_slots; i++)
                        if (s->slots[i])
                                (void) seen_insert(grown, n, s->slots[i]);
                free(s->slots);
                s->slots = grown;
                s->n_slots = n;
        }

        if (!seen_insert(s->slots, s->n_slots, inode))
                return 0;
        s->n_used++;
        return 1;
}

/* Takes ownership of fd. */
static int walk(int fd, dev_t device, unsigned depth, SeenFiles *seen, uint64_t *size) {
        _cleanup_closedir_ DIR *d = NULL;

        d = fdopendir(fd);
        if (!d) {
                int r = -errno;

                safe_close(fd);
                return r;
        }
        if (depth > TREE_DEPTH_MAX)
                return -ELOOP;

        for (;;) {
                struct dirent *de;
                struct stat st;
                int r = 1;

                errno = 0;
                de = readdir(d);
                if (!de)
                        return -errno;
                if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
                        continue;

                if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW|AT_NO_AUTOMOUNT) < 0) {
                        if (errno == ENOENT) /* removed meanwhile */
                                continue;
                        return -errno;
                }
                if (st.st_dev != device)
                        continue;

                if (S_ISDIR(st.st_mode)) {
                        int sub;

                        sub = openat(dirfd(d), de->d_name, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
                        if (sub < 0 && errno == ENOENT)
                                continue;
                        if (sub < 0)
                                return -errno;
                        r = walk(sub, device, depth + 1, seen, size);
                        if (r < 0)
                                return r;
                } else if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) {
                        if (st.st_nlink > 1)
                                r = seen_add(seen, st.st_ino);
                        if (r < 0)
                                return r;
                        if (r > 0)
                                *size += (uint64_t) st.st_size;
                }
        }
}

int tree_size(int dir_fd, uint64_t *ret) {
        SeenFiles seen = {};
        uint64_t size = 0;
        struct stat st;
        int fd, r;

        fd = openat(dir_fd, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0) {
                r = -errno;
                safe_close(fd);
                return r;
        }

        r = walk(fd, st.st_dev, 0, &seen, &size);
        free(seen.slots);
        if (r < 0)
                return r;

        *ret = size;
        return 0;
}

int runtime_digest(int dir_fd, char **ret) {
        _cleanup_close_ int fd = -EBADF;
        char hex[SHA256_HEX_SIZE];
        struct stat st;
        int r;

        fd = openat(dir_fd, "manifest.sha256", O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;

        r = sha256_fd(fd, hex);
        if (r < 0)
                return r;
        *ret = strdup(hex);
        return *ret ? 0 : -ENOMEM;
}

/* What changes when the file does. A file that is not there has an identity, too. */
static int identity_of(int dir_fd, const char *name, char ret[static IDENTITY_MAX]) {
        struct stat st;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH) < 0) {
                if (errno != ENOENT)
                        return -errno;
                (void) snprintf(ret, IDENTITY_MAX, "none");
                return 0;
        }
        (void) snprintf(ret, IDENTITY_MAX, "%" PRIx64 ":%" PRIx64 ":%" PRId64 ".%09ld", (uint64_t) st.st_dev,
                        (uint64_t) st.st_ino, (int64_t) st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
        return 0;
}

/* The lines that must be the same for size and for digest to hold. */
static int facts_identity(const char *path, int dir_fd, char **ret_tree, char **ret_digest) {
        char tree[IDENTITY_MAX], manifest[IDENTITY_MAX], digest[IDENTITY_MAX];
        int r;

        r = identity_of(dir_fd, "", tree);
        if (r >= 0)
                r = identity_of(dir_fd, "runtime.yml", manifest);
        if (r >= 0)
                r = identity_of(dir_fd, "manifest.sha256", digest);
        if (r < 0)
                return r;

        if (asprintf(ret_tree, FACTS_HEADER "\n%s\n%s %s\n", path, tree, manifest) < 0) {
                *ret_tree = NULL;
                return -ENOMEM;
        }
        if (asprintf(ret_digest, "digest %s ", digest) < 0) {
                *ret_digest = NULL;
                return -ENOMEM;
        }
        return 0;
}

static void facts_file_name(const char *path, char ret[static SHA256_HEX_SIZE]) {
        sha256_bytes(path, strlen(path), ret);
        ret[32] = 0; /* the path itself is in the file */
}

int runtime_facts_read(int facts_fd, const char *path, int dir_fd, RuntimeFacts *ret) {
        _cleanup_free_ char *tree = NULL, *digest = NULL, *data = NULL;
        RuntimeFacts facts = { .size = UINT64_MAX };
        char name[SHA256_HEX_SIZE];
        const char *p;
        int r, n = 0;

        facts_file_name(path, name);
        r = file_read_at(facts_fd, name, FACTS_FILE_MAX, &data, NULL);
        if (r == -ENOENT) {
                *ret = facts;
                return 0;
        }
        if (r < 0)
                return r;
        r = facts_identity(path, dir_fd, &tree, &digest);
        if (r < 0)
                return r;

        if (strncmp(data, tree, strlen(tree)) == 0) {
                p = data + strlen(tree);
                if (sscanf(p, "size %" SCNu64 "\n%n", &facts.size, &n) != 1 || n == 0)
                        facts.size = UINT64_MAX;
                p = strstr(p, "digest ");
                if (p && strncmp(p, digest, strlen(digest)) == 0) {
                        p += strlen(digest);
                        if (strspn(p, "0123456789abcdef") == SHA256_HEX_SIZE - 1) {
                                facts.digest = strndup(p, SHA256_HEX_SIZE - 1);
                                if (!facts.digest)
                                        return -ENOMEM;
                        }
                }
        }

        *ret = facts;
        return 0;
}

int runtime_facts_write(int facts_fd, const char *path, int dir_fd, const RuntimeFacts *facts) {
        _cleanup_free_ char *tree = NULL, *digest = NULL, *data = NULL;
        char name[SHA256_HEX_SIZE], size[32] = "-";
        int n, r;

        r = facts_identity(path, dir_fd, &tree, &digest);
        if (r < 0)
                return r;
        if (facts->size != UINT64_MAX)
                (void) snprintf(size, sizeof(size), "%" PRIu64, facts->size);

        n = asprintf(&data, "%ssize %s\n%s%s\n", tree, size, digest, facts->digest ?: "-");
        if (n < 0) {
                data = NULL;
                return -ENOMEM;
        }
        if ((size_t) n >= FACTS_FILE_MAX)
                return -ENAMETOOLONG;
        facts_file_name(path, name);
        return atomic_file_write_at(facts_fd, name, data, (size_t) n, 0644, false);
}
