/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "quantity.h"
#include "test.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)
#define TIB (GIB * KIB)
#define MSEC UINT64_C(1000)
#define SEC USEC_PER_SEC
#define MIN (60 * SEC)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)

static void test_size_parse(void **state) {
        static const struct {
                const char *text;
                int r;
                uint64_t size;
        } cases[] = {
                { "0",                       0,       0                           },
                { "2048",                    0,       2048 * MIB                  },
                { "0.5",                     0,       MIB / 2                     },
                { "512B",                    0,       512                         },
                { "512MB",                   0,       512 * MIB                   },
                { "512 MB",                  0,       512 * MIB                   },
                { "2GB",                     0,       2 * GIB                     },
                { "2G",                      0,       2 * GIB                     },
                { "2GiB",                    0,       2 * GIB                     },
                { "2g",                      0,       2 * GIB                     },
                { "2gb",                     0,       2 * GIB                     },
                { "1.5G",                    0,       GIB + GIB / 2               },
                { "1.000000000000000000001K", 0,      KIB                         },
                { "0.1K",                    0,       102                         },
                { "3T",                      0,       3 * TIB                     },
                { "7k",                      0,       7 * KIB                     },
                { "18446744073709551615B",   0,       UINT64_MAX                  },
                { "16777215T",               0,       UINT64_C(16777215) * TIB    },
                { "18446744073709551616B",   -ERANGE, 0                           },
                { "16777216T",               -ERANGE, 0                           },
                { "16777215.999999999999T",  0,       UINT64_C(18446744073709550516) },
                { "99999999999999999999999", -ERANGE, 0                           },
                { "",                        -EINVAL, 0                           },
                { " 1",                      -EINVAL, 0                           },
                { "1 ",                      -EINVAL, 0                           },
                { "1  G",                    -EINVAL, 0                           },
                { "-1",                      -EINVAL, 0                           },
                { "+1",                      -EINVAL, 0                           },
                { "G",                       -EINVAL, 0                           },
                { ".5G",                     -EINVAL, 0                           },
                { "1.G",                     -EINVAL, 0                           },
                { "1.2.3G",                  -EINVAL, 0                           },
                { "1,5G",                    -EINVAL, 0                           },
                { "1.5B",                    -EINVAL, 0                           },
                { "1Gi",                     -EINVAL, 0                           },
                { "1GBB",                    -EINVAL, 0                           },
                { "1E",                      -EINVAL, 0                           },
                { "1X",                      -EINVAL, 0                           },
                { "0x10",                    -EINVAL, 0                           },
                { "1\xc2\xb2",               -EINVAL, 0                           },
                { "much",                    -EINVAL, 0                           },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t size = 0;
                int r;

                r = size_parse(cases[i].text, MIB, &size);
                if (r != cases[i].r || size != cases[i].size)
                        fail_msg("'%s': %d, %llu", cases[i].text, r, (unsigned long long) size);
        }
}

static void check_size(uint64_t size, const char *expected) {
        _cleanup_free_ char *s = NULL;

        assert_int_equal(size_format(size, &s), 0);
        assert_string_equal(s, expected);
}

static void test_size_format(void **state) {
        check_size(0, "0B");
        check_size(1023, "1023B");
        check_size(1024, "1.0KB");
        check_size(1536, "1.5KB");
        check_size(MIB - 1, "1.0MB");
        check_size(MIB, "1.0MB");
        check_size(UINT64_C(759969972), "724.8MB");
        check_size(1023 * MIB, "1023.0MB");
        check_size(GIB - 52429, "1023.9MB");
        check_size(GIB - 52428, "1.0GB");
        check_size(TIB, "1.0TB");
        check_size(UINT64_MAX, "16777216.0TB");
}

static void test_percent(void **state) {
        static const char *const broken[] = { "", "%", "5%%", "-5", "5.5", " 5", "5 %", "half" };
        unsigned p;

        assert_int_equal(percent_parse("50", &p), 0);
        assert_int_equal(p, 50);
        assert_int_equal(percent_parse("250%", &p), 0);
        assert_int_equal(p, 250);
        assert_int_equal(percent_parse("0", &p), -ERANGE);
        assert_int_equal(percent_parse("819200", &p), 0);
        assert_int_equal(percent_parse("819201", &p), -ERANGE);
        assert_int_equal(percent_parse("99999999999999999999", &p), -ERANGE);
        for (size_t i = 0; i < ELEMENTSOF(broken); i++)
                assert_int_equal(percent_parse(broken[i], &p), -EINVAL);
}

static void check_cpus(const char *s, const char *expected_text, const uint8_t *expected, size_t n) {
        _cleanup_free_ uint8_t *mask = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_int_equal(cpu_list_parse(s, &mask, &size, &text), 0);
        assert_string_equal(text, expected_text);
        assert_int_equal(size, n);
        assert_memory_equal(mask, expected, n);
}

static void test_cpu_list(void **state) {
        static const char *const broken[] = {
                "", ",", "0,", ",0", "0,,1", "3-0", "0-", "-3", "a", "0-3-5", "0;1", " 0", "0 ", "0\t1",
        };
        uint8_t last[1024] = { [1023] = 0x80 }, *mask = NULL;
        char *text = NULL;
        size_t size = 0;

        check_cpus("0", "0", (uint8_t[]) { 0x01 }, 1);
        check_cpus("0-3,5", "0-3,5", (uint8_t[]) { 0x2f }, 1);
        check_cpus("0-3 5", "0-3,5", (uint8_t[]) { 0x2f }, 1);
        check_cpus("5, 3,2,0-1", "0-3,5", (uint8_t[]) { 0x2f }, 1);
        check_cpus("7-8", "7-8", (uint8_t[]) { 0x80, 0x01 }, 2);
        check_cpus("1,1,1", "1", (uint8_t[]) { 0x02 }, 1);
        check_cpus("0008", "8", (uint8_t[]) { 0x00, 0x01 }, 2);
        check_cpus("8191", "8191", last, sizeof(last));

        for (size_t i = 0; i < ELEMENTSOF(broken); i++)
                assert_int_equal(cpu_list_parse(broken[i], &mask, &size, &text), -EINVAL);
        assert_int_equal(cpu_list_parse("8192", &mask, &size, &text), -ERANGE);
        assert_int_equal(cpu_list_parse("0-99999999999999999999", &mask, &size, &text), -ERANGE);
        assert_null(mask);
        assert_null(text);

        assert_int_equal(cpu_list_parse("0", &mask, &size, NULL), 0);
        free(mask);
}

static void test_timespan_parse(void **state) {
        static const struct {
                const char *text;
                int r;
                uint64_t usec;
        } cases[] = {
                { "90",                     0,       90 * SEC                    },
                { "0",                      0,       0                           },
                { "0.5",                    0,       SEC / 2                     },
                { "45s",                    0,       45 * SEC                    },
                { "2h30m",                  0,       2 * HOUR + 30 * MIN         },
                { "1h 30min",               0,       HOUR + 30 * MIN             },
                { "1 h 30 min",             0,       HOUR + 30 * MIN             },
                { "1hour",                  0,       HOUR                        },
                { "1 Hour",                 0,       HOUR                        },
                { "30min",                  0,       30 * MIN                    },
                { "1d",                     0,       DAY                         },
                { "2w",                     0,       14 * DAY                    },
                { "1.5h",                   0,       90 * MIN                    },
                { "100ms",                  0,       100 * MSEC                  },
                { "7us",                    0,       7                           },
                { "7µs",                    0,       7                           },
                { "1m",                     0,       MIN                         },
                { "1M",                     0,       UINT64_C(2629800000000)     },
                { "1y",                     0,       UINT64_C(31557600000000)    },
                { "30m 2h",                 0,       2 * HOUR + 30 * MIN         },
                { "infinity",               0,       USEC_INFINITY               },
                { "18446744073709551614us", 0,       UINT64_MAX - 1              },
                { "18446744073709551615us", -ERANGE, 0                           },
                { "999999999999y",          -ERANGE, 0                           },
                { "18446744073709551614us 1us", -ERANGE, 0                       },
                { "",                       -EINVAL, 0                           },
                { " 1h",                    -EINVAL, 0                           },
                { "1h ",                    -EINVAL, 0                           },
                { "90 ",                    -EINVAL, 0                           },
                { "1h30",                   -EINVAL, 0                           },
                { "1h 30",                  -EINVAL, 0                           },
                { "30 1h",                  -EINVAL, 0                           },
                { "1x",                     -EINVAL, 0                           },
                { "-1s",                    -EINVAL, 0                           },
                { "+1s",                    -EINVAL, 0                           },
                { "1hourly",                -EINVAL, 0                           },
                { "1h,2m",                  -EINVAL, 0                           },
                { "h",                      -EINVAL, 0                           },
                { "Infinity",               -EINVAL, 0                           },
                { "1 infinity",             -EINVAL, 0                           },
                { "tomorrow",               -EINVAL, 0                           },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t usec = 0;
                int r;

                r = timespan_parse(cases[i].text, &usec);
                if (r != cases[i].r || usec != cases[i].usec)
                        fail_msg("'%s': %d, %llu", cases[i].text, r, (unsigned long long) usec);
        }
}

static void check_timespan(uint64_t usec, uint64_t accuracy, const char *expected) {
        _cleanup_free_ char *s = NULL;

        assert_int_equal(timespan_format(usec, accuracy, &s), 0);
        assert_string_equal(s, expected);
}

/* Taken from what systemd-analyze timespan prints. */
static void test_timespan_format(void **state) {
        check_timespan(0, 1, "0");
        check_timespan(1, 1, "1us");
        check_timespan(45 * MSEC, 1, "45ms");
        check_timespan(45 * MSEC + 678, 1, "45.678ms");
        check_timespan(45 * MSEC + 678, MSEC, "45ms");
        check_timespan(SEC + 234 * MSEC, 1, "1.234000s");
        check_timespan(SEC + 234 * MSEC, MSEC, "1.234s");
        check_timespan(SEC + 5, MSEC, "1s");
        check_timespan(SEC + 234567, 1, "1.234567s");
        check_timespan(SEC + 234567, MSEC, "1.234s");
        check_timespan(SEC + 234567, SEC, "1s");
        check_timespan(59 * SEC + 999999, 1, "59.999999s");
        check_timespan(MIN, 1, "1min");
        check_timespan(MIN + 1500 * MSEC, MSEC, "1min 1.500s");
        check_timespan(MIN + 1500 * MSEC, SEC, "1min 1s");
        check_timespan(2 * HOUR + 30 * MIN, 1, "2h 30min");
        check_timespan(DAY + SEC, 1, "1d 1s");
        check_timespan(400 * DAY, 1, "1y 1month 4d 7h 30min");
        check_timespan(400 * DAY, DAY, "1y 1month 4d");
        check_timespan(500, MSEC, "500us");
        check_timespan(USEC_INFINITY, 1, "infinity");
        check_timespan(USEC_INFINITY - 1, 1, "584542y 2w 2d 20h 1min 49.551614s");
}

static void test_environment(void **state) {
        _cleanup_free_ char *entry = NULL;

        assert_true(environment_name_is_valid("A"));
        assert_true(environment_name_is_valid("_a1"));
        assert_false(environment_name_is_valid(""));
        assert_false(environment_name_is_valid("1A"));
        assert_false(environment_name_is_valid("A-B"));
        assert_false(environment_name_is_valid("A="));
        assert_false(environment_name_is_valid("Ä"));

        assert_null(environment_entry_problem("A="));
        assert_null(environment_entry_problem("A=b=c"));
        assert_null(environment_entry_problem("A=\t\n ä"));
        assert_non_null(strstr(environment_entry_problem("A"), "NAME=VALUE"));
        assert_non_null(strstr(environment_entry_problem("=b"), "NAME=VALUE"));
        assert_non_null(strstr(environment_entry_problem("A =b"), "NAME=VALUE"));
        assert_null(environment_entry_problem("A=\r\x1b[1m")); /* colours of a prompt */
        assert_non_null(strstr(environment_entry_problem("A=\xff"), "not UTF-8"));

        entry = malloc(ENVIRONMENT_ENTRY_MAX + 1);
        assert_non_null(entry);
        memset(entry, 'x', ENVIRONMENT_ENTRY_MAX);
        entry[1] = '=';
        entry[ENVIRONMENT_ENTRY_MAX] = 0;
        assert_non_null(strstr(environment_entry_problem(entry), "too long"));
        entry[ENVIRONMENT_ENTRY_MAX - 1] = 0;
        assert_null(environment_entry_problem(entry));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_size_parse),
                cmocka_unit_test(test_size_format),
                cmocka_unit_test(test_percent),
                cmocka_unit_test(test_cpu_list),
                cmocka_unit_test(test_timespan_parse),
                cmocka_unit_test(test_timespan_format),
                cmocka_unit_test(test_environment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
