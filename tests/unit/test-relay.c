/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The relay as a process: how commands end, what they see, and who may interfere. */

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "relay-fixture.h"
#include "strv.h"

static void test_exit_codes(void **state) {
        RelayTest *t = *state;

        relay_run(t, WITH_CLIENT, "echo out; echo err >&2; exit 3");
        assert_int_equal(t->exit_code, 3);
        assert_notices(t, RELAY_EXITED, 3);
        assert_int_equal(t->outcome.notice.event, RELAY_EXITED);
        assert_int_equal(t->outcome.notice.code, 3);
        assert_int_equal(t->outcome.terminated_usec, 0);
        assert_false(t->outcome.oom);
        assert_true(t->outcome.started_usec > 0);
        assert_true(t->outcome.finished_usec >= t->outcome.started_usec);
        assert_string_equal(t->out.data, "out\n");
        assert_string_equal(t->err.data, "err\n");
        assert_string_equal(t->journal.data, "<6>out\n<3>err\n");
        assert_int_equal(t->outcome.log_entries, 2);
        assert_int_equal(t->outcome.unlogged_bytes, 0);
}

static void test_success(void **state) {
        RelayTest *t = *state;

        relay_run(t, 0, ":");
        assert_int_equal(t->exit_code, 0);
        assert_notices(t, RELAY_EXITED, 0);
}

static void test_death_by_signal(void **state) {
        RelayTest *t = *state;

        relay_run(t, WITH_CLIENT, "kill -9 $$");
        assert_int_equal(t->exit_code, 137);
        assert_notices(t, RELAY_SIGNALED, 9);
        assert_int_equal(t->outcome.notice.event, RELAY_SIGNALED);
}

static void test_not_found(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "no such\ncommand", NULL);
        relay_go(t, WITH_CLIENT);
        relay_collect(t);
        assert_int_equal(t->exit_code, 127);
        assert_notices(t, RELAY_FAILED, 127);
        assert_int_equal(t->n_client, 1);
        assert_string_equal(t->client[0].text, "command not found: no such?command");
        assert_string_equal(t->journal.data, "<3>joblet: command not found: no such?command\n");
        assert_int_equal(t->outcome.notice.event, RELAY_FAILED);
}

static void test_not_executable(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "/etc", NULL);
        relay_go(t, WITH_CLIENT);
        relay_collect(t);
        assert_int_equal(t->exit_code, 126);
        assert_notices(t, RELAY_FAILED, 126);
        assert_string_equal(t->client[0].text, "cannot execute /etc: Permission denied");
}

static void test_no_interpreter(void **state) {
        RelayTest *t = *state;
        _cleanup_free_ char *path = NULL;
        FILE *f;

        assert_true(asprintf(&path, "%s/script", t->work) > 0);
        f = fopen(path, "we");
        assert_non_null(f);
        fputs("#!/no/such/interpreter\n", f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, 0755), 0);

        relay_spawn(t, "./script", NULL);
        relay_go(t, WITH_CLIENT);
        relay_collect(t);
        assert_notices(t, RELAY_FAILED, 126);
        assert_non_null(strstr(t->client[0].text, "its interpreter does not exist"));
}

static void write_program(const RelayTest *t, const char *name, const char *data, size_t size) {
        _cleanup_free_ char *path = NULL;
        FILE *f;

        assert_true(asprintf(&path, "%s/%s", t->work, name) > 0);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(data, 1, size, f), size);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, 0755), 0);
}

static void assert_not_executed(RelayTest *t, const char *sentence) {
        relay_go(t, WITH_CLIENT);
        relay_collect(t);
        assert_int_equal(t->exit_code, 126);
        assert_notices(t, RELAY_FAILED, 126);
        if (!strstr(t->client[0].text, sentence))
                fail_msg("'%s' lacks '%s'", t->client[0].text, sentence);
        assert_int_equal(t->err.size, 0); /* no shell was asked */
}

#define ELF_HEAD(class, data, machine_low, machine_high)                                                     \
        "\x7f" "ELF" class data "\x01\0\0\0\0\0\0\0\0\0" "\2\0" machine_low machine_high "\1\0\0\0"

static void test_foreign_program(void **state) {
        static const char sparc[] = ELF_HEAD("\2", "\2", "\0", "\x2b");
        RelayTest *t = *state;

        write_program(t, "foreign", sparc, sizeof(sparc) - 1);
        relay_spawn(t, "./foreign", NULL);
        assert_not_executed(t, "./foreign: it is a program for another processor (sparc64), this host has ");
}

/* The kernel would execute these, and their first system call would kill them. */
static void assert_only_compatible(RelayTest *t, const char *machine, const char *name, const char *head, size_t size) {
        _cleanup_free_ char *sentence = NULL;
        struct utsname u;

        assert_int_equal(uname(&u), 0);
        if (strcmp(machine, u.machine) != 0)
                return; /* not skip(): what older versions of cmocka say then is a failure to meson */
        assert_true(asprintf(&sentence, "./foreign: it is a program for another processor (%s), this host has %s", name, machine) > 0);
        write_program(t, "foreign", head, size);
        relay_spawn(t, "./foreign", NULL);
        assert_not_executed(t, sentence);
}

static void test_i386_program(void **state) {
        static const char head[] = ELF_HEAD("\1", "\1", "\x03", "\0");

        assert_only_compatible(*state, "x86_64", "i386", head, sizeof(head) - 1);
}

static void test_x32_program(void **state) {
        static const char head[] = ELF_HEAD("\1", "\1", "\x3e", "\0");

        assert_only_compatible(*state, "x86_64", "x86_64 with 32 bits", head, sizeof(head) - 1);
}

static void test_arm_program(void **state) {
        static const char head[] = ELF_HEAD("\1", "\1", "\x28", "\0");

        assert_only_compatible(*state, "aarch64", "arm", head, sizeof(head) - 1);
}

static void test_unknown_program(void **state) {
        RelayTest *t = *state;

        write_program(t, "a.exe", "MZ\0\0\3", 5);
        assert_int_equal(strv_extendf(&t->environment, "PATH=%s", t->work), 0); /* and found there */
        relay_spawn(t, "a.exe", NULL);
        assert_not_executed(t, "a.exe: it is neither a program of this host nor a script");
}

static void test_interpreter_that_is_none(void **state) {
        RelayTest *t = *state;
        _cleanup_free_ char *script = NULL;

        write_program(t, "foreign", "\x7f" "ELF", 4);
        assert_true(asprintf(&script, "#! %s/foreign\n", t->work) > 0);
        write_program(t, "script", script, strlen(script));
        relay_spawn(t, "./script", NULL);
        assert_not_executed(t, "/foreign cannot be executed here");
}

/* As execvp(3) does it. */
static void test_script_without_interpreter(void **state) {
        RelayTest *t = *state;
        static const char script[] = "echo \"$0\" \"$@\"\nexit 5\n";

        write_program(t, "script", script, strlen(script));
        relay_spawn(t, "./script", "a b", "", "c", NULL);
        relay_go(t, WITH_CLIENT);
        relay_collect(t);
        assert_string_equal(t->out.data, "./script a b  c\n");
        assert_int_equal(t->exit_code, 5);
}

static void test_path(void **state) {
        RelayTest *t = *state;

        write_program(t, "tool", "echo here\n", 10);
        assert_int_equal(strv_extend(&t->environment, "PATH=/no/such:/etc/passwd:/etc:"), 0); /* the last is the working directory */
        relay_spawn(t, "tool", NULL);
        relay_go(t, WITH_CLIENT);
        relay_collect(t);
        assert_string_equal(t->out.data, "here\n");
}

/* Whatever its name is, systemd's own among them. */
static void test_environment(void **state) {
        static const char *const names[] = {
                "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY",
                "MAINPID", "SYSTEMD_EXEC_PID", "TMPDIR", "INVOCATION_ID", "MEMORY_PRESSURE_WATCH",
        };
        RelayTest *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_int_equal(strv_extendf(&t->environment, "%s=/x \n$y", names[i]), 0);
        relay_run(t, WITH_CLIENT, "env | grep -c '^[A-Z_]*=/x $'; env | grep -c '^\\$y$'; [ \"$JOBLET_TEST_WORK\" = \"$PWD\" ] && echo kept");
        assert_string_equal(t->out.data, "12\n12\nkept\n");
        assert_int_equal(t->outcome.notice.code, 0);
}

static void test_large_command(void **state) {
        _cleanup_free_ char *word = malloc(1024);
        RelayTest *t = *state;

        memset(word, 'x', 1023);
        word[1023] = 0;
        relay_spawn(t, "printf", "%s\\n", NULL);
        for (size_t i = 0; i < 1024; i++)
                assert_int_equal(strv_extend(&t->command, word), 0);
        relay_go(t, WITH_CLIENT);
        relay_collect(t);
        assert_int_equal(t->out.size, 1024 * 1024);
        assert_int_equal(t->exit_code, 0);
}

static void test_too_large_command(void **state) {
        _cleanup_free_ char *word = malloc(100000);
        RelayTest *t = *state;

        memset(word, 'x', 99999);
        word[99999] = 0;
        relay_spawn(t, "true", NULL);
        for (size_t i = 0; i < 70; i++) /* more than the kernel takes with any limit of the stack */
                assert_int_equal(strv_extend(&t->command, word), 0);
        assert_not_executed(t, "longer than Linux takes");
}

static void test_workdir(void **state) {
        RelayTest *t = *state;
        _cleanup_free_ char *expected = NULL;

        t->go.workdir = strdup("a/b");
        assert_true(asprintf(&expected, "%s/a/b\n", t->work) > 0);
        relay_run(t, WITH_CLIENT, "pwd -P");
        assert_string_equal(t->out.data, expected);
}

static void test_workdir_outside(void **state) {
        RelayTest *t = *state;

        t->go.workdir = strdup("/no/such/directory");
        relay_run(t, WITH_CLIENT, "pwd");
        assert_notices(t, RELAY_FAILED, 125);
        assert_string_equal(t->client[0].text,
                            "cannot change to the directory /no/such/directory: No such file or directory");
}

/* "../" does not make a directory elsewhere. */
static void test_workdir_up(void **state) {
        RelayTest *t = *state;
        struct stat st;

        t->go.workdir = strdup("../joblet-test-made-by-mistake");
        relay_run(t, WITH_CLIENT, "pwd");
        assert_notices(t, RELAY_FAILED, 125);
        assert_int_equal(stat("/tmp/joblet-test-made-by-mistake", &st), -1);
}

static void test_stdin(void **state) {
        RelayTest *t = *state;

        t->input = "some\0input\n";
        t->input_size = 11;
        relay_run(t, WITH_CLIENT | WITH_STDIN, "cat; echo end");
        assert_int_equal(t->out.size, 15);
        assert_memory_equal(t->out.data, "some\0input\nend\n", 15);
}

static void test_no_stdin(void **state) {
        RelayTest *t = *state;

        relay_run(t, WITH_CLIENT, "cat; readlink /proc/self/fd/0");
        assert_string_equal(t->out.data, "/dev/null\n");
}

static void test_what_the_command_sees(void **state) {
        RelayTest *t = *state;

        (void) signal(SIGUSR1, SIG_IGN);
        relay_run(t, WITH_CLIENT,
                  "echo fds $(ls /proc/self/fd | tr '\\n' ' ')\n"
                  "grep -E '^Sig(Blk|Ign)' /proc/self/status\n"
                  "[ $(cut -d ' ' -f 6 /proc/$$/stat) = $$ ] && echo own session\n"
                  "echo ${NOTIFY_SOCKET-none} $MEMORY_PRESSURE_WATCH\n");
        (void) signal(SIGUSR1, SIG_DFL);
        assert_string_equal(t->out.data,
                            "fds 0 1 2 3\n"
                            "SigBlk:\t0000000000000000\n"
                            "SigIgn:\t0000000000000000\n"
                            "own session\n"
                            "none /dev/null\n");
}

/* The command has the relay's user, but cannot get at its descriptors or its memory. */
static void test_not_traceable(void **state) {
        RelayTest *t = *state;

        t->as_nobody = geteuid() == 0;
        relay_run(t, WITH_CLIENT,
                  "ls /proc/$PPID/fd >/dev/null 2>&1 && echo descriptors\n"
                  "head -c 1 /proc/$PPID/mem >/dev/null 2>&1 && echo memory\n"
                  "echo forged >/proc/$PPID/fd/1 && echo journal\n"
                  "id -u");
        assert_int_equal(t->exit_code, 0);
        assert_null(strstr(t->out.data, "descriptors"));
        assert_null(strstr(t->out.data, "memory"));
        assert_null(strstr(t->out.data, "journal"));
        assert_null(strstr(t->journal.data, "forged"));
}

/* Nor have its limits lowered, while its own and those of its children are its business. */
static void test_limits_of_the_relay(void **state) {
        RelayTest *t = *state;

        relay_run(t, WITH_CLIENT | WITH_DOWNLOAD,
                  "for l in as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack; do\n"
                  "prlimit --pid $PPID --$l=0 2>/dev/null && echo $l; done\n"
                  "prlimit --pid $PPID --nofile >/dev/null 2>&1 && echo read\n"
                  "sleep 100 & prlimit --pid $! --nofile=9 && prlimit --pid $! --nofile -o SOFT --noheadings | tr -d ' '; kill $!\n"
                  "prlimit --nofile=20 sh -c 'ulimit -n'; ulimit -n 30; ulimit -n; exit 3");
        assert_string_equal(t->out.data, "9\n20\n30\n");
        assert_int_equal(t->outcome.notice.event, RELAY_EXITED);
        assert_int_equal(t->outcome.notice.code, 3);
}

static void test_signal_packets(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "sh", "-c", "trap 'echo got it' USR1; echo ready; while :; do sleep 0.05; done", NULL);
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, strlen("ready\n"));
        assert_int_equal(relay_send(t->control_fd, "garbage"), 0);
        assert_int_equal(relay_send(t->control_fd, "signal 0"), 0);
        assert_int_equal(relay_send(t->daemon_fd, "go\nfd=stdin"), 0);
        assert_int_equal(relay_send(t->control_fd, "signal 10"), 0);
        relay_read_until(t, strlen("ready\ngot it\n"));
        assert_int_equal(relay_send(t->daemon_fd, "signal 15"), 0);
        relay_collect(t);
        assert_notices(t, RELAY_SIGNALED, 15);
        assert_int_equal(t->exit_code, 143);
        assert_int_equal(t->outcome.terminated_usec, 0);
}

/* systemd stops the whole control group, the relay first. */
static void test_stop(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done", NULL);
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, strlen("ready\n"));
        assert_int_equal(kill(t->pid, SIGTERM), 0);
        assert_int_equal(relay_send(t->daemon_fd, "signal 15"), 0); /* in place of systemd's own */
        relay_collect(t);
        assert_string_equal(t->out.data, "ready\nbye\n");
        assert_notices(t, RELAY_ENDED, 0);
        assert_true(t->outcome.terminated_usec >= t->outcome.begun_usec && t->outcome.begun_usec > 0);
        assert_int_equal(t->outcome.notice.event, RELAY_EXITED);
        assert_int_equal(t->exit_code, 0);
}

/* A client that reads nothing does not keep a job from being stopped. */
static void test_stop_with_stuck_client(void **state) {
        RelayTest *t = *state;
        int fd;

        relay_spawn(t, "sh", "-c", "yes", NULL);
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, 1);
        fd = t->stdout_fd;
        t->stdout_fd = -EBADF;
        (void) usleep(100 * 1000);
        assert_int_equal(kill(t->pid, SIGTERM), 0);
        assert_int_equal(relay_send(t->daemon_fd, "signal 15"), 0);
        relay_collect(t);
        close(fd);
        assert_notices(t, RELAY_ENDED, 0);
        assert_true(t->outcome.terminated_usec >= t->outcome.begun_usec && t->outcome.begun_usec > 0);
}

/* --kill-on-exit: SIGTERM when the client goes, however that came about, and SIGKILL for what does not care. */
static void test_client_gone_that_the_job_must_not_outlive(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done", NULL);
        t->go.abandon_usec = 60 * USEC_PER_SEC;
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, strlen("ready\n"));
        relay_vanish(t);
        relay_collect(t);
        assert_int_equal(t->outcome.notice.event, RELAY_EXITED);
        assert_int_equal(t->outcome.notice.code, 3);
        assert_true(t->outcome.abandoned_usec > 0);
        assert_int_equal(t->outcome.terminated_usec, 0);
        assert_int_equal(t->daemon[t->n_daemon - 1].event, RELAY_ENDED);
}

static void test_client_gone_and_a_job_that_ignores_it(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done", NULL);
        t->go.abandon_usec = USEC_PER_SEC / 5;
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, strlen("ready\n"));
        relay_vanish(t);
        relay_collect(t);
        assert_int_equal(t->outcome.notice.event, RELAY_SIGNALED);
        assert_int_equal(t->outcome.notice.code, SIGKILL);
        assert_true(t->outcome.abandoned_usec > 0);
}

static void test_stop_before_go(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "true", NULL);
        assert_int_equal(kill(t->pid, SIGTERM), 0);
        relay_collect(t);
        assert_int_equal(t->exit_code, 75);
}

static void test_daemon_gone_before_go(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "touch", "made", NULL);
        t->daemon_fd = safe_close(t->daemon_fd);
        relay_collect(t);
        assert_int_equal(t->exit_code, 75);
}

static void test_daemon_gone_after_go(void **state) {
        RelayTest *t = *state;

        relay_run(t, WITH_CLIENT | WITHOUT_DAEMON, "sleep 0.2; echo here; exit 4");
        assert_string_equal(t->out.data, "here\n");
        assert_notices(t, RELAY_EXITED, 4);
        assert_int_equal(t->outcome.notice.code, 4);
}

static void test_invalid_go(void **state) {
        RelayTest *t = *state;

        relay_spawn(t, "true", NULL);
        assert_int_equal(relay_send(t->daemon_fd, "go\nfd=stdin"), 0);
        relay_collect(t);
        assert_int_equal(t->exit_code, 125);
}

/* What a command leaves behind holds its pipes open: nobody waits for that, but nothing before is lost. */
static void test_background(void **state) {
        RelayTest *t = *state;
        int pid = 0;

        relay_run(t, WITH_CLIENT, "sleep 1000 & echo $!; head -c 100000 /dev/zero | tr '\\0' x; exit 6");
        assert_int_equal(t->exit_code, 6);
        assert_int_equal(sscanf(t->out.data, "%d\n", &pid), 1);
        assert_true(t->out.size > 100000);
        assert_true(pid > 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
}

static void test_background_that_writes(void **state) {
        RelayTest *t = *state;

        relay_run(t, WITH_CLIENT, "yes & exit 7"); /* which dies of its closed pipe */
        assert_int_equal(t->exit_code, 7);
}

/* As the first process of a PID namespace everything that loses its parent becomes the relay's. */
static void test_first_process(void **state) {
        RelayTest *t = *state;

        t->in_namespace = true;
        relay_spawn(t, "sh", "-c",
                    "for i in 1 2 3 4 5; do (sh -c 'sleep 0.05' &); done; sleep 0.3\n"
                    "kill -0 1 && echo $PPID; trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done", NULL);
        relay_go(t, WITH_CLIENT);
        relay_read_until(t, strlen("1\nready\n"));
        assert_int_equal(kill(t->pid, SIGTERM), 0);
        assert_int_equal(relay_send(t->control_fd, "signal 15"), 0);
        relay_collect(t);
        assert_string_equal(t->out.data, "1\nready\n");
        assert_int_equal(t->exit_code, 9);
        assert_true(t->outcome.terminated_usec >= t->outcome.begun_usec && t->outcome.begun_usec > 0);
}

#define RELAY_UNIT_TEST(f) cmocka_unit_test_setup_teardown(f, relay_test_setup, relay_test_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                RELAY_UNIT_TEST(test_exit_codes),
                RELAY_UNIT_TEST(test_success),
                RELAY_UNIT_TEST(test_death_by_signal),
                RELAY_UNIT_TEST(test_not_found),
                RELAY_UNIT_TEST(test_not_executable),
                RELAY_UNIT_TEST(test_no_interpreter),
                RELAY_UNIT_TEST(test_foreign_program),
                RELAY_UNIT_TEST(test_i386_program),
                RELAY_UNIT_TEST(test_x32_program),
                RELAY_UNIT_TEST(test_arm_program),
                RELAY_UNIT_TEST(test_unknown_program),
                RELAY_UNIT_TEST(test_interpreter_that_is_none),
                RELAY_UNIT_TEST(test_script_without_interpreter),
                RELAY_UNIT_TEST(test_path),
                RELAY_UNIT_TEST(test_environment),
                RELAY_UNIT_TEST(test_large_command),
                RELAY_UNIT_TEST(test_too_large_command),
                RELAY_UNIT_TEST(test_workdir),
                RELAY_UNIT_TEST(test_workdir_outside),
                RELAY_UNIT_TEST(test_workdir_up),
                RELAY_UNIT_TEST(test_stdin),
                RELAY_UNIT_TEST(test_no_stdin),
                RELAY_UNIT_TEST(test_what_the_command_sees),
                RELAY_UNIT_TEST(test_not_traceable),
                RELAY_UNIT_TEST(test_limits_of_the_relay),
                RELAY_UNIT_TEST(test_signal_packets),
                RELAY_UNIT_TEST(test_stop),
                RELAY_UNIT_TEST(test_stop_with_stuck_client),
                RELAY_UNIT_TEST(test_client_gone_that_the_job_must_not_outlive),
                RELAY_UNIT_TEST(test_client_gone_and_a_job_that_ignores_it),
                RELAY_UNIT_TEST(test_stop_before_go),
                RELAY_UNIT_TEST(test_daemon_gone_before_go),
                RELAY_UNIT_TEST(test_daemon_gone_after_go),
                RELAY_UNIT_TEST(test_invalid_go),
                RELAY_UNIT_TEST(test_background),
                RELAY_UNIT_TEST(test_background_that_writes),
                RELAY_UNIT_TEST(test_first_process),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
