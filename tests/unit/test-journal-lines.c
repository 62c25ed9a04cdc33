/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "journal-lines.h"
#include "test.h"

/* Feeds text in chunks of each size up to its own, and flushes at the end: the records are the same every
 * time. */
static void assert_lines(const char *text, size_t size, const char *expected, size_t expected_size) {
        for (size_t chunk = 1; chunk <= size; chunk += size > 1000 ? size / 7 : 1) {
                _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };
                _cleanup_(journal_queue_done) JournalQueue q = { .fd = 1000 };

                for (size_t i = 0; i < size; i += chunk)
                        journal_lines_feed(&j, &q, text + i, size - i < chunk ? size - i : chunk);
                journal_lines_flush(&j, &q);
                assert_int_equal(journal_queue_pending(&q), expected_size);
                assert_memory_equal(q.buffer + q.start, expected, expected_size);
                assert_int_equal(q.n_lost, 0);
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
        ASSERT_LINES("a\r\nb \n\xc2\xa0\n\xa0\nc ", "<6>a\r\xc2\xa0\n<6>b \xc2\xa0\n<6>\xc2\xa0\xc2\xa0\n<6>\xa0\n<6>c \xc2\xa0\0");
        ASSERT_LINES("\xff\xc3\n", "<6>\xff\xc3\n");
}

static void test_nothing(void **state) {
        _cleanup_(journal_lines_done) JournalLines j = { .priority = 3 };
        _cleanup_(journal_queue_done) JournalQueue q = { .fd = 1000 };

        journal_lines_feed(&j, &q, "", 0);
        journal_lines_flush(&j, &q);
        assert_int_equal(journal_queue_pending(&q), 0);
}

/* Takes records apart as journald does: at newline or NUL. Checks each, puts the text together again. */
static char* join_records(char *p, size_t size, size_t *ret_records) {
        char *text = malloc(size + 1), *to = text;

        for (*ret_records = 0; size > 0; (*ret_records)++) {
                size_t n = 0;

                while (n < size && p[n] != '\n' && p[n] != 0)
                        n++;
                assert_true(n < size);
                assert_true(n >= 4 && n <= JOURNAL_LINE_MAX + 3);
                assert_memory_equal(p, "<6>", 3);
                if (n >= 2 && memcmp(p + n - 2, "\xc2\xa0", 2) == 0) {
                        memmove((char*) p + n - 2, p + n, size - n);
                        n -= 2;
                        size -= 2;
                } else
                        assert_true(p[n - 1] != ' ');
                /* No record begins in the middle of a character. */
                assert_true(((unsigned char) p[3] & 0xc0) != 0x80);
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
                _cleanup_(journal_queue_done) JournalQueue q = { .fd = 1000 };

                for (size_t i = 0; i < size; i += chunk)
                        journal_lines_feed(&j, &q, text + i, size - i < chunk ? size - i : chunk);
                journal_lines_flush(&j, &q);
                joined = join_records(q.buffer, q.end, &n_records);
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
        _cleanup_(journal_queue_done) JournalQueue q = { .fd = 1000 };
        static char garbage[200000];
        size_t longest = 0, n = 0;

        memset(garbage, 0x80, sizeof(garbage));
        journal_lines_feed(&j, &q, garbage, sizeof(garbage));
        journal_lines_flush(&j, &q);
        for (size_t i = 0; i < q.end; i++) {
                n = q.buffer[i] == 0 ? 0 : n + 1;
                longest = n > longest ? n : longest;
        }
        assert_int_equal(longest, JOURNAL_LINE_MAX + 3);
}

/* Two streams, each with an unfinished line, and a line of the relay's own: all records are whole. */
static void test_streams_do_not_mix(void **state) {
        _cleanup_(journal_lines_done) JournalLines out = { .priority = 6 }, err = { .priority = 3 };
        _cleanup_(journal_queue_done) JournalQueue q = { .fd = 1000 };
        static const char expected[] = "<3>oops\n<5>joblet: note\n<6>Loading done\n<3>10%\r20%\0";

        journal_lines_feed(&out, &q, "Loading ", 8);
        journal_lines_feed(&err, &q, "oops\n10%\r", 9);
        journal_queue_note(&q, 5, "joblet: note");
        journal_lines_feed(&out, &q, "done\n", 5);
        journal_lines_feed(&err, &q, "20%", 3);
        journal_lines_flush(&err, &q);
        assert_int_equal(journal_queue_pending(&q), sizeof(expected) - 1);
        assert_memory_equal(q.buffer, expected, sizeof(expected) - 1);
        assert_int_equal(q.n_entries, 4);
}

/* What has been written out makes room; what has not keeps its order. */
static void test_consume(void **state) {
        _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };
        _cleanup_(journal_queue_done) JournalQueue q = { .fd = 1000 };
        _cleanup_free_ char *taken = malloc(2000000);
        size_t n = 0, largest = 0;
        int end;

        for (int i = 0; i < 100000; i++) {
                char line[32];

                journal_lines_feed(&j, &q, line, (size_t) snprintf(line, sizeof(line), "%d\n", i));
                while (journal_queue_pending(&q) > 10000 || (i == 99999 && journal_queue_pending(&q) > 0)) {
                        size_t part = journal_queue_pending(&q) < 777 ? journal_queue_pending(&q) : 777;

                        memcpy(taken + n, q.buffer + q.start, part);
                        n += part;
                        journal_queue_consume(&q, part);
                }
                largest = q.allocated > largest ? q.allocated : largest;
        }
        taken[n] = 0;
        assert_true(largest < 100000);
        for (int i = 0, at = 0; i < 100000; i++, at += end) {
                char expected[32];

                end = snprintf(expected, sizeof(expected), "<6>%d\n", i);
                assert_memory_equal(taken + at, expected, (size_t) end);
        }
}

/* A record that is written out in part is completed, the middle goes, and is counted to the byte. */
static void test_cut(void **state) {
        _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };
        _cleanup_(journal_queue_done) JournalQueue q = { .fd = 1000 };
        static const char note[] = "<5>joblet: the journal did not keep up with the output: ";
        char line[32];
        const char *p;

        journal_queue_cut(&q);
        for (int i = 0; i < 100000; i++)
                journal_lines_feed(&j, &q, line, (size_t) snprintf(line, sizeof(line), "%07d \n", i));
        journal_queue_consume(&q, 4);
        journal_queue_cut(&q);
        p = q.buffer + q.start;
        assert_memory_equal(p + 7, "\xc2\xa0\n", 3);
        p = memmem(p, journal_queue_pending(&q), note, strlen(note));
        assert_non_null(p);
        assert_int_equal(strtoull(p + strlen(note), NULL, 10), q.n_lost);
        assert_int_equal(q.n_lost % 9, 0);
        assert_int_equal(q.n_entries, 100000 - q.n_lost / 9 + 1);
        assert_in_range(journal_queue_pending(&q), JOURNAL_KEEP - 100, JOURNAL_KEEP + 200);
        assert_memory_equal(q.buffer + q.end - 11, "0099999 \xc2\xa0\n", 11);

        /* Too little to be worth it. */
        journal_queue_cut(&q);
        assert_in_range(journal_queue_pending(&q), JOURNAL_KEEP - 100, JOURNAL_KEEP + 200);
}

/* Then all is lost, and counted. */
static void test_break(void **state) {
        _cleanup_(journal_lines_done) JournalLines j = { .priority = 6 };
        _cleanup_(journal_queue_done) JournalQueue q = { .fd = 1000 };

        journal_lines_feed(&j, &q, "one \ntwo\nthree", 14);
        journal_queue_break(&q);
        assert_int_equal(q.n_lost, 9);
        assert_int_equal(q.n_entries, 0);
        journal_lines_feed(&j, &q, "\n", 1);
        assert_int_equal(q.n_lost, 15);
        assert_int_equal(journal_queue_pending(&q), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_framing),
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_long_lines),
                cmocka_unit_test(test_long_garbage),
                cmocka_unit_test(test_streams_do_not_mix),
                cmocka_unit_test(test_consume),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_break),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
