/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "atomic-file.h"
#include "bus.h"
#include "child.h"
#include "host.h"
#include "job.h"
#include "log.h"
#include "runtime-life.h"
#include "settling.h"
#include "unit.h"

#define ID_RESERVE 256U /* how many ids are reserved ahead on disk */

static uint64_t now(clockid_t clock) {
        struct timespec ts;

        (void) clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

uint64_t now_realtime(void) {
        return now(CLOCK_REALTIME);
}

uint64_t now_monotonic(void) {
        return now(CLOCK_MONOTONIC);
}

/* Ids never repeat, not even if records are deleted, the daemon is killed or power fails. /run keeps the
 * last one exactly for this boot; on disk there is a ceiling, written ahead and synchronized once per
 * ID_RESERVE jobs, which is where a boot after a crash goes on. A shutdown in order lowers it to the next
 * id. */
static int read_number(const char *path, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        int r;

        r = file_read_at(AT_FDCWD, path, 64, &text, NULL);
        if (r < 0)
                return r;
        n = strlen(text);
        if (n < 2 || text[n - 1] != '\n')
                return -EBADMSG;
        text[n - 1] = 0;
        return job_id_parse(text, ret) < 0 ? -EBADMSG : 0;
}

static int write_number(const char *directory, const char *name, uint64_t value, bool sync) {
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *text = NULL;

        if (fd < 0)
                return -errno;
        if (asprintf(&text, "%" PRIu64 "\n", value) < 0)
                return -ENOMEM;
        return atomic_file_write_at(fd, name, text, strlen(text), 0600, sync);
}

/* One of these files may have been damaged: numbering then goes on where certainly no job has been. */
static void load_ids(Manager *m) {
        uint64_t highest = m->n_jobs > 0 ? m->jobs[m->n_jobs - 1]->record->id : 0, last = 0, ceiling = 0;
        int next_r = read_number(PKGSTATEDIR "/next-id", &ceiling), last_r = read_number(PKGRUNDIR "/last-id", &last);
        bool odd = (next_r < 0 && next_r != -ENOENT) || (last_r < 0 && last_r != -ENOENT) ||
                   (next_r == -ENOENT && highest > 0);

        if (next_r < 0)
                ceiling = 0;
        /* what is reserved is never further away than that */
        if (last_r >= 0 && next_r >= 0 && (last + ID_RESERVE + 1 < ceiling || last > ceiling + ID_RESERVE)) {
                odd = true;
                last_r = -EBADMSG;
        }
        if (last_r < 0)
                last = ceiling > 0 ? ceiling - 1 : odd ? highest + ID_RESERVE : 0;

        m->id_ceiling = ceiling;
        m->last_id = highest > last ? highest : last;
        if (odd)
                log_warning("%s or %s is damaged or does not fit the records, going on with job %" PRIu64,
                            PKGSTATEDIR "/next-id", PKGRUNDIR "/last-id", m->last_id + 1);
}

int manager_allocate_id(Manager *m, uint64_t *ret) {
        uint64_t id = m->last_id + 1;
        int r;

        if (id > JOB_ID_MAX)
                return log_error_errno(-EOVERFLOW, "There are no more numbers for jobs: %m");
        if (id >= m->id_ceiling) {
                r = write_number(PKGSTATEDIR, "next-id", id + ID_RESERVE, /* sync= */ true);
                if (r < 0)
                        return log_error_errno(r, "Failed to reserve job ids: %m");
                m->id_ceiling = id + ID_RESERVE;
        }
        r = write_number(PKGRUNDIR, "last-id", id, false);
        if (r < 0)
                return log_error_errno(r, "Failed to note the last job id: %m");
        m->last_id = id;
        *ret = id;
        return 0;
}

static size_t find_position(const Manager *m, uint64_t id) {
        size_t low = 0, high = m->n_jobs;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (m->jobs[middle]->record->id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

Job* manager_find_job(Manager *m, uint64_t id) {
        size_t i = find_position(m, id);

        return i < m->n_jobs && m->jobs[i]->record->id == id ? m->jobs[i] : NULL;
}

Job* manager_find_request(Manager *m, uid_t owner, const char *request_id) {
        for (size_t i = m->n_jobs; i > 0; i--) {
                const Record *r = m->jobs[i - 1]->record;

                if (r->owner == owner && r->request_id && strcmp(r->request_id, request_id) == 0)
                        return m->jobs[i - 1];
        }
        return NULL;
}

int manager_add_job(Manager *m, Job *j) {
        size_t i = find_position(m, j->record->id);
        Job **larger;
        int r;

        /* Whether there is room for it was asked before it was accepted; see check_limits() */
        r = job_is_live(j) ? share_take_over(m->live, j->record->owner, 1, &j->live->place) : 0;
        if (r < 0)
                return r;
        larger = reallocarray(m->jobs, m->n_jobs + 1, sizeof *larger);
        if (!larger)
                return -ENOMEM;
        m->jobs = larger;
        memmove(m->jobs + i + 1, m->jobs + i, (m->n_jobs - i) * sizeof *m->jobs);
        m->jobs[i] = j;
        m->n_jobs++;
        return 0;
}

void manager_remove_job(Manager *m, Job *j) {
        size_t i = find_position(m, j->record->id);

        if (i < m->n_jobs && m->jobs[i] == j) {
                memmove(m->jobs + i, m->jobs + i + 1, (m->n_jobs - i - 1) * sizeof *m->jobs);
                m->n_jobs--;
        }
        job_free(j);
}

static int load_record(Manager *m, uint64_t id) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(job_freep) Job *j = NULL;
        int r;

        r = record_load(m->records_fd, id, /* whole= */ false, &record);
        if (r < 0 && r != -ENOMEM) {
                /* One that cannot be read must not keep all the others from being served */
                log_error_errno(r, "The record of job %" PRIu64 " cannot be read, ignoring it: %s/jobs/%" PRIu64 ": %m", id,
                                PKGSTATEDIR, id);
                return 0;
        }
        if (r >= 0)
                r = job_new(m, record, &j);
        if (r < 0)
                return r;
        TAKE_PTR(record);
        r = manager_add_job(m, j);
        if (r >= 0)
                TAKE_PTR(j);
        return r;
}

static int load_records(Manager *m) {
        _cleanup_free_ uint64_t *ids = NULL;
        size_t n = 0;
        int r;

        r = job_files_list(m->records_fd, &ids, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                r = load_record(m, ids[i]);
                if (r < 0)
                        return log_error_errno(r, "Failed to load the record of job %" PRIu64 ": %m", ids[i]);
        }
        return 0;
}

static int open_state(Manager *m) {
        int r;

        if (mkdir(PKGSTATEDIR, 0755) < 0 && errno != EEXIST)
                return log_error_errno(-errno, "Failed to create %s: %m", PKGSTATEDIR);
        if (mkdir(PKGSTATEDIR "/jobs", 0700) < 0 && errno != EEXIST)
                return log_error_errno(-errno, "Failed to create %s: %m", PKGSTATEDIR "/jobs");
        m->records_fd = open(PKGSTATEDIR "/jobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (m->records_fd < 0)
                return log_error_errno(-errno, "Failed to open %s: %m", PKGSTATEDIR "/jobs");
        r = job_files_open(&m->files);
        if (r < 0)
                return log_error_errno(r, "Failed to open the directories of jobs: %m");
        r = atomic_files_sweep(m->records_fd);
        if (r < 0)
                log_warning_errno(r, "Failed to remove what is left of records that were being written, ignoring: %m");
        r = load_records(m);
        if (r >= 0)
                load_ids(m);
        return r;
}

static int match_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Manager *m = userdata;
        const char *path, *unit, *result;
        uint64_t id;
        Job *j;
        int r;

        r = sd_bus_message_read(message, "uoss", NULL, &path, &unit, &result);
        if (r < 0) {
                log_warning_errno(r, "Failed to read a signal of systemd, ignoring: %m");
                return 0;
        }
        if (unit_name_to_id(unit, &id) >= 0 && (j = manager_find_job(m, id)))
                job_on_systemd_job_removed(j, path, result);
        return 0;
}

/* PID 1 sends this if anybody is subscribed to it, logind is nearly everywhere. What was lost meanwhile is asked for. */
static int match_reloading(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Manager *m = userdata;
        int begins, r;

        r = sd_bus_message_read(message, "b", &begins);
        for (size_t i = 0; r >= 0 && !begins && i < m->n_jobs; i++)
                if (job_is_live(m->jobs[i]))
                        job_ask_again(m->jobs[i]);
        return 0;
}

static int match_name_lost(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Manager *m = userdata;
        const char *name;

        if (sd_bus_message_read(message, "s", &name) >= 0 && name[0] == ':') {
                waiters_forget(m, name);
                settling_forget(m, name);
                authority_forget_sender(m->authority, name);
        }
        return 0;
}

static int watch_bus(Manager *m) {
        int r;

        /* PID 1 sends this for the jobs that we queue ourselves, whether or not anybody is subscribed */
        r = sd_bus_match_signal_async(m->bus, NULL, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                      "org.freedesktop.systemd1.Manager", "JobRemoved", match_job_removed, NULL, m);
        if (r >= 0)
                r = sd_bus_match_signal_async(m->bus, NULL, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                              "org.freedesktop.systemd1.Manager", "Reloading", match_reloading, NULL, m);
        /* One for all: hundreds of matches for single names would be too many for dbus-daemon */
        if (r >= 0)
                r = sd_bus_add_match_async(m->bus, NULL,
                                           "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                           "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
                                           match_name_lost, NULL, m);
        return r;
}

static int connect_bus(Manager *m) {
        int r;

        r = sd_bus_default_system(&m->bus);
        if (r < 0)
                return log_error_errno(r, "Failed to connect to the system bus: %m");
        r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return log_error_errno(r, "Failed to attach the bus to the event loop: %m");
        (void) sd_bus_set_exit_on_disconnect(m->bus, true);

        r = watch_bus(m);
        if (r < 0)
                return log_error_errno(r, "Failed to watch the signals of systemd and the bus: %m");
        r = calls_new(m->bus, &m->calls);
        if (r < 0)
                return log_error_errno(r, "Failed to set up the calls to systemd: %m");
        r = authority_new(m->bus, &m->authority);
        if (r < 0)
                return r;
        r = bus_register(m);
        if (r < 0)
                return log_error_errno(r, "Failed to register the objects on the bus: %m");
        return host_policy(m->bus, &m->settings, &m->policy);
}

/* Of units that PID 1 sets up at one time more than these make none of them quicker: setting up takes two
 * processes' work each, and PID 1 does its part one after the other. But who comes has to wait for all
 * that are under way. */
static unsigned starts_max(void) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);

        return n < 2 ? 4 : n > 16 ? 32 : 2 * (unsigned) n;
}

static int make_shares(Manager *m) {
        unsigned starts = starts_max();
        int r;

        r = share_new(&(ShareLimits) { JOBS_LIVE_MAX, JOBS_LIVE_PER_OWNER_MAX, 0 }, &m->live);
        if (r >= 0)
                r = share_new(&(ShareLimits) { JOBS_SIZE_MAX, JOBS_SIZE_PER_OWNER_MAX, 0 }, &m->sizes);
        if (r >= 0)
                r = share_new(&(ShareLimits) { starts, starts - 1, JOBS_LIVE_MAX }, &m->starts);
        return r;
}

int manager_new(Manager **ret) {
        _cleanup_(manager_freep) Manager *m = NULL;
        int r;

        m = malloc(sizeof *m);
        if (!m)
                return -ENOMEM;
        *m = (Manager) {
                .records_fd = -EBADF,
                .files = JOB_FILES_NULL,
        };
        r = sd_event_default(&m->event);
        if (r < 0)
                return r;
        r = make_shares(m);
        if (r < 0)
                return r;
        r = settings_load(PKGSYSCONFDIR, &m->settings);
        if (r < 0)
                return r;
        r = store_new(NULL, &m->store);
        if (r < 0)
                return r;
        r = open_state(m);
        if (r < 0)
                return r;
        r = connect_bus(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

Manager* manager_free(Manager *m) {
        if (!m)
                return NULL;
        settling_forget_all(m);
        share_close(m->starts); /* what waits still begins with the next daemon */
        for (size_t i = 0; i < m->n_jobs; i++)
                job_free(m->jobs[i]);
        free(m->jobs);
        sd_event_source_disable_unref(m->save_timer);
        children_free();
        calls_free(m->calls);
        share_free(m->starts);
        share_free(m->sizes);
        share_free(m->live);
        authority_free(m->authority);
        sd_bus_flush_close_unref(m->bus);
        runtime_view_drop(m);
        store_free(m->store);
        policy_done(&m->policy);
        job_files_close(&m->files);
        safe_close(m->records_fd);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}

/* Which process of a unit to watch. Blocks: for the start of the daemon only. */
static pid_t read_main_pid(Manager *m, const char *unit_path) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        uint32_t pid = 0;
        int r;

        r = sd_bus_get_property_trivial(m->bus, "org.freedesktop.systemd1", unit_path,
                                        "org.freedesktop.systemd1.Service", "MainPID", &error, 'u', &pid);
        if (r < 0)
                log_warning_errno(r, "Failed to read the main process of %s, ignoring: %s", unit_path,
                                  error.message ?: strerror(-r));
        return (pid_t) pid;
}

static int on_leftover_stopped(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (error)
                log_warning("Failed to stop the unit of a job that is over, ignoring: %s", error->message);
        return 1;
}

static int resume_unit(Manager *m, const char *unit, const char *active_state, const char *unit_path) {
        bool lives = strcmp(active_state, "active") == 0 || strcmp(active_state, "activating") == 0;
        uint64_t id;
        Job *j;

        if (unit_name_to_id(unit, &id) < 0)
                return 0;
        j = manager_find_job(m, id);
        if (j && j->phase == JOB_WAITING)
                job_resume(j, true, lives, lives ? read_main_pid(m, unit_path) : 0);
        else if (strcmp(active_state, "failed") == 0)
                return unit_reset_failed(m->bus, unit); /* settled, but the daemon ended before it could say so */
        else if (j && lives) {
                log_warning("%s runs although its job is over, stopping it", unit);
                return unit_stop(m->bus, m->calls, j->record->owner, unit, on_leftover_stopped, NULL, NULL);
        } else if (!j)
                log_warning("%s runs but there is no record of it, leaving it alone", unit);
        return 0;
}

/* The records say what was asked and what came of it, PID 1 says what runs. */
static int reconcile(Manager *m) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *units = NULL;
        const char *unit, *active_state, *path;
        int r;

        r = unit_list_jobs(m->bus, &units, &error);
        if (r < 0)
                return log_error_errno(r, "Failed to list the units of jobs: %s",
                                       error.message ?: strerror(-r));
        r = sd_bus_message_enter_container(units, 'a', "(ssssssouso)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(units, "(ssssssouso)", &unit, NULL, NULL, &active_state, NULL, NULL,
                                        &path, NULL, NULL, NULL)) > 0) {
                r = resume_unit(m, unit, active_state, path);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        /* Backwards, since a job that never began goes away */
        for (size_t i = m->n_jobs; i > 0; i--)
                if (m->jobs[i - 1]->phase == JOB_WAITING)
                        job_resume(m->jobs[i - 1], false, false, 0);
        return 0;
}

static bool is_wanted(uint64_t id, void *userdata) {
        Job *j = manager_find_job(userdata, id);

        return j && (job_is_live(j) || j->unsaved);
}

int manager_startup(Manager *m) {
        int r;

        r = reconcile(m);
        if (r < 0)
                return r;
        r = job_files_sweep(&m->files, m->event, is_wanted, m);
        if (r < 0)
                return log_error_errno(r, "Failed to clean up after former jobs: %m");
        runtimes_sweep(m, /* unfinished= */ true);
        /* Only now: whoever calls finds everything in its place */
        r = sd_bus_request_name(m->bus, "org.joblet", 0);
        if (r < 0)
                return log_error_errno(r, "Failed to acquire the name org.joblet on the bus: %m");
        return 0;
}

int manager_reload(Manager *m) {
        Settings settings;
        int r;

        r = settings_load(PKGSYSCONFDIR, &settings);
        if (r < 0)
                return r;
        m->settings = settings;
        policy_set(&m->policy, &settings);
        return 0;
}

void manager_shutdown(Manager *m) {
        int r = write_number(PKGSTATEDIR, "next-id", m->last_id + 1, /* sync= */ true);

        jobs_save_again(m);
        if (r < 0)
                log_warning_errno(r, "Failed to write the next job id, ignoring: %m");
}
