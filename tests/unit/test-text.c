/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "test.h"
#include "text.h"

static void test_utf8(void **state) {
        static const char *const valid[] = { "", "abc", "ä", "€", "𝄞", "\xf4\x8f\xbf\xbf", "\t\n\x1b" };
        static const char *const broken[] = {
                "\x80",         /* no beginning */
                "\xc3",         /* no end */
                "\xc3(",
                "\xc0\xaf",     /* overlong */
                "\xe0\x80\xaf",
                "\xf0\x80\x80\xaf",
                "\xed\xa0\x80", /* surrogate */
                "\xf4\x90\x80\x80",
                "\xf8\x88\x80\x80\x80",
                "\xff",
                "a\xfe",
        };

        for (size_t i = 0; i < ELEMENTSOF(valid); i++)
                assert_true(utf8_is_valid(valid[i], strlen(valid[i])));
        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                assert_false(utf8_is_valid(broken[i], strlen(broken[i])));
                assert_false(text_is_line(broken[i]));
                assert_false(text_is_value(broken[i]));
        }
        assert_false(utf8_is_valid("a\0b", 3));
        assert_false(utf8_is_valid("ä", 1)); /* looks at no more bytes than it may */
}

static void test_line_and_value(void **state) {
        assert_true(text_is_line("Größe: 5 µm"));
        assert_true(text_is_value("Größe: 5 µm"));
        assert_false(text_is_line("a\tb"));
        assert_true(text_is_value("a\tb"));
        assert_false(text_is_line("a\nb"));
        assert_true(text_is_value("a\nb"));
        assert_false(text_is_value("a\rb"));
        assert_false(text_is_value("a\x1b[2J"));
        assert_false(text_is_value("a\x7f"));
        assert_false(text_is_value("\xc2\x9b" "2J"));    /* CSI as one character */
        assert_false(text_is_line("a\xe2\x80\xae" "b")); /* right-to-left override */
        assert_true(text_is_value("a\xe2\x80\xae" "b"));
        assert_false(text_is_line("a\xe2\x80\xa8" "b")); /* line separator */
}

static void check_shown(const char *s, size_t max, const char *expected) {
        _cleanup_free_ char *shown = NULL;

        shown = text_for_message(s, max);
        assert_string_equal(shown, expected);
}

static void test_for_message(void **state) {
        check_shown("", 10, "");
        check_shown("abc", 3, "abc");
        check_shown("abcd", 3, "abc...");
        check_shown("abc", 0, "...");
        check_shown("a\x1b[2J\nb", 100, "a?[2J?b");
        check_shown("\xff\xfe", 100, "??");
        check_shown("aä", 2, "a..."); /* never half a character */
        check_shown("aä", 3, "aä");
        check_shown("a\xe2\x80\xae", 100, "a?");
}

static void test_message_set(void **state) {
        _cleanup_free_ char *m = NULL;

        assert_int_equal(message_set(NULL, -EINVAL, "nobody listens"), -EINVAL);
        assert_int_equal(message_set(&m, -EINVAL, "%s %d", "first", 1), -EINVAL);
        assert_string_equal(m, "first 1");
        assert_int_equal(message_set(&m, 0, "%s", m), 0); /* may use what it replaces */
        assert_string_equal(m, "first 1");
}

static void assert_terminal(const char *text, const char *expected) {
        size_t n = 0;
        _cleanup_free_ char *got = text_for_terminal(text, strlen(text), &n);

        assert_string_equal(got, expected);
        assert_int_equal(n, strlen(expected));
}

static void test_for_terminal(void **state) {
        assert_terminal("plain \tä€", "plain \tä€");
        assert_terminal("\033[31mred\033[0m", "\033[31mred\033[0m\033[0m");
        assert_terminal("\033[1;38;5;200mx", "\033[1;38;5;200mx\033[0m");
        /* neither titles nor movements, nor what has no end */
        assert_terminal("\033]0;title\007x", "?]0;title?x");
        assert_terminal("\033[2J\033[H\033[31", "?[2J?[H?[31");
        assert_terminal("a\rb\bc\177\302\233", "a?b?c??");
        assert_terminal("\377\xe2\x80\xae", "??");
        assert_terminal("", "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_utf8),
                cmocka_unit_test(test_line_and_value),
                cmocka_unit_test(test_for_message),
                cmocka_unit_test(test_message_set),
                cmocka_unit_test(test_for_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
