/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx run, attached: the pipes, the call, and then nothing but moving bytes until the job has ended.
 *
 *   CALLING  Run() is under way. jobletd replies when the command is about to run; output may come before the reply.
 *   RUNNING  The bus is not looked at. The relay inside the job says over the control socket how the command ended.
 *   ended    All output is drained. Only for what is not plain success jobletd is asked what happened. */

#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "download.h"
#include "helper.h"
#include "job.h"
#include "json.h"
#include "pump.h"
#include "relay-protocol.h"
#include "rnx.h"
#include "run-report.h"
#include "run.h"
#include "signals.h"
#include "terminal.h"

#define FDS_MAX 12U
/* The relay is gone, and still somebody holds its output open without writing. */
#define LEFTOVER_MSEC 2000
/* Two SIGTERM within so long are one. */
#define REPEATED_USEC (150U * 1000U)
/* How often to look whether the shell has brought us to the foreground. */
#define BACKGROUND_MSEC 500

typedef struct Attach {
        const Run *run;
        RunFds theirs;
        Pump in, out, err;
        int control_fd, download_fd, signal_fd;
        pid_t packer, unpacker;

        sd_bus_slot *call; /* CALLING: the outstanding call; NULL: make it */
        BusRetry retry;
        bool interactive;
        bool accepted;
        uint64_t id;

        bool ended;
        bool delivered;     /* what the command wrote is in the pipes, nothing more will come */
        RelayNotice notice; /* RELAY_ENDED unless the relay said more */
        unsigned interrupts;     /* signals that were passed on */
        int interrupt;           /* ... the last of them */
        uint64_t terminated_usec; /* the last SIGTERM, CLOCK_MONOTONIC */
        bool reader_gone; /* nobody reads our output any more */
        bool output_failed, input_failed;
} Attach;

static int pipe_make(int *ours, int *theirs, int our_index) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return log_error(-errno, "cannot make a pipe: %m");
        (void) fcntl(fds[our_index], F_SETFL, O_NONBLOCK | (our_index == 1 ? O_WRONLY : O_RDONLY));
        *ours = fds[our_index];
        *theirs = fds[1 - our_index];
        return 0;
}

static bool is_dev_null(int fd) {
        struct stat st;

        return fstat(fd, &st) >= 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* Whether what is written to the one is written to the other: one open file, or a pipe or terminal that was opened
 * twice. A file that was opened twice is not: there each has a place of its own. */
static bool is_one_output(int x, int y) {
        struct stat a, b;
        long r;

        if (fstat(x, &a) < 0 || fstat(y, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino || is_dev_null(x))
                return false;
        if (!S_ISREG(a.st_mode))
                return true;
        r = syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, x, y);
        return r == 0 || (r < 0 && lseek(x, 0, SEEK_CUR) == lseek(y, 0, SEEK_CUR)); /* a kernel, or a sandbox, without it */
}

/* The job's standard input is ours, what there is of it. */
static int input_open(Attach *a) {
        int r, fd = -EBADF;

        if (a->run->no_stdin)
                return 0;
        if (is_dev_null(STDIN_FILENO)) {
                /* Closed, or as nohup leaves it: reading it is an error in the job as well. */
                if ((fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE) == O_WRONLY)
                        a->theirs.stdin_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
                return 0;
        }
        r = pipe_make(&fd, &a->theirs.stdin_fd, 1);
        if (r >= 0)
                pump_init_input(&a->in, STDIN_FILENO, fd);
        return r;
}

/* Both streams are one in the job if they are one here: so the order stays in which it writes. */
static int outputs_open(Attach *a) {
        int r, fd = -EBADF;

        r = pipe_make(&fd, &a->theirs.stdout_fd, 0);
        if (r < 0)
                return r;
        pump_init_output(&a->out, fd, STDOUT_FILENO);
        if (is_one_output(STDOUT_FILENO, STDERR_FILENO)) {
                a->theirs.stderr_fd = fcntl(a->theirs.stdout_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                return a->theirs.stderr_fd < 0 ? log_error(-errno, "cannot make a pipe: %m") : 0;
        }
        r = pipe_make(&fd, &a->theirs.stderr_fd, 0);
        if (r < 0)
                return r;
        pump_init_output(&a->err, fd, STDERR_FILENO);
        return 0;
}

static int attach_open(Attach *a) {
        int r, pair[2];

        /* First of all, so that it holds no other pipe open. */
        if (a->run->uploads.n_uploads > 0) {
                r = upload_start(&a->run->uploads, &a->theirs.upload_fd, &a->packer);
                if (r < 0)
                        return r;
        }
        r = input_open(a);
        if (r >= 0)
                r = outputs_open(a);
        if (r < 0)
                return r;
        if (a->run->n_downloads > 0) {
                r = pipe_make(&a->download_fd, &a->theirs.download_fd, 0);
                if (r < 0)
                        return r;
                (void) fcntl(a->download_fd, F_SETFL, O_RDONLY); /* read by a child that waits */
        }
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return log_error(-errno, "cannot make a socket: %m");
        a->control_fd = pair[0];
        a->theirs.control_fd = pair[1];

        a->signal_fd = signals_open();
        if (a->signal_fd < 0)
                return log_error(a->signal_fd, "cannot watch for signals: %s", strerror(-a->signal_fd));
        return 0;
}

static void attach_done(Attach *a) {
        pump_close(&a->in);
        pump_close(&a->out);
        pump_close(&a->err);
        run_fds_close(&a->theirs);
        a->control_fd = safe_close(a->control_fd);
        a->download_fd = safe_close(a->download_fd);
        a->signal_fd = safe_close(a->signal_fd);
        a->call = sd_bus_slot_unref(a->call);
        relay_notice_done(&a->notice);
}

/* No reply is waited for: the bytes must go on moving. */
static void job_stop(Attach *a) {
        _cleanup_message_ sd_bus_message *m = NULL;
        char path[64];
        sd_bus *bus;

        job_path(a->id, path);
        if (bus_call_new(path, JOB_INTERFACE, "Stop", &m) < 0)
                return;
        if (sd_bus_message_append(m, "a{sv}", 0) < 0 || sd_bus_message_set_expect_reply(m, false) < 0)
                return;
        if (bus_acquire(&bus) >= 0 && sd_bus_send(bus, m, NULL) >= 0)
                (void) sd_bus_flush(bus);
}

static int call_accepted(Attach *a, sd_bus_message *reply) {
        const char *path;
        int r;

        r = sd_bus_message_read(reply, "to", &a->id, &path);
        if (r < 0)
                return bus_error_print(NULL, r);
        a->accepted = true;
        bus_was_reached();
        a->call = sd_bus_slot_unref(a->call);
        /* Only now: else the end of a pipe would never be seen. */
        run_fds_close(&a->theirs);
        if (report_id(a->id) < 0)
                a->output_failed = true;
        return 0;
}

/* Returns 0 if the call is to be made again, or what to exit with. */
static int call_failed(Attach *a, const sd_bus_error *e, int error) {
        a->call = sd_bus_slot_unref(a->call);
        if (!a->interactive && bus_error_wants_authorization(e)) {
                a->interactive = true;
                return 0;
        }
        if (bus_error_is_transient(e, error) && bus_retry(&a->retry))
                return 0;
        helper_tell_death(&a->packer, HELPER_PACKER);
        return run_error_print(e, error);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        sd_bus_message **ret = userdata;

        *ret = sd_bus_message_ref(reply);
        return 1;
}

/* Makes the call or looks for its reply. The same RequestId in each call makes it one job. Returns 0, or
 * after a message a negative errno or what to exit with. */
static int attach_call(Attach *a, sd_bus_message **reply) {
        _cleanup_message_ sd_bus_message *m = NULL;
        sd_bus *bus;
        int r;

        r = bus_acquire(&bus);
        if (r >= 0 && !a->call) {
                r = run_message(a->run, &a->theirs, "Run", &m);
                if (r >= 0)
                        r = sd_bus_message_set_allow_interactive_authorization(m, a->interactive);
                if (r >= 0)
                        r = sd_bus_call_async(bus, &a->call, m, on_reply, reply, UINT64_MAX);
        }
        while (r >= 0 && !*reply) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        return 0;
        }

        if (*reply) {
                _cleanup_message_ sd_bus_message *got = *reply;

                *reply = NULL;
                if (!sd_bus_message_is_method_error(got, NULL))
                        return call_accepted(a, got);
                return call_failed(a, sd_bus_message_get_error(got), -sd_bus_message_get_errno(got));
        }
        return call_failed(a, NULL, r);
}

static void on_control(Attach *a) {
        char packet[8192];
        ssize_t n;

        n = recv(a->control_fd, packet, sizeof(packet) - 1, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                a->control_fd = safe_close(a->control_fd);
                a->ended = true;
        } else if (!a->ended) {
                RelayNotice notice = {};

                packet[n] = 0;
                if (relay_notice_parse(packet, &notice) < 0 || notice.event == RELAY_STARTED)
                        return;
                a->notice = notice;
                a->ended = true;
                a->delivered = notice.event == RELAY_EXITED || notice.event == RELAY_SIGNALED ||
                               notice.event == RELAY_FAILED;
        }
        if (a->ended)
                pump_close(&a->in);
}

/* timeout(1) signals its child, and then its whole process group: that is one request. */
static bool is_repeated_termination(Attach *a) {
        struct timespec ts;
        uint64_t now, last = a->terminated_usec;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        now = (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
        a->terminated_usec = now;
        return last > 0 && now - last < REPEATED_USEC;
}

/* The terminal is gone: what was started on it goes on, and can be found again. */
static _Noreturn void hang_up(const Attach *a, int signo) {
        if (a->run->kill_on_exit)
                (void) log_error(0, "the terminal is gone, and the job ends with it");
        else if (a->accepted)
                (void) log_error(0, "the terminal is gone; job %" PRIu64 " goes on, see: rnx log -f %" PRIu64, a->id, a->id);
        else
                (void) log_error(0, "the terminal is gone; if the job was accepted it goes on, see: rnx list");
        signals_die(signo);
}

/* The first is passed on to the job as to a local command, and waited for; the second asks jobletd to stop it. */
static void on_signal(Attach *a) {
        int signo = signals_read(a->signal_fd);
        char packet[32];

        if (signo == 0)
                return;
        if (signo == SIGHUP)
                hang_up(a, signo);
        if (signo == SIGTERM && is_repeated_termination(a))
                return;

        a->interrupts++;
        a->interrupt = signo;
        if (a->unpacker > 0) /* the command has ended, and the job is not to be stopped */
                (void) kill(a->unpacker, SIGTERM);
        if (a->interrupts == 1 || (a->interrupts == 2 && a->unpacker > 0)) {
                /* The relay finds it in the socket, also if it has not been given that yet. */
                (void) snprintf(packet, sizeof(packet), "signal %i", signo);
                if (a->control_fd >= 0)
                        (void) relay_send(a->control_fd, packet);
        } else if (a->interrupts == 2 && a->accepted)
                job_stop(a);
        else
                signals_die(signo);
}

static void on_output(Attach *a, Pump *p, const struct pollfd *fds, size_t n) {
        int r;

        r = pump_run(p, fds, n);
        if (r >= 0)
                return;
        /* As for a local command: the job finds its output closed. */
        if (r == -EPIPE)
                a->reader_gone = true;
        else {
                a->output_failed = true;
                (void) log_error(r, "cannot pass on the output of the job: %s", strerror(-r));
        }
}

/* A job that wants no more of it finds nothing wrong with that; one that did not get all of it must not pass for
 * one that did. */
static void on_input(Attach *a, const struct pollfd *fds, size_t n) {
        int r;

        r = pump_run(&a->in, fds, n);
        if (r >= 0 || r == -EPIPE)
                return;
        a->input_failed = true;
        (void) log_error(r, a->in.read_failed ? "cannot read standard input, the job got what came before: %s" :
                         "cannot pass on standard input, the job got what came before: %s", strerror(-r));
}

static void on_download(Attach *a, short events) {
        /* Nothing came, not even an end mark: the job never got so far. */
        if (events & POLLIN && download_start(a->run, a->download_fd, &a->theirs, &a->unpacker) < 0)
                a->output_failed = true;
        a->download_fd = safe_close(a->download_fd);
}

/* Reading a terminal from the background would stop us, though the job may not even want to read. */
static bool in_background(void) {
        pid_t group;

        if (!on_tty(STDIN_FILENO))
                return false;
        group = tcgetpgrp(STDIN_FILENO);
        return group >= 0 && group != getpgrp();
}

static bool output_is_idle(const Pump *p) {
        return !p->ready && p->start == p->end;
}

/* How long to wait for more output of a job that has ended; -1: as long as it takes. Normally not at all,
 * not even for the relay to close the pipes. */
static int rest_timeout(const Attach *a) {
        if (!a->ended || a->download_fd >= 0 || !output_is_idle(&a->out) || !output_is_idle(&a->err))
                return -1;
        return a->delivered ? 0 : a->control_fd < 0 ? LEFTOVER_MSEC : -1;
}

/* The bus is polled while the call is outstanding only. Returns the timeout. */
static int poll_bus(const Attach *a, struct pollfd *ret) {
        uint64_t until = UINT64_MAX;
        sd_bus *bus;

        *ret = (struct pollfd) { .fd = -1 };
        if (a->accepted || bus_acquire(&bus) < 0)
                return -1;
        ret->fd = sd_bus_get_fd(bus);
        ret->events = (short) sd_bus_get_events(bus);
        return sd_bus_get_timeout(bus, &until) >= 0 && until == 0 ? 0 : -1;
}

static int attach_step(Attach *a) {
        struct pollfd fds[FDS_MAX] = {};
        size_t n = 4, n_in = 0, n_out, n_err, in, out, err;
        bool background = pump_is_open(&a->in) && in_background();
        int rest = rest_timeout(a), timeout, r;

        timeout = poll_bus(a, fds + 0);
        fds[1] = (struct pollfd) { .fd = a->signal_fd, .events = POLLIN };
        fds[2] = (struct pollfd) { .fd = a->control_fd, .events = POLLIN };
        fds[3] = (struct pollfd) { .fd = a->download_fd, .events = POLLIN };
        in = n;
        if (a->accepted && !background) /* before, an agent may be asking for a password there */
                n += n_in = pump_poll(&a->in, fds + n);
        out = n;
        n += n_out = pump_poll(&a->out, fds + n);
        err = n;
        n += n_err = pump_poll(&a->err, fds + n);

        if (timeout < 0)
                timeout = rest >= 0 ? rest : background ? BACKGROUND_MSEC : -1;
        r = poll(fds, n, timeout);
        if (r < 0)
                return errno == EINTR ? 0 : log_error(-errno, "cannot wait for the job: %m");
        if (r == 0 && rest >= 0) {
                pump_close(&a->out);
                pump_close(&a->err);
                return 0;
        }

        if (fds[1].revents)
                on_signal(a);
        on_output(a, &a->out, fds + out, n_out);
        on_output(a, &a->err, fds + err, n_err);
        on_input(a, fds + in, n_in);
        if (fds[3].revents)
                on_download(a, fds[3].revents);
        if (fds[2].revents)
                on_control(a);
        return 0;
}

static bool is_plain_success(const Attach *a) {
        return a->notice.event == RELAY_EXITED && a->notice.code == 0 && !report_wants_record();
}

/* A short job is over before Run() replies. Only where nothing more is to be asked that does not matter. */
static bool is_finished(const Attach *a) {
        return a->ended && !pump_is_open(&a->out) && !pump_is_open(&a->err) && a->download_fd < 0 &&
                (a->accepted || (is_plain_success(a) && !report_wants_id()));
}

static int attach_loop(Attach *a) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        while (!is_finished(a)) {
                while (!a->accepted) {
                        r = attach_call(a, &reply);
                        if (r != 0)
                                return r;
                        if (a->call)
                                break; /* outstanding */
                }
                r = attach_step(a);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Until all has come, or whoever loses patience ends it. Signals stay with their descriptor: so none gets lost between
 * looking for one and waiting. */
static void unpacker_watch(Attach *a) {
        _cleanup_close_ int fd = a->unpacker > 0 ? pidfd_open(a->unpacker, 0) : -EBADF;
        struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = a->signal_fd, .events = POLLIN } };

        while (fd >= 0 && !fds[0].revents && (poll(fds, ELEMENTSOF(fds), -1) >= 0 || errno == EINTR)) {
                int signo = signals_read(a->signal_fd);

                if (signo == 0)
                        continue;
                a->interrupt = signo;
                (void) kill(a->unpacker, SIGTERM);
        }
}

/* What the relay said, where jobletd cannot be asked. */
static int notice_status(const Attach *a) {
        switch (a->notice.event) {
        case RELAY_EXITED:
                return a->notice.code;
        case RELAY_SIGNALED:
                return 128 + a->notice.code;
        case RELAY_FAILED:
                (void) log_error(0, "job %" PRIu64 " %s", a->id, a->notice.text ?: "could not be started");
                return a->notice.code;
        default:
                return EXIT_OWN_FAILURE;
        }
}

static int attach_status(const Attach *a) {
        _cleanup_(job_record_done) JobRecord record = {};
        _cleanup_json_ json_object *json = NULL;
        bool expected;

        if (is_plain_success(a))
                return EXIT_SUCCESS;
        if (job_describe(a->id, "Wait", &record, report_wants_record() ? &json : NULL) < 0) {
                int status = notice_status(a);

                return status == EXIT_SUCCESS && report_wants_record() ? EXIT_OWN_FAILURE : status;
        }

        /* What the user or the reader of our output did is no news to them. */
        expected = (a->interrupts > 0 && (record.exit_signal == SIGINT || record.exit_signal == SIGQUIT)) ||
                (a->reader_gone && record.exit_signal == SIGPIPE);
        if (json && report_record(json, stderr) < 0)
                return EXIT_OWN_FAILURE;
        if (arg_json == JSON_OFF && !arg_quiet && !expected && job_needs_words(&record))
                (void) log_error(0, "job %" PRIu64 " %s", a->id, record.reason);
        return job_exit_status(&record);
}

/* Nothing came, not even an end mark. Of a job that never ran there is nothing to expect. */
static int downloads_missing(const Attach *a) {
        if (a->unpacker > 0 || a->notice.event == RELAY_FAILED)
                return 0;
        for (size_t i = 0; i < a->run->n_downloads; i++)
                (void) log_error(0, "--download=%s: was not fetched", a->run->downloads[i].shown);
        return a->run->n_downloads > 0 ? -ENOENT : 0;
}

int run_attached(const Run *run) {
        _cleanup_(attach_done) Attach a = {
                .run = run,
                .theirs = RUN_FDS_NULL,
                .in = { .from = -EBADF, .to = -EBADF, .own_to = -EBADF },
                .out = { .from = -EBADF, .to = -EBADF, .own_to = -EBADF },
                .err = { .from = -EBADF, .to = -EBADF, .own_to = -EBADF },
                .control_fd = -EBADF,
                .download_fd = -EBADF,
                .signal_fd = -EBADF,
                .notice = { .event = RELAY_ENDED },
        };
        bool incomplete;
        int r, interrupted;

        r = attach_open(&a);
        if (r >= 0)
                r = attach_loop(&a);
        if (r != 0)
                return r;

        run_fds_close(&a.theirs); /* the job may be over, and the reply to Run() still to come */
        incomplete = downloads_missing(&a) < 0;
        unpacker_watch(&a);
        incomplete = helper_wait(&a.unpacker, HELPER_UNPACKER) < 0 || incomplete;
        interrupted = incomplete ? a.interrupt : 0;
        signals_restore();
        incomplete = helper_wait(&a.packer, HELPER_PACKER) < 0 || incomplete;
        incomplete = a.output_failed || a.input_failed || incomplete;
        r = attach_status(&a);
        if (interrupted > 0)
                return 128 + interrupted;
        return r == EXIT_SUCCESS && incomplete ? EXIT_OWN_FAILURE : r;
}
