/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "package.h"
#include "strv.h"
#include "test.h"
#include "directory-fixture.h"
#include "tree-manifest.h"

#define MANIFEST "name: t-one\nversion: '1'\n"

/* An entry for the plan, as if from a central directory. */
static PackageEntry entry(const char *name, uint32_t mode, uint64_t size) {
        return (PackageEntry) { .name = name, .mode = mode, .size = size, .packed_size = size, .supported = true };
}

static PackagePlan* plan(const PackageEntry *entries, size_t n, const char *rule) {
        const PackageLimits limits = { .size = 1000000, .file_size = 100000, .ratio = 10, .ratio_from = 5000, .entries = 20 };
        _cleanup_free_ char *message = NULL;
        PackagePlan *p = NULL;
        int r;

        r = package_plan_new(entries, n, 1000000, &limits, &p, &message);
        if (rule) {
                assert_true(r == -EINVAL || r == -E2BIG);
                assert_non_null(message);
                if (!strstr(message, rule))
                        fail_msg("'%s' instead of '%s'", message, rule);
                assert_null(p);
        } else if (r < 0)
                fail_msg("%s", message ?: strerror(-r));
        return p;
}

static void test_names(void **state) {
        static const struct {
                const char *name, *rule;
        } names[] = {
                { "/etc/passwd",                 "absolute"             },
                { "t/t-one/../../x",             "'..'"                 },
                { "../x",                        "'..'"                 },
                { "t/t-one/..",                  "'..'"                 },
                { "t/t-one/./x",                 "'.'"                  },
                { "t/t-one//x",                  "empty component"      },
                { "t/t-one/a\\..\\b",            "backslash"            },
                { "t/t-one/a\nb",                "control characters"   },
                { "t/t-one/\033[2J",             "control characters"   },
                { "t/t-one/\xff",                "UTF-8"                },
                { "",                            "no name"              },
                { "x",                           "LANGUAGE/NAME/"       },
                { "t/x",                         "LANGUAGE/NAME/"       },
                { "t/other/x",                   "t/t-one/"             },
                { "u/t-one/x",                   "t/t-one/"             },
                { "t/t-one/runtime.yml",         "two entries"          },
                { "t/t-one/runtime.yml/below",   "no directory"         },
                { "t/t-one/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/"
                  "2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0", "directories deep" },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const PackageEntry entries[] = { entry("t/t-one/runtime.yml", S_IFREG | 0644, 1),
                                                 entry(names[i].name, S_IFREG | 0644, 1) };

                (void) plan(entries, ELEMENTSOF(entries), names[i].rule);
        }
}

static void test_long_names(void **state) {
        char name[2048] = "t/t-one/";
        PackageEntry entries[] = { entry("t/t-one/runtime.yml", S_IFREG | 0644, 1),
                                   entry(name, S_IFREG | 0644, 1) };

        memset(name + 8, 'a', 256);
        (void) plan(entries, ELEMENTSOF(entries), "component longer");
        memset(name + 8, 'b', 2000);
        (void) plan(entries, ELEMENTSOF(entries), "longer than 1024");
}

static void test_types(void **state) {
        static const struct {
                const char *name;
                uint32_t mode;
                uint64_t size;
                const char *rule;
        } types[] = {
                { "t/t-one/x",  S_IFREG | 04755, 1,   "setuid"           },
                { "t/t-one/x",  S_IFREG | 02755, 1,   "setgid"           },
                { "t/t-one/x/", S_IFDIR | 02755, 0,   "setgid"           },
                { "t/t-one/x/", S_IFDIR | 01777, 0,   "sticky"           },
                { "t/t-one/x",  S_IFCHR | 0644,  0,   "device"           },
                { "t/t-one/x",  S_IFBLK | 0644,  0,   "device"           },
                { "t/t-one/x",  S_IFIFO | 0644,  0,   "neither file"     },
                { "t/t-one/x",  S_IFSOCK | 0644, 0,   "neither file"     },
                { "t/t-one/x",  S_IFDIR | 0755,  0,   "does not fit"     },
                { "t/t-one/x/", S_IFREG | 0755,  0,   "does not fit"     },
                { "t/t-one/x/", S_IFLNK | 0777,  0,   "does not fit"     },
                { "t/t-one/x/", S_IFDIR | 0755,  1,   "with contents"    },
                { "t/t-one/x",  S_IFLNK | 0777,  0,   "target of 0"      },
                { "t/t-one/x",  S_IFLNK | 0777,  9999, "target of 9999"  },
        };
        PackageEntry entries[] = { entry("t/t-one/runtime.yml", S_IFREG | 0644, 1), {} };

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                entries[1] = entry(types[i].name, types[i].mode, types[i].size);
                (void) plan(entries, ELEMENTSOF(entries), types[i].rule);
        }
        entries[1] = entry("t/t-one/x", S_IFREG, 1);
        entries[1].encrypted = true;
        (void) plan(entries, ELEMENTSOF(entries), "encrypted");
        entries[1] = entry("t/t-one/x", S_IFREG, 1);
        entries[1].supported = false;
        (void) plan(entries, ELEMENTSOF(entries), "compression");
}

static void test_limits(void **state) {
        PackageEntry entries[30];

        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                entries[i] = entry("t/t-one/x", S_IFREG, 1);
        (void) plan(entries, 21, "21 entries");

        entries[0] = entry("t/t-one/runtime.yml", S_IFREG, 100001);
        (void) plan(entries, 1, "larger than 100000");
        for (size_t i = 0; i < 11; i++)
                entries[i] = entry("t/t-one/x", S_IFREG, 99999);
        entries[0].size = UINT64_MAX;
        entries[0].packed_size = 1;
        (void) plan(entries, 11, "not possible");
        entries[0].size = 99999;
        for (size_t i = 0; i < 11; i++)
                entries[i].packed_size = 1;
        (void) plan(entries, 11, "more than the");
        for (size_t i = 0; i < 11; i++)
                entries[i] = (PackageEntry) { .name = "t/t-one/x", .size = 1, .packed_size = 100000, .supported = true };
        (void) plan(entries, 11, "overlap");
}

static void test_ratio(void **state) {
        const PackageLimits limits = { .size = 1000000, .file_size = 100000, .ratio = 10, .ratio_from = 5000, .entries = 20 };
        PackageEntry e = entry("t/t-one/runtime.yml", S_IFREG, 6000);
        _cleanup_free_ char *message = NULL;
        PackagePlan *p = NULL;

        e.packed_size = 5;
        assert_int_equal(package_plan_new(&e, 1, 500, &limits, &p, &message), -E2BIG);
        assert_non_null(strstr(message, "10 times"));
        assert_int_equal(package_plan_new(&e, 1, 600, &limits, &p, &message), 0);
        package_plan_free(p);
}

static void test_directories_are_completed(void **state) {
        const PackageEntry entries[] = {
                entry("t/t-one/a/b/c", S_IFREG | 0600, 1),
                entry("t/t-one/a-b", 0, 1),
                entry("t/t-one/a/b/", S_IFDIR | 0700, 0),
                entry("t/t-one/runtime.yml", S_IFREG | 0666, 1),
                entry("t/t-one/bin/x", S_IFREG | 0700, 1),
        };
        static const char *const expected[] = { "a", "a/b", "a/b/c", "a-b", "bin", "bin/x", "runtime.yml" };
        static const mode_t modes[] = { 0755, 0755, 0644, 0644, 0755, 0755, 0644 };
        _cleanup_(package_plan_freep) PackagePlan *p = plan(entries, ELEMENTSOF(entries), NULL);

        assert_int_equal(p->tree->n_items, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                assert_string_equal(p->tree->items[i].path, expected[i]);
                assert_int_equal(p->tree->items[i].mode, modes[i]);
        }
        assert_null(plan(entries, 3, "runtime.yml"));
}

/* One link, beside links "up" in the directory d to "..", "self" to "." and "root/in". */
static void check_link(const char *path, const char *target, bool own_root, const char *rule) {
        const PackageEntry entries[] = {
                entry("t/t-one/runtime.yml", S_IFREG | 0644, 1),
                entry("t/t-one/d/self", S_IFLNK | 0777, 1),
                entry("t/t-one/d/up", S_IFLNK | 0777, 2),
                entry(path, S_IFLNK | 0777, strlen(target)),
        };
        _cleanup_(package_plan_freep) PackagePlan *p = plan(entries, ELEMENTSOF(entries), NULL);
        _cleanup_free_ char *message = NULL;
        int r;

        file_tree_find(p->tree, "d/self")->target = strdup(".");
        file_tree_find(p->tree, "d/up")->target = strdup("..");
        file_tree_find(p->tree, path + strlen("t/t-one/"))->target = strdup(target);
        r = package_plan_check_links(p, own_root, &message);
        if (rule ? r != -EINVAL || !strstr(message, rule) : r != 0)
                fail_msg("%s -> %s: %s", path, target, message ?: "accepted");
}

static void test_links(void **state) {
        check_link("t/t-one/x", "d", false, NULL);
        check_link("t/t-one/x", "not/there", false, NULL);
        check_link("t/t-one/e/x", "../d/./self", false, NULL);
        check_link("t/t-one/x", "/opt/joblet/runtimes/t/t-one/d", false, NULL);
        check_link("t/t-one/x", "..", false, "leaves the runtime");
        check_link("t/t-one/e/x", "../../etc", false, "leaves the runtime");
        check_link("t/t-one/x", "/etc/passwd", false, "leaves the runtime");
        check_link("t/t-one/x", "/opt/joblet/runtimes/t/t-one-more/x", false, "leaves the runtime");
        check_link("t/t-one/x", "/opt/joblet/runtimes/t/t-one/../t-two", false, "leaves the runtime");
        /* harmless by its letters, if d/up were a directory */
        check_link("t/t-one/x", "d/up/../etc", false, "leaves the runtime");
        check_link("t/t-one/x", "d/self/../..", false, "leaves the runtime");
        check_link("t/t-one/x", "x", false, "circle");
        check_link("t/t-one/x", "a\nb", false, "control characters");
        /* in a root of its own, that is what "/" means */
        check_link("t/t-one/root/bin/x", "/etc/alternatives/x", true, NULL);
        check_link("t/t-one/root/bin/x", "../../../../etc/x", true, NULL);
        check_link("t/t-one/root/bin/x", "/etc/alternatives/x", false, "leaves the runtime");
        check_link("t/t-one/other/x", "/etc/alternatives/x", true, "leaves the runtime");
}

static int setup(void **state) {
        Fixture *f = fixture_new();

        (void) umask(0022);
        assert_int_equal(setenv("TZ", "UTC", 1), 0);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        fixture_free(*state);
        return 0;
}

static void write_file(int dir_fd, const char *name, mode_t mode, const char *text) {
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static FileTree* scan(int dir_fd) {
        _cleanup_free_ char *message = NULL;
        FileTree *t = NULL;

        if (file_tree_scan(dir_fd, &t, &message) < 0)
                fail_msg("%s", message);
        for (size_t i = 0; i < t->n_items; i++) {
                char hex[SHA256_HEX_SIZE];

                if (t->items[i].type != FILE_REGULAR)
                        continue;
                assert_int_equal(file_item_hash(t->items + i, dir_fd, hex, &message), 0);
                t->items[i].digest = strdup(hex);
        }
        return t;
}

static void make_tree(int fd) {
        assert_int_equal(mkdirat(fd, "bin", 0755), 0);
        assert_int_equal(mkdirat(fd, "empty", 0755), 0);
        write_file(fd, "runtime.yml", 0644, MANIFEST);
        write_file(fd, "bin/tool", 0755, "#!/bin/sh\n");
        write_file(fd, "bin/ü name", 0644, "data\n");
        write_file(fd, "none", 0644, "");
        assert_int_equal(symlinkat("tool", fd, "bin/link"), 0);
}

static int pack(int dir_fd, const FileTree *t, bool store) {
        const PackOptions options = { .language = "t", .name = "t-one", .time = 1700000000, .store = store };
        _cleanup_free_ char *message = NULL;
        int fd = memfd_create("package", MFD_CLOEXEC);

        assert_true(fd >= 0);
        if (package_pack(dir_fd, t, &options, fd, &message) < 0)
                fail_msg("%s", message);
        return fd;
}

static void check_same(const FileTree *a, const FileTree *b) {
        _cleanup_strv_free_ char **problems = NULL;
        _cleanup_free_ char *list = NULL;
        int n = tree_manifest_compare(a, b, 10, &problems);

        list = strv_join(problems, ", ");
        if (n != 0)
                fail_msg("%s", list);
}

static void unpack(Package *p, int fd) {
        _cleanup_free_ char *message = NULL;
        UnpackState state = {};

        if (package_unpack_directories(p, fd, &message) < 0 ||
            package_unpack_files(p, fd, &state, &message) < 0 || package_unpack_finish(p, fd, &message) < 0)
                fail_msg("%s", message);
}

static void test_round_trip(void **state) {
        Fixture *f = *state;
        _cleanup_(file_tree_freep) FileTree *before = NULL, *after = NULL;
        _cleanup_(package_freep) Package *p = NULL;
        _cleanup_free_ char *message = NULL;
        int in, out, package, again;
        struct stat a, b;

        assert_int_equal(mkdirat(f->fd, "in", 0755), 0);
        assert_int_equal(mkdirat(f->fd, "out", 0755), 0);
        in = openat(f->fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        out = openat(f->fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        make_tree(in);
        before = scan(in);
        package = pack(in, before, false);
        again = pack(in, before, false);
        assert_int_equal(fstat(package, &a), 0);
        assert_int_equal(fstat(again, &b), 0);
        assert_int_equal(a.st_size, b.st_size);

        if (package_open(package, &package_limits_default, &p, &message) < 0)
                fail_msg("%s", message);
        assert_true(package_has_digests(p));
        assert_string_equal(package_plan(p)->language, "t");
        assert_string_equal(package_plan(p)->name, "t-one");
        unpack(p, out);
        after = scan(out);
        check_same(before, after);
        assert_int_equal(fstatat(out, "bin/tool", &a, 0), 0);
        assert_int_equal(a.st_mtim.tv_sec, 1700000000);
        close(in);
        close(out);
}

static void test_a_changed_byte(void **state) {
        Fixture *f = *state;
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ char *message = NULL, *data = NULL;
        _cleanup_(package_freep) Package *p = NULL;
        UnpackState shared = {};
        struct stat st;
        char *byte;
        int fd;

        make_tree(f->fd);
        t = scan(f->fd);
        fd = pack(f->fd, t, true);
        assert_int_equal(fstat(fd, &st), 0);
        data = malloc((size_t) st.st_size);
        assert_int_equal(pread(fd, data, (size_t) st.st_size, 0), st.st_size);
        byte = memmem(data, (size_t) st.st_size, "#!/bin/sh", 9);
        assert_non_null(byte);
        *byte = '%';

        assert_int_equal(mkdirat(f->fd, "out", 0755), 0);
        assert_int_equal(package_open_bytes(data, (size_t) st.st_size, &package_limits_default, &p, &message), 0);
        fd = openat(f->fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(package_unpack_directories(p, fd, &message), 0);
        assert_int_equal(package_unpack_files(p, fd, &shared, &message), -EBADMSG);
        assert_non_null(strstr(message, "bin/tool"));
        close(fd);
}

/* The n-th place of a text in bytes: the header in front of the contents first, then the directory. */
static char* find_bytes(char *data, size_t size, const char *text, unsigned n) {
        char *p = data;

        for (;; p++) {
                p = memmem(p, size - (size_t) (p - data), text, strlen(text));
                assert_non_null(p);
                if (n-- == 0)
                        return p;
        }
}

static void check_opens(const char *data, size_t size, const char *rule) {
        _cleanup_free_ char *message = NULL, *copy = malloc(size);
        _cleanup_(package_freep) Package *p = NULL;
        int r;

        assert_non_null(copy);
        memcpy(copy, data, size); /* a block of its own, so that nothing is read beside it */
        r = package_open_bytes(copy, size, &package_limits_default, &p, &message);
        if (!rule && r < 0)
                fail_msg("%s", message ?: strerror(-r));
        if (rule && (r != -EINVAL || !message || !strstr(message, rule)))
                fail_msg("'%s' instead of '%s'", message ?: "nothing", rule);
}

/* A name is said twice, and is one: neither ends early, nor are there two. */
static void test_names_in_two_places(void **state) {
        static const struct {
                unsigned where; /* bits: in front of the contents, in the directory */
                const char *text, *rule;
        } cases[] = {
                { 3, "t/t-one/bin/to\0l", "entry 't/t-one/bin/to?l': its name has a NUL byte" },
                { 1, "t/t-one/bin/to\0l", "entry 't/t-one/bin/to?l': its name has a NUL byte" },
                { 2, "t/t-one/bin/to\0l", "entry 't/t-one/bin/to?l': its name has a NUL byte" },
                { 3, "t/t-one/bin/too\0", "its name has a NUL byte" },
                { 1, "t/t-one/../../to",  "entry 't/t-one/bin/tool': it has another name in front of its contents" },
                { 2, "t/t-one/bin/took",  "entry 't/t-one/bin/took': it has another name in front of its contents" },
                { 3, "t/t-one/bin/to l",  "manifest.sha256 says" },
        };
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ char *data = NULL;
        Fixture *f = *state;
        struct stat st;
        size_t size;
        int fd;

        make_tree(f->fd);
        t = scan(f->fd);
        fd = pack(f->fd, t, true);
        assert_int_equal(fstat(fd, &st), 0);
        size = (size_t) st.st_size;
        data = malloc(size);
        assert_non_null(data);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(pread(fd, data, size, 0), (ssize_t) size);
                for (unsigned place = 0; place < 2; place++)
                        if (cases[i].where & 1U << place) {
                                char *p = find_bytes(data, size, "t/t-one/bin/tool", place == 1 && !(cases[i].where & 1) ? 1 : 0);

                                memcpy(p, cases[i].text, strlen("t/t-one/bin/tool"));
                        }
                check_opens(data, size, cases[i].rule);
        }

        /* What follows the end, and a directory that says less than there is. */
        assert_int_equal(pread(fd, data, size, 0), (ssize_t) size);
        check_opens(data, size, NULL);
        data[size - 12]--; /* the number of entries */
        check_opens(data, size, "package refused");
        for (size_t cut = 1; cut < size; cut += 7) {
                assert_int_equal(pread(fd, data, size, 0), (ssize_t) size);
                check_opens(data, size - cut, "package refused");
        }
        close(fd);
}

static void test_manifest_must_fit(void **state) {
        Fixture *f = *state;
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ char *text = NULL, *message = NULL;
        _cleanup_(file_tree_freep) FileTree *parsed = NULL;
        _cleanup_strv_free_ char **problems = NULL;
        size_t size;

        make_tree(f->fd);
        t = scan(f->fd);
        assert_int_equal(tree_manifest_format(t, &text, &size, &message), 0);
        assert_non_null(strstr(text, "# symlink bin/link -> tool\n# executable bin/tool\n# directory empty\n"));
        assert_int_equal(tree_manifest_parse(text, size, &parsed, &message), 0);
        check_same(parsed, t);

        assert_int_equal(unlinkat(f->fd, "none", 0), 0);
        write_file(f->fd, "more", 0644, "x");
        file_tree_free(t);
        t = scan(f->fd);
        assert_int_equal(tree_manifest_compare(parsed, t, 1, &problems), 2);
        assert_int_equal(strv_length(problems), 1);
}

static void test_bad_manifests(void **state) {
        static const char *const bad[] = {
                "abc\n", "# executable x\n", "# symlink x\n", "\xff",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 x\n",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  \n",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  x\n"
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  x\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *message = NULL;
                FileTree *t = NULL;

                if (tree_manifest_parse(bad[i], strlen(bad[i]), &t, &message) != -EINVAL || !message)
                        fail_msg("accepted: %s", bad[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_long_names),
                cmocka_unit_test(test_types),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_ratio),
                cmocka_unit_test(test_directories_are_completed),
                cmocka_unit_test(test_links),
                cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_changed_byte, setup, teardown),
                cmocka_unit_test_setup_teardown(test_names_in_two_places, setup, teardown),
                cmocka_unit_test_setup_teardown(test_manifest_must_fit, setup, teardown),
                cmocka_unit_test(test_bad_manifests),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
