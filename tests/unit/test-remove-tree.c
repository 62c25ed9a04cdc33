/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "remove-tree.h"
#include "test.h"
#include "directory-fixture.h"

#define DEEP 1000U /* a path far longer than PATH_MAX, and deeper than anybody recurses */

static int setup(void **state) {
        *state = fixture_new();
        return 0;
}

/* Nothing is left in it. */
static int teardown(void **state) {
        Fixture *f = *state;

        assert_int_equal(rmdir(f->root), 0); /* only an empty one can be removed */
        assert_int_equal(mkdir(f->root, 0700), 0);
        fixture_free(f);
        return 0;
}

static void touch(int dir_fd, const char *name) {
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        close(fd);
}

static bool is_there(const Fixture *f, const char *name) {
        struct stat st;

        return fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0;
}

/* Directories in directories, with a file in each. */
static void make_deep(int parent_fd, const char *name, unsigned depth) {
        int fd = dup(parent_fd);

        assert_true(fd >= 0);
        for (unsigned i = 0; i < depth; i++) {
                const char *step = i == 0 ? name : "a-directory-in-a-directory";
                int next;

                assert_int_equal(mkdirat(fd, step, 0700), 0);
                next = openat(fd, step, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_true(next >= 0);
                close(fd);
                fd = next;
                touch(fd, "file");
        }
        close(fd);
}

static void test_a_tree(void **state) {
        Fixture *f = *state;

        assert_int_equal(mkdirat(f->fd, "kept", 0700), 0);
        touch(f->fd, "kept/file");
        make_deep(f->fd, "tree", 5);
        assert_int_equal(symlinkat("../kept", f->fd, "tree/link"), 0);
        assert_int_equal(symlinkat("nowhere", f->fd, "tree/dangling"), 0);
        assert_int_equal(mkfifoat(f->fd, "tree/fifo", 0600), 0);

        assert_int_equal(remove_tree_at(f->fd, "tree"), 0);
        assert_false(is_there(f, "tree"));
        assert_true(is_there(f, "kept/file"));
        assert_int_equal(remove_tree_at(f->fd, "kept"), 0);
}

static void test_not_a_tree(void **state) {
        Fixture *f = *state;

        assert_int_equal(remove_tree_at(f->fd, "gone"), 0);
        touch(f->fd, "file");
        assert_int_equal(remove_tree_at(f->fd, "file"), 0);
        assert_false(is_there(f, "file"));

        assert_int_equal(mkdirat(f->fd, "kept", 0700), 0);
        touch(f->fd, "kept/file");
        assert_int_equal(symlinkat("kept", f->fd, "link"), 0);
        assert_int_equal(remove_tree_at(f->fd, "link"), 0);
        assert_false(is_there(f, "link"));
        assert_true(is_there(f, "kept/file"));
        assert_int_equal(remove_tree_at(f->fd, "kept"), 0);
}

static void test_a_deep_tree(void **state) {
        Fixture *f = *state;

        make_deep(f->fd, "tree", DEEP);
        assert_int_equal(remove_tree_at(f->fd, "tree"), 0);
        assert_false(is_there(f, "tree"));
}

/* Whoever made the tree knew where deep directories go. */
static void test_a_deep_tree_with_the_names_taken(void **state) {
        Fixture *f = *state;

        make_deep(f->fd, "tree", DEEP);
        for (unsigned i = 0; i < 100; i++) {
                _cleanup_free_ char *name = NULL;

                assert_true(asprintf(&name, "tree/.joblet-deep-%u", i) > 0);
                assert_int_equal(mkdirat(f->fd, name, 0700), 0);
                assert_true(is_there(f, name));
        }
        assert_int_equal(remove_tree_at(f->fd, "tree"), 0);
        assert_false(is_there(f, "tree"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_tree, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_a_tree, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_deep_tree, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_deep_tree_with_the_names_taken, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
