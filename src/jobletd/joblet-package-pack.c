/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "joblet-package.h"
#include "runtime-name.h"
#include "text.h"
#include "tree-manifest.h"

#define TEMPORARY_PREFIX ".rnx-pack-" /* rnx makes such files where it cannot make one without a name */

typedef struct Pack {
        int dir_fd;
        const FileTree *tree;
        const Inodes *except;
        PackOptions options;
        char *language, *name; /* what the options point to, where it was found out */
} Pack;

static void pack_done(Pack *p) {
        free(p->language);
        free(p->name);
}

/* SOURCE_DATE_EPOCH, or the time of runtime.yml. */
static int64_t package_time(const FileTree *t) {
        const char *e = getenv("SOURCE_DATE_EPOCH");
        const FileItem *manifest = file_tree_find(t, "runtime.yml");
        char *end;
        long long time;

        if (e && *e) {
                time = strtoll(e, &end, 10);
                if (*end == 0 && time > 0 && time < INT32_MAX)
                        return time;
        }
        return manifest && manifest->mtime > 0 && manifest->mtime < INT32_MAX ? manifest->mtime : 315532800; /* 1980, when zip begins */
}

/* Whoever packs a tree that is not what it was should know. */
static int compare_digests(const Pack *p, char **reterr_message) {
        _cleanup_free_ char *old = NULL, *new = NULL;
        size_t old_size = 0, new_size = 0;
        int r;

        r = tree_manifest_format(p->tree, &new, &new_size, reterr_message);
        if (r < 0)
                return r;
        r = read_digests(p->dir_fd, &old, &old_size);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (old_size != new_size || memcmp(old, new, new_size) != 0)
                fprintf(stderr, "warning\nthe files are not those of its " MANIFEST_DIGESTS_NAME
                                ", which is made anew\n");
        return 0;
}

static bool is_own_output(const FileItem *item, void *userdata) {
        const Inodes *except = userdata;
        const char *slash = strrchr(item->path, '/');

        if (item->type != FILE_REGULAR)
                return false;
        for (size_t i = 0; i < except->n; i++)
                if (except->inodes[i] == item->inode)
                        return true;
        return strncmp(slash ? slash + 1 : item->path, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0;
}

/* The tree without the package itself, which may be written into it, and lie there from the last time. */
static int scan_tree(const Pack *p, FileTree **ret, char **reterr_message) {
        Inodes except = *p->except;
        struct stat output, directory;
        int r;

        if (fstat(STDOUT_FILENO, &output) < 0 || fstat(p->dir_fd, &directory) < 0)
                return -errno;
        if (output.st_dev == directory.st_dev && except.n < ELEMENTSOF(except.inodes))
                except.inodes[except.n++] = output.st_ino;
        r = file_tree_scan(p->dir_fd, ret, reterr_message);
        if (r >= 0)
                file_tree_leave_out(*ret, is_own_output, &except);
        return r;
}

/* Compressing is the work of one process; the other tells how far it is. */
static int pack_alone(void *userdata, unsigned worker, char **reterr_message) {
        const Pack *p = userdata;

        return worker == 0 ? package_pack(p->dir_fd, p->tree, &p->options, STDOUT_FILENO, reterr_message) : 0;
}

/* The language is what runtime.yml says, else the directory above if the name begins with it, else what the name begins
 * with. */
static int choose_names(const char *directory, const Manifest *m, Pack *p) {
        PackOptions *o = &p->options;
        _cleanup_free_ char *real = realpath(directory, NULL);
        const char *parent = "", *name;
        char *slash;
        size_t n;

        if (strcmp(o->name, "-") == 0) {
                o->name = p->name = strdup(m->name);
                if (!p->name)
                        return -ENOMEM;
        }
        if (strcmp(o->language, "-") == 0 && m->language) {
                o->language = p->language = strdup(m->language);
                if (!p->language)
                        return -ENOMEM;
        } else if (strcmp(o->language, "-") == 0) {
                name = o->name;
                slash = real ? strrchr(real, '/') : NULL;
                if (slash) {
                        *slash = 0;
                        slash = strrchr(real, '/');
                        parent = slash ? slash + 1 : "";
                }
                n = strlen(parent);
                if (n == 0 || strncmp(name, parent, n) != 0 || name[n] != '-')
                        n = strcspn(name, "-");
                o->language = p->language = strndup(name, n);
                if (!p->language)
                        return -ENOMEM;
        }
        return runtime_name_is_valid(o->language) && runtime_name_is_valid(o->name) ? 0 : -EINVAL;
}

static int pack(const char *directory, Pack *p, int progress_fd, char **reterr_message) {
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_close_ int dir_fd = -EBADF;
        int r;

        p->dir_fd = dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return message_set(reterr_message, -errno, "cannot open %s: %s", directory, strerror(errno));
        r = manifest_load_at(dir_fd, "runtime.yml", &m, reterr_message);
        if (r < 0)
                return r;
        r = choose_names(directory, m, p);
        if (r < 0)
                return message_set(reterr_message, r, "'%s/%s' cannot be language and name of a runtime",
                                   p->options.language, p->options.name);
        r = scan_tree(p, &t, reterr_message);
        if (r < 0)
                return r;
        p->tree = t;
        p->options.time = package_time(t);
        /* What installing would refuse: better now than then. */
        r = package_check_tree(t, p->options.language, p->options.name, m->base == RUNTIME_BASE_SELF, reterr_message);
        if (r >= 0)
                r = hash_in_parallel(t, dir_fd, reterr_message);
        if (r >= 0)
                r = compare_digests(p, reterr_message);
        if (r >= 0)
                r = share_work(pack_alone, p, p->options.done, t->size, progress_fd, reterr_message);
        return r;
}

int verb_pack(const char *directory, const char *language, const char *name, bool store, const Inodes *except, int progress_fd) {
        _cleanup_(pack_done) Pack p = { .except = except,
                   .options = { .language = language,
                                .name = name,
                                .store = store,
                                .done = share_memory(sizeof(uint64_t)) } };
        _cleanup_free_ char *message = NULL;
        int r;

        r = p.options.done ? pack(directory, &p, progress_fd, &message) : -ENOMEM;
        if (r >= 0)
                fprintf(stderr, "ok\n%s\n%s\n", p.options.language, p.options.name);
        return package_result(stderr, r, message);
}
