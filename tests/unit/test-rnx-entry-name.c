/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

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
                const char *base, *inner;
                size_t index;

                assert_int_equal(entry_name_parse(table[i].name, &index, &base, &inner), 0);
                assert_int_equal(index, table[i].index);
                assert_ptr_equal(base, strchr(table[i].name, '/') + 1);
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
                const char *base, *inner;
                size_t index;

                if (entry_name_parse(table[i], &index, &base, &inner) != -EBADMSG)
                        fail_msg("'%s' was accepted", table[i]);
        }
}

static void test_place(void **state) {
        _cleanup_free_ char *plain = entry_name_place("new", "old", ""), *inner = entry_name_place("new", "old/a/b", "/a/b"),
                            *own = entry_name_place(NULL, "old/a/", "/a/");

        assert_string_equal(plain, "new");
        assert_string_equal(inner, "new/a/b");
        assert_string_equal(own, "old/a");
}

static void test_links(void **state) {
        static const struct {
                const char *inner, *target;
                LinkScope scope;
        } table[] = {
                { "/l",     "a",              LINK_INSIDE },
                { "/l",     "./a/b",          LINK_INSIDE },
                { "/l",     ".",              LINK_INSIDE },
                { "/a/l",   "..",             LINK_INSIDE },
                { "/a/l",   "../b",           LINK_INSIDE },
                { "/a/b/l", "../../c",        LINK_INSIDE },
                { "/a/b/l", ".././../c",      LINK_INSIDE },
                { "/a/b/l", "..//..//c/",     LINK_INSIDE },
                { "",       "a",              LINK_OUTSIDE }, /* the download itself: beside it is outside */
                { "/",      "a",              LINK_OUTSIDE },
                { "/l",     "",               LINK_OUTSIDE },
                { "/l",     "..",             LINK_OUTSIDE },
                { "/l",     "/",              LINK_OUTSIDE },
                { "/l",     "/etc/passwd",    LINK_OUTSIDE },
                { "/l",     "../out/a",       LINK_OUTSIDE },
                { "/a/l",   "../..",          LINK_OUTSIDE },
                { "/a/l",   "../../out",      LINK_OUTSIDE },
                { "/a/l",   "b/..",           LINK_UNCLEAR }, /* b may be a link */
                { "/a/b/l", "c/../../../d",   LINK_UNCLEAR },
                { "/a/b/l", "c/../../../../d", LINK_OUTSIDE },
                { "/a/b/l", "../c/../../d",   LINK_UNCLEAR },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (link_scope(table[i].inner, table[i].target) != table[i].scope)
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
