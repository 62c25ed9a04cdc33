/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx list: what to list, which columns of it, and the table or JSON that they make. */

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bus.h"
#include "format.h"
#include "job.h"
#include "job-line.h"
#include "json.h"
#include "pager.h"
#include "rnx.h"
#include "strv.h"
#include "table.h"

#define COLUMNS_MAX 16U

static bool arg_full = false;
static JobFilter arg_filter = {};

/* "a,b" or one, and repeatedly. */
static int add_states(const Option *o, const char *value) {
        static const char *const states[] = {
                "SCHEDULED", "QUEUED", "INITIALIZING", "RUNNING",
                "COMPLETED", "FAILED", "STOPPED",      "TIMEOUT",
        };

        for (;;) {
                size_t n = strcspn(value, ","), i = 0;

                while (i < ELEMENTSOF(states) && (strlen(states[i]) != n || strncasecmp(states[i], value, n) != 0))
                        i++;
                if (i == ELEMENTSOF(states))
                        return log_error(-EINVAL, "--state=%.*s: must be one of scheduled, queued, initializing, running, completed, "
                                                  "failed, stopped, timeout, or several with commas between", (int) n, value);
                if (!strv_contains(arg_filter.states, states[i]) && strv_extend(&arg_filter.states, states[i]) < 0)
                        return log_oom();
                if (!value[n])
                        return 0;
                value += n + 1;
        }
}

static uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

/* UINT64_MAX before it has begun. */
static uint64_t line_duration(const JobLine *l) {
        uint64_t end = l->finished > 0 ? l->finished : now_usec();

        return l->started == 0 ? UINT64_MAX : end > l->started ? end - l->started : 0;
}

static int add_number(Table *t, uint64_t n) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRIu64, n);
        return table_add(t, text, COLOUR_NORMAL);
}

static int add_time(Table *t, uint64_t usec) {
        char text[32];

        timestamp_format(usec, text);
        return table_add(t, text, COLOUR_NORMAL);
}

static json_object* json_time(uint64_t usec) {
        return usec > 0 ? json_object_new_uint64(usec) : NULL;
}

static int id_add(Table *t, const JobLine *l) {
        return add_number(t, l->id);
}

static json_object* id_json(const JobLine *l) {
        return json_object_new_uint64(l->id);
}

static int name_add(Table *t, const JobLine *l) {
        return table_add_borrowed(t, l->name, COLOUR_NORMAL);
}

static json_object* name_json(const JobLine *l) {
        return *l->name ? json_text(l->name, strlen(l->name)) : NULL;
}

static int state_add(Table *t, const JobLine *l) {
        return table_add_borrowed(t, l->state, job_state_colour(l->state));
}

static json_object* state_json(const JobLine *l) {
        return json_object_new_string(l->state);
}

static int runtime_add(Table *t, const JobLine *l) {
        return table_add_borrowed(t, l->runtime, COLOUR_NORMAL);
}

static json_object* runtime_json(const JobLine *l) {
        return *l->runtime ? json_text(l->runtime, strlen(l->runtime)) : NULL;
}

static int owner_add(Table *t, const JobLine *l) {
        /* There are many jobs of few users, and looking one up may take a question to a directory service. */
        static uint32_t cached = UINT32_MAX;
        static const struct passwd *pw = NULL;

        if (l->owner != cached)
                pw = getpwuid(l->owner);
        cached = l->owner;
        return pw ? table_add(t, pw->pw_name, COLOUR_NORMAL) : add_number(t, l->owner);
}

static json_object* owner_json(const JobLine *l) {
        return json_object_new_int64(l->owner);
}

static int command_add(Table *t, const JobLine *l) {
        return table_add_borrowed(t, l->command, COLOUR_NORMAL);
}

static json_object* command_json(const JobLine *l) {
        return json_text(l->command, strlen(l->command));
}

static int submitted_add(Table *t, const JobLine *l) {
        return add_time(t, l->submitted);
}

static json_object* submitted_json(const JobLine *l) {
        return json_time(l->submitted);
}

static int started_add(Table *t, const JobLine *l) {
        return add_time(t, l->started);
}

static json_object* started_json(const JobLine *l) {
        return json_time(l->started);
}

static int ended_add(Table *t, const JobLine *l) {
        return add_time(t, l->finished);
}

static json_object* ended_json(const JobLine *l) {
        return json_time(l->finished);
}

static int duration_add(Table *t, const JobLine *l) {
        _cleanup_free_ char *text = NULL;
        uint64_t usec = line_duration(l);

        if (usec != UINT64_MAX && duration_format(usec, &text) < 0)
                return -ENOMEM;
        return table_add(t, text, COLOUR_NORMAL);
}

static json_object* duration_json(const JobLine *l) {
        uint64_t usec = line_duration(l);

        return usec != UINT64_MAX ? json_object_new_uint64(usec) : NULL;
}

static int exit_add(Table *t, const JobLine *l) {
        char text[16] = "";

        if (l->exit_status >= 0)
                (void) snprintf(text, sizeof(text), "%" PRIi32, l->exit_status);
        return table_add(t, text, l->exit_status > 0 ? COLOUR_RED : COLOUR_NORMAL);
}

static json_object* exit_json(const JobLine *l) {
        return l->exit_status >= 0 ? json_object_new_int(l->exit_status) : NULL;
}

static int unit_add(Table *t, const JobLine *l) {
        char text[64];

        (void) snprintf(text, sizeof(text), "joblet-job-%" PRIu64 ".service", l->id);
        return table_add(t, text, COLOUR_NORMAL);
}

static json_object* unit_json(const JobLine *l) {
        char text[64];

        (void) snprintf(text, sizeof(text), "joblet-job-%" PRIu64 ".service", l->id);
        return json_object_new_string(text);
}

/* A column of the table, a key of JSON, and a word of --output=. */
typedef struct Column {
        const char *name, *head, *key;
        int (*add)(Table *t, const JobLine *l);
        json_object* (*json)(const JobLine *l); /* NULL for what is not so */
        bool whole, right;
} Column;

static const Column columns[] = {
        { "id",        "ID",        "id",                  id_add,        id_json,        .whole = true },
        { "name",      "NAME",      "name",                name_add,      name_json      },
        { "state",     "STATE",     "state",               state_add,     state_json,     .whole = true },
        { "runtime",   "RUNTIME",   "runtime",             runtime_add,   runtime_json   },
        { "owner",     "OWNER",     "owner",               owner_add,     owner_json     },
        { "command",   "COMMAND",   "command",             command_add,   command_json   },
        { "submitted", "SUBMITTED", "submitted_timestamp", submitted_add, submitted_json, .whole = true },
        { "started",   "STARTED",   "started_timestamp",   started_add,   started_json, .whole = true },
        { "ended",     "ENDED",     "finished_timestamp",  ended_add,     ended_json, .whole = true },
        { "exit",      "EXIT",      "exit_status",         exit_add,      exit_json,      .right = true },
        { "duration",  "DURATION",  "duration_usec",       duration_add,  duration_json, .whole = true },
        { "unit",      "UNIT",      "unit",                unit_add,      unit_json      },
};
#define COLUMN_WORDS "id name state runtime owner command submitted started ended exit duration unit"

static const char for_table[] = "id,name,state,runtime,exit,started,duration,command",
                  for_table_of_all[] = "id,name,state,runtime,exit,started,duration,owner,command",
                  for_json[] = "id,name,state,runtime,owner,command,submitted,started,ended,exit";

static const Column *shown[COLUMNS_MAX];
static size_t n_shown = 0;
static const char *arg_output = NULL;

static const Column* column_find(const char *name, size_t n) {
        for (const Column *c = columns; c < columns + ELEMENTSOF(columns); c++)
                if ((strlen(c->name) == n && strncasecmp(c->name, name, n) == 0) ||
                    (strlen(c->key) == n && strncasecmp(c->key, name, n) == 0))
                        return c;
        return NULL;
}

static int columns_choose(const char *list) {
        for (;;) {
                size_t n = strcspn(list, ",");
                const Column *c = column_find(list, n);

                if (!c)
                        return log_error(-EINVAL, "--output: '%.*s' is no field; there are " COLUMN_WORDS ", to be given with commas between",
                                         (int) n, list);
                if (n_shown == COLUMNS_MAX)
                        return log_error(-EINVAL, "--output: more than %u fields are not shown", COLUMNS_MAX);
                shown[n_shown++] = c;
                if (!list[n])
                        return 0;
                list += n + 1;
        }
}

static int set_output(const Option *o, const char *value) {
        n_shown = 0;
        arg_output = value;
        return *value == '+' ? columns_choose(value + 1) : columns_choose(value);
}

/* "+FIELD,..." adds to those that there are. */
static int columns_settle(void) {
        const char *usual = arg_json != JSON_OFF ? for_json : arg_filter.all ? for_table_of_all : for_table;

        if (arg_output && *arg_output != '+')
                return 0;
        n_shown = 0;
        if (columns_choose(usual) < 0)
                return -EINVAL;
        return arg_output ? columns_choose(arg_output + 1) : 0;
}

const Option list_options[] = {
        { 0,   "name",    "NAME",     "only jobs of this name", option_set_string, &arg_filter.name },
        { 0,   "runtime", "NAME",     "only jobs in this runtime", option_set_string, &arg_filter.runtime, COMPLETE_RUNTIME },
        { 's', "state",   "STATE,...", "only jobs in one of these states", add_states, NULL,
          COMPLETE_LIST "initializing running completed failed stopped timeout" },
        { 0,   "since",   "TIME",     "only jobs submitted since then (10min ago, today, 14:30)",
          option_set_time, &arg_filter.since_usec },
        { 'n', "limit",   "N",        "only the newest N jobs", option_set_number, &arg_filter.limit },
        { 'a', "all",     NULL,       "also the jobs of other users", option_set_true, &arg_filter.all },
        { 'o', "output",  "FIELD,...", "these fields (+FIELD,...: also these)", set_output, NULL, COMPLETE_LIST COLUMN_WORDS },
        { 'l', "full",    NULL,       "do not cut long fields on a terminal", option_set_true, &arg_full },
        {}
};

static Table* list_table_new(void) {
        const char *heads[COLUMNS_MAX];
        Table *t;

        for (size_t i = 0; i < n_shown; i++)
                heads[i] = shown[i]->head;
        t = table_new(heads, n_shown);
        for (size_t i = 0; t && i < n_shown; i++) {
                if (shown[i]->right)
                        table_align_right(t, i);
                if (shown[i]->whole)
                        table_keep_whole(t, i);
        }
        /* What somebody asked for stays, however narrow it gets. */
        for (const char *const *name = (const char *const []) { "duration", "started", "runtime", "owner", "exit", NULL }; *name; name++)
                for (size_t i = 0; t && !arg_output && i < n_shown; i++)
                        if (strcmp(shown[i]->name, *name) == 0)
                                table_make_optional(t, i);
        return t;
}

static int list_table(sd_bus_message *m) {
        _cleanup_(table_freep) Table *t = list_table_new();
        size_t n = 0;
        JobLine l;
        int r;

        if (!t)
                return -ENOMEM;
        pager_open();
        for (; (r = job_line_read(m, &l)) > 0; n++)
                for (size_t i = 0; i < n_shown; i++) {
                        r = shown[i]->add(t, &l);
                        if (r < 0)
                                return r;
                }
        if (r < 0)
                return r;

        if (n > 0)
                table_print(t, arg_legend, false, arg_full ? 0 : terminal_columns());
        else if (arg_legend)
                printf("No jobs.\n");
        return 0;
}

static int list_json(sd_bus_message *m) {
        _cleanup_json_ json_object *list = json_object_new_array();
        JobLine l;
        int r;

        if (!list)
                return -ENOMEM;
        while ((r = job_line_read(m, &l)) > 0) {
                json_object *o = json_object_new_object();

                if (!o || json_object_array_add(list, o) < 0) {
                        json_object_put(o);
                        return -ENOMEM;
                }
                for (size_t i = 0; i < n_shown; i++)
                        if (json_add(o, shown[i]->key, shown[i]->json(&l)) < 0)
                                return -ENOMEM;
        }
        if (r < 0)
                return r;
        return json_print(stdout, list);
}

int verb_list(int argc, char *argv[]) {
        _cleanup_message_ sd_bus_message *lines = NULL;
        int r;

        r = columns_settle();
        if (r < 0)
                return r;
        r = job_lines(&arg_filter, &lines);
        strv_free(arg_filter.states);
        if (r < 0)
                return r;
        r = arg_json != JSON_OFF ? list_json(lines) : list_table(lines);
        if (r < 0)
                return log_error(r, "cannot list jobs: %s", strerror(-r));
        return 0;
}
