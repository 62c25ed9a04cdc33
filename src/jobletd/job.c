/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "events.h"
#include "job-internal.h"
#include "launch.h"
#include "log-reader.h"
#include "log.h"
#include "unit.h"

#define SAVE_AGAIN_USEC USEC_PER_SEC
#define RELAY_PACKETS_MAX 16U
#define RELAY_LEAVES_USEC (20 * USEC_PER_SEC) /* it waits no longer than 10 s, for the journal */

int job_path(uint64_t id, char **ret) {
        return asprintf(ret, "/org/joblet/job/%" PRIu64, id) < 0 ? -ENOMEM : 0;
}

int job_unit(uint64_t id, char **ret) {
        return asprintf(ret, "joblet-job-%" PRIu64 ".service", id) < 0 ? -ENOMEM : 0;
}

bool job_is_live(const Job *j) {
        return j->phase != JOB_SETTLED;
}

JobLive* job_live_free(JobLive *l) {
        if (!l)
                return NULL;
        sd_event_source_disable_unref(l->relay_source);
        sd_event_source_disable_unref(l->pidfd_source);
        safe_close(l->relay_fd);
        plan_free(l->plan);
        relay_go_done(&l->go);
        place_free(l->start);
        place_free(l->place);
        place_free(l->size);
        sd_event_source_disable_unref(l->retry_source);
        sd_event_source_disable_unref(l->leave_source);
        call_free(l->call);
        sd_bus_message_unref(l->run);
        relay_notice_done(&l->notice);
        free(l->start_error);
        free(l->start_job);
        free(l->stop_job);
        free(l->unit);
        free(l);
        return NULL;
}

static int live_new(uint64_t id, JobLive **ret) {
        _cleanup_(job_live_freep) JobLive *l = malloc(sizeof *l);
        int r;

        if (!l)
                return -ENOMEM;
        *l = (JobLive) { .go = RELAY_GO_NULL, .relay_fd = -EBADF };
        r = job_unit(id, &l->unit);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

int job_new(Manager *m, Record *record, Job **ret) {
        _cleanup_(job_freep) Job *j = NULL;
        int r;

        j = malloc(sizeof *j);
        if (!j)
                return -ENOMEM;
        *j = (Job) { .manager = m, .phase = job_state_is_final(record->state) ? JOB_SETTLED : JOB_WAITING };
        r = job_is_live(j) ? live_new(record->id, &j->live) : 0;
        if (r < 0)
                return r;
        j->record = record;
        (void) sd_event_now(m->event, CLOCK_MONOTONIC, &j->settled_usec);
        *ret = TAKE_PTR(j);
        return 0;
}

void job_drop_relay(Job *j) {
        j->live->relay_source = sd_event_source_disable_unref(j->live->relay_source);
        j->live->pidfd_source = sd_event_source_disable_unref(j->live->pidfd_source);
        j->live->relay_fd = safe_close(j->live->relay_fd);
}

/* The call to PID 1 under way is answered, or of no interest any more. */
void job_drop_call(Job *j) {
        j->live->call = call_free(j->live->call);
}

/* What is needed only until the command runs. */
void job_drop_start(Job *j) {
        j->live->plan = plan_free(j->live->plan);
        relay_go_done(&j->live->go);
        j->live->go = RELAY_GO_NULL;
        j->live->size = place_free(j->live->size);
}

Job* job_free(Job *j) {
        if (!j)
                return NULL;
        if (j->live) {
                log_readers_end(j->record->id);
                job_drop_waiters(j);
        }
        job_live_free(j->live);
        record_free(j->record);
        free(j);
        return NULL;
}

void job_save(Job *j) {
        int r = record_save(j->manager->records_fd, j->record);

        if (r < 0)
                log_error_errno(r,
                                "Failed to write the record of job %" PRIu64
                                ", it would be lost if jobletd ended now: %m",
                                j->record->id);
}

static int save_end(Job *j) {
        int r = record_save(j->manager->records_fd, j->record);

        if (r < 0)
                return r;
        j->unsaved = false;
        job_files_remove_outcome(&j->manager->files, j->record->id);
        return 0;
}

static int on_save_again(sd_event_source *source, uint64_t usec, void *userdata) {
        jobs_save_again(userdata);
        return 0;
}

void jobs_save_again(Manager *m) {
        int r = 0;

        m->save_timer = sd_event_source_disable_unref(m->save_timer);
        for (size_t i = m->n_jobs; r >= 0 && i > 0; i--) {
                Job *j = m->jobs[i - 1];

                if (!j->unsaved)
                        continue;
                r = save_end(j);
                if (r < 0)
                        break;
                (void) record_make_brief(j->record);
                log_info("The record of job %" PRIu64 " is written now.", j->record->id);
        }
        if (r < 0)
                r = sd_event_add_time_relative(m->event, &m->save_timer, CLOCK_MONOTONIC, SAVE_AGAIN_USEC, 0, on_save_again, m);
        if (r < 0)
                log_error_errno(r, "Failed to set a timer for the records of jobs, ignoring: %m");
}

void job_save_end(Job *j) {
        int r = save_end(j);

        if (r >= 0)
                return;
        log_error_errno(r, "Failed to write the record of job %" PRIu64 ", trying again until it can be: %m",
                        j->record->id);
        j->unsaved = true;
        if (!j->manager->save_timer)
                jobs_save_again(j->manager);
}

/* The command runs: from here on the daemon may go and come as it likes. */
static void on_command_started(Job *j) {
        j->phase = JOB_LIVE;
        j->record->state = JOB_RUNNING;
        j->record->started_usec = now_realtime();
        job_save(j);
        (void) record_make_brief(j->record);
        job_drop_start(j);
        event_job_started(j->record);
        job_answer_run(j);
        job_emit_changed(j);
}

static int on_leave_late(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *j = userdata;

        log_warning("The relay of job %" PRIu64 " does not end though its command has, stopping it.", j->record->id);
        job_stop_unit(j);
        return 0;
}

static void on_command_ended(Job *j, const RelayNotice *n) {
        int r;

        /* Nothing that comes can make a success out of it or unmake it, so whoever asks right now is
         * told; the figures follow */
        if (n->event == RELAY_EXITED && n->code == 0) {
                j->record->state = JOB_COMPLETED;
                j->record->result = JOB_RESULT_SUCCESS;
                j->record->exit_code = 0;
                j->record->finished_usec = now_realtime();
        }
        /* The relay exits now; see watch_relay_process() */
        r = sd_event_add_time_relative(j->manager->event, &j->live->leave_source, CLOCK_MONOTONIC, RELAY_LEAVES_USEC, 0, on_leave_late, j);
        if (r < 0)
                log_warning_errno(r, "Failed to set a timer for the relay of job %" PRIu64 ", ignoring: %m", j->record->id);
}

static int on_relay_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Job *j = userdata;

        job_drop_relay(j);
        job_stop_unit(j);
        return 0;
}

/* The end of the relay is the end of the job: only then its unit is looked after, so that PID 1 is not
 * told to stop what is just ending. */
static int watch_relay_process(Job *j, pid_t pid) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = pidfd_open(pid, 0);
        if (fd < 0)
                return -errno;
        r = sd_event_add_io(j->manager->event, &j->live->pidfd_source, fd, EPOLLIN, on_relay_exit, j);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(j->live->pidfd_source, true);
        if (r >= 0)
                TAKE_FD(fd);
        return r;
}

/* Gives the relay all that the command needs. */
static int hand_over(Job *j, uid_t uid) {
        RelayGo *go = &j->live->go;
        int r;

        r = job_files_give(&j->manager->files, j->record->id, uid, j->live->plan->user);
        if (r < 0)
                return log_error_errno(r, "Failed to give job %" PRIu64 " its workspace: %m", j->record->id);
        go->outcome_fd = job_files_open_outcome(&j->manager->files, j->record->id);
        if (go->outcome_fd < 0)
                return log_error_errno(go->outcome_fd, "Failed to open the outcome of job %" PRIu64 ": %m", j->record->id);
        go->listen_fd = job_files_listen(j->record->id);
        if (go->listen_fd < 0)
                return log_error_errno(go->listen_fd, "Failed to make the socket of job %" PRIu64 ": %m", j->record->id);
        go->command_fd = launch_write(j->live->plan->command, j->live->plan->environment);
        r = go->command_fd < 0 ? go->command_fd : relay_go_send(j->live->relay_fd, go);
        if (r < 0)
                return log_error_errno(r, "Failed to hand job %" PRIu64 " over to its relay: %m", j->record->id);
        /* What the relay has, nobody else may keep open */
        go->command_fd = safe_close(go->command_fd);
        go->listen_fd = safe_close(go->listen_fd);
        return 0;
}

/* The relay has arrived in its unit: its user is known now. */
static int on_hello(Job *j, const char *packet, uid_t uid, pid_t pid) {
        int r;

        if (!j->live->plan || uid == (uid_t) -1 || pid <= 0 || j->live->pidfd_source)
                return -EBADMSG;
        j->live->said_hello = true;
        r = watch_relay_process(j, pid);
        if (r < 0)
                return log_error_errno(r, "Failed to watch the relay of job %" PRIu64 ": %m", j->record->id);
        if (strlen(packet) == strlen("hello ") + 32) {
                free(j->record->invocation_id);
                j->record->invocation_id = strdup(packet + strlen("hello "));
                if (!j->record->invocation_id)
                        return -ENOMEM;
        }
        j->live->start = place_free(j->live->start); /* systemd's part is done */
        r = hand_over(j, uid);
        if (r < 0)
                (void) job_files_explain(r, &j->live->start_error);
        return r;
}

/* Whether a relay that has been taken over by its job would say that: it runs as the job's user, and is believed only
 * what it may say now. After a restart of the daemon it repeats what it said last. */
static bool is_out_of_order(const Job *j, const RelayNotice *n) {
        bool started = !j->live->plan, ended = j->live->notice.event != RELAY_STARTED;

        if (j->live->resumed)
                return false;
        if (!j->live->said_hello || ended)
                return true;
        return n->event == (started ? RELAY_STARTED : RELAY_EXITED);
}

static int on_packet(Job *j, const char *packet, uid_t uid, pid_t pid) {
        _cleanup_(relay_notice_done) RelayNotice notice = {};
        int r;

        if (++j->live->n_packets > RELAY_PACKETS_MAX)
                return -EBADMSG;
        if (strncmp(packet, "hello", strlen("hello")) == 0)
                return on_hello(j, packet, uid, pid);

        r = relay_notice_parse(packet, &notice);
        if (r < 0)
                return r;
        if (is_out_of_order(j, &notice))
                return -EBADMSG;
        relay_notice_done(&j->live->notice);
        j->live->notice = notice;
        notice = (RelayNotice) {};
        if (j->live->notice.event == RELAY_STARTED && j->phase == JOB_STARTING)
                on_command_started(j);
        else if (j->live->notice.event != RELAY_STARTED && j->phase < JOB_STOPPING && !j->live->leave_source)
                on_command_ended(j, &j->live->notice);
        return 0;
}

static int on_relay(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Job *j = userdata;
        int r;

        while (j->live && j->live->relay_fd >= 0) {
                _cleanup_free_ char *packet = NULL;
                uid_t uid = (uid_t) -1;
                pid_t pid = 0;
                int fds[RELAY_FDS_MAX];
                size_t n_fds = 0;

                r = relay_receive(j->live->relay_fd, &packet, fds, &n_fds, &uid, &pid);
                for (size_t i = 0; i < n_fds; i++)
                        safe_close(fds[i]); /* nobody is meant to send us any */
                if (r == -EAGAIN)
                        return 0;
                if (r > 0)
                        r = on_packet(j, packet, uid, pid);
                else
                        r = r < 0 ? r : -ECONNRESET;
                if (r < 0) {
                        /* The relay has gone, or talks nonsense: either way its unit tells the rest */
                        job_drop_relay(j);
                        job_stop_unit(j);
                }
        }
        return 0;
}

static int watch_relay(Job *j) {
        int r;

        r = sd_event_add_io(j->manager->event, &j->live->relay_source, j->live->relay_fd, EPOLLIN, on_relay, j);
        if (r < 0)
                return r;
        /* Before the bus: a client that learned of the end from the relay and asks finds it known here */
        return sd_event_source_set_priority(j->live->relay_source, SD_EVENT_PRIORITY_IMPORTANT);
}

static int on_reply_of_start(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Job *j = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);
        const char *path;

        job_drop_call(j);
        if (error) {
                log_error("Failed to start %s: %s", j->live->unit, error->message);
                /* If there was no answer in time it may start still */
                if (sd_bus_error_get_errno(error) == ENOSPC)
                        (void) job_files_explain(-ENOSPC, &j->live->start_error);
                else
                        j->live->start_error = strdup(error->message ?: error->name);
                job_stop_unit(j);
        } else if (sd_bus_message_read(m, "o", &path) >= 0)
                j->live->start_job = strdup(path); /* without it only the quickest failures go by unnoticed until the relay is gone */
        return 1;
}

void job_start(Job *j) {
        _cleanup_close_ int theirs = -EBADF;
        int fds[2], r;

        free(TAKE_PTR(j->live->start_job));
        free(TAKE_PTR(j->live->stop_job));
        j->live->start_done = j->live->unit_is_loaded = false;
        j->live->n_starts++;
        j->live->n_packets = 0;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
                job_fail_setup(j, strerror(errno));
                return;
        }
        j->live->relay_fd = fds[0];
        theirs = fds[1];

        r = setsockopt(j->live->relay_fd, SOL_SOCKET, SO_PASSCRED, &(int) { 1 }, sizeof(int)) < 0 ? -errno : watch_relay(j);
        if (r >= 0)
                r = unit_start(j->manager->bus, j->manager->calls, j->live->plan, theirs, on_reply_of_start, j,
                               &j->live->call);
        if (r < 0) {
                log_error_errno(r, "Failed to start %s: %m", j->live->unit);
                job_fail_setup(j, strerror(-r));
                return;
        }
        j->phase = JOB_STARTING;
}

static void on_start_granted(void *userdata) {
        job_start(userdata);
}

int job_submit(Job *j, Plan *plan, RelayGo *go, sd_bus_message *run) {
        int r;

        r = job_files_prepare(&j->manager->files, plan);
        if (r >= 0)
                r = record_save(j->manager->records_fd, j->record);
        if (r >= 0)
                r = manager_add_job(j->manager, j);
        if (r < 0) {
                job_files_remove(&j->manager->files, j->manager->event, plan->id);
                (void) record_remove(j->manager->records_fd, plan->id);
                return r;
        }
        j->live->plan = plan;
        j->live->go = *go;
        *go = RELAY_GO_NULL;
        j->live->run = sd_bus_message_ref(run);
        job_emit_new(j);
        r = share_wait(j->manager->starts, j->record->owner, 1, on_start_granted, j, &j->live->start);
        if (r < 0)
                job_fail_setup(j, strerror(-r));
        return 0;
}

void job_on_systemd_job_removed(Job *j, const char *systemd_job, const char *result) {
        if (!j->live)
                return;
        if (j->live->stop_job && strcmp(j->live->stop_job, systemd_job) == 0 && j->phase == JOB_STOPPING)
                job_on_stopped(j, /* unit_is_loaded= */ true);
        else if (j->live->start_job && strcmp(j->live->start_job, systemd_job) == 0) {
                if (strcmp(result, "done") == 0)
                        j->live->start_done = true;
                else
                        job_stop_unit(j);
        }
}

/* What the relay says, and what it is told, goes on as if nothing had been. */
static int call_relay(Job *j) {
        int r;

        j->live->relay_fd = job_files_connect(j->record->id);
        r = j->live->relay_fd < 0 ? j->live->relay_fd : watch_relay(j);
        if (r < 0)
                j->live->relay_fd = safe_close(j->live->relay_fd);
        return r;
}

void job_resume(Job *j, bool unit_exists, bool unit_lives, pid_t main_pid) {
        int r;

        j->live->resumed = true;
        if (!unit_exists) {
                j->phase = JOB_STOPPING;
                job_on_stopped(j, /* unit_is_loaded= */ false);
                return;
        }
        j->phase = j->record->state == JOB_INITIALIZING ? JOB_STARTING : JOB_LIVE;
        r = unit_lives && main_pid > 0 ? watch_relay_process(j, main_pid) : -ESRCH;
        if (r >= 0 && call_relay(j) < 0 && j->phase == JOB_LIVE)
                log_warning("The relay of job %" PRIu64 " cannot be reached, its end is noticed all the same", j->record->id);
        if (r < 0 && r != -ESRCH)
                log_error_errno(r, "Failed to watch %s, its end is noticed at the next start only: %m",
                                j->live->unit);
        /* The former daemon may have died between saying that it would and doing it */
        if (r == -ESRCH || j->record->stop_usec > 0)
                job_stop_unit(j);
}

bool job_has_ended(const Job *j) {
        if (!job_is_live(j) || job_state_is_final(j->record->state))
                return true;
        return j->live->notice.event != RELAY_STARTED || (j->phase >= JOB_STOPPING && j->record->stop_usec == 0);
}

bool job_is_settling(const Job *j) {
        return job_is_live(j) && (j->phase >= JOB_STOPPING || j->live->notice.event != RELAY_STARTED);
}

void job_stop(Job *j) {
        if (j->record->stop_usec == 0) {
                j->record->stop_usec = now_monotonic();
                job_save(j);
        }
        if (j->phase == JOB_WAITING)
                job_conclude_unstarted(j);
        else
                job_stop_unit(j);
}

int job_kill(Job *j, int signo) {
        _cleanup_free_ char *packet = NULL;
        int r;

        if (j->live->relay_fd < 0)
                return -ENOTCONN;
        if (asprintf(&packet, "signal %d", signo) < 0)
                return -ENOMEM;
        r = relay_send(j->live->relay_fd, packet);
        return r == -EAGAIN ? -EBUSY : r;
}
