/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "complete.h"
#include "job-line.h"
#include "strv.h"
#include "text.h"
#include "verbs.h"

#define JOBS_OFFERED 200U

static bool has_prefix(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Help is for people, in one line; what could be taken for another line is no candidate. */
static void offer(const char *typed, const char *word, const char *help) {
        _cleanup_free_ char *safe = text_for_message(help ?: "", 200);

        if (has_prefix(word, typed) && text_is_line(word))
                printf("=%s\t%s\n", word, safe ?: "");
}

static void offer_options(const Option *options, const char *typed) {
        for (const Option *o = options; o && !option_is_end(o); o++) {
                _cleanup_free_ char *name = NULL;

                if (o->name && asprintf(&name, "--%s", o->name) < 0)
                        name = NULL;
                if (name)
                        offer(typed, name, o->help);
                if (o->letter)
                        offer(typed, (const char[]) { '-', o->letter, 0 }, o->help);
        }
}

static void offer_verbs(const char *group, const char *typed) {
        for (const Verb *v = verbs; v->name; v++)
                if (verb_in_group(v, group))
                        offer(typed, v->name, v->help);
        if (group)
                return;
        offer(typed, "runtime", "what there is for jobs to run in");
        offer(typed, "job", "the verbs for jobs");
}

static void offer_words(const char *words, const char *typed) {
        while (*words) {
                size_t n = strcspn(words, " ");
                _cleanup_free_ char *word = strndup(words, n);

                if (word)
                        offer(typed, word, NULL);
                words += n + strspn(words + n, " ");
        }
}

static void offer_runtimes(const char *typed) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        const char *path, *name, *display, *version, *type, *description, *problem;
        uint64_t size;

        arg_ask_password = false;
        if (bus_call_new(BUS_PATH, MANAGER_INTERFACE, "ListRuntimes", &m) < 0 ||
            sd_bus_message_append(m, "a{sv}", 0) < 0 || bus_call(m, NULL, &reply) < 0 ||
            sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(osssstss)") < 0)
                return;
        while (sd_bus_message_read(reply, "(osssstss)", &path, &name, &display, &version, &type, &size, &description, &problem) > 0)
                offer(typed, name, description);
}

static void offer_jobs(const char *typed, bool live) {
        const JobFilter filter = { .limit = JOBS_OFFERED };
        _cleanup_message_ sd_bus_message *lines = NULL;
        JobLine l;

        arg_ask_password = false;
        if (job_lines(&filter, &lines) < 0)
                return;
        while (job_line_read(lines, &l) > 0) {
                _cleanup_free_ char *help = NULL;
                char number[24];

                if (live && l.finished > 0)
                        continue;
                (void) snprintf(number, sizeof(number), "%" PRIu64, l.id);
                if (asprintf(&help, "%s %s", l.state, l.command) < 0)
                        help = NULL;
                offer(typed, number, help);
                if (*l.name && strspn(l.name, "0123456789") < strlen(l.name))
                        offer(typed, l.name, help);
        }
}

static void offer_variables(const char *typed) {
        for (char **e = environ; *e; e++) {
                _cleanup_free_ char *name = strndup(*e, strcspn(*e, "="));

                if (name)
                        offer(typed, name, NULL);
        }
}

/* skip: how much stands before typed in the last word. */
static void offer_value(const char *completion, const char *typed, size_t skip) {
        const char *last;

        if (!completion)
                return;
        if (*completion == *COMPLETE_LIST) {
                last = strrchr(typed, ',');
                skip += last ? (size_t) (last + 1 - typed) : 0;
                printf(":nospace\n");
                typed = last ? last + 1 : typed;
                completion++;
        }
        if (strcmp(completion, COMPLETE_PATH_IN_JOB) == 0) {
                last = strchr(typed, ':');
                if (last)
                        printf(":skip %zu\n:files\n", skip + (size_t) (last + 1 - typed));
                return;
        }
        if (skip > 0)
                printf(":skip %zu\n", skip);
        if (strcmp(completion, COMPLETE_FILE) == 0)
                printf(":files\n");
        else if (strcmp(completion, COMPLETE_DIRECTORY) == 0)
                printf(":directories\n");
        else if (strcmp(completion, COMPLETE_RUNTIME) == 0)
                offer_runtimes(typed);
        else if (strcmp(completion, COMPLETE_RUNTIME_OR_DIRECTORY) == 0) {
                offer_runtimes(typed);
                printf(":directories\n");
        } else if (strcmp(completion, COMPLETE_JOB) == 0)
                offer_jobs(typed, false);
        else if (strcmp(completion, COMPLETE_LIVE_JOB) == 0)
                offer_jobs(typed, true);
        else if (strcmp(completion, COMPLETE_VARIABLE) == 0) {
                printf(":nospace\n");
                offer_variables(typed);
        } else if (strcmp(completion, COMPLETE_VERB) == 0)
                offer_verbs(NULL, typed);
        else
                offer_words(completion, typed);
}

/* Where a command line stands before its last word. */
typedef struct Place {
        const char *group;
        const Verb *verb;
        const Option *pending; /* the option whose value comes next */
        bool ended;            /* the options */
        bool broken;           /* no such verb */
        int command;           /* where the command line of another program begins, or -1 */
} Place;

/* The option that word ends with and that still wants its value. */
static const Option* pending_option(const Option *const *tables, const char *word) {
        const Option *o = NULL;

        if (has_prefix(word, "--")) {
                o = strchr(word, '=') ? NULL : option_find(tables, 2, word + 2, strlen(word + 2), 0);
                return o && option_wants_value(o) ? o : NULL;
        }
        for (const char *c = word + 1; *c; c++) {
                o = option_find(tables, 2, NULL, 0, *c);
                if (o && option_wants_value(o))
                        return c[1] ? NULL : o;
        }
        return NULL;
}

static void place_word(Place *p, const char *word, int index) {
        const Option *const tables[] = { p->verb ? p->verb->options : NULL, global_options };

        if (p->pending)
                p->pending = NULL;
        else if (!p->ended && strcmp(word, "--") == 0)
                p->ended = p->verb != NULL;
        else if (!p->ended && word[0] == '-' && word[1])
                p->pending = pending_option(tables, word);
        else if (!p->verb && !p->group && is_group(word))
                p->group = word;
        else if (!p->verb) {
                p->verb = verb_find(p->group, word);
                p->broken = !p->verb;
        } else if (p->verb->stop_at_word && p->command < 0)
                p->command = index;
}

static void offer_for_place(const Place *p, const char *typed, int index) {
        const Option *const tables[] = { p->verb ? p->verb->options : NULL, global_options };
        const char *equals = strchr(typed, '=');

        if (p->pending)
                offer_value(p->pending->completion, typed, 0);
        else if (!p->ended && has_prefix(typed, "--") && equals) {
                const Option *o = option_find(tables, 2, typed + 2, (size_t) (equals - typed) - 2, 0);

                if (o && o->argument)
                        offer_value(o->completion, equals + 1, (size_t) (equals + 1 - typed));
        } else if (!p->ended && *typed == '-') {
                offer_options(tables[0], typed);
                offer_options(tables[1], typed);
        } else if (!p->verb)
                offer_verbs(p->group, typed);
        else if (p->verb->stop_at_word)
                printf(":command %i\n", index);
        else
                offer_value(p->verb->completion, typed, 0);
}

int complete(int n, char *words[]) {
        Place p = { .command = -1 };

        for (int i = 0; i + 1 < n && !p.broken && p.command < 0; i++)
                place_word(&p, words[i], i);
        if (p.broken)
                return 0;
        if (p.command >= 0)
                printf(":command %i\n", p.command);
        else
                offer_for_place(&p, n > 0 ? words[n - 1] : "", n > 0 ? n - 1 : 0);
        return 0;
}
