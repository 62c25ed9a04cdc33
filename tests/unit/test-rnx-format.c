/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>
#include <time.h>

#include "format.h"
#include "test.h"

#define NOW (UINT64_C(1795444200) * USEC_PER_SEC) /* 2026-11-23 14:30:00 UTC */
#define UTC(seconds) ((uint64_t) (seconds) * USEC_PER_SEC)

static void zone_set(const char *zone) {
        (void) setenv("TZ", zone, 1);
        tzset();
}

static void test_time(void **state) {
        static const struct {
                const char *text;
                uint64_t usec;
        } table[] = {
                { "now",                              NOW                                   },
                { "today",                            UTC(1795392000)                       },
                { "yesterday",                        UTC(1795305600)                       },
                { "@1700000000",                      UTC(1700000000)                       },
                { "@1700000000.25",                   UTC(1700000000) + 250000              },
                { "10min ago",                        NOW - 600 * USEC_PER_SEC              },
                { "1h 30min ago",                     NOW - 5400 * USEC_PER_SEC             },
                { "-45s",                             NOW - 45 * USEC_PER_SEC               },
                { "2026-11-23",                       UTC(1795392000)                       },
                { "2026-11-23 14:30",                 NOW                                   },
                { "2026-11-23 14:30:01",              NOW + USEC_PER_SEC                    },
                { "2026-11-23 14:30:01.5",            NOW + 1500000                         },
                { "2026-11-23T14:30:00Z",             NOW                                   },
                { "2026-11-23T14:30:00.000001Z",      NOW + 1                               },
                { "2026-11-23T15:30:00+01:00",        NOW                                   },
                { "2026-11-23T09:00:00-05:30",        NOW                                   },
                { "2026-11-23T15:30:00+0100",         NOW                                   },
                { "2026-11-23 14:30:00 UTC",          NOW                                   },
                { "14:30",                            NOW                                   },
                { "14:30:02",                         NOW + 2 * USEC_PER_SEC                },
        };

        zone_set("UTC0");
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                uint64_t usec;

                if (time_parse(table[i].text, NOW, &usec) < 0)
                        fail_msg("'%s' was refused", table[i].text);
                assert_int_equal(usec, table[i].usec);
        }
}

static void test_time_refused(void **state) {
        static const char *const table[] = {
                "", "x", "tomorrow morning", "10", "10min", "ago", " ago", "-", "@", "@-1", "@1x", "2026-13-01", "2026-02-30",
                "2026-11-23 25:00", "2026-11-23 14:30x", "2026-11-23T14:30:00+1", "2026-11-23T14:30:00+25:00",
                "14:30Z", "14", "@99999999999999999999", "2026-11-23 14:30:00.x",
        };

        zone_set("UTC0");
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                uint64_t usec;

                if (time_parse(table[i], NOW, &usec) >= 0)
                        fail_msg("'%s' was accepted", table[i]);
        }
}

static void test_local_time(void **state) {
        char text[48];
        uint64_t usec;

        zone_set("<+0545>-5:45");
        assert_int_equal(time_parse("2026-11-23 20:15", NOW, &usec), 0);
        assert_int_equal(usec, NOW);
        timestamp_format(NOW, text);
        assert_string_equal(text, "2026-11-23 20:15:00");
        timestamp_format(NOW + 899 * USEC_PER_SEC, text);
        assert_string_equal(text, "2026-11-23 20:29:59");
        timestamp_format_precise(NOW + 7, text);
        assert_string_equal(text, "2026-11-23T20:15:00.000007+05:45");

        zone_set("UTC0");
        timestamp_format(NOW + 3600 * USEC_PER_SEC, text);
        assert_string_equal(text, "2026-11-23 15:30:00");
        timestamp_format(0, text);
        assert_string_equal(text, "");
}

static void test_duration(void **state) {
        static const struct {
                uint64_t usec;
                const char *text;
        } table[] = {
                { 0,                      "1ms"      },
                { 999,                    "1ms"      },
                { 45678,                  "45ms"     },
                { 1234567,                "1.234s"   },
                { 61 * USEC_PER_SEC + 5,  "1min 1s"  },
                { 9000 * USEC_PER_SEC,    "2h 30min" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(duration_format(table[i].usec, &text), 0);
                assert_string_equal(text, table[i].text);
        }
}

static void test_job_id(void **state) {
        static const char *const bad[] = { "", "0", "-1", "+1", " 1", "1 ", "1x", "x", "joblet-job-", "joblet-job-1.socket",
                                           "99999999999999999999999", "1.service.service" };
        uint64_t id;

        assert_int_equal(job_id_parse("42", &id), 0);
        assert_int_equal(id, 42);
        assert_int_equal(job_id_parse("joblet-job-43", &id), 0);
        assert_int_equal(id, 43);
        assert_int_equal(job_id_parse("joblet-job-44.service", &id), 0);
        assert_int_equal(id, 44);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(job_id_parse(bad[i], &id), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_time),
                cmocka_unit_test(test_time_refused),
                cmocka_unit_test(test_local_time),
                cmocka_unit_test(test_duration),
                cmocka_unit_test(test_job_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
