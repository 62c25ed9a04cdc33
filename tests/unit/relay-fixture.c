/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "launch.h"
#include "relay-fixture.h"
#include "strv.h"

#define INVOCATION "0123456789abcdef0123456789abcdef"
#define NOBODY 65534U
#define PATIENCE_SEC 300U

int relay_test_setup(void **state) {
        RelayTest *t = calloc(1, sizeof(*t));
        char path[] = "/tmp/joblet-test-relay-XXXXXX";

        assert_non_null(t);
        *t = (RelayTest) {
                .daemon_fd = -EBADF, .control_fd = -EBADF, .stdin_fd = -EBADF, .stdout_fd = -EBADF, .stderr_fd = -EBADF,
                .upload_fd = -EBADF, .download_fd = -EBADF, .journal_fd = -EBADF, .outcome_fd = -EBADF,
                .go = RELAY_GO_NULL, .program = getenv("JOBLET_TEST_RELAY") ?: RELAY_TEST_PROGRAM,
        };
        assert_non_null(mkdtemp(path));
        assert_int_equal(chmod(path, 0777), 0);
        t->work = strdup(path);
        (void) alarm(PATIENCE_SEC); /* rather no test than one that hangs */
        (void) signal(SIGPIPE, SIG_IGN);
        *state = t;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static int open_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        if (type == FTW_D || type == FTW_DNR)
                (void) chmod(path, 0700);
        return 0;
}

int relay_test_teardown(void **state) {
        RelayTest *t = *state;
        Buffer *buffers[] = { &t->out, &t->err, &t->journal, &t->download };
        int fds[] = { t->daemon_fd, t->control_fd, t->stdin_fd, t->stdout_fd, t->stderr_fd, t->upload_fd,
                      t->download_fd, t->journal_fd, t->outcome_fd };

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                safe_close(fds[i]);
        for (size_t i = 0; i < ELEMENTSOF(buffers); i++)
                free(buffers[i]->data);
        for (size_t i = 0; i < t->n_client; i++)
                relay_notice_done(t->client + i);
        for (size_t i = 0; i < t->n_daemon; i++)
                relay_notice_done(t->daemon + i);
        relay_outcome_done(&t->outcome);
        (void) nftw(t->work, open_one, 20, FTW_PHYS);
        (void) nftw(t->work, remove_one, 20, FTW_PHYS | FTW_DEPTH);
        strv_free(t->command);
        strv_free(t->environment);
        free(t->work);
        free(t);
        (void) alarm(0);
        return 0;
}

_Noreturn static void relay_child(const RelayTest *t, int program_fd, int daemon_fd, int journal_fd,
                                  char **argv) {
        (void) setenv("JOBLET_TEST_WORK", t->work, 1);
        (void) setenv("INVOCATION_ID", INVOCATION, 1);
        (void) setenv("NOTIFY_SOCKET", "/nowhere", 1);
        (void) setenv("MEMORY_PRESSURE_WATCH", "/dev/null", 1);
        (void) setenv("ASAN_OPTIONS", "abort_on_error=0:exitcode=99", 1);
        if (dup2(daemon_fd, 0) < 0 || dup2(journal_fd, 1) < 0 || dup2(journal_fd, 2) < 0)
                _exit(98);
        if (t->as_nobody && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
                             setresuid(NOBODY, NOBODY, NOBODY) < 0))
                _exit(98);
        (void) fexecve(program_fd, argv, environ);
        _exit(98);
}

void relay_spawn(RelayTest *t, const char *command, ...) {
        const char *argv[] = { "joblet-relay", NULL };
        int daemon_fds[2], journal[2], one = 1, program_fd, r;
        _cleanup_free_ char *packet = NULL;
        size_t n_fds = 0;
        pid_t pid;
        uid_t uid;
        va_list ap;

        va_start(ap, command);
        for (const char *word = command; word; word = va_arg(ap, const char*))
                assert_int_equal(strv_extend(&t->command, word), 0);
        va_end(ap);
        /* Its own are what systemd gives it */
        assert_int_equal(strv_extendf(&t->environment, "PATH=%s", getenv("PATH")), 0);

        program_fd = open(t->program, O_PATH | O_CLOEXEC);
        assert_true(program_fd >= 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, daemon_fds), 0);
        assert_int_equal(setsockopt(daemon_fds[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, journal), 0);

        t->pid = (pid_t) syscall(SYS_clone, SIGCHLD | (t->in_namespace ? CLONE_NEWPID : 0), 0, 0, 0, 0);
        if (t->pid < 0 && t->in_namespace)
                skip();
        assert_true(t->pid >= 0);
        if (t->pid == 0)
                relay_child(t, program_fd, daemon_fds[1], journal[1], (char**) argv);
        close(program_fd);
        close(daemon_fds[1]);
        t->daemon_fd = daemon_fds[0];
        close(journal[1]);
        t->journal_fd = journal[0];

        do {
                struct pollfd p = { .fd = t->daemon_fd, .events = POLLIN };

                (void) poll(&p, 1, -1);
                r = relay_receive(t->daemon_fd, &packet, (int[RELAY_FDS_MAX]) {}, &n_fds, &uid, &pid);
        } while (r == -EAGAIN);
        assert_int_equal(r, 1);
        assert_string_equal(packet, "hello " INVOCATION);
        assert_int_equal(uid, t->as_nobody ? NOBODY : getuid());
        assert_int_equal(pid, t->pid);
}

/* A pipe: the relay's end goes to *theirs, and the other is ours. */
static void make_pipe(int *theirs, int *ours, bool we_read) {
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        *theirs = fds[we_read];
        *ours = fds[!we_read];
        assert_int_equal(fcntl(*ours, F_SETFL, O_NONBLOCK), 0);
}

void relay_go(RelayTest *t, unsigned flags) {
        int control[2];

        if (flags & WITH_CLIENT) {
                make_pipe(&t->go.stdout_fd, &t->stdout_fd, true);
                make_pipe(&t->go.stderr_fd, &t->stderr_fd, true);
                if (flags & MERGED) {
                        close(t->stderr_fd);
                        close(t->go.stderr_fd);
                        t->stderr_fd = -EBADF;
                        t->go.stderr_fd = fcntl(t->go.stdout_fd, F_DUPFD_CLOEXEC, 3);
                }
                assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
                t->control_fd = control[0];
                t->go.control_fd = control[1];
        }
        if (flags & WITH_STDIN)
                make_pipe(&t->go.stdin_fd, &t->stdin_fd, false);
        if (flags & WITH_UPLOAD)
                make_pipe(&t->go.upload_fd, &t->upload_fd, false);
        if (flags & WITH_DOWNLOAD)
                make_pipe(&t->go.download_fd, &t->download_fd, true);
        t->go.command_fd = launch_write(t->command, t->environment);
        assert_true(t->go.command_fd >= 0);
        t->outcome_fd = memfd_create("outcome", MFD_CLOEXEC);
        t->go.outcome_fd = fcntl(t->outcome_fd, F_DUPFD_CLOEXEC, 3);
        assert_true(t->go.outcome_fd >= 0);

        assert_int_equal(relay_go_send(t->daemon_fd, &t->go), 0);
        relay_go_done(&t->go);
        if (flags & WITHOUT_DAEMON)
                t->daemon_fd = safe_close(t->daemon_fd);
}

static void buffer_take(Buffer *b, const char *data, size_t size) {
        char *grown;

        if (b->sink) {
                b->failed = !b->sink(b->userdata, data, size) || b->failed;
                b->size += size;
                return;
        }
        if (b->size + size >= b->allocated) {
                b->allocated = 2 * (b->size + size) + 64;
                grown = realloc(b->data, b->allocated);
                assert_non_null(grown);
                b->data = grown;
        }
        memcpy(b->data + b->size, data, size);
        b->size += size;
        b->data[b->size] = 0;
}

static void read_some(int *fd, Buffer *b) {
        static char data[1024 * 1024];
        ssize_t n = read(*fd, data, sizeof(data));

        if (n > 0)
                buffer_take(b, data, (size_t) n);
        else if (n == 0 || errno != EAGAIN)
                *fd = safe_close(*fd);
}

static void write_some(int *fd, const char **data, size_t *size) {
        ssize_t n = *size > 0 ? write(*fd, *data, *size) : 0;

        if (n < 0 && errno == EAGAIN)
                return;
        if (n > 0) {
                *data += n;
                *size -= (size_t) n;
        }
        if (n < 0 || *size == 0)
                *fd = safe_close(*fd);
}

static bool transfer(RelayTest *t, int timeout) {
        struct {
                int *fd;
                Buffer *buffer;
        } in[] = {
                { &t->stdout_fd, &t->out },              { &t->stderr_fd, &t->err },
                { &t->journal_fd, &t->journal },
                { &t->download_fd, &t->download },
        };
        struct pollfd p[ELEMENTSOF(in) + 2];
        bool open = false;

        for (size_t i = 0; i < ELEMENTSOF(in); i++) {
                p[i] = (struct pollfd) { .fd = *in[i].fd, .events = POLLIN };
                open = open || *in[i].fd >= 0;
        }
        p[ELEMENTSOF(in)] = (struct pollfd) { .fd = t->stdin_fd, .events = POLLOUT };
        p[ELEMENTSOF(in) + 1] = (struct pollfd) { .fd = t->upload_fd, .events = POLLOUT };
        if (!open)
                return false;

        if (poll(p, ELEMENTSOF(p), timeout) > 0) {
                for (size_t i = 0; i < ELEMENTSOF(in); i++)
                        if (p[i].revents)
                                read_some(in[i].fd, in[i].buffer);
                if (p[ELEMENTSOF(in)].revents)
                        write_some(&t->stdin_fd, &t->input, &t->input_size);
                if (p[ELEMENTSOF(in) + 1].revents)
                        write_some(&t->upload_fd, &t->upload, &t->upload_size);
        }
        return true;
}

static void read_notices(int fd, RelayNotice *notices, size_t *n) {
        _cleanup_free_ char *packet = NULL;

        for (; fd >= 0 && relay_receive(fd, &packet, NULL, NULL, NULL, NULL) > 0; packet = NULL) {
                assert_true(*n < 4);
                assert_int_equal(relay_notice_parse(packet, notices + (*n)++), 0);
                free(packet);
        }
}

void relay_collect(RelayTest *t) {
        Buffer *buffers[] = { &t->out, &t->err, &t->journal, &t->download };
        char text[4096] = {};
        int status;

        while (transfer(t, -1))
                ;
        assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
        t->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        read_notices(t->control_fd, t->client, &t->n_client);
        read_notices(t->daemon_fd, t->daemon, &t->n_daemon);
        if (t->outcome_fd >= 0) {
                assert_true(pread(t->outcome_fd, text, sizeof(text) - 1, 0) > 0);
                assert_int_equal(relay_outcome_parse(text, &t->outcome), 1);
        }
        for (size_t i = 0; i < ELEMENTSOF(buffers); i++)
                if (!buffers[i]->data && !buffers[i]->sink)
                        buffer_take(buffers[i], "", 0);
}

void relay_read_until(RelayTest *t, size_t size) {
        while (t->out.size < size)
                assert_true(transfer(t, -1));
}

void relay_vanish(RelayTest *t) {
        t->stdin_fd = safe_close(t->stdin_fd);
        t->stdout_fd = safe_close(t->stdout_fd);
        t->stderr_fd = safe_close(t->stderr_fd);
        t->control_fd = safe_close(t->control_fd);
        t->upload_fd = safe_close(t->upload_fd);
        t->download_fd = safe_close(t->download_fd);
}

void relay_run(RelayTest *t, unsigned flags, const char *script) {
        relay_spawn(t, "sh", "-c", script, NULL);
        relay_go(t, flags);
        relay_collect(t);
}

static void assert_last(const RelayNotice *notices, size_t n, RelayEvent event, int code) {
        assert_true(n > 0);
        assert_int_equal(notices[n - 1].event, event);
        assert_int_equal(notices[n - 1].code, code);
        if (event != RELAY_FAILED && n > 1)
                assert_int_equal(notices[0].event, RELAY_STARTED);
}

void assert_notices(const RelayTest *t, RelayEvent event, int code) {
        if (t->daemon_fd >= 0)
                assert_last(t->daemon, t->n_daemon, event, code);
        if (t->control_fd >= 0)
                assert_last(t->client, t->n_client, event, code);
}
