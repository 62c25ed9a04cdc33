/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "relay-protocol.h"
#include "strv.h"
#include "test.h"

static void assert_notice(RelayEvent event, int code, const char *text, const char *packet) {
        const RelayNotice n = { .event = event, .code = code, .text = (char*) text };
        _cleanup_(relay_notice_done) RelayNotice parsed = {};
        _cleanup_free_ char *formatted = NULL;

        assert_int_equal(relay_notice_format(&n, &formatted), 0);
        assert_string_equal(formatted, packet);
        assert_int_equal(relay_notice_parse(packet, &parsed), 0);
        assert_int_equal(parsed.event, event);
        assert_int_equal(parsed.code, code);
}

static void test_notices(void **state) {
        assert_notice(RELAY_STARTED, 0, NULL, "started");
        assert_notice(RELAY_EXITED, 0, NULL, "exited 0");
        assert_notice(RELAY_EXITED, 255, NULL, "exited 255");
        assert_notice(RELAY_SIGNALED, 9, NULL, "signaled 9");
        assert_notice(RELAY_FAILED, 125, "cannot", "failed 125 cannot");
        assert_notice(RELAY_FAILED, 127, "two\nlines\x1b[0m", "failed 127 two?lines?[0m");
        assert_notice(RELAY_FAILED, 126, NULL, "failed 126 ");
        assert_notice(RELAY_ENDED, 0, NULL, "ended");
}

/* Every event has a text, and none another's. */
static void test_every_event(void **state) {
        for (int i = 0; i < _RELAY_EVENT_MAX; i++) {
                const RelayNotice n = { .event = (RelayEvent) i,
                                        .code = i == RELAY_FAILED ? 125 : i == RELAY_SIGNALED };
                _cleanup_(relay_notice_done) RelayNotice parsed = {};
                _cleanup_free_ char *packet = NULL;

                assert_int_equal(relay_notice_format(&n, &packet), 0);
                assert_int_equal(relay_notice_parse(packet, &parsed), 0);
                assert_int_equal(parsed.event, i);
        }
}

static void test_notices_refused(void **state) {
        static const char *const packets[] = {
                "", " ", "start", "startedx", "started ", "started 0", "exited", "exited ", "exited x", "exited -1", "exited 256",
                "exited 1 ", "exited 01", "exited +1", "exited 99999999999999999999", "signaled 0", "signaled 65", "failed 125",
                "failed 124 x", "failed 128 x", "failed 0 x", "failed 125 a\nb", "failed 125 \xff", "ended 1", "EXITED 1", "signal 1",
        };
        const RelayNotice invalid[] = { { .event = _RELAY_EVENT_INVALID }, { .event = _RELAY_EVENT_MAX },
                                        { .event = RELAY_EXITED, .code = 256 }, { .event = RELAY_SIGNALED } };
        RelayNotice n;
        char *packet;

        for (size_t i = 0; i < ELEMENTSOF(packets); i++)
                assert_int_equal(relay_notice_parse(packets[i], &n), -EBADMSG);
        for (size_t i = 0; i < ELEMENTSOF(invalid); i++)
                assert_int_equal(relay_notice_format(invalid + i, &packet), -EINVAL);
}

static void test_long_failure(void **state) {
        _cleanup_(relay_notice_done) RelayNotice parsed = {};
        _cleanup_free_ char *packet = NULL, *text = malloc(100001);
        RelayNotice n = { .event = RELAY_FAILED, .code = 125, .text = text };

        memset(text, 'x', 100000);
        text[100000] = 0;
        assert_int_equal(relay_notice_format(&n, &packet), 0);
        assert_true(strlen(packet) < 5000);
        assert_int_equal(relay_notice_parse(packet, &parsed), 0);
}

static void test_signals(void **state) {
        int signo = 0;

        assert_int_equal(relay_signal_parse("signal 15", &signo), 0);
        assert_int_equal(signo, SIGTERM);
        assert_int_equal(relay_signal_parse("signal 64", &signo), 0);
        assert_int_equal(relay_signal_parse("signal 0", &signo), -ERANGE);
        assert_int_equal(relay_signal_parse("signal 65", &signo), -ERANGE);
        assert_int_equal(relay_signal_parse("signal -9", &signo), -EBADMSG);
        assert_int_equal(relay_signal_parse("signal 9 ", &signo), -EBADMSG);
        assert_int_equal(relay_signal_parse("signal", &signo), -EBADMSG);
        assert_int_equal(relay_signal_parse("signal 4294967305", &signo), -EBADMSG);
        assert_int_equal(signo, 64);
}

static void make_sockets(int fds[2]) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static bool same_file(int a, int b) {
        struct stat x, y;

        return fstat(a, &x) >= 0 && fstat(b, &y) >= 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static size_t count_fds(void) {
        _cleanup_closedir_ DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        return n;
}

static void test_go(void **state) {
        _cleanup_(relay_go_done) RelayGo go = RELAY_GO_NULL, received = RELAY_GO_NULL;
        _cleanup_free_ char *packet = NULL;
        int sockets[2], fds[RELAY_FDS_MAX];
        size_t n_fds = 0;

        make_sockets(sockets);
        go.stdin_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        go.control_fd = open("/", O_RDONLY | O_CLOEXEC);
        go.command_fd = open("/usr", O_RDONLY | O_CLOEXEC);
        go.outcome_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        go.workdir = strdup("/work/a\\n\nfd=stdout");
        assert_int_equal(strv_extend(&go.download, "/work/x=y"), 0);
        assert_int_equal(strv_extend(&go.download, ""), 0);
        go.upload_max = UINT64_C(12345678901234567890);
        go.abandon_usec = 10000000;

        assert_int_equal(relay_go_send(sockets[0], &go), 0);
        assert_int_equal(relay_receive(sockets[1], &packet, fds, &n_fds, NULL, NULL), 1);
        assert_int_equal(n_fds, 4);
        assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(relay_go_parse(packet, fds, n_fds, &received), 0);

        assert_true(same_file(received.stdin_fd, go.stdin_fd));
        assert_true(same_file(received.control_fd, go.control_fd));
        assert_true(same_file(received.command_fd, go.command_fd));
        assert_true(same_file(received.outcome_fd, go.outcome_fd));
        assert_true(received.stdout_fd < 0 && received.stderr_fd < 0 && received.upload_fd < 0 &&
                    received.download_fd < 0);
        assert_string_equal(received.workdir, go.workdir);
        assert_int_equal(strv_length(received.download), 2);
        assert_string_equal(received.download[0], "/work/x=y");
        assert_string_equal(received.download[1], "");
        assert_true(received.upload_max == go.upload_max);
        assert_true(received.abandon_usec == go.abandon_usec);
        close(sockets[0]);
        close(sockets[1]);
}

static void test_go_refused(void **state) {
        static const char *const packets[] = {
                "", "go", "hello", "goo\n", "go\nfd=stdin", "go\nfd=stdin\nfd=stdin\nfd=stdout", "go\nfd=stdin\nfd=stdout\nfd=stderr",
                "go\nfd=stdin\nfd=nonsense", "go\nfd=stdin\nfd=stdout\nx=y", "go\nfd=stdin\nfd=stdout\nworkdir",
                "go\nfd=stdin\nfd=stdout\nupload-max=x", "go\nfd=stdin\nfd=stdout\nabandon=-1", "go\nfd=stdin\nfd=stdout\nupload-max=18446744073709551616",
                "go\nfd=stdin\nfd=stdout\nworkdir=/a\nworkdir=/b", "go\nfd=stdin\nfd=stdout\nworkdir=\\x", "go\nfd=stdin\nfd=stdout\n\nx",
        };
        size_t before = count_fds();
        RelayGo go;

        for (size_t i = 0; i < ELEMENTSOF(packets); i++) {
                int fds[] = { open("/dev/null", O_RDONLY | O_CLOEXEC),
                              open("/dev/null", O_RDONLY | O_CLOEXEC) };

                assert_int_equal(relay_go_parse(packets[i], fds, ELEMENTSOF(fds), &go), -EBADMSG);
                assert_int_equal(count_fds(), before);
        }
}

static void test_go_too_large(void **state) {
        _cleanup_(relay_go_done) RelayGo go = RELAY_GO_NULL;
        int sockets[2];

        make_sockets(sockets);
        go.workdir = malloc(RELAY_PACKET_MAX + 1);
        memset(go.workdir, 'x', RELAY_PACKET_MAX);
        go.workdir[RELAY_PACKET_MAX] = 0;
        assert_int_equal(relay_go_send(sockets[0], &go), -EMSGSIZE);
        close(sockets[0]);
        close(sockets[1]);
}

static void test_receive(void **state) {
        static char large[RELAY_PACKET_MAX + 1];
        _cleanup_free_ char *packet = NULL;
        int sockets[2], one = 1;
        uid_t uid = 0;
        pid_t pid = 0;

        make_sockets(sockets);
        assert_int_equal(relay_receive(sockets[1], &packet, NULL, NULL, NULL, NULL), -EAGAIN);
        assert_int_equal(relay_send(sockets[0], ""), -EINVAL);

        /* Credentials that were asked for and did not come. */
        assert_int_equal(relay_send(sockets[0], "hello"), 0);
        assert_int_equal(relay_receive(sockets[1], &packet, NULL, NULL, &uid, &pid), -EBADMSG);

        assert_int_equal(setsockopt(sockets[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
        assert_int_equal(relay_send(sockets[0], "hello"), 0);
        assert_int_equal(relay_receive(sockets[1], &packet, NULL, NULL, &uid, &pid), 1);
        assert_string_equal(packet, "hello");
        assert_int_equal(uid, getuid());
        assert_int_equal(pid, getpid());

        assert_int_equal(send(sockets[0], "a\0b", 3, 0), 3);
        assert_int_equal(relay_receive(sockets[1], &packet, NULL, NULL, NULL, NULL), -EBADMSG);
        memset(large, 'x', sizeof(large));
        assert_int_equal(send(sockets[0], large, sizeof(large), 0), sizeof(large));
        assert_int_equal(relay_receive(sockets[1], &packet, NULL, NULL, NULL, NULL), -EBADMSG);

        close(sockets[0]);
        assert_int_equal(relay_receive(sockets[1], &packet, NULL, NULL, NULL, NULL), 0);
        close(sockets[1]);
}

static void send_fds(int socket, size_t n) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * 64)];
        } control = {};
        struct iovec iov = { .iov_base = (char*) "go\n", .iov_len = 3 };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = CMSG_SPACE(sizeof(int) * n) };
        int fds[64] = {};

        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * n);
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n);
        assert_int_equal(sendmsg(socket, &msg, 0), 3);
}

/* Descriptors that nobody wants do not pile up. */
static void test_unwanted_fds(void **state) {
        _cleanup_free_ char *packet = NULL;
        int sockets[2], fds[RELAY_FDS_MAX];
        size_t before, n_fds = 0;

        make_sockets(sockets);
        before = count_fds();
        send_fds(sockets[0], 2);
        assert_int_equal(relay_receive(sockets[1], &packet, NULL, NULL, NULL, NULL), -EBADMSG);
        assert_int_equal(count_fds(), before);
        for (size_t n = RELAY_FDS_MAX + 1; n <= 64; n++) {
                send_fds(sockets[0], n);
                assert_int_equal(relay_receive(sockets[1], &packet, fds, &n_fds, NULL, NULL), -EBADMSG);
                assert_int_equal(count_fds(), before);
        }
        close(sockets[0]);
        close(sockets[1]);
}

static const char outcome_text[] =
        "begun=500\n" "started=1000\n" "terminated=700\n"
        "result=exited 3\n" "oom=1\n" "finished=2000\n" "cpu=3000\n" "memory-peak=4000\n" "END\n";

static void test_outcome(void **state) {
        _cleanup_(relay_outcome_done) RelayOutcome o = {}, again = {};
        _cleanup_free_ char *text = NULL;

        assert_int_equal(relay_outcome_parse(outcome_text, &o), 1);
        assert_int_equal(o.notice.event, RELAY_EXITED);
        assert_int_equal(o.notice.code, 3);
        assert_int_equal(o.begun_usec, 500);
        assert_int_equal(o.terminated_usec, 700);
        assert_int_equal(o.oom, 1);
        assert_int_equal(o.started_usec, 1000);
        assert_int_equal(o.finished_usec, 2000);
        assert_int_equal(o.cpu_usec, 3000);
        assert_int_equal(o.memory_peak, 4000);
        assert_true(o.io_read_bytes == UINT64_MAX && o.io_write_bytes == UINT64_MAX);

        /* what was noted before is not in the last piece */
        o.begun_usec = o.started_usec = o.terminated_usec = 0;
        assert_int_equal(relay_outcome_format(&o, &text), 0);
        assert_string_equal(text, strstr(outcome_text, "result="));

        o.notice = (RelayNotice) { .event = RELAY_FAILED, .code = 125, .text = strdup("a \\ b\nEND\n") };
        free(text);
        assert_int_equal(relay_outcome_format(&o, &text), 0);
        assert_int_equal(relay_outcome_parse(text, &again), 1);
        assert_string_equal(again.notice.text, "a \\ b?END?");
        o.notice.event = RELAY_STARTED;
        free(TAKE_PTR(text));
        assert_int_equal(relay_outcome_format(&o, &text), -EINVAL);
}

/* Whatever part of it has been written, it is either complete or known not to be; the notes that are whole
 * count. */
static void test_outcome_incomplete(void **state) {
        size_t notes = strstr(outcome_text, "result=") - outcome_text;

        for (size_t n = 0; n < strlen(outcome_text); n++) {
                _cleanup_free_ char *part = strndup(outcome_text, n);
                RelayOutcome o;

                assert_int_equal(relay_outcome_parse(part, &o), 0);
                assert_false(relay_outcome_tells_end(&o));
                assert_int_equal(o.begun_usec, n >= strlen("begun=500\n") ? 500 : 0);
                assert_int_equal(o.terminated_usec, n >= notes ? 700 : 0);
                assert_int_equal(o.notice.event, o.started_usec > 0 ? RELAY_STARTED : _RELAY_EVENT_INVALID);
                assert_int_equal(o.finished_usec, 0);
                assert_true(o.cpu_usec == UINT64_MAX);
        }
}

static void test_outcome_of_notes(void **state) {
        _cleanup_free_ char *begun = NULL, *started = NULL, *both = NULL;
        RelayOutcome o;

        assert_int_equal(relay_outcome_note(OUTCOME_BEGUN, 5, &begun), 0);
        assert_int_equal(relay_outcome_note(OUTCOME_STARTED, UINT64_MAX, &started), 0);
        assert_true(asprintf(&both, "%s%s", begun, started) > 0);
        assert_int_equal(relay_outcome_parse(both, &o), 0);
        assert_int_equal(o.begun_usec, 5);
        assert_true(o.started_usec == UINT64_MAX);
}

/* Of the version before, which wrote all at the end and did not say when. */
static void test_outcome_of_an_older_relay(void **state) {
        RelayOutcome o;

        assert_int_equal(relay_outcome_parse("result=signaled 15\nterminated=1\noom=0\nstarted=1\nfinished=2\nEND\n", &o), 1);
        assert_int_equal(o.terminated_usec, 1);
        assert_int_equal(o.begun_usec, 0);
        assert_int_equal(relay_outcome_parse("result=exited 0\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\n", &o), 1);
        assert_int_equal(o.terminated_usec, 0);
}

/* What is known of the log last comes last, and counts when all of it is there. */
static void test_outcome_corrected(void **state) {
        _cleanup_(relay_outcome_done) RelayOutcome first = {}, o = {};
        _cleanup_free_ char *text = NULL, *log = NULL, *all = NULL;
        size_t n;

        assert_int_equal(relay_outcome_parse(outcome_text, &first), 1);
        assert_true(first.log_entries == UINT64_MAX && first.unlogged_bytes == UINT64_MAX);
        first.log_entries = 10;
        first.unlogged_bytes = 0;
        assert_int_equal(relay_outcome_format(&first, &text), 0);
        assert_int_equal(relay_outcome_format_log(7, 300, &log), 0);
        assert_true(asprintf(&all, "%s%s", text, log) > 0);

        for (n = strlen(text); n <= strlen(all); n++) {
                _cleanup_free_ char *part = strndup(all, n);

                assert_int_equal(relay_outcome_parse(part, &o), 1);
                assert_int_equal(o.log_entries, n < strlen(all) ? 10 : 7);
                assert_int_equal(o.unlogged_bytes, n < strlen(all) ? 0 : 300);
                relay_outcome_done(&o);
        }
}

static void test_outcome_refused(void **state) {
        static const char *const texts[] = {
                "\nEND\n",
                "terminated=0\noom=0\nstarted=1\nfinished=2\nEND\n",
                "result=ended\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\n",
                "result=started\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\n",
                "result=exited 0\nterminated=0\nstarted=1\nfinished=2\nEND\n",
                "result=exited 0\nterminated=no\noom=0\nstarted=1\nfinished=2\nEND\n",
                "result=exited 0\noom=2\nstarted=1\nfinished=2\nEND\n",
                "begun=1\nbegun=1\n",
                "begun=1\nended=1\n",
                "begun=1\n\nstarted=1\n",
                "terminated=-1\n",
                "result=exited 0\nterminated=0\noom=0\nstarted=1\nEND\n",
                "result=exited 0\nterminated=0\noom=0\nstarted=-1\nfinished=2\nEND\n",
                "result=exited 0\nterminated=0\noom=0\nstarted=01\nfinished=2\nEND\n",
                "result=exited 0\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\nlog-entries=1\nEND\n",
                "result=exited 0\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\nlog-entries=1\nunlogged=2\nresult=exited 1\nEND\n",
                "result=exited 0\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\nlog-entries=1\nunlogged=2\nEND\nmore",
                "result=exited 0\nresult=exited 1\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\n",
                "result=exited 0\nterminated=0\noom=0\nstarted=1\nstarted=1\nfinished=2\nEND\n",
                "result=exited 0\nterminated=0\noom=0\nstarted=1\nfinished=2\nother=3\nEND\n",
                "result=exited 0\nterminated=0\noom=0\nstarted=1\nfinished=2\ncpu=18446744073709551616\nEND\n",
                "result=exited 300\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\n",
                "result=failed 125 \\x\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\n",
                "result=failed 125 \\n\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\n",
        };
        RelayOutcome o;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_int_equal(relay_outcome_parse(texts[i], &o), -EBADMSG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_notices),
                cmocka_unit_test(test_every_event),
                cmocka_unit_test(test_notices_refused),
                cmocka_unit_test(test_long_failure),
                cmocka_unit_test(test_signals),
                cmocka_unit_test(test_go),
                cmocka_unit_test(test_go_refused),
                cmocka_unit_test(test_go_too_large),
                cmocka_unit_test(test_receive),
                cmocka_unit_test(test_unwanted_fds),
                cmocka_unit_test(test_outcome),
                cmocka_unit_test(test_outcome_incomplete),
                cmocka_unit_test(test_outcome_of_notes),
                cmocka_unit_test(test_outcome_of_an_older_relay),
                cmocka_unit_test(test_outcome_corrected),
                cmocka_unit_test(test_outcome_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
