/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "clock.h"
#include "relay.h"

/* A process that dies closes its descriptors one by one: so long may the client's control socket outlive
 * its pipes. */
#define VANISH_GRACE_USEC (200U * 1000U)
/* A client that takes nothing for so long does not hold up a job that is being stopped. */
#define STOP_PATIENCE_USEC (2U * USEC_PER_SEC)
#define STOP_MARGIN_USEC (2U * USEC_PER_SEC)
/* A journal that takes nothing for so long holds up nobody. */
#ifdef RELAY_TEST
#define JOURNAL_PATIENCE_USEC (5U * USEC_PER_SEC)
#define JOURNAL_FINISH_USEC (6U * USEC_PER_SEC)
#else
#define JOURNAL_PATIENCE_USEC (10U * USEC_PER_SEC)
/* So long may it take what a client had faster. */
#define JOURNAL_FINISH_USEC (10U * USEC_PER_SEC)
#endif
/* And so long the last line, or anything once the job is being stopped. */
#define JOURNAL_LAST_USEC USEC_PER_SEC

static void read_signals(Relay *r) {
        struct signalfd_siginfo info;

        while (read(r->signal_fd, &info, sizeof(info)) == sizeof(info))
                if (info.ssi_signo == SIGTERM && !r->terminated) {
                        r->terminated = true;
                        r->stopping_usec = now_monotonic();
                }
        if (r->terminated && !r->reaped && r->terminated_usec == 0) {
                r->terminated_usec = now_monotonic();
                relay_note(r, OUTCOME_TERMINATED, r->terminated_usec);
        }
}

/* The relay may be the first process of a PID namespace: whatever ends is reaped. */
void relay_handle_signals(Relay *r) {
        int status;
        pid_t pid;

        read_signals(r);
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == r->pid) {
                        /* systemd signals the main process before the others: if the command died of a
                         * stop, then the relay's own SIGTERM is pending by now. */
                        read_signals(r);
                        r->reaped = true;
                        r->status = status;
                        r->finished_usec = relay_wall_clock(r);
                }
}

/* The client has gone, however it went, and its job is not to outlive it. What is left of the job besides
 * the command's process group ends with the unit. */
static void abandon(Relay *r) {
        if (r->go.abandon_usec == UINT64_MAX || r->reaped || r->abandoned_usec > 0)
                return;
        r->abandoned_usec = now_monotonic();
        relay_note(r, OUTCOME_ABANDONED, r->abandoned_usec);
        if (r->pid > 0) {
                (void) kill(-r->pid, SIGTERM);
                (void) kill(-r->pid, SIGCONT);
        } else if (r->cancel_signal == 0)
                r->cancel_signal = SIGTERM;
}

static void check_abandoned(Relay *r, uint64_t *timeout) {
        if (r->abandoned_usec == 0 || r->abandoned_killed || r->reaped || r->pid == 0 ||
            !expired(now_monotonic(), r->abandoned_usec, r->go.abandon_usec, timeout))
                return;
        r->abandoned_killed = true;
        (void) kill(-r->pid, SIGKILL);
}

void relay_handle_packets(Relay *r, int *fd) {
        for (;;) {
                _cleanup_free_ char *packet = NULL;
                int q, signo;

                q = relay_receive(*fd, &packet, NULL, NULL, NULL, NULL);
                if (q == -EAGAIN)
                        return;
                if (q == -EBADMSG)
                        continue;
                if (q <= 0) {
                        *fd = safe_close(*fd);
                        if (fd == &r->go.control_fd)
                                abandon(r);
                        return;
                }
                if (relay_signal_parse(packet, &signo) < 0)
                        continue;

                /* Once the command has been reaped its process group may be another's. */
                if (r->pid > 0 && !r->reaped)
                        (void) kill(-r->pid, signo);
                else if (r->reaped)
                        r->download_cancelled = true;
                else if (r->cancel_signal == 0)
                        r->cancel_signal = signo;
        }
}

enum {
        POLL_SIGNALS,
        POLL_DAEMON,
        POLL_CONTROL,
        POLL_LISTEN,
        POLL_OTHERS,
};

static void prepare_common(const Relay *r, struct pollfd *fds) {
        fds[POLL_SIGNALS] = (struct pollfd) { .fd = r->signal_fd, .events = POLLIN };
        fds[POLL_DAEMON] = (struct pollfd) { .fd = r->daemon_fd, .events = POLLIN };
        fds[POLL_CONTROL] = (struct pollfd) { .fd = r->go.control_fd, .events = POLLIN };
        fds[POLL_LISTEN] = (struct pollfd) { .fd = r->go.listen_fd, .events = POLLIN };
}

/* Another daemon takes the place of the one that was there. */
static void accept_daemon(Relay *r) {
        int fd = accept4(r->go.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                        r->go.listen_fd = safe_close(r->go.listen_fd);
                return;
        }
        safe_close(r->daemon_fd);
        r->daemon_fd = fd;
        if (r->said)
                (void) relay_send(r->daemon_fd, r->said);
}

static void handle_common(Relay *r, const struct pollfd *fds) {
        if (fds[POLL_DAEMON].revents)
                relay_handle_packets(r, &r->daemon_fd);
        if (fds[POLL_CONTROL].revents)
                relay_handle_packets(r, &r->go.control_fd);
        if (fds[POLL_LISTEN].revents)
                accept_daemon(r);
        if (fds[POLL_SIGNALS].revents)
                relay_handle_signals(r);
}

static struct pollfd poll_journal(const Relay *r) {
        return (struct pollfd) {
                .fd = journal_queue_pending(&r->queue) > 0 ? r->queue.fd : -1,
                .events = POLLOUT,
        };
}

static int poll_timeout(uint64_t usec) {
        return usec == UINT64_MAX ? -1 : (int) ((usec + 999) / 1000);
}

/* So much of the time that a stop leaves is not used: it is for saying what there is to say. */
static uint64_t stop_margin(const Relay *r) {
        return r->go.stop_usec / 4U < STOP_MARGIN_USEC ? r->go.stop_usec / 4U : STOP_MARGIN_USEC;
}

static bool transfer_is_over(const Relay *r, uint64_t *timeout) {
        if (!r->reaped)
                return r->terminated || r->cancel_signal > 0;
        return r->download_cancelled ||
               (r->terminated && expired(now_monotonic(), r->stopping_usec, r->go.stop_usec - stop_margin(r), timeout));
}

int relay_wait(Relay *r, int fd, short events) {
        for (;;) {
                struct pollfd fds[POLL_OTHERS + 2], *journal = fds + POLL_OTHERS, *last = journal + 1;
                uint64_t timeout = UINT64_MAX;

                prepare_common(r, fds);
                *journal = poll_journal(r);
                *last = (struct pollfd) { .fd = fd, .events = events };
                if (transfer_is_over(r, &timeout))
                        return -ECANCELED;
                if (poll(fds, ELEMENTSOF(fds), poll_timeout(timeout)) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }

                handle_common(r, fds);
                if (journal->revents)
                        journal_queue_write(&r->queue);
                if (transfer_is_over(r, &timeout))
                        return -ECANCELED;
                if (last->revents)
                        return 0;
        }
}

static void check_client(Relay *r, Stream *s, uint64_t *timeout) {
        uint64_t now = now_monotonic();

        /* The control socket tells a client that died from one that wants no more of this stream, as in
         * "| head". */
        if (r->has_control && r->go.control_fd < 0)
                stream_drop_client(s);
        else if (s->refused_usec > 0 &&
                 (!r->has_control || expired(now, s->refused_usec, VANISH_GRACE_USEC, timeout)))
                stream_refuse(s);

        if (stream_client_pending(s) && r->terminated && r->reaped && s->refused_usec == 0 &&
            expired(now, s->client_usec, STOP_PATIENCE_USEC, timeout))
                stream_drop_client(s);
}

/* poll() finds room in a socket when three quarters of it are empty, which are megabytes in journald's: so
 * whether nothing was taken shows when it is tried. */
static bool journal_took_nothing(JournalQueue *q, uint64_t *timeout) {
        if (journal_queue_pending(q) == 0 || !expired(now_monotonic(), q->since_usec, JOURNAL_PATIENCE_USEC, timeout))
                return false;
        journal_queue_write(q);
        return journal_queue_pending(q) > 0 &&
               expired(now_monotonic(), q->since_usec, JOURNAL_PATIENCE_USEC, timeout);
}

static bool is_copying(const Stream *s) {
        return s->client_fd >= 0 && !s->finished && s->copy == COPY_ALL;
}

/* Nobody waits for a journal that takes nothing, but a command without a client. */
static void check_journal(Relay *r, uint64_t *timeout) {
        bool finished = r->streams[0].finished && r->streams[1].finished;

        for (size_t i = 0; i < ELEMENTSOF(r->streams); i++)
                if (r->streams[i].copy == COPY_STALLED && journal_queue_pending(&r->queue) <= r->queue.max / 2 &&
                    journal_queue_pending(&r->queue) <= JOURNAL_AHEAD_MAX)
                        stream_resume_journal(r->streams + i);
        if (!finished && !is_copying(r->streams) && !is_copying(r->streams + 1))
                return;
        if (!journal_took_nothing(&r->queue, timeout))
                return;
        if (finished)
                journal_queue_break(&r->queue);
        for (size_t i = 0; i < ELEMENTSOF(r->streams); i++)
                if (is_copying(r->streams + i))
                        stream_stall_journal(r->streams + i);
}

/* A command that goes on after SIGTERM would leave no time for the download. */
static void check_stop(Relay *r, uint64_t *timeout) {
        bool has_client = r->go.download_fd >= 0 && (!r->has_control || r->go.control_fd >= 0);

        if (!r->terminated || r->reaped || r->killed || !has_client ||
            !expired(now_monotonic(), r->stopping_usec, r->go.stop_usec / 2U, timeout))
                return;
        r->killed = true;
        /* As first process of a PID namespace the relay can reach all that the job consists of. */
        (void) kill(getpid() == 1 ? -1 : -r->pid, SIGKILL);
}

/* All that does not depend on a descriptor. Returns whether there is still something to do. */
static bool settle(Relay *r, uint64_t *timeout) {
        bool busy = !r->reaped;

        check_stop(r, timeout);
        for (size_t i = 0; i < ELEMENTSOF(r->streams); i++) {
                if (r->reaped)
                        stream_drain(r->streams + i);
                check_client(r, r->streams + i, timeout);
                stream_settle(r->streams + i);
                stream_check_line(r->streams + i, timeout);
        }
        check_journal(r, timeout);
        check_abandoned(r, timeout);
        /* What was made just now goes out without another round. */
        journal_queue_write(&r->queue);
        for (size_t i = 0; i < ELEMENTSOF(r->streams); i++)
                if (!r->streams[i].finished || stream_client_pending(r->streams + i) ||
                    (journal_queue_pending(&r->queue) > 0 && !r->streams[i].attached))
                        busy = true;
        return busy;
}

int relay_copy(Relay *r) {
        for (;;) {
                struct pollfd fds[POLL_OTHERS + 1 + 2 * STREAM_POLL_FDS], *streams = fds + POLL_OTHERS + 1;
                uint64_t timeout = UINT64_MAX;

                if (!settle(r, &timeout))
                        return 0;

                prepare_common(r, fds);
                fds[POLL_OTHERS] = poll_journal(r);
                for (size_t i = 0; i < ELEMENTSOF(r->streams); i++)
                        stream_poll_prepare(r->streams + i, streams + i * STREAM_POLL_FDS);
                if (poll(fds, ELEMENTSOF(fds), poll_timeout(timeout)) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }

                handle_common(r, fds);
                for (size_t i = 0; i < ELEMENTSOF(r->streams); i++)
                        stream_poll_handle(r->streams + i, streams + i * STREAM_POLL_FDS);
        }
}

void relay_finish_journal(Relay *r) {
        uint64_t since = now_monotonic();
        bool cut = false;

        for (size_t i = 0; i < ELEMENTSOF(r->streams); i++)
                stream_close_client(r->streams + i);

        for (;;) {
                struct pollfd fds[POLL_OTHERS + 1];
                uint64_t timeout = UINT64_MAX,
                         patience = cut || r->terminated ? JOURNAL_LAST_USEC : JOURNAL_FINISH_USEC;

                journal_queue_write(&r->queue);
                check_journal(r, &timeout);
                if (journal_queue_pending(&r->queue) == 0)
                        return;
                if (expired(now_monotonic(), since, patience, &timeout)) {
                        if (cut)
                                break;
                        journal_queue_cut(&r->queue);
                        cut = true;
                        since = now_monotonic();
                        continue;
                }

                prepare_common(r, fds);
                fds[POLL_OTHERS] = poll_journal(r);
                if (poll(fds, ELEMENTSOF(fds), poll_timeout(timeout)) < 0 && errno != EINTR)
                        break;
                handle_common(r, fds);
        }
        journal_queue_break(&r->queue);
}
