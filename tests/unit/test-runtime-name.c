/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "cleanup.h"
#include "runtime-name.h"
#include "test.h"

static void test_valid(void **state) {
        char longest[RUNTIME_NAME_MAX + 2];

        assert_true(runtime_name_is_valid("python-3.11-ml"));
        assert_true(runtime_name_is_valid("3.12"));
        assert_true(runtime_name_is_valid("g++-13"));
        assert_true(runtime_name_is_valid("A_b"));
        assert_false(runtime_name_is_valid(NULL));
        assert_false(runtime_name_is_valid(""));
        assert_false(runtime_name_is_valid("."));
        assert_false(runtime_name_is_valid(".."));
        assert_false(runtime_name_is_valid(".hidden"));
        assert_false(runtime_name_is_valid("-x"));
        assert_false(runtime_name_is_valid("a/b"));
        assert_false(runtime_name_is_valid("a:b"));
        assert_false(runtime_name_is_valid("a b"));
        assert_false(runtime_name_is_valid("a\n"));
        assert_false(runtime_name_is_valid("ä"));

        memset(longest, 'x', sizeof(longest));
        longest[RUNTIME_NAME_MAX + 1] = 0;
        assert_false(runtime_name_is_valid(longest));
        longest[RUNTIME_NAME_MAX] = 0;
        assert_true(runtime_name_is_valid(longest));
}

static void test_normalize(void **state) {
        static const char *const same[][2] = {
                { "python-3.11-ml",    "python-3.11-ml"    },
                { "python:3.11-ml",    "python-3.11-ml"    },
                { "python:3.11+ml",    "python-3.11-ml"    },
                { "python-3.11+ml",    "python-3.11-ml"    },
                { "java:17",           "java-17"           },
                { "node:18",           "nodejs-18"         },
                { "node-18",           "nodejs-18"         },
                { "nodejs:18",         "nodejs-18"         },
                { "nodejs-18",         "nodejs-18"         },
                { "nodejs-18-full",    "nodejs-18-full"    },
                { "node",              "nodejs"            },
                { "nodexyz-1",         "nodexyz-1"         },
                { "my-custom-runtime", "my-custom-runtime" },
                { "my-node-1",         "my-node-1"         },
        };
        static const char *const broken[] = {
                "",          ":",   "java:", ":17",      "a:b:c",   "java: 17",      " java:17",
                "java:17\n", "a/b", "..",    "java:-17", "java:+x", "j\xc3\xa4va:1",
        };

        for (size_t i = 0; i < ELEMENTSOF(same); i++) {
                _cleanup_free_ char *key = NULL;

                assert_int_equal(runtime_name_normalize(same[i][0], &key), 0);
                assert_string_equal(key, same[i][1]);
        }
        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                char *key = NULL;

                assert_int_equal(runtime_name_normalize(broken[i], &key), -EINVAL);
                assert_null(key);
        }
}

static void test_display(void **state) {
        static const char *const cases[][3] = {
                { "python", "python-3.11-ml",    "python:3.11-ml"    },
                { "nodejs", "nodejs-18-full",    "nodejs:18-full"    },
                { "custom", "my-custom-runtime", "my-custom-runtime" },
                { "python", "python",            "python"            },
                { "python", "python-",           "python-"           },
                { "python", "python3-1",         "python3-1"         },
                { "python", "3.12",              "3.12"              },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *display = NULL;

                assert_int_equal(runtime_name_display(cases[i][0], cases[i][1], &display), 0);
                assert_string_equal(display, cases[i][2]);
        }
}

static void test_id(void **state) {
        static const char *const cases[][3] = {
                { "python",    "python-3.11-ml",    "python-3.11-ml"           },
                { "custom",    "my-custom-runtime", "custom/my-custom-runtime" },
                { "python",    "python",            "python/python"            },
                { "python",    "python3-1",         "python/python3-1"         },
                { "python-ml", "python-ml-3",       "python-ml/python-ml-3"    },
        };
        static const char *const not_full[] = { "", "/", "a/", "/a", "a", "a/b/c", "a:b", "a/.b", "../a", "a b/c", "-a/b" };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *id = NULL;

                assert_int_equal(runtime_name_id(cases[i][0], cases[i][1], &id), 0);
                assert_string_equal(id, cases[i][2]);
        }
        assert_true(runtime_name_is_full("python/python-3.11-ml"));
        assert_true(runtime_name_is_full("A+b.c_d/1"));
        for (size_t i = 0; i < ELEMENTSOF(not_full); i++)
                assert_false(runtime_name_is_full(not_full[i]));
}

static void test_distance(void **state) {
        char a[512], b[512];

        assert_int_equal(runtime_name_distance("", ""), 0);
        assert_int_equal(runtime_name_distance("abc", "abc"), 0);
        assert_int_equal(runtime_name_distance("", "abc"), 3);
        assert_int_equal(runtime_name_distance("abc", ""), 3);
        assert_int_equal(runtime_name_distance("java-17", "java-21"), 2);
        assert_int_equal(runtime_name_distance("pyhton-3.13", "python-3.13"), 2);
        assert_int_equal(runtime_name_distance("kitten", "sitting"), 3);

        /* Longer than any name: still no more than the longer one. */
        memset(a, 'a', sizeof(a) - 1);
        memset(b, 'b', sizeof(b) - 1);
        a[sizeof(a) - 1] = b[sizeof(b) - 1] = 0;
        assert_true(runtime_name_distance(a, b) >= RUNTIME_NAME_MAX);
        assert_int_equal(runtime_name_distance(a, ""), sizeof(a) - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_valid),
                cmocka_unit_test(test_normalize),
                cmocka_unit_test(test_display),
                cmocka_unit_test(test_id),
                cmocka_unit_test(test_distance),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
