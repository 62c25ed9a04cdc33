/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "entry-name.h"
#include "test.h"

static void test_good(void **state) {
        static const struct {
                const char *name, *inner;
                size_t index;
        } table[] = {
                { "0/plot.png",         "",          0     },
                { "1/out/",             "/",         1     },
                { "12/out/a/b",         "/a/b",      12    },
                { "0/out/a/",           "/a/",       0     },
                { "0/..a/b../...",      "/b../...",  0     },
                { "0/.hidden",          "",          0     },
                { "99999/\xe9\n\x1b",   "",          99999 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                const char *inner;
                size_t index;

                assert_int_equal(entry_name_parse(table[i].name, &index, &inner), 0);
                assert_int_equal(index, table[i].index);
                assert_string_equal(inner, table[i].inner);
        }
}

static void test_hostile(void **state) {
        static const char *const table[] = {
                "", "/", "0", "0/", "a", "a/b", "/0/a", "/etc/passwd", "../a", "./0/a", "-1/a", "+1/a", " 0/a",
                "00/a", "01/a", "0//a", "0/a//b", "0/.", "0/..", "0/./a", "0/../a", "0/a/.", "0/a/..", "0/a/../b",
                "0/a/./b", "0/a/../../b", "0/a//", "99999999999999999999/a", "18446744073709551616/a", "4294967296/a",
                "0x0/a", "0/a/..//",
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                const char *inner;
                size_t index;

                if (entry_name_parse(table[i], &index, &inner) != -EBADMSG)
                        fail_msg("'%s' was accepted", table[i]);
        }
}

static void test_place(void **state) {
        _cleanup_free_ char *plain = entry_name_place("new", ""), *inner = entry_name_place("new", "/a/b");

        assert_string_equal(plain, "new");
        assert_string_equal(inner, "new/a/b");
}

static void test_links(void **state) {
        static const struct {
                const char *inner, *target;
                bool inside;
        } table[] = {
                { "/l",     "a",              true  },
                { "/l",     "./a/b",          true  },
                { "/l",     ".",              true  },
                { "/a/l",   "..",             true  },
                { "/a/l",   "../b",           true  },
                { "/a/b/l", "../../c",        true  },
                { "/a/b/l", ".././../c",      true  },
                { "/a/b/l", "..//..//c/",     true  },
                { "",       "a",              false }, /* the download itself: beside it is outside */
                { "/",      "a",              false },
                { "/l",     "",               false },
                { "/l",     "..",             false },
                { "/l",     "/",              false },
                { "/l",     "/etc/passwd",    false },
                { "/l",     "../out/a",       false },
                { "/a/l",   "../..",          false },
                { "/a/l",   "../../out",      false },
                { "/a/l",   "b/..",           false }, /* b may be a link */
                { "/a/b/l", "c/../../../d",   false },
                { "/a/b/l", "../c/../../d",   false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (link_stays_inside(table[i].inner, table[i].target) != table[i].inside)
                        fail_msg("%s -> %s", table[i].inner, table[i].target);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_place),
                cmocka_unit_test(test_links),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
