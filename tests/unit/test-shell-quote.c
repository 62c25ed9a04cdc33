/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>
#include <sys/wait.h>

#include "shell-quote.h"
#include "strv.h"
#include "test.h"

#define WORDS(...) ((char *[]) { __VA_ARGS__, NULL })

static void check(char *const *words, const char *expected) {
        _cleanup_free_ char *line = NULL;

        assert_int_equal(shell_quote(words, &line), 0);
        assert_string_equal(line, expected);
}

static void test_forms(void **state) {
        check(WORDS((char*) "echo"), "echo");
        check(WORDS((char*) "a", (char*) "b c", (char*) ""), "a 'b c' ''");
        check(WORDS((char*) "--name=x:/y,z@%+-_."), "--name=x:/y,z@%+-_.");
        check(WORDS((char*) "it's"), "'it'\\''s'");
        check(WORDS((char*) "$HOME", (char*) "a\\b", (char*) "*", (char*) "~", (char*) "#"),
              "'$HOME' 'a\\b' '*' '~' '#'");
        check(WORDS((char*) "two\nlines"), "$'two\\nlines'");
        check(WORDS((char*) "\t'\\\033\x7f"), "$'\\t\\'\\\\\\033\\177'");
        check(WORDS((char*) "\n1"), "$'\\n1'"); /* a digit after an escape is none of it */
        check(WORDS((char*) "\0011"), "$'\\0011'");
        check(WORDS((char*) "Größe"), "'Größe'");
        check((char *[]) { NULL }, "");
}

/* Whatever the words are: bash reads the same ones back from the line, and it is one line. */
static void test_bash_reads_the_same(void **state) {
        _cleanup_strv_free_ char **words = NULL;
        _cleanup_free_ char *line = NULL, *command = NULL;
        char got[4096];
        size_t n;
        FILE *f;

        for (unsigned c = 1; c < 128; c++) {
                assert_int_equal(strv_extendf(&words, "%c", (char) c), 0);
                assert_int_equal(strv_extendf(&words, "a%c1", (char) c), 0);
        }
        assert_int_equal(shell_quote(words, &line), 0);
        assert_null(strchr(line, '\n'));

        if (access("/bin/bash", X_OK) < 0)
                skip();
        assert_true(asprintf(&command,
                             "exec /bin/bash -c 'eval \"set -- $LINE\"; printf \"%%s\\0\" \"$@\"'") > 0);
        assert_int_equal(setenv("LINE", line, 1), 0);
        f = popen(command, "r");
        assert_non_null(f);
        n = fread(got, 1, sizeof(got), f);
        assert_int_equal(pclose(f), 0);

        for (size_t i = 0, at = 0; words[i]; i++) {
                assert_true(at < n);
                assert_string_equal(got + at, words[i]);
                at += strlen(got + at) + 1;
                if (!words[i + 1])
                        assert_int_equal(at, n);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),
                cmocka_unit_test(test_bash_reads_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
