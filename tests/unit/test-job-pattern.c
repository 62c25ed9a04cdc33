/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "job-pattern.h"
#include "test.h"

static void test_parse(void **state) {
        static const struct {
                const char *pattern, *canonical, *literal; /* canonical NULL: refused */
                bool plain;
        } table[] = {
                { "a/b",            "a/b",          "a/b",        true  },
                { "*.png",          "*.png",        "*.png",      false },
                { "\\*.png",        "\\*.png",      "*.png",      true  },
                { "a\\:b",          "a\\:b",        "a:b",        true  },
                { "a\\\\",          "a\\\\",        "a\\",        true  },
                { "\\377\\012",     "\\\xff\\\n",   "\xff\n",     true  },
                { "\\0523",         "\\*3",         "*3",         true  },
                { "\\400",          "\\400",        "400",        true  },
                { "\\12",           "\\12",         "12",         true  },
                { "a\\/b",          "a/b",          "a/b",        true  },
                { "a\\057b",        "a/b",          "a/b",        true  },
                { "data[1].csv",    "data[1].csv",  "data[1].csv", false },
                { "x?",             "x?",           "x?",         false },
                { "a\\",            NULL,           NULL,         false },
                { "a\\000b",        NULL,           NULL,         false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *canonical = NULL, *literal = NULL;

                assert_int_equal(job_pattern_parse(table[i].pattern, &canonical), table[i].canonical ? 0 : -EINVAL);
                if (!canonical)
                        continue;
                assert_string_equal(canonical, table[i].canonical);
                literal = job_pattern_literal(canonical);
                assert_string_equal(literal, table[i].literal);
                assert_int_equal(job_pattern_is_plain(canonical), table[i].plain);
        }
}

/* Whatever the bytes: what goes over the bus is valid there, and means the same. */
static void test_encode(void **state) {
        static const char *const table[] = { "plain", "\xc3\xa4*.png", "\xff\xfe", "a\nb\x1b", "\xe2\x80\xae", "A\xcc\x8a", "\\:\xc3" };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *encoded = job_pattern_encode(table[i]), *a = NULL, *b = NULL, *x = NULL, *y = NULL;

                assert_non_null(encoded);
                assert_true(job_pattern_is_valid(encoded));
                assert_int_equal(job_pattern_parse(table[i], &a), 0);
                assert_int_equal(job_pattern_parse(encoded, &b), 0);
                x = job_pattern_literal(a);
                y = job_pattern_literal(b);
                assert_string_equal(x, y);
                assert_int_equal(job_pattern_is_plain(a), job_pattern_is_plain(b));
        }
}

static void test_valid(void **state) {
        static const char *const bad[] = { "", "..", "../x", "a/..", "a/../b", "\\.\\./x", "\\056\\056/x", "a\n", "x\\" };
        char name[300];

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (job_pattern_is_valid(bad[i]))
                        fail_msg("%s", bad[i]);
        assert_true(job_pattern_is_valid("a/..b/c.."));
        assert_true(job_pattern_is_valid("/"));
        memset(name, 'n', sizeof(name));
        name[255] = 0;
        assert_true(job_pattern_is_valid(name));
        name[255] = 'n';
        name[256] = 0;
        assert_false(job_pattern_is_valid(name));
}

static void test_matches(void **state) {
        assert_true(job_pattern_matches("*", "a"));
        assert_false(job_pattern_matches("*", ".bashrc"));
        assert_false(job_pattern_matches("?bashrc", ".bashrc"));
        assert_true(job_pattern_matches(".*", ".bashrc"));
        assert_true(job_pattern_matches("*.png", "\xff.png"));
        assert_false(job_pattern_matches("\\*", "a"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_encode),
                cmocka_unit_test(test_valid),
                cmocka_unit_test(test_matches),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
