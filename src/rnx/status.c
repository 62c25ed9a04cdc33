/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx status: one block for each job, in the manner of systemctl. */

#include <inttypes.h>
#include <pwd.h>
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
#include "quantity.h"
#include "rnx.h"
#include "shell-quote.h"
#include "table.h"
#include "terminal.h"
#include "text.h"

#define LINE_MAX_SHOWN 1024U
#define LABEL_WIDTH 13U

static bool arg_mounts = false, arg_full = false;
static uint64_t arg_lines = 10;

const Option status_options[] = {
        { 0,   "mounts", NULL, "also what is mounted for the job",    option_set_true,   &arg_mounts },
        { 'l', "full",   NULL, "do not cut long lines on a terminal",  option_set_true,   &arg_full   },
        { 'n', "lines",  "N",  "lines of output shown below (10)", option_set_number, &arg_lines  },
        {}
};

/* What follows so many columns of a line. A pager can be scrolled sideways, a terminal cannot. */
static void rest_print(const char *text, unsigned used) {
        unsigned columns = arg_full || pager_is_open() ? 0 : terminal_columns();

        (void) text_print_cut(text, columns == 0 ? 0 : columns > used ? columns - used : 1);
        printf("\n");
}

static void field_print(const char *name, const char *format, ...) _printf_(2, 3);

static void field_print(const char *name, const char *format, ...) {
        _cleanup_free_ char *text = NULL, *safe = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                return;
        }
        safe = text_for_message(text, 65536);
        printf("%11s%s ", name, *name ? ":" : " ");
        rest_print(safe ?: "", LABEL_WIDTH);
}

static const char* size_text(uint64_t bytes, char **buffer) {
        free(*buffer);
        *buffer = NULL;
        return bytes != UINT64_MAX && size_format(bytes, buffer) >= 0 ? *buffer : "?";
}

static const char* span_text(uint64_t usec, char **buffer) {
        free(*buffer);
        *buffer = NULL;
        return duration_format(usec, buffer) >= 0 ? *buffer : "?";
}

static uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

static void head_print(const JobRecord *j) {
        _cleanup_free_ char *command = NULL, *safe = NULL, *title = NULL, *name = text_for_message(j->name ?: "", 256);
        bool failed = strcmp(j->state, "FAILED") == 0 || strcmp(j->state, "TIMEOUT") == 0;
        const char *dot = terminal_is_utf8() ? failed ? "×" : job_has_ended(j) ? "○" : "●" : failed ? "x" : "*";
        Colour c = job_state_colour(j->state);

        if (shell_quote(j->command, &command) >= 0)
                safe = text_for_message(command, 4096);
        if (asprintf(&title, "%" PRIu64 "%s%s - %s", j->id, name && *name ? " " : "", name ?: "", safe ?: "") < 0) {
                title = NULL;
                return;
        }
        printf("%s%s%s ", colour(c), dot, colour(COLOUR_NORMAL));
        rest_print(title, 2);
        printf("%11s: %s%s%s\n", "State", colour(c), j->state, colour(COLOUR_NORMAL));
}

static void times_print(const JobRecord *j) {
        _cleanup_free_ char *span = NULL;
        uint64_t now = now_usec();
        char text[32];

        timestamp_format(j->submitted_usec, text);
        if (*text)
                field_print("Submitted", "%s", text);
        timestamp_format(j->started_usec, text);
        if (*text && !job_has_ended(j) && now >= j->started_usec + USEC_PER_SEC)
                field_print("Started", "%s; %s ago", text,
                            span_text((now - j->started_usec) / USEC_PER_SEC * USEC_PER_SEC, &span));
        else if (*text)
                field_print("Started", "%s", text);
        timestamp_format(j->finished_usec, text);
        if (*text && j->started_usec > 0 && j->finished_usec >= j->started_usec)
                field_print("Ended", "%s; took %s", text,
                            span_text(j->finished_usec - j->started_usec, &span));
        else if (*text)
                field_print("Ended", "%s", text);
}

static void result_print(const JobRecord *j) {
        const char *reason = j->reason && *j->reason ? j->reason : NULL;

        if (!job_has_ended(j))
                return;
        field_print("Result", "%s (exit status %i)%s%s", j->result, job_exit_status(j), reason ? ": " : "",
                    reason ?: "");
}

static void resources_print(const JobRecord *j) {
        _cleanup_free_ char *a = NULL, *b = NULL;

        if (j->memory_max != UINT64_MAX && j->memory_peak != UINT64_MAX)
                field_print("Memory", "peak %s of %s", size_text(j->memory_peak, &a),
                            size_text(j->memory_max, &b));
        else if (j->memory_max != UINT64_MAX)
                field_print("Memory", "limit %s", size_text(j->memory_max, &b));
        else if (j->memory_peak != UINT64_MAX)
                field_print("Memory", "peak %s", size_text(j->memory_peak, &a));

        if (j->cpu_usage_nsec != UINT64_MAX)
                field_print("CPU", "%s", span_text(j->cpu_usage_nsec / 1000, &a));
        if (j->cpu_quota_percent > 0)
                field_print("CPU limit", "%" PRIu32 "%% of one core", j->cpu_quota_percent);
        if (j->allowed_cpus && *j->allowed_cpus)
                field_print("CPUs", "%s", j->allowed_cpus);
        if (j->io_read_bytes != UINT64_MAX || j->io_write_bytes != UINT64_MAX)
                field_print("IO", "read %s, written %s", size_text(j->io_read_bytes, &a),
                            size_text(j->io_write_bytes, &b));
        if (j->timeout_usec != UINT64_MAX)
                field_print("Timeout", "%s", span_text(j->timeout_usec, &a));
}

static void block_print(const JobRecord *j) {
        const char *runtime = j->runtime && *j->runtime ? j->runtime : "none (the programs of the host)";
        struct passwd *pw = getpwuid(j->owner);

        head_print(j);
        result_print(j);
        times_print(j);
        field_print("Runtime", "%s", runtime);
        if (j->unit && *j->unit)
                field_print("Unit", "%s (see also: %s %.*s)", j->unit,
                            job_has_ended(j) ? "journalctl -u" : "systemctl status",
                            (int) strcspn(j->unit, "."), j->unit);
        if (pw)
                field_print("Owner", "%s (%" PRIu32 ")", pw->pw_name, j->owner);
        else
                field_print("Owner", "%" PRIu32, j->owner);
        if (j->working_directory && *j->working_directory)
                field_print("Directory", "%s", j->working_directory);
        if (j->network && *j->network)
                field_print("Network", "%s", j->network);
        resources_print(j);
        if (j->unlogged_bytes != UINT64_MAX && j->unlogged_bytes > 0)
                field_print("Log", "incomplete: %" PRIu64 " bytes of the output are not in the journal", j->unlogged_bytes);

        for (size_t i = 0; arg_mounts && i < j->n_mounts; i++) {
                const JobMount *m = j->mounts + i;
                bool options = m->options[0];

                field_print(i == 0 ? "Mounts" : "", "%s%s%s%s%s%s", m->source, m->source[0] ? " on " : "",
                            m->target, options ? " (" : "", m->options, options ? ")" : "");
        }
}

/* A line of one of the two streams, in the parts that the journal has. */
typedef struct Line {
        char *text;
        uint64_t realtime;
} Line;

static int line_extend(Line *l, const LogEntry *e) {
        char *grown;

        if (asprintf(&grown, "%s%.*s", l->text ?: "", (int) log_line_size(e), e->message ?: "") < 0)
                return -ENOMEM;
        if (!l->text)
                l->realtime = e->realtime;
        free(l->text);
        l->text = grown;
        return 0;
}

static void line_print(Line *l, bool is_stderr) {
        _cleanup_free_ char *text = TAKE_PTR(l->text), *safe = text ? text_for_message(text, LINE_MAX_SHOWN) : NULL;
        char time[32];

        if (!text)
                return;
        timestamp_format(l->realtime, time);
        printf("%s %s", time, is_stderr ? "stderr: " : "");
        rest_print(safe ?: "", (unsigned) strlen(time) + (is_stderr ? 9 : 1));
}

static void lines_print(const JobRecord *j) {
        const LogQuery query = { .lines = arg_lines };
        _cleanup_(export_reader_done) ExportReader reader = { .fd = -EBADF };
        Line lines[2] = {};
        bool any = false;
        LogEntry e;
        int r;

        if (arg_lines == 0 || log_open(j->id, &query, &reader.fd) < 0)
                return;
        while ((r = export_read(&reader, &e)) > 0) {
                bool is_stderr = e.priority == 3;

                if (!any)
                        printf("\n");
                any = true;
                if (line_extend(lines + is_stderr, &e) < 0)
                        break;
                if (e.end == LINE_END_NEWLINE)
                        line_print(lines + is_stderr, is_stderr);
        }
        line_print(lines, false);
        line_print(lines + 1, true);
        if (r < 0 || !reader.complete)
                (void) log_error(0, "the log of job %" PRIu64 " broke off", j->id);
        else if (!any && j->log_entries != UINT64_MAX && j->log_entries > 0)
                printf("\nIts output is no longer in the journal.\n");
}

static int status_print(int argc, char *argv[]) {
        int status = 0;

        pager_open();
        for (int i = 0; i < argc; i++) {
                _cleanup_(job_record_done) JobRecord record = {};
                uint64_t id;
                int r;

                r = job_find(argv[i], JOB_NEWEST, &id);
                if (r >= 0)
                        r = job_describe(id, "Describe", &record, NULL);
                if (r == -ENOENT)
                        status = EXIT_NO_SUCH_JOB;
                else if (r < 0)
                        return r;
                if (r < 0)
                        continue;
                if (i > 0)
                        printf("\n");
                block_print(&record);
                lines_print(&record);
        }
        return status;
}

/* One job: its object; several: a list. */
static int status_json(int argc, char *argv[]) {
        _cleanup_json_ json_object *list = json_object_new_array();
        int status = 0;

        if (!list)
                return log_oom();
        for (int i = 0; i < argc; i++) {
                json_object *o = NULL;
                uint64_t id;
                int r;

                r = job_find(argv[i], JOB_NEWEST, &id);
                if (r >= 0)
                        r = job_describe(id, "Describe", NULL, &o);
                if (r == -ENOENT) {
                        status = EXIT_NO_SUCH_JOB;
                        continue;
                }
                if (r < 0)
                        return r;
                if (json_object_array_add(list, o) < 0) {
                        json_object_put(o);
                        return log_oom();
                }
        }
        if (argc == 1 && status != 0)
                return status;
        (void) json_print(stdout, argc == 1 ? json_object_array_get_idx(list, 0) : list);
        return status;
}

int verb_status(int argc, char *argv[]) {
        return arg_json != JSON_OFF ? status_json(argc, argv) : status_print(argc, argv);
}
