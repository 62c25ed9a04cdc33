/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The work on runtimes that takes long: started by jobletd, which stays free for others, and by rnx for packing. It knows
 * nothing of the bus. What came out is its standard output: the first line begins with "ok" or "error", see package_result().
 *
 *      joblet-package install [--runtimes=DIR] [--progress]     the package is standard input; it is unpacked beside its place
 *      joblet-package verify DIR                                prints "ok", then a line for each difference
 *      joblet-package sync DIR                                  writes the names in a directory to the disk
 *      joblet-package remove DIR NAME...                        removes trees below DIR
 *      joblet-package pack DIR LANGUAGE NAME [--store] [--progress] [--except=INODE]...
 *                                                               the package is standard output (a file), results go to stderr
 *
 * --progress: lines "DONE TOTAL", in bytes, on descriptor 3. */

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "joblet-package.h"
#include "remove-tree.h"
#include "strv.h"
#include "tree-manifest.h"

#ifdef __SANITIZE_ADDRESS__
#define MEMORY_MAX RLIM_INFINITY /* its shadow alone takes terabytes of addresses */
#else
#define MEMORY_MAX (UINT64_C(4) << 30)
#endif
#define PROBLEMS_MAX 100U

static volatile sig_atomic_t stopped = 0;

static void on_signal(int signo) {
        stopped = 1;
}

bool was_stopped(void) {
        return stopped;
}

int package_result(FILE *f, int error, const char *message) {
        if (error < 0)
                fprintf(f, "error %d\n%s\n", -error, message ?: strerror(-error));
        if (fflush(f) != 0)
                return EXIT_FAILURE;
        return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Of what the daemon may do, nothing is needed for files that belong to root. */
static int drop_capabilities(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[2] = {};

        for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
                if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno != EPERM)
                        return -errno;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* Hostile bytes are read: bounds for what they could make of it. */
static int confine(void) {
        const struct {
                __rlimit_resource_t resource;
                rlim_t value;
        } limits[] = {
                { RLIMIT_AS,     MEMORY_MAX                        },
                { RLIMIT_CORE,   0                                 },
                { RLIMIT_FSIZE,  package_limits_default.size       },
                { RLIMIT_NOFILE, 512                               },
        };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                if (setrlimit(limits[i].resource, &(struct rlimit) { limits[i].value, limits[i].value }) < 0)
                        return -errno;
        return drop_capabilities();
}

static int verb_verify(const char *directory) {
        _cleanup_(file_tree_freep) FileTree *promised = NULL, *found = NULL;
        _cleanup_free_ char *data = NULL, *message = NULL;
        _cleanup_strv_free_ char **problems = NULL;
        _cleanup_close_ int dir_fd = -EBADF;
        size_t size = 0;
        int r;

        r = confine();
        dir_fd = r < 0 ? r : open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir_fd < 0)
                return package_result(stdout, r < 0 ? r : -errno, NULL);
        r = read_digests(dir_fd, &data, &size);
        if (r < 0)
                return package_result(stdout, r, r == -ENOENT ? "it has no " MANIFEST_DIGESTS_NAME ", so there is nothing to compare its "
                                      "files with; 'rnx runtime pack' makes a package with one" : NULL);
        r = tree_manifest_parse(data, size, &promised, &message);
        if (r >= 0)
                r = file_tree_scan(dir_fd, &found, &message);
        if (r >= 0)
                r = hash_in_parallel(found, dir_fd, &message);
        if (r >= 0)
                r = tree_manifest_compare(promised, found, PROBLEMS_MAX, &problems);
        if (r < 0)
                return package_result(stdout, r, message);

        printf("ok\n");
        STRV_FOREACH(p, problems)
                printf("%s\n", *p);
        if ((size_t) r > PROBLEMS_MAX)
                printf("and %zu more differences\n", (size_t) r - PROBLEMS_MAX);
        return package_result(stdout, 0, NULL);
}

/* Needs the capabilities of the daemon: what was put there by hand may belong to anybody. */
static int verb_remove(const char *directory, char *const *names) {
        _cleanup_close_ int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int result = dir_fd < 0 ? -errno : 0;

        for (; dir_fd >= 0 && *names; names++) {
                int r = remove_tree_at(dir_fd, *names);

                if (r < 0)
                        result = r;
        }
        if (result >= 0)
                printf("ok\n");
        return package_result(stdout, result, NULL);
}

/* What got a name there keeps it over a power failure. File systems that cannot say so (EINVAL) have no
 * way to do better. */
static int verb_sync(const char *directory) {
        _cleanup_close_ int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = dir_fd < 0 || (fsync(dir_fd) < 0 && errno != EINVAL) ? -errno : 0;

        if (r >= 0)
                printf("ok\n");
        return package_result(stdout, r, NULL);
}

static int set_up(void) {
        const struct sigaction action = { .sa_handler = on_signal };

        (void) umask(0022);
        /* Packages have times without a zone. */
        if (setenv("TZ", "UTC", 1) < 0)
                return -errno;
        tzset();
        if (sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGINT, &action, NULL) < 0 ||
            sigaction(SIGHUP, &action, NULL) < 0)
                return -errno;
        return signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -errno : 0;
}

/* Takes "--NAME[=VALUE]" out of the words. Returns its value, or "" for one without. */
static const char* take_option(char **words, const char *name) {
        size_t n = strlen(name);

        for (char **w = words; *w; w++)
                if (strncmp(*w, name, n) == 0 && ((*w)[n] == 0 || (*w)[n] == '=')) {
                        const char *value = (*w)[n] ? *w + n + 1 : "";

                        for (; *w; w++)
                                *w = w[1];
                        return value;
                }
        return NULL;
}

/* Files of the tree that are not packed. */
static int take_inodes(char **words, Inodes *ret) {
        const char *value;

        while ((value = take_option(words, "--except"))) {
                if (ret->n == ELEMENTSOF(ret->inodes))
                        return -E2BIG;
                ret->inodes[ret->n++] = strtoull(value, NULL, 10);
        }
        return 0;
}

int main(int argc, char *argv[]) {
        const char *runtimes = take_option(argv, "--runtimes"), *progress = take_option(argv, "--progress");
        bool store = take_option(argv, "--store");
        int progress_fd = progress ? 3 : -EBADF, n, r;
        Inodes except = {};

        r = take_inodes(argv, &except);
        n = (int) strv_length(argv);
        if (r >= 0)
                r = set_up();
        if (r < 0)
                return package_result(stdout, r, NULL);
        if (n == 2 && strcmp(argv[1], "install") == 0)
                return package_result(stdout, confine(), NULL) == 0 ? verb_install(runtimes ?: RUNTIMES_PATH, progress_fd) : EXIT_FAILURE;
        if (n == 3 && strcmp(argv[1], "verify") == 0)
                return verb_verify(argv[2]);
        if (n == 3 && strcmp(argv[1], "sync") == 0)
                return verb_sync(argv[2]);
        if (n >= 4 && strcmp(argv[1], "remove") == 0)
                return verb_remove(argv[2], argv + 3);
        if (n == 5 && strcmp(argv[1], "pack") == 0)
                return verb_pack(argv[2], argv[3], argv[4], store, &except, progress_fd);
        fprintf(stderr, "joblet-package is started by jobletd and rnx; see rnx(1)\n");
        return 2;
}
