/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "journal-lines.h"
#include "test.h"

/* Feeds text in chunks of each size up to its own, and flushes at the end: the records are the same every
 * time. */
static void assert_lines(const char *text, size_t size, const char *expected, size_t expected_size) {
        for (size_t chunk = 1; chunk <= size; chunk += size > 1000 ? size / 7 : 1) {
                _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };

                for (size_t i = 0; i < size; i += chunk)
                        assert_int_equal(journal_lines_feed(&j, text + i, size - i < chunk ? size - i : chunk), 0);
                assert_int_equal(journal_lines_flush(&j), 0);
                assert_int_equal(journal_lines_pending(&j), expected_size);
                assert_memory_equal(j.buffer + j.start, expected, expected_size);
        }
}

#define ASSERT_LINES(text, expected) assert_lines(text, sizeof(text) - 1, expected, sizeof(expected) - 1)

static void test_framing(void **state) {
        ASSERT_LINES("a\n", "<6>a\n");
        ASSERT_LINES("a\nbc\n", "<6>a\n<6>bc\n");
        ASSERT_LINES("\n\n", "<6>\xc2\xa0\n<6>\xc2\xa0\n");
        ASSERT_LINES("a\n\nb", "<6>a\n<6>\xc2\xa0\n<6>b\0");
        ASSERT_LINES("rest", "<6>rest\0");
        ASSERT_LINES("<0>forged\n<6>x", "<6><0>forged\n<6><6>x\0");
        ASSERT_LINES("a\0b\n\0", "<6>a\xef\xbf\xbd" "b\n<6>\xef\xbf\xbd\0");
        ASSERT_LINES("\r\n \t\n a\n", "<6>\r\xc2\xa0\n<6> \t\xc2\xa0\n<6> a\n");
        ASSERT_LINES("\xff\xc3\n", "<6>\xff\xc3\n");
}

static void test_nothing(void **state) {
        _cleanup_(journal_lines_done) JournalLines j = { .priority = 3 };

        assert_int_equal(journal_lines_feed(&j, "", 0), 0);
        assert_int_equal(journal_lines_flush(&j), 0);
        assert_int_equal(journal_lines_pending(&j), 0);
}

/* Takes records apart as journald does: at newline or NUL. Checks each, puts the text together again. */
static char* join_records(const char *p, size_t size, size_t *ret_records) {
        char *text = malloc(size + 1), *to = text;

        for (*ret_records = 0; size > 0; (*ret_records)++) {
                size_t n = 0;

                while (n < size && p[n] != '\n' && p[n] != 0)
                        n++;
                assert_true(n < size);
                assert_true(n >= 4 && n <= JOURNAL_LINE_MAX + 3);
                assert_memory_equal(p, "<6>", 3);
                /* No record begins in the middle of a character, or ends in a blank. */
                assert_true(((unsigned char) p[3] & 0xc0) != 0x80);
                assert_true(p[n] == '\n' || p[n - 1] != ' ');
                to = mempcpy(to, p + 3, n - 3);
                if (p[n] == '\n')
                        *to++ = '\n';
                p += n + 1;
                size -= n + 1;
        }
        *to = 0;
        return text;
}

static void check_long(const char *character, size_t n, const char *tail, size_t records) {
        size_t size = strlen(character) * n + strlen(tail), n_records;
        _cleanup_free_ char *text = malloc(size + 1), *joined = NULL;
        char *p = text;

        for (size_t i = 0; i < n; i++)
                p = stpcpy(p, character);
        strcpy(p, tail);

        for (size_t chunk = 1000; chunk <= size; chunk += 9999) {
                _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };

                for (size_t i = 0; i < size; i += chunk)
                        assert_int_equal(journal_lines_feed(&j, text + i, size - i < chunk ? size - i : chunk), 0);
                assert_int_equal(journal_lines_flush(&j), 0);
                joined = join_records(j.buffer, j.end, &n_records);
                assert_string_equal(joined, text);
                assert_int_equal(n_records, records);
                free(TAKE_PTR(joined));
        }
}

static void test_long_lines(void **state) {
        check_long("x", 32000, "\n", 1);
        check_long("x", JOURNAL_LINE_MAX - 128, "\n", 1);
        check_long("x", JOURNAL_LINE_MAX, "\n", 2);
        check_long("x", 100000, "", 4);
        check_long("x", 100000, "\nend\n", 5);
        check_long("a        b", 10000, "\n", 4);
        check_long("\xc3\xa4", 20000, "\n", 2);
        check_long("\xe2\x82\xac", 20000, "\n", 2);
        check_long("\xf0\x9f\x98\x80", 20000, "\n", 3);
}

/* Not UTF-8: nothing but continuation bytes. Cut anywhere, as long as it is cut. */
static void test_long_garbage(void **state) {
        _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };
        static char garbage[200000];
        size_t longest = 0, n = 0;

        memset(garbage, 0x80, sizeof(garbage));
        assert_int_equal(journal_lines_feed(&j, garbage, sizeof(garbage)), 0);
        assert_int_equal(journal_lines_flush(&j), 0);
        for (size_t i = 0; i < j.end; i++) {
                n = j.buffer[i] == 0 ? 0 : n + 1;
                longest = n > longest ? n : longest;
        }
        assert_int_equal(longest, JOURNAL_LINE_MAX + 3);
}

static void test_notes(void **state) {
        _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };
        static const char expected[] = "<6>part\0<5>joblet: note\n<6>more\n";

        assert_int_equal(journal_lines_feed(&j, "part", 4), 0);
        assert_int_equal(journal_lines_note(&j, 5, "joblet: note"), 0);
        assert_int_equal(journal_lines_feed(&j, "more\n", 5), 0);
        assert_int_equal(journal_lines_pending(&j), sizeof(expected) - 1);
        assert_memory_equal(j.buffer, expected, sizeof(expected) - 1);
}

/* What has been written out makes room; what has not keeps its order. */
static void test_consume(void **state) {
        _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };
        _cleanup_free_ char *taken = malloc(2000000);
        size_t n = 0, largest = 0;
        int end;

        for (int i = 0; i < 100000; i++) {
                char line[32];

                assert_int_equal(journal_lines_feed(&j, line, (size_t) snprintf(line, sizeof(line), "%d\n", i)), 0);
                while (journal_lines_pending(&j) > 10000 || (i == 99999 && journal_lines_pending(&j) > 0)) {
                        size_t part = journal_lines_pending(&j) < 777 ? journal_lines_pending(&j) : 777;

                        memcpy(taken + n, j.buffer + j.start, part);
                        n += part;
                        journal_lines_consume(&j, part);
                }
                largest = j.allocated > largest ? j.allocated : largest;
        }
        taken[n] = 0;
        assert_true(largest < 100000);
        for (int i = 0, at = 0; i < 100000; i++, at += end) {
                char expected[32];

                end = snprintf(expected, sizeof(expected), "<6>%d\n", i);
                assert_memory_equal(taken + at, expected, (size_t) end);
        }
}

/* Whole records go; one that is written out in part is completed. */
static void test_cut(void **state) {
        _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };
        static const char expected[] = "ne\n<5>cut\n";

        assert_int_equal(journal_lines_cut(&j), 0);
        assert_int_equal(journal_lines_feed(&j, "one\ntwo\nthree", 13), 0);
        journal_lines_consume(&j, 4);
        assert_int_equal(journal_lines_cut(&j), 15);
        assert_int_equal(journal_lines_note(&j, 5, "cut"), 0);
        assert_int_equal(journal_lines_pending(&j), sizeof(expected) - 1);
        assert_memory_equal(j.buffer + j.start, expected, sizeof(expected) - 1);
        journal_lines_consume(&j, 3);
        assert_int_equal(journal_lines_cut(&j), 7);
        assert_int_equal(journal_lines_pending(&j), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_framing),
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_long_lines),
                cmocka_unit_test(test_long_garbage),
                cmocka_unit_test(test_notes),
                cmocka_unit_test(test_consume),
                cmocka_unit_test(test_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
