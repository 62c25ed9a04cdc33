/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* joblet-log: writes the lines of one job from the journal to standard output, in the Journal Export
 * Format, and LOG_END_FIELD= as a last entry when that was all. Started by jobletd, which has checked that
 * whoever reads the other end may do so. Standard input is a pipe that is closed when the job is over. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "cleanup.h"
#include "journal-sync.h"
#include "log-stream.h"
#include "log.h"

/* Journald does not get to answer while others write without a pause. What is there now of a job that runs is wanted at
 * once; what it was given of one that ended is waited for, as long as some of it comes. */
#define SYNC_RUNNING_MSEC 250
#define SYNC_STEP_MSEC 2000
#define SYNC_STEPS_MAX 5U /* without anything new */

static const char *arg_unit, *arg_invocation, *arg_after_cursor;
static bool arg_follow, arg_wait, arg_ended;
static uint64_t arg_settled, arg_lines = UINT64_MAX, arg_since, arg_entries = UINT64_MAX;

static uint64_t n_written;     /* entries */
static char *last_cursor;      /* of the last entry that is wanted; NULL: all that come */
static uint64_t last_realtime;

/* Until the job is over. Returns false if nobody wants its log any more. */
static bool wait_for_end(void) {
        struct pollfd fds[] = {
                { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = STDOUT_FILENO },
        };

        while (poll(fds, ELEMENTSOF(fds), -1) < 0)
                if (errno != EINTR)
                        return true;
        return fds[0].revents;
}

static int add_match(sd_journal *j, const char *field, const char *value) {
        _cleanup_free_ char *match = NULL;

        if (asprintf(&match, "%s=%s", field, value) < 0)
                return -ENOMEM;
        return sd_journal_add_match(j, match, 0);
}

/* Only what came through the unit's own streams: these fields are journald's word, not the job's. */
static int open_journal(sd_journal **ret) {
        _cleanup_(sd_journal_closep) sd_journal *j = NULL;
        int r;

        r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r >= 0)
                r = add_match(j, "_SYSTEMD_UNIT", arg_unit);
        if (r >= 0)
                r = add_match(j, "_TRANSPORT", "stdout");
        if (r >= 0)
                r = sd_journal_get_fd(j); /* else files that are new since are not seen */
        if (r < 0)
                return log_error_errno(r, "Failed to open the journal: %m");
        *ret = TAKE_PTR(j);
        return 0;
}

/* Notes what the last entry is by now: a job may write faster than its log is read. */
static int note_last(sd_journal *j) {
        int r;

        r = sd_journal_seek_tail(j);
        if (r >= 0)
                r = sd_journal_previous(j);
        if (r <= 0)
                return r;
        r = sd_journal_get_cursor(j, &last_cursor);
        return r < 0 ? r : sd_journal_get_realtime_usec(j, &last_realtime);
}

/* Positions before the first entry wanted. */
static int seek(sd_journal *j) {
        int r;

        if (arg_after_cursor) {
                r = sd_journal_seek_cursor(j, arg_after_cursor);
                if (r >= 0)
                        r = sd_journal_next(j);
                /* The entry itself was delivered; if it has been rotated away, this is already the next
                 * one */
                return r > 0 && sd_journal_test_cursor(j, arg_after_cursor) == 0 ? sd_journal_previous(j) : r;
        }
        if (arg_lines != UINT64_MAX) {
                r = sd_journal_seek_tail(j);
                if (r >= 0)
                        r = sd_journal_previous_skip(j, arg_lines + 1);
                return r < 0 || (uint64_t) r > arg_lines ? r : sd_journal_seek_head(j);
        }
        return arg_since > 0 ? sd_journal_seek_realtime_usec(j, arg_since) : sd_journal_seek_head(j);
}

static int write_field(sd_journal *j, const char *field) {
        const void *data;
        size_t size, prefix = strlen(field) + 1;
        uint64_t le;
        int r;

        r = sd_journal_get_data(j, field, &data, &size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (!memchr(data, '\n', size)) {
                (void) fwrite(data, size, 1, stdout);
        } else {
                le = htole64(size - prefix);
                (void) fprintf(stdout, "%s\n", field);
                (void) fwrite(&le, sizeof le, 1, stdout);
                (void) fwrite((const char*) data + prefix, size - prefix, 1, stdout);
        }
        (void) fputc('\n', stdout);
        return 0;
}

/* Of a job with the same number, before the state directory was lost? journald cannot tell the invocation
 * of a process that was gone when it looked: such lines are taken. */
static bool is_of_another(sd_journal *j) {
        static const char field[] = "_SYSTEMD_INVOCATION_ID=";
        const size_t n = sizeof field - 1;
        const void *data;
        size_t size;

        if (!arg_invocation || sd_journal_get_data(j, "_SYSTEMD_INVOCATION_ID", &data, &size) < 0)
                return false;
        return size != n + strlen(arg_invocation) ||
               memcmp((const char*) data + n, arg_invocation, size - n) != 0;
}

/* Returns whether more are wanted behind it. */
static int write_entry(sd_journal *j) {
        static const char *const fields[] = { "PRIORITY", "_LINE_BREAK", "MESSAGE" };
        _cleanup_free_ char *cursor = NULL;
        uint64_t realtime;
        int r;

        r = sd_journal_get_cursor(j, &cursor);
        if (r >= 0)
                r = sd_journal_get_realtime_usec(j, &realtime);
        if (r < 0)
                return r;
        (void) fprintf(stdout, "__CURSOR=%s\n__REALTIME_TIMESTAMP=%" PRIu64 "\n", cursor, realtime);
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                r = write_field(j, fields[i]);
                if (r < 0)
                        return r;
        }
        (void) fputc('\n', stdout);
        n_written++;
        return arg_follow || ((arg_lines == UINT64_MAX || n_written < arg_lines) &&
                              (!last_cursor || (realtime <= last_realtime && strcmp(cursor, last_cursor) != 0)));
}

static int write_entries(sd_journal *j) {
        int r = 0;

        if (!arg_follow && arg_lines == 0)
                return 0;
        while ((r = sd_journal_next(j)) > 0) {
                if (is_of_another(j))
                        continue;
                r = write_entry(j);
                if (r < 0)
                        return log_error_errno(r, "Failed to read an entry of the journal: %m");
                if (r == 0 || ferror(stdout))
                        break;
        }
        if (r < 0)
                return log_error_errno(r, "Failed to read the journal: %m");
        return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EPIPE;
}

/* Goes on until the job is over. */
static int follow(sd_journal *j) {
        struct pollfd fds[] = {
                { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = sd_journal_get_fd(j) },
                { .fd = STDOUT_FILENO }, /* for an error: nobody reads any more */
        };
        int r;

        if (fds[1].fd < 0)
                return log_error_errno(fds[1].fd, "Failed to watch the journal: %m");
        for (;;) {
                r = sd_journal_get_events(j);
                if (r < 0)
                        return log_error_errno(r, "Failed to watch the journal: %m");
                fds[1].events = (short) r;
                if (poll(fds, ELEMENTSOF(fds), 1000) < 0 && errno != EINTR)
                        return log_error_errno(-errno, "Failed to wait for the journal: %m");
                if (fds[2].revents & POLLERR)
                        return 0;
                if (fds[0].revents)
                        return 0;
                r = sd_journal_process(j);
                if (r >= 0)
                        r = write_entries(j);
                if (r < 0)
                        return r;
        }
}

/* Before when what is wanted was written. */
static uint64_t written_until(void) {
        return arg_settled > 0 ? arg_settled : monotonic_now();
}

/* What journald has not yet written down, as long as there comes some of it. */
static int write_rest(sd_journal *j) {
        uint64_t until = written_until();
        unsigned n_idle = 0;
        bool synchronized;
        int r;

        do {
                uint64_t n = n_written;

                synchronized = journal_sync(until, SYNC_STEP_MSEC);
                r = sd_journal_process(j);
                if (r < 0)
                        return log_error_errno(r, "Failed to read the journal: %m");
                r = write_entries(j);
                n_idle = n_written > n ? 0 : n_idle + 1;
        } while (r >= 0 && !synchronized && n_written < arg_entries && n_idle < SYNC_STEPS_MAX);
        return r;
}

static int count_entries(sd_journal *j, uint64_t *ret) {
        int r;

        *ret = 0;
        r = sd_journal_process(j);
        if (r >= 0)
                r = sd_journal_seek_head(j);
        while (r >= 0 && (r = sd_journal_next(j)) > 0)
                *ret += !is_of_another(j);
        return r;
}

/* Before the place is looked for where to begin: the last lines are to be the last. */
static int wait_for_rest(sd_journal *j) {
        uint64_t until = written_until(), n = 0;
        unsigned n_idle = 0;
        int r = 0;

        if (!arg_ended && !arg_wait) {
                (void) journal_sync(until, SYNC_RUNNING_MSEC);
                return 0;
        }
        while (r >= 0 && n_idle < SYNC_STEPS_MAX && !journal_sync(until, SYNC_STEP_MSEC)) {
                uint64_t last = n;

                r = count_entries(j, &n);
                if (r >= 0 && arg_entries != UINT64_MAX && n >= arg_entries)
                        break;
                n_idle = n > last ? 0 : n_idle + 1;
        }
        return r;
}

static int run(void) {
        _cleanup_(sd_journal_closep) sd_journal *j = NULL;
        bool counted = arg_entries != UINT64_MAX && arg_lines == UINT64_MAX && arg_since == 0 && !arg_after_cursor;
        int r;

        if (arg_wait && !wait_for_end())
                return 0;
        r = open_journal(&j);
        if (r < 0)
                return r;
        if (!counted)
                r = wait_for_rest(j);
        if (r >= 0 && !arg_follow && !arg_ended && !arg_wait)
                r = note_last(j);
        if (r >= 0)
                r = seek(j);
        if (r < 0)
                return log_error_errno(r, "Failed to find the place in the journal: %m");
        r = write_entries(j);
        if (r >= 0 && counted && n_written < arg_entries)
                r = write_rest(j);
        if (r >= 0 && arg_follow) {
                r = follow(j);
                if (r >= 0)
                        r = write_rest(j);
        }
        if (r < 0)
                return r;
        /* Without this whoever reads it knows that it is not all. */
        (void) fputs(LOG_END_FIELD "=1\n\n", stdout);
        return fflush(stdout) == 0 ? 0 : -EPIPE;
}

static int parse_argv(int argc, char *argv[]) {
        static const struct option options[] = {
                { "unit",         required_argument, NULL, 'u' },
                { "invocation",   required_argument, NULL, 'I' },
                { "follow",       no_argument,       NULL, 'f' },
                { "lines",        required_argument, NULL, 'n' },
                { "since",        required_argument, NULL, 'S' },
                { "settled",      required_argument, NULL, 't' },
                { "after-cursor", required_argument, NULL, 'c' },
                { "wait",         no_argument,       NULL, 'w' },
                { "ended",        no_argument,       NULL, 'e' },
                { "entries",      required_argument, NULL, 'E' },
                {}
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'u':
                        arg_unit = optarg;
                        break;
                case 'I':
                        arg_invocation = optarg;
                        break;
                case 'f':
                        arg_follow = true;
                        break;
                case 'n':
                        arg_lines = strtoull(optarg, NULL, 10);
                        break;
                case 't':
                        arg_settled = strtoull(optarg, NULL, 10);
                        break;
                case 'S':
                        arg_since = strtoull(optarg, NULL, 10);
                        break;
                case 'c':
                        arg_after_cursor = optarg;
                        break;
                case 'w':
                        arg_wait = true;
                        break;
                case 'e':
                        arg_ended = true;
                        break;
                case 'E':
                        arg_entries = strtoull(optarg, NULL, 10);
                        break;
                default:
                        return -EINVAL;
                }
        return arg_unit ? 0 : log_error_errno(-EINVAL, "joblet-log is started by jobletd");
}

int main(int argc, char *argv[]) {
        int r;

        r = parse_argv(argc, argv);
        if (r >= 0)
                r = run();
        return r < 0 && r != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
}
