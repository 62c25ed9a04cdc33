/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "strv.h"
#include "test.h"

static void test_empty(void **state) {
        _cleanup_strv_free_ char **copy = NULL;
        _cleanup_free_ char *joined = NULL;

        assert_null(strv_free(NULL));
        assert_int_equal(strv_length(NULL), 0);
        assert_false(strv_contains(NULL, "a"));
        assert_int_equal(strv_copy(NULL, &copy), 0);
        assert_null(copy);
        joined = strv_join(NULL, ", ");
        assert_string_equal(joined, "");
        STRV_FOREACH(s, copy)
                fail();
}

static void test_extend(void **state) {
        _cleanup_strv_free_ char **l = NULL;
        size_t n = 0;

        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(strv_extendf(&l, "%u", i), 0);
        assert_int_equal(strv_extend(&l, "end"), 0);
        assert_int_equal(strv_length(l), 101);
        assert_string_equal(l[42], "42");
        assert_null(l[101]);
        assert_true(strv_contains(l, "99"));
        assert_false(strv_contains(l, "100"));
        STRV_FOREACH(s, l)
                n++;
        assert_int_equal(n, 101);
}

static void test_consume(void **state) {
        _cleanup_strv_free_ char **l = NULL;

        assert_int_equal(strv_consume(&l, strdup("a")), 0);
        assert_int_equal(strv_consume(&l, NULL), -ENOMEM);
        assert_int_equal(strv_length(l), 1);
}

static void test_copy(void **state) {
        _cleanup_strv_free_ char **l = NULL, **copy = NULL;

        assert_int_equal(strv_extend(&l, "a"), 0);
        assert_int_equal(strv_extend(&l, ""), 0);
        assert_int_equal(strv_copy(l, &copy), 0);
        assert_ptr_not_equal(l[0], copy[0]);
        assert_string_equal(copy[0], "a");
        assert_string_equal(copy[1], "");
        assert_null(copy[2]);
}

static void test_builder(void **state) {
        _cleanup_(strv_builder_done) StrvBuilder b = {};
        char **l;

        assert_null(strv_builder_take(&b));
        for (int i = 0; i < 1000; i++)
                assert_int_equal(strv_builder_extendf(&b, "%d", i), 0);
        assert_int_equal(b.n, 1000);
        assert_int_equal(strv_builder_consume(&b, NULL), -ENOMEM);
        l = strv_builder_take(&b);
        assert_int_equal(strv_length(l), 1000);
        assert_string_equal(l[0], "0");
        assert_string_equal(l[999], "999");
        assert_int_equal(b.n, 0);
        strv_free(l);
        assert_int_equal(strv_builder_consume(&b, strdup("left behind")), 0);
}

static void test_size(void **state) {
        assert_int_equal(strv_size(NULL), 0);
        assert_int_equal(strv_size((char *[]) { (char*) "", (char*) "ab", NULL }), 4 + 2 * sizeof(char*));
}

static void test_join(void **state) {
        char *two[] = { (char[]) { "a" }, (char[]) { "b" }, NULL };
        char *one[] = { (char[]) { "a" }, NULL };
        _cleanup_free_ char *x = NULL, *y = NULL, *z = NULL;

        x = strv_join(two, ", ");
        assert_string_equal(x, "a, b");
        y = strv_join(one, ", ");
        assert_string_equal(y, "a");
        z = strv_join(two, "");
        assert_string_equal(z, "ab");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_extend),
                cmocka_unit_test(test_consume),
                cmocka_unit_test(test_copy),
                cmocka_unit_test(test_builder),
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_join),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
