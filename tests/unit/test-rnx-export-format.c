/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "export-format.h"
#include "test.h"

/* A stream of these bytes, in pieces of that size. */
static int stream_open(const char *bytes, size_t size, size_t piece) {
        int fds[2];
        pid_t pid;

        assert_return_code(pipe2(fds, O_CLOEXEC), errno);
        pid = fork();
        assert_return_code(pid, errno);
        if (pid == 0) {
                for (size_t i = 0; i < size; i += piece)
                        if (write(fds[1], bytes + i, i + piece <= size ? piece : size - i) < 0)
                                _exit(1);
                _exit(0);
        }
        (void) close(fds[1]);
        return fds[0];
}

#define STREAM(text, piece) { .fd = stream_open(text, sizeof(text) - 1, piece) }

static void assert_message(const LogEntry *e, const char *text, size_t size) {
        assert_int_equal(e->message_size, size);
        assert_memory_equal(e->message, text, size);
}

static const char two[] =
        "\n__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000000123456\n_BOOT_ID=x\nPRIORITY=3\nMESSAGE=a=b\n\n"
        "MESSAGE\n\x05\0\0\0\0\0\0\0a\nb\0c\n_LINE_BREAK=nul\nPRIORITY=6\n__CURSOR=s=1;i=3\n\n\n"
        "MESSAGE=\n_LINE_BREAK=eof\n\n";

static void test_pieces(void **state) {
        for (size_t piece = 1; piece < sizeof(two); piece += piece < 8 ? 1 : 17) {
                _cleanup_(export_reader_done) ExportReader reader = STREAM(two, piece);
                LogEntry e;

                assert_int_equal(export_read(&reader, &e), 1);
                assert_message(&e, "a=b", 3);
                assert_memory_equal(e.cursor, "s=1;i=2", e.cursor_size);
                assert_int_equal(e.realtime, 1700000000123456);
                assert_int_equal(e.priority, 3);
                assert_int_equal(e.end, LINE_END_NEWLINE);

                assert_int_equal(export_read(&reader, &e), 1);
                assert_message(&e, "a\nb\0c", 5);
                assert_int_equal(e.priority, 6);
                assert_int_equal(e.end, LINE_END_NONE);

                assert_int_equal(export_read(&reader, &e), 1);
                assert_message(&e, "", 0);
                assert_int_equal(e.end, LINE_END_NONE);
                assert_int_equal(export_read(&reader, &e), 0);
                (void) wait(NULL);
        }
}

static void test_broken_off(void **state) {
        /* Cut in the second of two entries: the first still comes. */
        for (size_t size = 92; size < 158; size++) {
                _cleanup_(export_reader_done) ExportReader reader = { .fd = stream_open(two, size, 1000) };
                LogEntry e;

                assert_int_equal(export_read(&reader, &e), 1);
                assert_message(&e, "a=b", 3);
                assert_int_equal(export_read(&reader, &e), -EPIPE);
                (void) wait(NULL);
        }
}

static void test_malformed(void **state) {
        _cleanup_(export_reader_done) ExportReader huge = STREAM("MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff" "a\n\n", 1000),
                unterminated = STREAM("MESSAGE\n\x01\0\0\0\0\0\0\0abc\n\n", 1000);
        LogEntry e;

        assert_int_equal(export_read(&huge, &e), -EBADMSG);
        assert_int_equal(export_read(&unterminated, &e), -EBADMSG);
        while (wait(NULL) > 0)
                ;
}

static void test_empty(void **state) {
        _cleanup_(export_reader_done) ExportReader nothing = STREAM("", 1), blank = STREAM("\n\n\n", 1);
        LogEntry e;

        assert_int_equal(export_read(&nothing, &e), 0);
        assert_int_equal(export_read(&blank, &e), 0);
        while (wait(NULL) > 0)
                ;
}

static void test_long_line(void **state) {
        _cleanup_free_ char *text = malloc(3000000);
        static const char head[] = "MESSAGE=";
        LogEntry e;

        assert_non_null(text);
        memset(text, 'x', 3000000);
        memcpy(text, head, strlen(head));
        memcpy(text + 3000000 - 2, "\n\n", 2);

        _cleanup_(export_reader_done) ExportReader reader = { .fd = stream_open(text, 3000000, 65536) };
        assert_int_equal(export_read(&reader, &e), 1);
        assert_int_equal(e.message_size, 3000000 - strlen(head) - 2);
        assert_int_equal(export_read(&reader, &e), 0);
        (void) wait(NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_broken_off),
                cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_long_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
