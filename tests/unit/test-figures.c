/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "figures.h"
#include "test.h"

static void test_cpu(void **state) {
        Figures f = FIGURES_NULL;

        figures_parse_cpu(&f, "usage_usec 123456\nuser_usec 100000\nsystem_usec 23456\nnr_periods 0\n");
        assert_int_equal(f.cpu_usec, 123456);
        figures_parse_cpu(&f, "user_usec 1\nusage_usec 7\n");
        assert_int_equal(f.cpu_usec, 7);

        f = FIGURES_NULL;
        figures_parse_cpu(&f, "");
        figures_parse_cpu(&f, "core_usage_usec 5\n");
        figures_parse_cpu(&f, "usage_usec\n");
        figures_parse_cpu(&f, "usage_usec x\n");
        figures_parse_cpu(&f, "usage_usec 99999999999999999999999\n");
        assert_true(f.cpu_usec == UINT64_MAX);
}

static void test_memory(void **state) {
        Figures f = FIGURES_NULL;

        figures_parse_memory_peak(&f, "");
        figures_parse_memory_peak(&f, "max\n");
        assert_true(f.memory_peak == UINT64_MAX);
        figures_parse_memory_peak(&f, "4096\n");
        assert_int_equal(f.memory_peak, 4096);

        figures_parse_memory_events(&f, "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n");
        assert_false(f.oom);
        figures_parse_memory_events(&f, "low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 0\n");
        assert_true(f.oom);
}

static void test_io(void **state) {
        Figures f = FIGURES_NULL;

        assert_true(f.io_read_bytes == UINT64_MAX);
        figures_parse_io(&f, "8:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=5 dios=6\n"
                             "8:16 rbytes=1000 wbytes=2000 rios=3 wios=4 dbytes=5 dios=6\n7:0 \n");
        assert_int_equal(f.io_read_bytes, 1100);
        assert_int_equal(f.io_write_bytes, 2200);
}

static void assert_group(const char *text, const char *expected) {
        size_t size = 0;
        const char *group = figures_find_group(text, &size);

        if (!expected) {
                assert_null(group);
                return;
        }
        assert_non_null(group);
        assert_int_equal(size, strlen(expected));
        assert_memory_equal(group, expected, size);
}

static void test_group(void **state) {
        assert_group("0::/joblet.slice/joblet-job-1.service\n", "/joblet.slice/joblet-job-1.service");
        assert_group("0::/\n", "/");
        assert_group("12:cpu:/a\n1:name=systemd:/b\n0::/c d\n", "/c d");
        assert_group("12:cpu:/a\n", NULL);
        assert_group("0::/../x\n", NULL);
        assert_group("", NULL);
}

static void test_read(void **state) {
        Figures f;

        figures_read(&f); /* whatever is there, it does not fail */
        assert_true(f.cpu_usec == UINT64_MAX || f.cpu_usec < UINT64_MAX / 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cpu),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_io),
                cmocka_unit_test(test_group),
                cmocka_unit_test(test_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
