/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "ignore.h"
#include "test.h"

/* As git decides it, through all parents: "path/" is a directory. */
static bool is_left_out(const IgnoreList *l, const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        assert_non_null(copy);
        for (char *end = copy; (end = strchr(end + 1, '/'));) {
                *end = 0;
                if (ignore_matches(l, copy, true))
                        return true;
                *end = '/';
        }
        return *path && path[strlen(path) - 1] != '/' && ignore_matches(l, copy, false);
}

static void test_patterns(void **state) {
        static const struct {
                const char *patterns, *path;
                bool left_out;
        } table[] = {
                { "*.o",              "a.o",                true  },
                { "*.o",              "d/e/a.o",            true  },
                { "*.o",              ".o",                 true  }, /* unlike a shell's */
                { "*.o",              "a.oo",               false },
                { "build",            "build",              true  },
                { "build",            "d/build/x",          true  },
                { "build/",           "build",              false },
                { "build/",           "build/x",            true  },
                { "build/",           "d/build/x",          true  },
                { "/build",           "build/x",            true  },
                { "/build",           "d/build/x",          false },
                { "d/build",          "d/build",            true  },
                { "d/build",          "e/d/build",          false },
                { "d/*.c",            "d/a.c",              true  },
                { "d/*.c",            "d/e/a.c",            false },
                { "**/x",             "x",                  true  },
                { "**/x",             "a/b/x",              true  },
                { "**/a/x",           "c/a/x",              true  },
                { "d/**",             "d/x",                true  },
                { "d/**",             "d/e/x",              true  },
                { "d/**",             "e/d/x",              false },
                { "a/**/b",           "a/b",                true  },
                { "a/**/b",           "a/x/y/b",            true  },
                { "a/**/b",           "a/x/y/c",            false },
                { "a/**/b/**/c",      "a/b/x/b/c",          true  },
                { "a/**/b/c",         "a/b/x/b/c",          true  },
                { "**",               "x",                  true  },
                { "a**b",             "axxb",               true  },
                { "?.c",              "a.c",                true  },
                { "?.c",              "ab.c",               false },
                { "[a-c].c",          "b.c",                true  },
                { "[!a-c].c",         "b.c",                false },
                { "*\n!keep",         "keep",               false },
                { "*\n!keep",         "other",              true  },
                { "!keep\n*",         "keep",               true  }, /* the last one decides */
                { "d/\n!d/keep",      "d/keep",             true  }, /* its directory is left out */
                { "d/*\n!d/keep",     "d/keep",             false },
                { "# x\n\n  \nx",     "# x",                false },
                { "\\#x",             "#x",                 true  },
                { "\\!x",             "!x",                 true  },
                { "x  ",              "x",                  true  },
                { "x\\ ",             "x ",                 true  },
                { "x\r\n",            "x",                  true  },
                { "a\\*",             "a*",                 true  },
                { "a\\*",             "ab",                 false },
                { "/",                "x",                  false },
                { "!",                "x",                  false },
                { "\\",               "x",                  false },
                { "\xff*",            "\xff\xfe",           true  },
                { "A\xcc\x8a",        "\xc3\x85",           false }, /* names are bytes */
                { "\xef\xbb\xbfx\ny", "x",                  true  },
                { "node_modules\n.git/\n*.py[co]", "a/node_modules/b/c", true },
                { "node_modules\n.git/\n*.py[co]", "a/b.pyc", true },
                { "node_modules\n.git/\n*.py[co]", "a/b.py", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_close_ int fd = memfd_create("patterns", MFD_CLOEXEC);
                IgnoreList l = {};

                assert_int_equal(write(fd, table[i].patterns, strlen(table[i].patterns)), strlen(table[i].patterns));
                assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
                assert_int_equal(ignore_read(&l, fd), 0);
                if (is_left_out(&l, table[i].path) != table[i].left_out)
                        fail_msg("'%s' and '%s'", table[i].patterns, table[i].path);
                ignore_done(&l);
        }
}

/* Work and memory are bounded. */
static void test_limits(void **state) {
        static char path[4000];
        IgnoreList l = {};

        for (size_t i = 0; i < sizeof(path) - 1; i++)
                path[i] = i % 2 ? '/' : 'a';
        assert_int_equal(ignore_add(&l, "**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b"), 0);
        assert_false(ignore_matches(&l, path, false));
        while (l.n < IGNORE_PATTERNS_MAX)
                assert_int_equal(ignore_add(&l, "x"), 0);
        assert_int_equal(ignore_add(&l, "x"), -E2BIG);
        assert_int_equal(ignore_add(&l, "# x"), 0);
        ignore_done(&l);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_patterns),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
