/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pump.h"
#include "test.h"

#define SIZE (3U * 1024U * 1024U + 12345U)

/* What a driver makes of splice(). */
static enum {
        SPLICE_WORKS,
        SPLICE_ENDS_WHEN_EMPTY, /* 0 from a pipe that is empty for now, as the virtio console */
        SPLICE_BREAKS_MIDWAY,   /* EINVAL, after it has worked */
        SPLICE_FAILS,           /* another error than write() would tell */
} splice_mode;

ssize_t __real_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags);
ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags);

ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags) {
        static unsigned n_calls = 0;
        int n = 0;

        n_calls++;
        if ((splice_mode == SPLICE_BREAKS_MIDWAY && n_calls % 7 == 0) || splice_mode == SPLICE_FAILS) {
                errno = splice_mode == SPLICE_FAILS ? EIO : EINVAL;
                return -1;
        }
        if (splice_mode == SPLICE_ENDS_WHEN_EMPTY && ioctl(from, FIONREAD, &n) >= 0 && n == 0)
                return 0;
        return __real_splice(from, from_at, to, to_at, size, flags);
}

static unsigned char byte_at(size_t i) {
        return (unsigned char) (i * 2654435761U >> 13);
}

/* A child that writes SIZE bytes to fd in odd pieces. */
static pid_t writer_start(int fd, int other) {
        pid_t pid = fork();

        assert_return_code(pid, errno);
        if (pid == 0) {
                unsigned char piece[7001];

                (void) close(other);
                for (size_t i = 0; i < SIZE;) {
                        size_t n = SIZE - i < sizeof(piece) ? SIZE - i : sizeof(piece);

                        for (size_t j = 0; j < n; j++)
                                piece[j] = byte_at(i + j);
                        if (write(fd, piece, n) != (ssize_t) n)
                                _exit(1);
                        i += n;
                }
                _exit(0);
        }
        (void) close(fd);
        return pid;
}

/* One that reads them, and ends with 0 if they are what was written. */
static pid_t reader_start(int fd, int other) {
        pid_t pid = fork();

        assert_return_code(pid, errno);
        if (pid == 0) {
                unsigned char piece[5003];
                size_t i = 0;
                ssize_t n;

                (void) close(other);
                while ((n = read(fd, piece, sizeof(piece))) > 0)
                        for (ssize_t j = 0; j < n; j++, i++)
                                if (piece[j] != byte_at(i))
                                        _exit(1);
                _exit(n < 0 || i != SIZE);
        }
        (void) close(fd);
        return pid;
}

static int pump_to_end(Pump *p) {
        struct pollfd fds[2];
        size_t n;
        int r;

        do {
                n = pump_poll(p, fds);
                assert_true(n > 0);
                assert_return_code(poll(fds, n, 10000), errno);
                r = pump_run(p, fds, n);
        } while (r > 0);
        return r;
}

static void assert_ended(pid_t pid) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void pipe_open(int fds[2]) {
        assert_return_code(pipe2(fds, O_CLOEXEC), errno);
}

static void run_output(int to[2]) {
        int from[2];
        pid_t writer, reader;
        Pump p;

        pipe_open(from);
        writer = writer_start(from[1], from[0]);
        reader = reader_start(to[0], to[1]);
        assert_return_code(fcntl(from[0], F_SETFL, O_NONBLOCK), errno);
        pump_init_output(&p, from[0], to[1]);
        assert_int_equal(pump_to_end(&p), 0);
        assert_false(pump_is_open(&p));
        assert_int_equal(p.moved, SIZE);
        (void) close(to[1]);
        assert_ended(writer);
        assert_ended(reader);
}

static void test_to_pipe(void **state) {
        int to[2];

        pipe_open(to);
        run_output(to);
}

/* What drivers know of splicing does not show. */
static void test_odd_drivers(void **state) {
        for (splice_mode = SPLICE_ENDS_WHEN_EMPTY; splice_mode <= SPLICE_FAILS; splice_mode++) {
                int to[2];

                pipe_open(to);
                run_output(to);
        }
        splice_mode = SPLICE_WORKS;
}

/* An error is one, not an end, and tells which side it is of. */
static void test_errors(void **state) {
        int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), full = open("/dev/full", O_WRONLY | O_CLOEXEC), fds[2];
        Pump p;

        pipe_open(fds);
        assert_return_code(fcntl(fds[1], F_SETFL, O_NONBLOCK | O_WRONLY), errno);
        pump_init_input(&p, directory, fds[1]);
        assert_int_equal(pump_to_end(&p), -EISDIR);
        assert_true(p.read_failed);
        assert_int_equal(read(fds[0], &p, 1), 0);
        (void) close(fds[0]);
        (void) close(directory);

        pipe_open(fds);
        assert_int_equal(write(fds[1], "x", 1), 1);
        assert_return_code(fcntl(fds[0], F_SETFL, O_NONBLOCK), errno);
        pump_init_output(&p, fds[0], full);
        assert_int_equal(pump_to_end(&p), -ENOSPC);
        assert_false(p.read_failed);
        (void) close(fds[1]);
        (void) close(full);
}

static void test_to_socket(void **state) {
        int to[2];

        assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to), errno);
        run_output(to);
}

/* splice() refuses files that are open for appending. */
static void test_to_appended_file(void **state) {
        char path[] = "/tmp/test-rnx-pump.XXXXXX";
        int from[2], fd;
        pid_t writer;
        Pump p;

        fd = mkostemp(path, O_APPEND | O_CLOEXEC);
        assert_return_code(fd, errno);
        pipe_open(from);
        writer = writer_start(from[1], from[0]);
        assert_return_code(fcntl(from[0], F_SETFL, O_NONBLOCK), errno);
        pump_init_output(&p, from[0], fd);
        assert_int_equal(pump_to_end(&p), 0);
        assert_ended(writer);
        (void) close(fd);

        fd = open(path, O_RDONLY | O_CLOEXEC);
        (void) unlink(path);
        assert_ended(reader_start(fd, -1));
}

static void test_from_pipe(void **state) {
        int from[2], to[2];
        pid_t writer, reader;
        Pump p;

        pipe_open(from);
        pipe_open(to);
        writer = writer_start(from[1], from[0]);
        reader = reader_start(to[0], to[1]);
        assert_return_code(fcntl(to[1], F_SETFL, O_NONBLOCK | O_WRONLY), errno);
        pump_init_input(&p, from[0], to[1]);
        assert_int_equal(pump_to_end(&p), 0); /* and closes to[1], so that the reader ends */
        assert_ended(reader);
        assert_ended(writer);
        (void) close(from[0]);
}

static void test_reader_gone(void **state) {
        int from[2], to[2];
        Pump p;

        (void) signal(SIGPIPE, SIG_IGN);
        pipe_open(from);
        pipe_open(to);
        (void) close(to[0]);
        assert_int_equal(write(from[1], "x", 1), 1);
        assert_return_code(fcntl(from[0], F_SETFL, O_NONBLOCK), errno);
        pump_init_output(&p, from[0], to[1]);
        assert_int_equal(pump_to_end(&p), -EPIPE);
        assert_int_equal(write(from[1], "x", 1), -1); /* the writer knows */
        (void) close(from[1]);
        (void) close(to[1]);
}

/* The job closed its standard input, while nothing is there to be sent. */
static void test_input_not_wanted(void **state) {
        int from[2], to[2];
        Pump p;

        pipe_open(from);
        pipe_open(to);
        (void) close(to[0]);
        pump_init_input(&p, from[0], to[1]);
        assert_int_equal(pump_to_end(&p), -EPIPE);
        (void) close(from[0]);
        (void) close(from[1]);
}

/* A full sink must be waited for, not asked again and again. */
static void test_no_spinning(void **state) {
        struct pollfd fds[2];
        int from[2], to[2], ready = 0;
        char block[65536] = {};
        Pump p;

        pipe_open(from);
        pipe_open(to);
        assert_return_code(fcntl(to[1], F_SETPIPE_SZ, 4096), errno);
        assert_int_equal(write(from[1], block, sizeof(block)), sizeof(block));
        assert_return_code(fcntl(from[0], F_SETFL, O_NONBLOCK), errno);
        pump_init_output(&p, from[0], to[1]);
        for (unsigned i = 0; i < 20; i++) {
                size_t n = pump_poll(&p, fds);

                ready = poll(fds, n, 50);
                if (ready == 0)
                        break;
                assert_int_equal(pump_run(&p, fds, n), 1);
        }
        assert_int_equal(ready, 0);
        pump_close(&p);
        (void) close(from[1]);
        (void) close(to[0]);
        (void) close(to[1]);
}

/* A terminal that takes nothing: its user still has Ctrl-C. */
static void test_terminal_stands_still(void **state) {
        int from[2], master, slave, ready = 1;
        char block[65536];
        struct pollfd fds[2];
        Pump p;

        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (master < 0)
                skip();
        assert_return_code(grantpt(master), errno);
        assert_return_code(unlockpt(master), errno);
        slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_return_code(slave, errno);
        pipe_open(from);
        memset(block, 'x', sizeof(block));
        assert_int_equal(write(from[1], block, sizeof(block)), sizeof(block));
        assert_return_code(fcntl(from[0], F_SETFL, O_NONBLOCK), errno);
        pump_init_output(&p, from[0], slave);

        (void) alarm(20); /* instead of waiting for ever */
        for (unsigned i = 0; ready > 0 && i < 100; i++) {
                size_t n = pump_poll(&p, fds);

                ready = poll(fds, n, 200);
                if (ready > 0)
                        assert_int_equal(pump_run(&p, fds, n), 1);
        }
        (void) alarm(0);
        assert_int_equal(ready, 0);
        assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
        pump_close(&p);
        (void) close(from[1]);
        (void) close(slave);
        (void) close(master);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_to_pipe),
                cmocka_unit_test(test_to_socket),
                cmocka_unit_test(test_odd_drivers),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_to_appended_file),
                cmocka_unit_test(test_from_pipe),
                cmocka_unit_test(test_reader_gone),
                cmocka_unit_test(test_input_not_wanted),
                cmocka_unit_test(test_no_spinning),
                cmocka_unit_test(test_terminal_stands_still),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
