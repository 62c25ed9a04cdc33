/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A package is unpacked beside its place, as ".#NAME.new.RANDOM", and checked there. That it then takes
 * its place is done by the daemon, which knows what runs; by then the tree is on the disk. */

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "joblet-package.h"
#include "quantity.h"
#include "remove-tree.h"
#include "store.h"
#include "text.h"

#define COPY_SIZE (1024U * 1024U)
#define FILE_COST 4096U /* what a file takes beyond its bytes */

typedef struct Install {
        const char *runtimes; /* the directory that all lie in */
        int runtimes_fd, language_fd, staging_fd;
        int progress_fd;
        int spool_fd; /* what came through a pipe, a file without a name; not ours to close */
        bool language_is_new;
        char *staging; /* name in the directory of the language, once it exists */
        Package *package;
        UnpackState *state;
} Install;

static void install_done(Install *i) {
        package_free(i->package);
        free(i->staging);
        safe_close(i->staging_fd);
        safe_close(i->language_fd);
        safe_close(i->runtimes_fd);
}

/* Nothing is left behind. */
static void install_undo(Install *i) {
        if (i->staging)
                (void) remove_tree_at(i->language_fd, i->staging);
        if (i->language_is_new)
                (void) unlinkat(i->runtimes_fd, package_plan(i->package)->language, AT_REMOVEDIR);
}

static int copy_to(int from, int to, uint64_t max, char **reterr_message) {
        _cleanup_free_ char *buffer = malloc(COPY_SIZE);
        uint64_t size = 0;

        if (!buffer)
                return -ENOMEM;
        while (!was_stopped()) {
                ssize_t n = read(from, buffer, COPY_SIZE), written = 0;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                size += (uint64_t) n;
                if (size > max)
                        return message_set(reterr_message, -E2BIG,
                                           "package refused: it has more than %" PRIu64 " bytes", max);
                while (written < n) {
                        ssize_t k = write(to, buffer + written, (size_t) (n - written));

                        if (k < 0 && errno != EINTR)
                                return -errno;
                        written += k > 0 ? k : 0;
                }
        }
        return message_set(reterr_message, -EINTR, "interrupted");
}

/* The end of a package is read first: what comes through a pipe goes to a file without a name. */
static int open_input(Install *i, int *ret_fd, char **reterr_message) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (fstat(STDIN_FILENO, &st) < 0)
                return -errno;
        if (S_ISREG(st.st_mode)) {
                *ret_fd = dup(STDIN_FILENO);
                return *ret_fd < 0 ? -errno : 0;
        }
        if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
                return message_set(reterr_message, -EINVAL,
                                   "package refused: it is neither a file nor a pipe");
        fd = openat(i->runtimes_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
        if (fd < 0)
                return message_set(reterr_message, -errno, "cannot create a temporary file in %s: %s",
                                   i->runtimes, strerror(errno));
        r = copy_to(STDIN_FILENO, fd, package_limits_default.size, reterr_message);
        if (r < 0)
                return r;
        i->spool_fd = *ret_fd = TAKE_FD(fd);
        return 0;
}

static int check_space(const Install *i, char **reterr_message) {
        const FileTree *t = package_plan(i->package)->tree;
        uint64_t needed = t->size + t->n_items * FILE_COST, there;
        _cleanup_free_ char *a = NULL, *b = NULL;
        struct statvfs st;

        if (fstatvfs(i->runtimes_fd, &st) < 0)
                return -errno;
        there = (uint64_t) st.f_bavail * st.f_frsize;
        if (needed <= there)
                return 0;
        if (size_format(needed, &a) < 0 || size_format(there, &b) < 0)
                return -ENOMEM;
        return message_set(reterr_message, -ENOSPC, "%s needs %s in %s, but only %s are free",
                           package_plan(i->package)->name, a, i->runtimes, b);
}

static int make_staging(Install *i, char **reterr_message) {
        const PackagePlan *p = package_plan(i->package);
        uint32_t number = 0;

        if (mkdirat(i->runtimes_fd, p->language, 0755) >= 0)
                i->language_is_new = true;
        else if (errno != EEXIST)
                return message_set(reterr_message, -errno, "cannot create %s/%s: %s", i->runtimes,
                                   p->language, strerror(errno));
        i->language_fd = openat(i->runtimes_fd, p->language, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (i->language_fd < 0)
                return message_set(reterr_message, -errno, "cannot open %s/%s: %s", i->runtimes, p->language,
                                   strerror(errno));

        if (getrandom(&number, sizeof(number), 0) < 0)
                return -errno;
        if (asprintf(&i->staging, ".#%s.new.%08" PRIx32, p->name, number) < 0) {
                i->staging = NULL;
                return -ENOMEM;
        }
        if (mkdirat(i->language_fd, i->staging, 0755) < 0)
                return message_set(reterr_message, -errno, "cannot create %s/%s/%s: %s", i->runtimes,
                                   p->language, i->staging, strerror(errno));
        i->staging_fd = openat(i->language_fd, i->staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return i->staging_fd < 0 ? -errno : 0;
}

static int unpack_share(void *userdata, unsigned worker, char **reterr_message) {
        const Install *i = userdata;

        return package_unpack_files(i->package, i->staging_fd, i->state, reterr_message);
}

static int unpack(Install *i, char **reterr_message) {
        int r;

        i->state = share_memory(sizeof(*i->state));
        if (!i->state)
                return -ENOMEM;
        r = package_unpack_directories(i->package, i->staging_fd, reterr_message);
        if (r >= 0)
                r = share_work(unpack_share, i, &i->state->done, package_plan(i->package)->tree->size,
                               i->progress_fd, reterr_message);
        if (r >= 0)
                r = package_unpack_finish(i->package, i->staging_fd, reterr_message);
        return r;
}

/* What runtime.yml wants to mount must be there: asked of the tree itself, with its links. */
static int check_sources(const Install *i, char **reterr_message) {
        const PackagePlan *p = package_plan(i->package);
        Runtime runtime = { .manifest = (Manifest*) package_manifest(i->package) };
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s/%s", i->runtimes, p->language, i->staging) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        runtime.path = path;
        return runtime_check_sources(&runtime, reterr_message);
}

/* All of it is on the disk before it gets its name, so that after a power failure it is there whole or
 * not at all. Errors of writing are those since staging_fd was opened, and that was before the first
 * file. */
static int sync_staging(const Install *i, char **reterr_message) {
        const PackagePlan *p = package_plan(i->package);

        /* The package itself need not be written */
        if (i->spool_fd >= 0)
                (void) ftruncate(i->spool_fd, 0);
        if (syncfs(i->staging_fd) >= 0)
                return 0;
        return message_set(reterr_message, -errno, "cannot write %s/%s/%s to the disk: %s", i->runtimes,
                           p->language, i->staging, strerror(errno));
}

static int stage(Install *i, char **reterr_message) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        /* A file system that was mounted over its parent may be empty */
        if (mkdir(i->runtimes, 0755) < 0 && errno != EEXIST && errno != EROFS)
                return message_set(reterr_message, -errno, "cannot create %s: %s; \"systemd-tmpfiles --create\" makes what is missing, then "
                                   "restart joblet.service", i->runtimes, strerror(errno));
        i->runtimes_fd = open(i->runtimes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (i->runtimes_fd < 0)
                return message_set(reterr_message, -errno, "cannot open %s: %s; \"systemd-tmpfiles --create\" makes what is missing, then "
                                   "restart joblet.service", i->runtimes, strerror(errno));
        r = open_input(i, &fd, reterr_message);
        if (r >= 0)
                r = package_open(fd, &package_limits_default, &i->package, reterr_message);
        if (r >= 0)
                r = check_space(i, reterr_message);
        if (r >= 0)
                r = make_staging(i, reterr_message);
        if (r >= 0)
                r = unpack(i, reterr_message);
        if (r >= 0)
                r = check_sources(i, reterr_message);
        if (r >= 0)
                r = sync_staging(i, reterr_message);
        if (r >= 0 && was_stopped())
                r = message_set(reterr_message, -EINTR, "interrupted");
        return r;
}

int verb_install(const char *runtimes, int progress_fd) {
        _cleanup_(install_done) Install i = {
                .runtimes = runtimes,
                .runtimes_fd = -EBADF,
                .language_fd = -EBADF,
                .staging_fd = -EBADF,
                .progress_fd = progress_fd,
                .spool_fd = -EBADF,
        };
        _cleanup_free_ char *message = NULL;
        int r;

        r = stage(&i, &message);
        if (r < 0)
                install_undo(&i);
        else
                printf("ok\n%s\n%s\n%s\n", package_plan(i.package)->language, package_plan(i.package)->name,
                       i.staging);
        return package_result(stdout, r, message);
}
