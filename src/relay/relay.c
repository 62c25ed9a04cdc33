/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The main process of a job's unit. It runs inside the job's sandbox, as the job's user, and is the
 * parent of the command: it brings in the uploaded files, starts the command, copies its output to the
 * client and to the journal, brings out what is to be downloaded, writes down how it ended, and ends with
 * the command's exit code. It needs nothing of the root directory it runs in, and neither the client nor
 * the daemon once it has started. */

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>

#include "clock.h"
#include "figures.h"
#include "relay.h"
#include "text.h"

#define LOG_TEXT_MAX 4096U

const char* work_directory(void) {
#ifdef RELAY_TEST
        const char *e = getenv("JOBLET_TEST_WORK");

        if (e)
                return e;
#endif
        return "/work";
}

uint64_t relay_wall_clock(const Relay *r) {
        return r->started_usec + (now_boottime() - r->started_boottime_usec);
}

void relay_log(Relay *r, int priority, const char *format, ...) {
        _cleanup_free_ char *text = NULL, *shown = NULL, *line = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL;
                return;
        }
        shown = text_for_message(text, LOG_TEXT_MAX);
        if (!shown || asprintf(&line, "joblet: %s", shown) < 0) {
                line = NULL;
                return;
        }
        journal_queue_note(&r->queue, priority, line);
}

static int set_up(Relay *r) {
        sigset_t all;

        /* The command has the same user: without this it could trace the relay and open its descriptors. */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return -errno;
        (void) close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);

        (void) signal(SIGPIPE, SIG_IGN);
        sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
                return -errno;
        r->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
        return r->signal_fd < 0 ? -errno : 0;
}

/* The first packet tells who this is, by its credentials, whether or not the daemon has asked for them
 * already, and which run of the unit. */
static int say_hello(int fd) {
        _cleanup_free_ char *packet = NULL;
        const char *invocation_id = getenv("INVOCATION_ID");
        struct ucred ucred = { .pid = getpid(), .uid = getuid(), .gid = getgid() };
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(ucred))];
        } control = {};
        struct iovec iov;
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
        };

        if (asprintf(&packet, "hello%s%s", invocation_id ? " " : "", invocation_id ?: "") < 0) {
                packet = NULL;
                return -ENOMEM;
        }
        iov = (struct iovec) { .iov_base = packet, .iov_len = strlen(packet) };
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_CREDENTIALS;
        control.header.cmsg_len = CMSG_LEN(sizeof(ucred));
        memcpy(CMSG_DATA(&control.header), &ucred, sizeof(ucred));
        return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Returns 1, or 0 if the daemon went or the unit is being stopped before the job began. */
static int wait_for_go(Relay *r) {
        _cleanup_free_ char *packet = NULL;
        int fds[RELAY_FDS_MAX], q;
        size_t n_fds;

        for (;;) {
                struct pollfd p[] = {
                        { .fd = r->daemon_fd, .events = POLLIN },
                        { .fd = r->signal_fd, .events = POLLIN },
                };

                if (poll(p, ELEMENTSOF(p), -1) < 0)
                        return -errno;
                if (p[1].revents)
                        relay_handle_signals(r);
                if (r->terminated)
                        return 0;
                if (!p[0].revents)
                        continue;
                q = relay_receive(r->daemon_fd, &packet, fds, &n_fds, NULL, NULL);
                if (q == -EAGAIN)
                        continue;
                return q <= 0 ? q : relay_go_parse(packet, fds, n_fds, &r->go) < 0 ? -EBADMSG : 1;
        }
}

static void notify(Relay *r, const RelayNotice *notice) {
        char *packet;

        if (relay_notice_format(notice, &packet) < 0)
                return;
        free(r->said);
        r->said = packet;
        if (r->daemon_fd >= 0)
                (void) relay_send(r->daemon_fd, packet);
        if (r->go.control_fd >= 0)
                (void) relay_send(r->go.control_fd, packet);
}

/* In one write(): whoever reads it meanwhile sees either nothing or all of it. */
static void write_outcome(const Relay *r, const char *text) {
        if (r->go.outcome_fd >= 0)
                (void) !write(r->go.outcome_fd, text, strlen(text));
}

void relay_note(const Relay *r, const char *key, uint64_t usec) {
        _cleanup_free_ char *text = NULL;

        if (relay_outcome_note(key, usec, &text) >= 0)
                write_outcome(r, text);
}

/* Everything up to the running command. */
static int start(Relay *r, const Launch *launch, char **reterr_message) {
        int q;

        r->work_fd = open(work_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (r->go.upload_fd >= 0) {
                q = transfer_upload(r, reterr_message);
                if (q != 0)
                        return q;
        }
        q = command_enter_workdir(r->go.workdir, reterr_message);
        if (q != 0)
                return q;

        relay_handle_signals(r);
        if (r->terminated || r->cancel_signal > 0)
                return -ECANCELED;
        return command_start(r, launch, reterr_message);
}

/* What came instead of a running command: code as returned by start(). */
static void describe_failure(const Relay *r, int code, char *message, RelayNotice *ret) {
        if (code == -ECANCELED && r->cancel_signal > 0) {
                *ret = (RelayNotice) { .event = RELAY_SIGNALED, .code = r->cancel_signal };
                free(message);
                return;
        }
        if (!message)
                (void) asprintf(&message, "%s", code == -ECANCELED ? "stopped before the command was started" :
                                strerror(code < 0 ? -code : EIO));
        *ret = (RelayNotice) { .event = RELAY_FAILED, .code = code < 0 ? 125 : code, .text = message };
}

static void describe_end(int status, RelayNotice *ret) {
        if (WIFSIGNALED(status))
                *ret = (RelayNotice) { .event = RELAY_SIGNALED, .code = WTERMSIG(status) };
        else
                *ret = (RelayNotice) { .event = RELAY_EXITED, .code = WEXITSTATUS(status) };
}

/* What waits for the journal counts as the job's memory: it gets a small part of what there is. */
static size_t backlog_max(void) {
        uint64_t part = figures_read_memory_max() / 16U;

        return part >= JOURNAL_BACKLOG_MAX ? JOURNAL_BACKLOG_MAX :
               part <= JOURNAL_AHEAD_MAX   ? JOURNAL_AHEAD_MAX : (size_t) part;
}

/* Whether the client wants both streams in one. */
static bool is_same_pipe(int a, int b) {
        struct stat x, y;

        return a >= 0 && b >= 0 && fstat(a, &x) >= 0 && fstat(b, &y) >= 0 &&
               x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Up to the end of the command and of what it wrote. */
static void run(Relay *r, Launch *launch, RelayNotice *ret) {
        char *message = NULL;
        int q;

        r->has_control = r->go.control_fd >= 0;
        r->merged = is_same_pipe(r->go.stdout_fd, r->go.stderr_fd);
        if (r->merged)
                r->go.stderr_fd = safe_close(r->go.stderr_fd);
        r->queue.max = backlog_max();
        q = stream_init(r->streams, TAKE_FD(r->go.stdout_fd), &r->queue, LOG_INFO);
        if (q >= 0)
                q = stream_init(r->streams + 1, TAKE_FD(r->go.stderr_fd), &r->queue, LOG_ERR);
        r->streams[1].attached = r->streams[1].attached || r->merged;
        if (q >= 0)
                q = start(r, launch, &message);
        launch_done(launch); /* its memory counts as the job's */
        r->started_usec = r->finished_usec = now_realtime();
        r->started_boottime_usec = now_boottime();
        if (q == 0) {
                relay_note(r, OUTCOME_STARTED, r->started_usec);
                notify(r, &(RelayNotice) { .event = RELAY_STARTED });
                q = relay_copy(r);
        }
        if (q == 0) {
                describe_end(r->status, ret);
                return;
        }
        describe_failure(r, q, message, ret);
        if (ret->event == RELAY_FAILED)
                relay_log(r, LOG_ERR, "%s", ret->text ?: "failed");
}

/* Writes down how the command ended, before anything else that may take long: it is there when nobody else is. What
 * still waits for the journal is taken for logged. Returns whether it ended by itself, as far as can be told here. */
static bool record(Relay *r, const RelayNotice *notice) {
        RelayOutcome outcome = { .notice = *notice, .finished_usec = r->finished_usec,
                                 .log_entries = r->queue.n_entries, .unlogged_bytes = r->queue.n_lost };
        _cleanup_free_ char *text = NULL;
        Figures figures;

        figures_read(&figures);
        outcome.oom = figures.oom;
        outcome.cpu_usec = figures.cpu_usec;
        outcome.memory_peak = figures.memory_peak;
        outcome.io_read_bytes = figures.io_read_bytes;
        outcome.io_write_bytes = figures.io_write_bytes;
        if (relay_outcome_format(&outcome, &text) >= 0)
                write_outcome(r, text);
        r->n_entries_told = outcome.log_entries;
        r->n_lost_told = outcome.unlogged_bytes;
        return r->terminated_usec == 0 && r->abandoned_usec == 0 && !outcome.oom;
}

/* The journal gets what it has not taken yet; the outcome is corrected if that was not all. */
static void finish_journal(Relay *r) {
        _cleanup_free_ char *text = NULL;

        relay_finish_journal(r);
        if ((r->n_entries_told != r->queue.n_entries || r->n_lost_told != r->queue.n_lost) &&
            relay_outcome_format_log(r->queue.n_entries, r->queue.n_lost, &text) >= 0)
                write_outcome(r, text);
}

static void relay_done(Relay *r) {
        for (size_t i = 0; i < ELEMENTSOF(r->streams); i++)
                stream_done(r->streams + i);
        journal_queue_done(&r->queue);
        relay_go_done(&r->go);
        safe_close(r->signal_fd);
        safe_close(r->work_fd);
        free(r->said);
}

int main(void) {
        _cleanup_(relay_done) Relay r = { .daemon_fd = STDIN_FILENO, .signal_fd = -EBADF, .work_fd = -EBADF,
                                         .go = RELAY_GO_NULL, .streams = { STREAM_NULL, STREAM_NULL }, .queue = JOURNAL_QUEUE_NULL,
                                         .begun_usec = now_monotonic() };
        _cleanup_(relay_notice_done) RelayNotice notice = {};
        _cleanup_(launch_done) Launch launch = {};
        bool by_itself;
        int q;

        q = set_up(&r);
        if (q >= 0)
                q = say_hello(r.daemon_fd);
        if (q == -ENOTSOCK) {
                fputs("joblet-relay is started by jobletd, inside a job\n", stderr);
                return 125;
        }
        if (q < 0)
                return RELAY_EXIT_NOT_BEGUN;
        /* systemd gives both standard streams one connection. */
        journal_queue_init(&r.queue, STDOUT_FILENO);

        switch (wait_for_go(&r)) {
        case 1:
                break;
        case -EBADMSG:
                return 125;
        default:
                return RELAY_EXIT_NOT_BEGUN;
        }

        relay_note(&r, OUTCOME_BEGUN, r.begun_usec);
        if (launch_read(r.go.command_fd, &launch) < 0)
                return 125;
        r.go.command_fd = safe_close(r.go.command_fd);

        run(&r, &launch, &notice);
        by_itself = record(&r, &notice);
        if (r.go.download_fd >= 0 && r.reaped && notice.event != RELAY_FAILED)
                transfer_download(&r);
        r.go.download_fd = safe_close(r.go.download_fd);
        /* Else only the daemon can tell. */
        notify(&r, by_itself ? &notice : &(RelayNotice) { .event = RELAY_ENDED });
        finish_journal(&r);
        return notice.event == RELAY_SIGNALED ? 128 + notice.code : notice.code;
}
