/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx log: lines of stdout go to stdout, lines of stderr to stderr. A stream that breaks off, since
 * jobletd was restarted, is taken up behind the last line that came. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bus.h"
#include "export-format.h"
#include "format.h"
#include "job-name.h"
#include "job.h"
#include "json.h"
#include "log.h"
#include "pager.h"
#include "rnx.h"
#include "terminal.h"
#include "text.h"

#define PRIORITY_STDERR 3
#define BROKEN_MAX 20U
#define REOPEN_PAUSE_USEC 200000U

static LogQuery arg_query = { .lines = UINT64_MAX };
static bool arg_timestamps = false, arg_stdout = false, arg_stderr = false;

const Option log_options[] = {
        { 'f', "follow",     NULL,   "go on until the job has ended",                   option_set_true,   &arg_query.follow     },
        { 'n', "tail",       "N",    "only the last N lines",                           option_set_number, &arg_query.lines      },
        { 0,   "since",      "TIME", "only lines since then (10min ago, today, 14:30)", option_set_time,   &arg_query.since_usec },
        { 't', "timestamps", NULL,   "begin each line with its time",                   option_set_true,   &arg_timestamps       },
        { 0,   "stdout",     NULL,   "only what the job wrote to its standard output",  option_set_true,   &arg_stdout           },
        { 0,   "stderr",     NULL,   "only what the job wrote to its standard error",   option_set_true,   &arg_stderr           },
        {}
};

static int query_append(sd_bus_message *m, const LogQuery *q) {
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0 && q->follow)
                r = sd_bus_message_append(m, "{sv}", "Follow", "b", true);
        if (r >= 0 && q->lines != UINT64_MAX)
                r = sd_bus_message_append(m, "{sv}", "Lines", "t", q->lines);
        if (r >= 0 && q->since_usec > 0)
                r = sd_bus_message_append(m, "{sv}", "SinceUSec", "t", q->since_usec);
        if (r >= 0 && q->cursor)
                r = sd_bus_message_append(m, "{sv}", "AfterCursor", "s", q->cursor);
        return r >= 0 ? sd_bus_message_close_container(m) : r;
}

int log_open(uint64_t id, const LogQuery *query, int *ret_fd) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        char path[64];
        int r, fd;

        job_path(id, path);
        r = bus_call_new(path, JOB_INTERFACE, "OpenLog", &m);
        if (r < 0)
                return r;
        r = query_append(m, query);
        if (r < 0)
                return bus_error_print(NULL, r);
        r = bus_call(m, &error, &reply);
        if (r < 0)
                return job_error_print(id, &error, r);
        r = sd_bus_message_read(reply, "h", &fd);
        if (r < 0)
                return bus_error_print(NULL, r);
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return log_error(-errno, "cannot keep the log of job %" PRIu64 ": %m", id);
        *ret_fd = fd;
        return 0;
}

static int output_error; /* of the first writing that failed */

static void outputs_flush(void) {
        if ((fflush(stdout) != 0 || fflush(stderr) != 0) && output_error == 0)
                output_error = -errno;
}

/* Where a line goes. Where both streams end in the same terminal or file, their order must stay. */
static FILE* line_output(const LogEntry *e) {
        static FILE *last = NULL;
        FILE *f = e->priority == PRIORITY_STDERR && arg_stdout == arg_stderr && !pager_is_open() ? stderr : stdout;

        if (last && last != f)
                outputs_flush();
        last = f;
        return f;
}

static int line_print_json(const LogEntry *e, const char *message, size_t size) {
        _cleanup_json_ json_object *o = json_object_new_object();
        static const char *const ends[] = { "newline", "none" };

        if (!o || json_add_uint(o, "timestamp", e->realtime) < 0 ||
            json_add_string(o, "stream", e->priority == PRIORITY_STDERR ? "stderr" : "stdout") < 0 ||
            json_add(o, "message", json_text(message, size)) < 0 ||
            json_add_string(o, "line_end", ends[e->end]) < 0 ||
            json_add(o, "cursor", json_text(e->cursor ?: "", e->cursor_size)) < 0)
                return log_oom();
        return json_print(stdout, o);
}

/* Whether somebody may see what is written: it must not do anything else to the terminal. */
static bool is_terminal(FILE *f) {
        static int terminals[2] = { -1, -1 };
        int *t = terminals + (f == stderr);

        if (*t < 0)
                *t = on_tty(fileno(f)) || (f == stdout && pager_is_open());
        return *t;
}

static int line_print(const LogEntry *e) {
        static bool at_start[2] = { true, true };
        bool is_stderr = e->priority == PRIORITY_STDERR;
        const char *message = e->message ?: "";
        size_t size = log_line_size(e);
        _cleanup_free_ char *safe = NULL;
        FILE *f;

        if (arg_stdout != arg_stderr && arg_stderr != is_stderr)
                return 0;
        if (arg_json != JSON_OFF)
                return line_print_json(e, message, size);

        f = line_output(e);
        if (arg_timestamps && at_start[is_stderr]) {
                char time[48];

                timestamp_format_precise(e->realtime, time);
                fputs_unlocked(time, f);
                fputc_unlocked(' ', f);
        }
        if (is_terminal(f)) {
                safe = text_for_terminal(message, size, &size);
                if (!safe)
                        return log_oom();
        }
        (void) fwrite_unlocked(safe ?: message, 1, size, f);
        if (e->end != LINE_END_NONE)
                fputc_unlocked('\n', f);
        at_start[is_stderr] = e->end != LINE_END_NONE;
        if (ferror(f) && output_error == 0)
                output_error = -errno;
        return output_error;
}

/* Prints one stream to its end. Returns the number of entries in *n, 0, -EPIPE if it broke off, or another
 * negative errno. */
static int stream_print(int fd, char **cursor, uint64_t *n) {
        _cleanup_(export_reader_done) ExportReader reader = { .fd = fd, .before_wait = outputs_flush };
        _cleanup_free_ char *last = NULL;
        size_t last_size = 0;
        LogEntry e;
        int r;

        while ((r = export_read(&reader, &e)) > 0) {
                r = line_print(&e);
                if (r < 0)
                        return r;
                (*n)++;
                if (e.cursor_size >= last_size) {
                        char *grown = realloc(last, e.cursor_size + 64);

                        if (!grown)
                                return -ENOMEM;
                        last = grown;
                        last_size = e.cursor_size + 64;
                }
                memcpy(last, e.cursor ?: "", e.cursor_size);
                last[e.cursor_size] = 0;
        }
        if (last && *last) {
                free(*cursor);
                *cursor = TAKE_PTR(last);
        }
        return r == 0 && !reader.complete ? -EPIPE : r;
}

/* What has been printed so far. */
typedef struct Progress {
        uint64_t n;        /* entries of all streams, and of the last */
        uint64_t n_last;
        unsigned n_broken; /* streams that broke off */
        bool ended;        /* the job had ended before the last stream was opened */
        bool retried;      /* it was looked for more once */
} Progress;

/* How many entries of a job that has ended should have come; UINT64_MAX where that is not known. */
static uint64_t entries_expected(const JobRecord *record) {
        if (arg_query.since_usec > 0 || record->log_entries == UINT64_MAX)
                return UINT64_MAX;
        return record->log_entries < arg_query.lines ? record->log_entries : arg_query.lines;
}

/* After a stream has ended: is there more to come? A stream that broke off is taken up again, be it that
 * jobletd was restarted. A followed log is complete when the job had ended before a stream was opened that
 * then had nothing new; any other, when it has what the journal was given. */
static int more_to_come(uint64_t id, bool broken, Progress *p, JobRecord *record) {
        bool missing;
        int r;

        if (broken && ++p->n_broken > BROKEN_MAX)
                return log_error(-EPIPE, "the log of job %" PRIu64 " breaks off again and again; see journalctl -u joblet", id);
        if (broken)
                (void) usleep(REOPEN_PAUSE_USEC);
        if (p->ended && !broken && p->n_last == 0 && arg_query.follow)
                return 0;

        job_record_done(record);
        r = job_describe(id, "Describe", record, NULL);
        if (r < 0)
                return r;
        p->ended = job_has_ended(record);
        missing = p->ended && entries_expected(record) != UINT64_MAX && p->n < entries_expected(record);
        if (!arg_query.follow) {
                if (broken || (missing && !p->retried)) {
                        p->retried = !broken;
                        return 1;
                }
                return 0;
        }
        if (!p->ended)
                (void) usleep(REOPEN_PAUSE_USEC);
        return 1;
}

/* Says what of the output of a job that has ended is not there. Returns the exit status. */
static int missing_print(uint64_t id, uint64_t n, const JobRecord *record) {
        uint64_t expected = entries_expected(record);
        int status = EXIT_SUCCESS;

        if (!job_has_ended(record))
                return EXIT_SUCCESS;
        if (expected != UINT64_MAX && n < expected) {
                status = EXIT_FAILURE;
                if (n == 0)
                        (void) log_error(0, "the output of job %" PRIu64 " is no longer in the journal, which keeps what its limits "
                                            "allow: see SystemMaxUse= in journald.conf(5)", id);
                else
                        (void) log_error(0, "incomplete: %" PRIu64 " of the %" PRIu64 " lines that the journal was given of job %" PRIu64 " are "
                                            "not in it; see SystemMaxUse= in journald.conf(5)", expected - n, expected, id);
        }
        if (record->unlogged_bytes != UINT64_MAX && record->unlogged_bytes > 0)
                (void) log_error(0, "incomplete: %" PRIu64 " bytes of the output of job %" PRIu64 " are not in the journal",
                                 record->unlogged_bytes, id);
        return status;
}

static int log_print(uint64_t id, int fd) {
        _cleanup_(job_record_done) JobRecord record = {};
        _cleanup_free_ char *cursor = NULL;
        LogQuery query = arg_query;
        Progress p = {};
        int r;

        for (;;) {
                p.n_last = 0;
                r = stream_print(fd, &cursor, &p.n_last);
                p.n += p.n_last;
                outputs_flush();
                if (output_error < 0)
                        r = output_error;
                if (r < 0 && (r != -EPIPE || output_error < 0))
                        return log_error(r, "cannot print the log of job %" PRIu64 ": %s", id, strerror(-r));
                r = more_to_come(id, r == -EPIPE, &p, &record);
                if (r < 0)
                        return r;
                if (r == 0)
                        return missing_print(id, p.n, &record);
                if (cursor)
                        query = (LogQuery) { .follow = arg_query.follow, .lines = UINT64_MAX, .cursor = cursor };
                r = log_open(id, &query, &fd);
                if (r < 0)
                        return r;
        }
}

int verb_log(int argc, char *argv[]) {
        uint64_t id;
        int r, fd;

        r = job_find(argv[0], JOB_NEWEST, &id);
        if (r >= 0)
                r = log_open(id, &arg_query, &fd);
        if (r == -ENOENT)
                return EXIT_NO_SUCH_JOB;
        if (r < 0)
                return r;
        if (!arg_query.follow)
                pager_open();
        (void) setvbuf(stdout, NULL, _IOFBF, 65536);
        (void) setvbuf(stderr, NULL, _IOFBF, 65536);
        return log_print(id, fd);
}
