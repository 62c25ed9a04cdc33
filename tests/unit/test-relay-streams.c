/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The relay as a process: what becomes of output, whoever takes it or does not. */

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "relay-fixture.h"

#define BIG (UINT64_C(256) * 1024 * 1024)
#define BLOCK (64U * 1024U)
#define PIPE_SIZE (64 * 1024) /* of a new pipe */

static const char *arg_self;

/* A stream of bytes that tells any byte lost, doubled or out of place: splitmix64 of the position. */
static uint64_t pattern_word(uint64_t n) {
        n *= UINT64_C(0x9e3779b97f4a7c15);
        n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
        return n ^ (n >> 31);
}

static void pattern(uint64_t seed, uint64_t position, char *ret, size_t size) {
        uint64_t end = position + size;

        while (position < end) {
                uint64_t word = pattern_word((seed << 40) + position / 8);
                size_t skip = position % 8,
                       n = end - position < 8 - skip ? (size_t) (end - position) : 8 - skip;

                memcpy(ret, (char*) &word + skip, n);
                ret += n;
                position += n;
        }
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

/* This program as the command: both streams, in turn, in pieces of odd sizes. */
static int generate(uint64_t size) {
        static char data[BLOCK];
        uint64_t done[2] = {};

        for (unsigned i = 0; done[0] < size || done[1] < size; i++) {
                unsigned s = i % 2;
                size_t n = 1 + (i * 7919U) % BLOCK;

                if (n > size - done[s])
                        n = (size_t) (size - done[s]);
                pattern(s, done[s], data, n);
                if (write_all(s + 1, data, n) < 0)
                        return EXIT_FAILURE;
                done[s] += n;
        }
        return EXIT_SUCCESS;
}

typedef struct Check {
        uint64_t seed, position;
} Check;

static bool check_pattern(void *userdata, const char *data, size_t size) {
        static char expected[BLOCK];
        Check *c = userdata;

        while (size > 0) {
                size_t n = size < BLOCK ? size : BLOCK;

                pattern(c->seed, c->position, expected, n);
                if (memcmp(data, expected, n) != 0)
                        return false;
                c->position += n;
                data += n;
                size -= n;
        }
        return true;
}

static void test_pattern(void **state) {
        char whole[64], parts[64];

        pattern(1, 1000, whole, sizeof(whole));
        for (size_t i = 0; i < sizeof(parts); i += 3)
                pattern(1, 1000 + i, parts + i, sizeof(parts) - i < 3 ? sizeof(parts) - i : 3);
        assert_memory_equal(whole, parts, sizeof(whole));
}

static void test_byte_exact(void **state) {
        RelayTest *t = *state;
        Check out = { .seed = 0 }, err = { .seed = 1 };
        char size[32];

        (void) snprintf(size, sizeof(size), "%llu", (unsigned long long) BIG);
        t->out = (Buffer) { .sink = check_pattern, .userdata = &out };
        t->err = (Buffer) { .sink = check_pattern, .userdata = &err };
        relay_spawn(t, arg_self, "generate", size, NULL);
        relay_go(t, WITH_CLIENT);
        relay_collect(t);
        assert_int_equal(t->exit_code, 0);
        assert_false(t->out.failed);
        assert_false(t->err.failed);
        assert_int_equal(t->out.size, BIG);
        assert_int_equal(t->err.size, BIG);
        assert_true(t->outcome.unlogged_bytes > 2 * BIG - (UINT64_C(8) << 20) && t->outcome.unlogged_bytes < 2 * BIG);
        assert_in_range(t->journal.size, 2U << 20, 8U << 20);
}

static void test_binary_after_text(void **state) {
        RelayTest *t = *state;

        relay_run(t, WITH_CLIENT,
                  "echo text; printf part; sleep 0.2; printf '\\0\\n'; sleep 0.2; printf '\\377more\\n'");
        assert_memory_equal(t->out.data, "text\npart\0\n\377more\n", 17);
        assert_int_equal(t->out.size, 17);
        assert_string_equal(t->journal.data, "<6>text\n<6>part\xef\xbf\xbd\n<6>\xff" "more\n");
        assert_int_equal(t->outcome.unlogged_bytes, 0);
}

/* Long binary output is for the client; how it ends is in the journal all the same. */
static void test_binary_is_long(void **state) {
        static const char note[] = "<5>joblet: long binary output is not kept here: ";
        RelayTest *t = *state;
        uint64_t n_missing;
        const char *p;

        relay_run(t, WITH_CLIENT, "echo text; head -c 5000000 /dev/zero | tr '\\0' '\\0\\n'; echo; echo end; exit 2");
        assert_int_equal(t->out.size, 5000010);
        p = memmem(t->journal.data, t->journal.size, note, strlen(note));
        assert_non_null(p);
        n_missing = strtoull(p + strlen(note), NULL, 10);
        assert_in_range(n_missing, 3750000, 4100000); /* whole reads are kept or left out */
        assert_int_equal(t->outcome.unlogged_bytes, n_missing);
        assert_memory_equal(t->journal.data + t->journal.size - 8, "\n<6>end\n", 8);
}

/* What is unfinished on one stream is not in the way of the other. */
static void test_unfinished_lines(void **state) {
        static const char lines[] = "<3>oops\n<6>Loading done\n", out[] = "<6>rest", err[] = "<3>a\rb\r\xc2\xa0";
        RelayTest *t = *state;

        relay_run(t, 0, "printf 'Loading '; sleep 0.2; echo oops >&2; sleep 0.2; echo done; printf 'a\\rb\\r' >&2; printf rest");
        assert_int_equal(t->outcome.log_entries, 4);
        assert_memory_equal(t->journal.data, lines, strlen(lines));
        /* The two that end with the job: whichever pipe is closed first */
        assert_int_equal(t->journal.size, strlen(lines) + sizeof(out) + sizeof(err));
        assert_non_null(memmem(t->journal.data, t->journal.size, out, sizeof(out)));
        assert_non_null(memmem(t->journal.data, t->journal.size, err, sizeof(err)));
}

/* A prompt is seen though its line is not complete, and its blank is kept. */
static void test_unfinished_line_is_seen(void **state) {
        RelayTest *t = *state;

        relay_run(t, 0, "printf 'Name? '; sleep 1.5; echo me");
        assert_memory_equal(t->journal.data, "<6>Name? \xc2\xa0\0<6>me\n", 18);
}

static void test_merged(void **state) {
        RelayTest *t = *state;

        relay_run(t, WITH_CLIENT | MERGED, "for i in 1 2 3; do echo o$i; echo e$i >&2; done; exit 3");
        assert_int_equal(t->exit_code, 3);
        assert_string_equal(t->out.data, "o1\ne1\no2\ne2\no3\ne3\n");
        assert_string_equal(t->journal.data, "<6>o1\n<6>e1\n<6>o2\n<6>e2\n<6>o3\n<6>e3\n");
}

static void test_limit(void **state) {
        static const char note[] = "<5>joblet: only so much output is kept here: ";
        RelayTest *t = *state;
        const char *p;

        relay_run(t, WITH_CLIENT,
                  "yes 01234567890123456789012345678901234567890123456789012345678901234567890123456789"
                  "01234567890123456789012345678901234567890123456789012345678901234567890123456789 |"
                  "head -c 160000000; echo end; exit 2");
        assert_int_equal(t->exit_code, 2);
        assert_int_equal(t->out.size, 160000004);
        assert_true(t->journal.size < (75U << 20));
        p = memmem(t->journal.data, t->journal.size, note, strlen(note));
        assert_non_null(p);
        assert_true(t->outcome.unlogged_bytes > 90000000);
        assert_memory_equal(t->journal.data + t->journal.size - 4, "end\n", 4);
}

/* Checks that the lines numbered first, first + 1, ... come next, and goes past them. */
static void assert_lines(const char **p, const char *prefix, int first, int last, const char *suffix) {
        char line[64];

        for (int i = first; i <= last; i++) {
                size_t n = (size_t) snprintf(line, sizeof(line), "%s%d%s\n", prefix, i, suffix);

                if (strncmp(*p, line, n) != 0)
                        fail_msg("line %d is missing", i);
                *p += n;
        }
}

/* All lines of a detached job, in their order, and with the priority of their stream. */
static void test_detached(void **state) {
        RelayTest *t = *state;
        const char *p;

        relay_run(t, 0, "seq 1 100000; sleep 0.1; seq 100000 | sed 's/$/ e/' >&2; sleep 0.1; printf rest");
        p = t->journal.data;
        assert_lines(&p, "<6>", 1, 100000, "");
        assert_lines(&p, "<3>", 1, 100000, " e");
        assert_int_equal(t->journal.size - (size_t) (p - t->journal.data), 8);
        assert_memory_equal(p, "<6>rest", 8);
        assert_int_equal(t->outcome.log_entries, 200001);
}

static void test_detached_binary(void **state) {
        RelayTest *t = *state;

        relay_run(t, 0, "printf 'a\\0b\\n\\n<0>forged\\n'");
        assert_string_equal(t->journal.data, "<6>a\xef\xbf\xbd" "b\n<6>\xc2\xa0\n<6><0>forged\n");
}

static void test_only_one_stream_attached(void **state) {
        RelayTest *t = *state;
        int fds[2];

        assert_int_equal(pipe(fds), 0);
        t->go.stderr_fd = fds[1];
        t->stderr_fd = fds[0];
        relay_run(t, 0, "printf 'a\\0\\n'; printf 'b\\0\\n' >&2");
        assert_string_equal(t->journal.data, "<6>a\xef\xbf\xbd\n<3>b\xef\xbf\xbd\n");
        assert_memory_equal(t->err.data, "b\0\n", 4);
        assert_int_equal(t->err.size, 3);
}

/* Text goes to the journal whether or not the client lives. */
static void test_client_dies(void **state) {
        RelayTest *t = *state;
        const char *p;

        relay_spawn(t, "sh", "-c",
                    "i=0; while [ $i -lt 300 ]; do echo $i; i=$((i + 1)); sleep 0.002; done; exit 5", NULL);
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, 100);
        relay_vanish(t);
        relay_collect(t);
        assert_int_equal(t->exit_code, 5);
        p = t->journal.data;
        assert_lines(&p, "<6>", 0, 299, "");
        assert_string_equal(p, "");
}

/* The client dies while its pipe is full: what it had not taken is not lost either. */
static void test_client_dies_with_binary(void **state) {
        RelayTest *t = *state;
        static const char line[] = "<6>abcdefg\n";
        const char *p;
        size_t lines;
        int n;

        relay_spawn(t, "sh", "-c", "printf '\\0\\n'; sleep 0.1; yes abcdefg | head -n 100000; exit 5", NULL);
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, 2);
        do
                assert_int_equal(ioctl(t->stdout_fd, FIONREAD, &n), 0);
        while (n < PIPE_SIZE / 2); /* how full it gets depends on the pieces */
        relay_vanish(t);
        relay_collect(t);
        assert_int_equal(t->exit_code, 5);
        p = t->journal.data + strlen("<6>\xef\xbf\xbd\n");
        for (lines = 0; strncmp(p, line, strlen(line)) == 0; p += strlen(line))
                lines++;
        assert_string_equal(p, "");
        assert_int_equal(lines, 100000);
}

/* "rnx run yes | head": the client closes one of its pipes and lives on. */
static void test_pipe_closed(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "sh", "-c", "yes; echo $? >&2; echo again; exec yes", NULL);
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, 1000);
        t->stdout_fd = safe_close(t->stdout_fd);
        relay_collect(t);
        assert_int_equal(t->exit_code, 141);
        assert_notices(t, RELAY_SIGNALED, SIGPIPE);
        assert_string_equal(t->err.data, "141\n");
}

static void test_pipe_closed_other_goes_on(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "sh", "-c", "trap '' PIPE; yes 2>/dev/null; echo $? >&2; exit 8", NULL);
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, 1000);
        t->stdout_fd = safe_close(t->stdout_fd);
        relay_collect(t);
        assert_int_equal(t->exit_code, 8);
        assert_string_equal(t->err.data, "1\n");
        assert_notices(t, RELAY_EXITED, 8);
}

static void test_journal_breaks(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "sh", "-c", "echo one; sleep 0.3; echo two; sleep 0.1; echo three >&2; exit 1", NULL);
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, 4);
        t->journal_fd = safe_close(t->journal_fd);
        relay_collect(t);
        assert_int_equal(t->exit_code, 1);
        assert_string_equal(t->out.data, "one\ntwo\n");
        assert_string_equal(t->err.data, "three\n");
        assert_true(t->outcome.log_entries <= 1); /* it may have broken before */
        assert_int_equal(t->outcome.unlogged_bytes, 14 - 4 * t->outcome.log_entries);
}

/* A journal that stands still holds up neither client nor job for long, and what it missed is told. */
static void test_journal_stalls(void **state) {
        RelayTest *t = *state;
        int fd;

        relay_spawn(t, "sh", "-c", "yes | head -c 30000000; exit 1", NULL);
        relay_go(t, WITH_CLIENT);
        fd = TAKE_FD(t->journal_fd);
        relay_collect(t);
        assert_int_equal(t->exit_code, 1);
        assert_int_equal(t->out.size, 30000000);
        assert_in_range(t->outcome.unlogged_bytes, 29000000, 30000000);
        close(fd);
}

/* Reads for the client alone, up to what it is told in the end. */
static void client_read_to_end(RelayTest *t, size_t size) {
        _cleanup_free_ char *packet = NULL;
        struct pollfd p = { .fd = t->control_fd, .events = POLLIN };
        int r;

        relay_read_until(t, size);
        do {
                free(packet);
                packet = NULL;
                assert_int_equal(poll(&p, 1, 60000), 1);
                r = relay_receive(t->control_fd, &packet, NULL, NULL, NULL, NULL);
        } while (r == -EAGAIN || (r == 1 && strcmp(packet, "started") == 0));
        assert_int_equal(r, 1);
        assert_string_equal(packet, "exited 3");
}

/* The client has all and is told so before the journal has; which gets it all the same. */
static void test_journal_is_slow(void **state) {
        RelayTest *t = *state;
        const char *p;
        int fd;

        relay_spawn(t, "sh", "-c", "seq -f %059.0f 100000; exit 3", NULL);
        relay_go(t, WITH_CLIENT);
        fd = TAKE_FD(t->journal_fd);
        client_read_to_end(t, 6000000);
        t->journal_fd = fd;
        relay_collect(t);
        assert_int_equal(t->exit_code, 3);
        p = t->journal.data;
        for (int i = 1; i <= 100000; i++) {
                char line[80];
                size_t n = (size_t) snprintf(line, sizeof(line), "<6>%059d\n", i);

                if (strncmp(p, line, n) != 0)
                        fail_msg("line %d is missing", i);
                p += n;
        }
        assert_string_equal(p, "");
}

/* More than may wait for it: the journal has the beginning and the end, and the outcome tells what is missing. */
static void test_journal_is_too_slow(void **state) {
        static const char note[] = "<5>joblet: the journal did not keep up with the output: ";
        RelayTest *t = *state;
        const char *p;
        int fd;

        relay_spawn(t, "sh", "-c", "seq -f %059.0f 700000; exit 3", NULL);
        relay_go(t, WITH_CLIENT);
        fd = TAKE_FD(t->journal_fd);
        client_read_to_end(t, 42000000);
        t->journal_fd = fd;
        relay_collect(t);
        p = memmem(t->journal.data, t->journal.size, note, strlen(note));
        assert_non_null(p);
        assert_in_range((size_t) (p - t->journal.data), 14U << 20, 20U << 20);
        assert_int_equal(t->outcome.unlogged_bytes, strtoull(p + strlen(note), NULL, 10));
        p = strchr(p, '\n') + 1;
        assert_in_range(t->journal.data + t->journal.size - p, 60000, 70000);
        assert_memory_equal(t->journal.data + t->journal.size - 7, "700000\n", 7);
        assert_int_equal(t->outcome.log_entries + t->outcome.unlogged_bytes / 60, 700001);
}

/* One that takes nothing at all is not waited for: the relay ends. */
static void test_journal_is_dead_at_the_end(void **state) {
        RelayTest *t = *state;
        int fd;

        relay_spawn(t, "sh", "-c", "seq -f %059.0f 100000; exit 3", NULL);
        relay_go(t, WITH_CLIENT);
        fd = TAKE_FD(t->journal_fd);
        client_read_to_end(t, 6000000);
        relay_collect(t);
        assert_int_equal(t->exit_code, 3);
        assert_in_range(t->outcome.unlogged_bytes, 5000000, 6000000);
        close(fd);
}

static void test_silence(void **state) {
        RelayTest *t = *state;

        relay_run(t, WITH_CLIENT, "exec >&- 2>&-; sleep 0.2; exit 3");
        assert_int_equal(t->exit_code, 3);
        assert_int_equal(t->out.size, 0);
        assert_string_equal(t->journal.data, "");
}

#define RELAY_UNIT_TEST(f) cmocka_unit_test_setup_teardown(f, relay_test_setup, relay_test_teardown)

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pattern),
                RELAY_UNIT_TEST(test_byte_exact),
                RELAY_UNIT_TEST(test_binary_after_text),
                RELAY_UNIT_TEST(test_binary_is_long),
                RELAY_UNIT_TEST(test_unfinished_lines),
                RELAY_UNIT_TEST(test_unfinished_line_is_seen),
                RELAY_UNIT_TEST(test_merged),
                RELAY_UNIT_TEST(test_limit),
                RELAY_UNIT_TEST(test_detached),
                RELAY_UNIT_TEST(test_detached_binary),
                RELAY_UNIT_TEST(test_only_one_stream_attached),
                RELAY_UNIT_TEST(test_client_dies),
                RELAY_UNIT_TEST(test_client_dies_with_binary),
                RELAY_UNIT_TEST(test_pipe_closed),
                RELAY_UNIT_TEST(test_pipe_closed_other_goes_on),
                RELAY_UNIT_TEST(test_journal_breaks),
                RELAY_UNIT_TEST(test_journal_stalls),
                RELAY_UNIT_TEST(test_journal_is_slow),
                RELAY_UNIT_TEST(test_journal_is_too_slow),
                RELAY_UNIT_TEST(test_journal_is_dead_at_the_end),
                RELAY_UNIT_TEST(test_silence),
        };

        if (argc == 3 && strcmp(argv[1], "generate") == 0)
                return generate(strtoull(argv[2], NULL, 10));

        arg_self = realpath("/proc/self/exe", NULL);
        return arg_self ? cmocka_run_group_tests(tests, NULL, NULL) : EXIT_FAILURE;
}
