/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime-facts.h"
#include "store.h"
#include "strv.h"
#include "test.h"

/* Two directories of a search path below a temporary one, and a place for facts. */
typedef struct Fixture {
        char root[64];
        char *first, *second, *facts;
        Store *store;
} Fixture;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f) {
        return remove(path);
}

static int setup(void **state) {
        _cleanup_strv_free_ char **path = NULL;
        Fixture *f;

        f = calloc(1, sizeof(Fixture));
        assert_non_null(f);
        strcpy(f->root, "/tmp/test-store-XXXXXX");
        assert_non_null(mkdtemp(f->root));
        assert_true(asprintf(&f->first, "%s/first", f->root) > 0);
        assert_true(asprintf(&f->second, "%s/second", f->root) > 0);
        assert_true(asprintf(&f->facts, "%s/facts", f->root) > 0);
        assert_int_equal(mkdir(f->first, 0755), 0);
        assert_int_equal(mkdir(f->second, 0755), 0);

        assert_int_equal(strv_extend(&path, f->first), 0);
        assert_int_equal(strv_extendf(&path, "%s/missing", f->root), 0);
        assert_int_equal(strv_extend(&path, f->second), 0);
        assert_int_equal(store_new(path, &f->store), 0);
        free(f->store->facts_path);
        f->store->facts_path = strdup(f->facts);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        assert_int_equal(nftw(f->root, remove_one, 16, FTW_DEPTH|FTW_PHYS), 0);
        store_free(f->store);
        free(f->first);
        free(f->second);
        free(f->facts);
        free(f);
        return 0;
}

static void write_file(const char *text, const char *format, ...) _printf_(2, 3);
static void write_file(const char *text, const char *format, ...) {
        _cleanup_free_ char *path = NULL;
        va_list ap;
        FILE *f;

        va_start(ap, format);
        assert_true(vasprintf(&path, format, ap) > 0);
        va_end(ap);

        /* with the directories that lead there */
        for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
                *p = 0;
                assert_true(mkdir(path, 0755) >= 0 || errno == EEXIST);
                *p = '/';
        }
        f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, 0644), 0);
}

/* Makes a runtime "language/name". */
static void add(const char *directory, const char *which) {
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text, "name: %s\nversion: 1\n", strchr(which, '/') + 1) > 0);
        write_file(text, "%s/%s/runtime.yml", directory, which);
}

static void check_list(Fixture *f, const char *expected) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *joined = NULL;
        Runtime **runtimes;
        size_t n;

        assert_int_equal(store_enumerate(f->store, &runtimes, &n), 0);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(strv_extendf(&names, "%s/%s%s", runtimes[i]->language, runtimes[i]->name,
                                              runtimes[i]->manifest ? "" : "!"), 0);
        joined = strv_join(names, " ");
        assert_string_equal(joined, expected);
        runtime_free_array(runtimes, n);
}

static char* problem_of(Fixture *f, const char *name) {
        char *problem = NULL;
        Runtime **runtimes;
        size_t n;

        assert_int_equal(store_enumerate(f->store, &runtimes, &n), 0);
        for (size_t i = 0; i < n; i++)
                if (strcmp(runtimes[i]->name, name) == 0 && runtimes[i]->problem)
                        problem = strdup(runtimes[i]->problem);
        runtime_free_array(runtimes, n);
        return problem;
}

static void check_problem(Fixture *f, const char *name, const char *part) {
        _cleanup_free_ char *problem = problem_of(f, name);

        if (!problem || !strstr(problem, part))
                fail_msg("%s: '%s' instead of '%s'", name, problem ?: "no problem", part);
}

static void test_empty(void **state) {
        check_list(*state, "");
}

static void test_order_and_hiding(void **state) {
        Fixture *f = *state;
        Runtime **runtimes;
        size_t n;

        add(f->second, "python/python-3.9");
        add(f->second, "python/python-3.13");
        add(f->first, "python/python-3.11-ml");
        add(f->second, "java/java-21");
        add(f->second, "java/java-17");
        add(f->first, "java/java-17");
        check_list(f,
                   "java/java-17 java/java-21 python/python-3.9 python/python-3.11-ml python/python-3.13");

        assert_int_equal(store_enumerate(f->store, &runtimes, &n), 0);
        assert_int_equal(strncmp(runtimes[0]->path, f->first, strlen(f->first)), 0);
        assert_string_equal(runtimes[3]->display_name, "python:3.11-ml");
        assert_string_equal(runtimes[3]->key, "python-3.11-ml");
        assert_true(runtimes[3]->size == UINT64_MAX);
        runtime_free_array(runtimes, n);
}

/* Twice each, so that the second answer comes from what was kept. */
static void test_seen_at_once(void **state) {
        Fixture *f = *state;

        add(f->first, "go/go-1.22");
        check_list(f, "go/go-1.22");
        add(f->first, "go/go-1.9");
        check_list(f, "go/go-1.9 go/go-1.22");
        write_file("name: go-1.9\n", "%s/go/go-1.9/runtime.yml", f->first);
        check_list(f, "go/go-1.9! go/go-1.22");
        write_file("name: go-1.9\nversion: 1\n", "%s/go/go-1.9/runtime.yml", f->first);
        check_list(f, "go/go-1.9 go/go-1.22");
}

/* As above, but with a file that is old enough to be kept in memory. */
static void test_cache_notices_changes(void **state) {
        Fixture *f = *state;
        _cleanup_(runtime_freep) Runtime *r = NULL;
        Runtime **a, **b;
        size_t n;

        add(f->first, "go/go-1.22");
        (void) sleep(3);
        assert_int_equal(store_enumerate(f->store, &a, &n), 0);
        assert_int_equal(store_enumerate(f->store, &b, &n), 0);
        assert_ptr_equal(a[0]->manifest, b[0]->manifest);
        runtime_free_array(a, 1);
        assert_string_equal(b[0]->manifest->version, "1");
        runtime_free_array(b, 1);

        /* same size, changed within the same second as it is read */
        write_file("name: go-1.22\nversion: 2\n", "%s/go/go-1.22/runtime.yml", f->first);
        assert_int_equal(store_enumerate(f->store, &a, &n), 0);
        assert_string_equal(a[0]->manifest->version, "2");
        runtime_free_array(a, 1);
        write_file("name: go-1.22\nversion: 3\n", "%s/go/go-1.22/runtime.yml", f->first);
        assert_int_equal(store_resolve(f->store, "go:1.22", &r, NULL), 0);
        assert_string_equal(r->manifest->version, "3");
}

static void test_broken_are_listed(void **state) {
        Fixture *f = *state;
        _cleanup_free_ char *link = NULL, *target = NULL, *open = NULL, *file = NULL, *language = NULL;

        add(f->first, "a/good");
        write_file("x", "%s/a/no-manifest/bin/x", f->first);
        write_file("name: broken\nversion: [1]\n", "%s/a/broken/runtime.yml", f->first);
        write_file("name: high\nversion: 1\n", "%s/high/runtime.yml", f->first);
        write_file("x", "%s/high/bin/x", f->first);
        write_file("x", "%s/a/plain-file", f->first);
        write_file("x", "%s/a/.staging/runtime.yml", f->first);
        write_file("x", "%s/a/sp ace/runtime.yml", f->first);
        write_file("x", "%s/plain-file", f->first);

        assert_true(asprintf(&target, "%s/a/good", f->first) > 0);
        assert_true(asprintf(&link, "%s/a/linked", f->first) > 0);
        assert_int_equal(symlink(target, link), 0);
        assert_true(asprintf(&language, "%s/linked-language", f->first) > 0);
        *strrchr(target, '/') = 0;
        assert_int_equal(symlink(target, language), 0);

        add(f->first, "a/open");
        assert_true(asprintf(&open, "%s/a/open", f->first) > 0);
        assert_int_equal(chmod(open, 0777), 0);
        add(f->first, "a/open-file");
        assert_true(asprintf(&file, "%s/a/open-file/runtime.yml", f->first) > 0);
        assert_int_equal(chmod(file, 0666), 0);

        check_list(f, "a/broken! a/good a/linked! a/no-manifest! a/open! a/open-file! high/high!");
        check_problem(f, "broken", "/a/broken/runtime.yml:2: version: must be one value");
        check_problem(f, "linked", "it is a symbolic link");
        check_problem(f, "no-manifest", "there is no such file");
        check_problem(f, "open", "everyone may write to it");
        check_problem(f, "open-file", "/a/open-file/runtime.yml: everyone may write to it");
        check_problem(f, "high", "one level too high");
}

static void test_distrust_is_inherited(void **state) {
        _cleanup_free_ char *language = NULL, *message = NULL;
        Fixture *f = *state;
        Runtime *r = NULL;

        add(f->first, "a/x");
        add(f->second, "b/y");
        assert_true(asprintf(&language, "%s/a", f->first) > 0);
        assert_int_equal(chmod(language, 0777), 0);
        check_list(f, "a/x! b/y");
        check_problem(f, "x", "everyone may write to it");
        assert_int_equal(store_resolve(f->store, "x", &r, &message), -EINVAL);
        assert_non_null(strstr(message, "everyone may write to it"));

        assert_int_equal(chmod(language, 0755), 0);
        check_list(f, "a/x b/y");
        assert_int_equal(chmod(f->second, 01777), 0);
        check_list(f, "a/x b/y!");
        if (geteuid() != 0)
                return;
        assert_int_equal(chmod(f->second, 0755), 0);
        assert_int_equal(chown(language, 12345, 12345), 0);
        check_problem(f, "x", "it belongs to user 12345");
}

static void test_name_differs(void **state) {
        _cleanup_(runtime_freep) Runtime *r = NULL;
        Fixture *f = *state;

        write_file("name: other\nversion: 1\n", "%s/a/x/runtime.yml", f->first);
        assert_int_equal(store_resolve(f->store, "x", &r, NULL), 0);
        assert_int_equal(strv_length(r->manifest->warnings), 1);
        assert_non_null(strstr(r->manifest->warnings[0], "it is 'other' but the directory is 'x'"));
}

static void check_resolves(Fixture *f, const char *spelling, const char *expected) {
        _cleanup_(runtime_freep) Runtime *r = NULL;
        _cleanup_free_ char *message = NULL, *which = NULL;
        int k;

        k = store_resolve(f->store, spelling, &r, &message);
        if (k < 0)
                fail_msg("%s: %d, %s", spelling, k, message ?: "no message");
        assert_null(message);
        assert_non_null(r->manifest);
        assert_true(asprintf(&which, "%s/%s", r->language, r->name) > 0);
        assert_string_equal(which, expected);
}

static void check_fails(Fixture *f, const char *spelling, int error, const char *expected) {
        _cleanup_free_ char *message = NULL;
        Runtime *r = NULL;

        assert_int_equal(store_resolve(f->store, spelling, &r, &message), error);
        assert_null(r);
        assert_string_equal(message, expected);
}

static void test_spellings(void **state) {
        Fixture *f = *state;

        add(f->second, "python/python-3.11-ml");
        add(f->second, "python/3.12");
        add(f->second, "java/java-17");
        add(f->second, "nodejs/nodejs-18");
        add(f->second, "node/node-20");
        add(f->second, "custom/my-custom-runtime");
        add(f->second, "cpp/g++-13");

        check_resolves(f, "python-3.11-ml", "python/python-3.11-ml");
        check_resolves(f, "python:3.11-ml", "python/python-3.11-ml");
        check_resolves(f, "python:3.11+ml", "python/python-3.11-ml");
        check_resolves(f, "python/python-3.11-ml", "python/python-3.11-ml");
        check_resolves(f, "3.12", "python/3.12");
        check_resolves(f, "python:3.12", "python/3.12");
        check_resolves(f, "python-3.12", "python/3.12");
        check_resolves(f, "java:17", "java/java-17");
        check_resolves(f, "java-17", "java/java-17");
        check_resolves(f, "node:18", "nodejs/nodejs-18");
        check_resolves(f, "node-18", "nodejs/nodejs-18");
        check_resolves(f, "nodejs:18", "nodejs/nodejs-18");
        check_resolves(f, "nodejs-18", "nodejs/nodejs-18");
        check_resolves(f, "node:20", "node/node-20");
        check_resolves(f, "nodejs:20", "node/node-20");
        check_resolves(f, "nodejs-20", "node/node-20");
        check_resolves(f, "my-custom-runtime", "custom/my-custom-runtime");
        check_resolves(f, "custom:my-custom-runtime", "custom/my-custom-runtime");
        check_resolves(f, "g++-13", "cpp/g++-13");
}

static void test_ambiguous(void **state) {
        Fixture *f = *state;

        add(f->first, "node/node-18");
        add(f->second, "nodejs/nodejs-18");
        check_fails(f, "node:18", -ENOTUNIQ,
                    "runtime name is ambiguous: node:18 may be any of node/node-18, nodejs/nodejs-18. Write one of these "
                    "instead.");
        check_resolves(f, "node-18", "node/node-18"); /* the directory's own name wins */
        check_resolves(f, "nodejs-18", "nodejs/nodejs-18");
        check_resolves(f, "nodejs/nodejs-18", "nodejs/nodejs-18");

        add(f->first, "a/same");
        add(f->first, "b/same");
        check_fails(f, "same", -ENOTUNIQ,
                    "runtime name is ambiguous: same may be any of a/same, b/same. Write one of these instead.");
        check_resolves(f, "b/same", "b/same");
        check_resolves(f, "b:same", "b/same");

        add(f->first, "python/python-3.11-ml");
        add(f->first, "python/3.11-ml");
        check_resolves(f, "python-3.11-ml", "python/python-3.11-ml");
        check_resolves(f, "3.11-ml", "python/3.11-ml");
        check_fails(f, "python:3.11-ml", -ENOTUNIQ,
                    "runtime name is ambiguous: python:3.11-ml may be any of python/3.11-ml, python/python-3.11-ml. Write one "
                    "of these instead.");
}

/* Each can be typed as it is shown, and is an object of its own. */
static void test_told_apart(void **state) {
        static const char *const cases[][3] = { /* where, shown, id */
                { "a/same",                "a/same",             "a/same"           },
                { "b/same",                "b/same",             "b/same"           },
                { "custom/alone",          "alone",              "custom/alone"     },
                { "java/java-17",          "java/java-17",       "java-17"          },
                { "java/java-21",          "java:21",            "java-21"          },
                { "node/node-18",          "node/node-18",       "node-18"          },
                { "nodejs/nodejs-18",      "nodejs/nodejs-18",   "nodejs-18"        },
                { "other/java-17",         "other/java-17",      "other/java-17"    },
                { "python/python-3-ml",    "python/python-3-ml", "python-3-ml"      },
                { "python-3/python-3-ml",  "python-3/python-3-ml", "python-3/python-3-ml" },
        };
        Fixture *f = *state;
        Runtime **runtimes;
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                add(i % 2 ? f->first : f->second, cases[i][0]);
        assert_int_equal(store_enumerate(f->store, &runtimes, &n), 0);
        assert_int_equal(n, ELEMENTSOF(cases));
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *where = NULL;
                _cleanup_(runtime_freep) Runtime *found = NULL, *by_id = NULL;
                size_t k = 0;

                assert_true(asprintf(&where, "%s/%s", runtimes[i]->language, runtimes[i]->name) > 0);
                while (k < ELEMENTSOF(cases) && strcmp(cases[k][0], where) != 0)
                        k++;
                assert_true(k < ELEMENTSOF(cases));
                assert_string_equal(runtimes[i]->id, cases[k][2]);
                assert_int_equal(store_find_id(f->store, cases[k][2], &by_id), 0);
                assert_string_equal(by_id->path, runtimes[i]->path);
                assert_string_equal(runtimes[i]->display_name, cases[k][1]);
                assert_int_equal(store_resolve(f->store, runtimes[i]->display_name, &found, NULL), 0);
                assert_string_equal(found->path, runtimes[i]->path);
        }
        runtime_free_array(runtimes, n);
}

static void test_unknown(void **state) {
        Fixture *f = *state;

        check_fails(f, "python:3.11", -ENOENT,
                    "runtime not found: python:3.11. No runtimes are installed; install one with: rnx runtime install FILE");

        add(f->first, "python/python-3.11-ml");
        add(f->first, "java/java-17");
        add(f->first, "nodejs/nodejs-18");
#define INSTALLED ". Installed: java:17, nodejs:18, python:3.11-ml."
        check_fails(f, "python:3.11", -ENOENT,
                    "runtime not found: python:3.11" INSTALLED " Did you mean python:3.11-ml?");
        check_fails(f, "python:3.11+gpu", -ENOENT,
                    "runtime not found: python:3.11+gpu" INSTALLED " Did you mean python:3.11-ml?");
        check_fails(f, "pyhton-3.11-ml", -ENOENT,
                    "runtime not found: pyhton-3.11-ml" INSTALLED " Did you mean python:3.11-ml?");
        check_fails(f, "java-21", -ENOENT, "runtime not found: java-21" INSTALLED " Did you mean java:17?");
        check_fails(f, "node", -ENOENT, "runtime not found: node" INSTALLED " Did you mean nodejs:18?");
        check_fails(f, "ruby-3.3", -ENOENT,
                    "runtime not found: ruby-3.3" INSTALLED " See: rnx runtime list");
        check_fails(f, "python/python-3.12", -ENOENT,
                    "runtime not found: python/python-3.12" INSTALLED " See: rnx runtime list");
#undef INSTALLED
}

static void test_unknown_among_many(void **state) {
        Fixture *f = *state;

        for (unsigned i = 0; i < 12; i++) {
                char name[32];

                sprintf(name, "x/x-%u", i);
                add(f->first, name);
        }
        check_fails(f, "ruby", -ENOENT,
                    "runtime not found: ruby. Installed: x:0, x:1, x:2, x:3, x:4, x:5, x:6, x:7, x:8, "
                    "x:9 and 2 more. See: rnx runtime list");
}

static void test_no_name(void **state) {
#define NO_NAME(shown) "not a runtime name: '" shown "'. Write it as python-3.11-ml or python:3.11-ml; see: rnx runtime list"
        Fixture *f = *state;

        check_fails(f, "", -EINVAL, NO_NAME(""));
        check_fails(f, "../../etc", -EINVAL, NO_NAME("../../etc"));
        check_fails(f, "a/../b", -EINVAL, NO_NAME("a/../b"));
        check_fails(f, "/a", -EINVAL, NO_NAME("/a"));
        check_fails(f, "python:", -EINVAL, NO_NAME("python:"));
        check_fails(f, "a\x1b[2J", -EINVAL, NO_NAME("a?[2J"));
        check_fails(f, "a b", -EINVAL, NO_NAME("a b"));
#undef NO_NAME
}

static void test_broken_does_not_resolve(void **state) {
        _cleanup_free_ char *message = NULL;
        Fixture *f = *state;
        Runtime *r = NULL;

        write_file("name: x\nversion: 1\ntype: big\n", "%s/a/x/runtime.yml", f->first);
        assert_int_equal(store_resolve(f->store, "x", &r, &message), -EINVAL);
        assert_null(r);
        assert_non_null(strstr(message, "/first/a/x/runtime.yml:3: type: must be 'system' or 'managed'"));
}

/* ... but is found, so that it can be shown and removed. */
static void test_find_broken(void **state) {
        _cleanup_(runtime_freep) Runtime *r = NULL;
        Fixture *f = *state;

        write_file("name: x\n", "%s/a/x/runtime.yml", f->first);
        assert_int_equal(store_find(f->store, "x", &r, NULL), 0);
        assert_null(r->manifest);
        assert_non_null(strstr(r->problem, "version: it is missing"));
}

static void check_sources(Fixture *f, const char *mounts, int expected, const char *part) {
        _cleanup_free_ char *text = NULL, *message = NULL;
        _cleanup_(runtime_freep) Runtime *r = NULL;

        assert_true(asprintf(&text, "name: x\nversion: 1\n%s", mounts) > 0);
        write_file(text, "%s/a/x/runtime.yml", f->first);
        assert_int_equal(store_resolve(f->store, "x", &r, NULL), 0);
        assert_int_equal(runtime_check_sources(r, &message), expected);
        if (!part)
                assert_null(message);
        else if (!message || !strstr(message, part))
                fail_msg("'%s' instead of '%s'", message ?: "no message", part);
}

static void test_sources(void **state) {
        _cleanup_free_ char *inside = NULL;
        _cleanup_close_ int fd = -EBADF;
        Fixture *f = *state;

        write_file("x", "%s/a/x/jdk/bin/java", f->first);
        assert_true(asprintf(&inside, "%s/a/x", f->first) > 0);
        fd = open(inside, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(mkdirat(fd, "bin", 0755), 0);
        assert_int_equal(symlinkat("../jdk/bin/java", fd, "bin/java"), 0);
        assert_int_equal(symlinkat("jdk/bin", fd, "inside"), 0);
        assert_int_equal(symlinkat(inside, fd, "absolute"), 0);
        assert_int_equal(symlinkat("/etc", fd, "outside"), 0);
        assert_int_equal(symlinkat("/etc/passwd", fd, "bin/passwd"), 0);
        assert_int_equal(symlinkat("..", fd, "up"), 0);
        assert_int_equal(symlinkat("/proc/self/root", fd, "magic"), 0);
        assert_int_equal(symlinkat("loop", fd, "loop"), 0);
        assert_int_equal(mkfifoat(fd, "fifo", 0644), 0);

#define MOUNT(source) "mounts: [{source: " source ", target: /usr/local/x}]\n"
#define ENTRY(source, entry) "mounts: [{source: " source ", target: /usr/local/x, selective: [" entry "]}]\n"
        check_sources(f, "", 0, NULL);
        check_sources(f, MOUNT("."), 0, NULL);
        check_sources(f, MOUNT("jdk/bin/java"), 0, NULL);
        check_sources(f, MOUNT("inside"), 0, NULL);
        check_sources(f, MOUNT("absolute/jdk"), 0, NULL);
        check_sources(f, ENTRY("bin", "java"), 0, NULL);
        check_sources(f, MOUNT("missing"), -ENOENT, "source 'missing' cannot be used: No such file");
        check_sources(f, ENTRY("bin", "javac"), -ENOENT, "source 'bin/javac' cannot be used");
        check_sources(f, MOUNT("outside"), -EXDEV, "source 'outside' is a link to '/etc'");
        check_sources(f, MOUNT("outside/ssl"), -EXDEV, "'/etc/ssl'");
        check_sources(f, ENTRY("bin", "passwd"), -EXDEV, "source 'bin/passwd' is a link to '/etc/passwd'");
        check_sources(f, MOUNT("up"), -EXDEV, "source 'up' is a link");
        check_sources(f, MOUNT("magic"), -EXDEV, "source 'magic' is a link to '/'");
        check_sources(f, MOUNT("loop"), -ELOOP, "source 'loop' cannot be used");
        check_sources(f, MOUNT("fifo"), -EINVAL, "neither a file nor a directory");
        check_sources(f, "base: self\n", -ENOENT, "base: 'self' needs the root in");
        assert_int_equal(symlinkat("/", fd, "root"), 0);
        check_sources(f, "base: self\n", -ENOTDIR, "root is no directory");
        assert_int_equal(unlinkat(fd, "root", 0), 0);
        assert_int_equal(mkdirat(fd, "root", 0755), 0);
        check_sources(f, "base: self\n", 0, NULL);
#undef MOUNT
#undef ENTRY
}

static void test_digest(void **state) {
        /* of the 4 bytes "abc\n" */
        static const char expected[] = "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb";
        _cleanup_(runtime_freep) Runtime *first = NULL, *second = NULL, *third = NULL;
        Fixture *f = *state;
        Runtime **runtimes;
        size_t n;

        add(f->first, "a/x");
        assert_int_equal(store_resolve(f->store, "x", &first, NULL), 0);
        assert_null(first->digest);

        write_file("abc\n", "%s/a/x/manifest.sha256", f->first);
        assert_int_equal(store_resolve(f->store, "x", &second, NULL), 0);
        assert_string_equal(second->digest, expected);

        /* now the listing knows it, too */
        assert_int_equal(store_enumerate(f->store, &runtimes, &n), 0);
        assert_string_equal(runtimes[0]->digest, expected);
        assert_true(runtimes[0]->size == UINT64_MAX);
        runtime_free_array(runtimes, n);

        write_file("abd\n", "%s/a/x/manifest.sha256", f->first);
        assert_int_equal(store_resolve(f->store, "x", &third, NULL), 0);
        assert_string_not_equal(third->digest, expected);
}

static void test_tree_size(void **state) {
        _cleanup_free_ char *deep = NULL;
        _cleanup_close_ int fd = -EBADF;
        Fixture *f = *state;
        uint64_t size;
        char *p;

        write_file("12345", "%s/t/a", f->first);
        write_file("1234567890", "%s/t/sub/sub/b", f->first);
        assert_true(asprintf(&deep, "%s/t", f->first) > 0);
        fd = open(deep, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(tree_size(fd, &size), 0);
        assert_true(size == 15);

        /* a hard link counts once, a link is as large as its text, nothing behind it counts */
        for (unsigned i = 0; i < 1000; i++) {
                char name[32];

                sprintf(name, "link-%u", i);
                assert_int_equal(linkat(fd, i % 2 ? "a" : "sub/sub/b", fd, name, 0), 0);
        }
        assert_int_equal(symlinkat("/usr", fd, "usr"), 0);
        assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
        assert_int_equal(tree_size(fd, &size), 0);
        assert_true(size == 19);

        /* a tree that never ends */
        p = realloc(deep, strlen(deep) + 2 * 200 + 1);
        assert_non_null(p);
        deep = p;
        for (unsigned i = 0; i < 200; i++) {
                strcat(deep, "/d");
                assert_int_equal(mkdir(deep, 0755), 0);
        }
        assert_int_equal(tree_size(fd, &size), -ELOOP);
}

static void check_facts(int facts_fd, const char *path, int fd, uint64_t size, const char *digest) {
        RuntimeFacts facts = {};

        assert_int_equal(runtime_facts_read(facts_fd, path, fd, &facts), 0);
        assert_true(facts.size == size);
        if (digest)
                assert_string_equal(facts.digest, digest);
        else
                assert_null(facts.digest);
        runtime_facts_done(&facts);
}

static void test_facts(void **state) {
        static char digest[] = "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb";
        _cleanup_close_ int facts_fd = -EBADF, fd = -EBADF;
        Fixture *f = *state;
        _cleanup_free_ char *path = NULL;

        add(f->first, "a/x");
        write_file("abc\n", "%s/a/x/manifest.sha256", f->first);
        assert_true(asprintf(&path, "%s/a/x", f->first) > 0);
        fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(mkdir(f->facts, 0755), 0);
        facts_fd = open(f->facts, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        assert_true(facts_fd >= 0);

        check_facts(facts_fd, path, fd, UINT64_MAX, NULL);
        assert_int_equal(runtime_facts_write(facts_fd, path, fd, &(RuntimeFacts) { 4711, NULL }), 0);
        check_facts(facts_fd, path, fd, 4711, NULL);
        assert_int_equal(runtime_facts_write(facts_fd, path, fd, &(RuntimeFacts) { UINT64_MAX, digest }), 0);
        check_facts(facts_fd, path, fd, UINT64_MAX, digest);
        assert_int_equal(runtime_facts_write(facts_fd, path, fd, &(RuntimeFacts) { 4711, digest }), 0);
        check_facts(facts_fd, path, fd, 4711, digest);
        check_facts(facts_fd, "/other", fd, UINT64_MAX, NULL);

        /* another manifest.sha256: its digest is gone, and the size, since a file of the directory is
         * another */
        assert_int_equal(unlinkat(fd, "manifest.sha256", 0), 0);
        check_facts(facts_fd, path, fd, UINT64_MAX, NULL);
        assert_int_equal(runtime_facts_write(facts_fd, path, fd, &(RuntimeFacts) { 4711, NULL }), 0);
        check_facts(facts_fd, path, fd, 4711, NULL);
        write_file("name: x\nversion: 2\n", "%s/runtime.yml", path);
        check_facts(facts_fd, path, fd, UINT64_MAX, NULL);
}

/* What is kept must not be trusted to be well-formed: a crash may have left anything. */
static void test_facts_damaged(void **state) {
        static const char *const damage[] = { "", "x", "# private data, do not parse\n", "size 12\n" };
        _cleanup_close_ int facts_fd = -EBADF, fd = -EBADF;
        _cleanup_free_ char *path = NULL, *file = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        Fixture *f = *state;
        struct dirent *de;

        add(f->first, "a/x");
        assert_true(asprintf(&path, "%s/a/x", f->first) > 0);
        fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        assert_int_equal(mkdir(f->facts, 0755), 0);
        facts_fd = open(f->facts, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        assert_true(fd >= 0 && facts_fd >= 0);
        assert_int_equal(runtime_facts_write(facts_fd, path, fd, &(RuntimeFacts) { 4711, NULL }), 0);

        d = opendir(f->facts);
        assert_non_null(d);
        do {
                de = readdir(d);
                assert_non_null(de);
        } while (de->d_name[0] == '.');
        assert_true(asprintf(&file, "%s/%s", f->facts, de->d_name) > 0);
        for (size_t i = 0; i < ELEMENTSOF(damage); i++) {
                write_file(damage[i], "%s", file);
                check_facts(facts_fd, path, fd, UINT64_MAX, NULL);
        }
}

/* Not a measurement: only that nothing grows with the square of the number. */
static void test_many(void **state) {
        struct timespec begin, end;
        Fixture *f = *state;
        Runtime **runtimes;
        size_t n;

        for (unsigned i = 0; i < 500; i++) {
                char name[64];

                sprintf(name, "language-%u/language-%u-%u", i % 10, i % 10, i);
                add(i % 2 ? f->first : f->second, name);
        }
        (void) clock_gettime(CLOCK_MONOTONIC, &begin);
        assert_int_equal(store_enumerate(f->store, &runtimes, &n), 0);
        (void) clock_gettime(CLOCK_MONOTONIC, &end);
        assert_int_equal(n, 500);
        runtime_free_array(runtimes, n);
        assert_true(end.tv_sec - begin.tv_sec < 5);
}

#define store_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_empty),
                store_test(test_order_and_hiding),
                store_test(test_seen_at_once),
                store_test(test_cache_notices_changes),
                store_test(test_broken_are_listed),
                store_test(test_distrust_is_inherited),
                store_test(test_name_differs),
                store_test(test_spellings),
                store_test(test_ambiguous),
                store_test(test_told_apart),
                store_test(test_unknown),
                store_test(test_unknown_among_many),
                store_test(test_no_name),
                store_test(test_broken_does_not_resolve),
                store_test(test_find_broken),
                store_test(test_sources),
                store_test(test_digest),
                store_test(test_tree_size),
                store_test(test_facts),
                store_test(test_facts_damaged),
                store_test(test_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
