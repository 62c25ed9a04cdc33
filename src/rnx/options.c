/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "advice.h"
#include "format.h"
#include "options.h"
#include "rnx.h"

#define HELP_COLUMN 28

typedef struct Parser {
        const char *who;
        const Option *const *tables;
        size_t n_tables;
        char **next; /* what is not yet parsed */
} Parser;

int option_set_true(const Option *o, const char *value) {
        *(bool*) o->target = true;
        return 0;
}

int option_set_false(const Option *o, const char *value) {
        *(bool*) o->target = false;
        return 0;
}

int option_set_string(const Option *o, const char *value) {
        *(const char**) o->target = value;
        return 0;
}

int option_set_number(const Option *o, const char *value) {
        unsigned long long n;
        char *end;

        errno = 0;
        n = strtoull(value, &end, 10);
        if (*value < '0' || *value > '9' || *end || errno != 0)
                return log_error(-EINVAL, "--%s=%s: must be a whole number", o->name, value);
        *(uint64_t*) o->target = n;
        return 0;
}

int option_set_time(const Option *o, const char *value) {
        struct timespec ts;
        int r;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        r = time_parse(value, (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000, o->target);
        if (r < 0)
                return log_error(r, "--%s=%s: must be a time such as '10min ago', today, 14:30, '2026-11-23 14:30' or "
                                    "@1700000000", o->name, value);
        return 0;
}

bool option_is_end(const Option *o) {
        return !o->name && o->letter == 0;
}

bool option_argument_is_optional(const Option *o) {
        return o->argument && o->argument[0] == '[';
}

bool option_wants_value(const Option *o) {
        return o->argument && !option_argument_is_optional(o);
}

const Option* option_find(const Option *const *tables, size_t n_tables, const char *name, size_t size, char letter) {
        for (size_t i = 0; i < n_tables; i++)
                for (const Option *o = tables[i]; o && !option_is_end(o); o++)
                        if (name ? o->name && strlen(o->name) == size && memcmp(o->name, name, size) == 0 :
                                   o->letter == letter)
                                return o;
        return NULL;
}

static int parse_long(Parser *p, const char *word) {
        const char *name = word + 2, *equals = strchr(name, '=');
        size_t size = equals ? (size_t) (equals - name) : strlen(name);
        const Option *o = option_find(p->tables, p->n_tables, name, size, 0);

        if (!o)
                return advise_option(p->tables, p->n_tables, p->who, name, size, 0);

        if (!o->argument && equals)
                return log_error(-EINVAL, "option --%s takes no value", o->name);
        if (!o->argument || equals)
                return o->set(o, equals ? equals + 1 : NULL);
        if (option_argument_is_optional(o))
                return o->set(o, NULL);
        if (!*p->next)
                return log_error(-EINVAL, "option --%s needs a value (%s)", o->name, o->argument);
        return o->set(o, *p->next++);
}

static int parse_letters(Parser *p, const char *word) {
        int r;

        for (const char *c = word + 1; *c; c++) {
                const Option *o = option_find(p->tables, p->n_tables, NULL, 0, *c);

                if (!o)
                        return advise_option(p->tables, p->n_tables, p->who, NULL, 0, *c);
                if (option_wants_value(o)) {
                        if (c[1])
                                return o->set(o, c + 1);
                        if (!*p->next)
                                return log_error(-EINVAL, "option -%c needs a value (%s)", *c, o->argument);
                        return o->set(o, *p->next++);
                }
                r = o->set(o, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

int options_parse(const char *who, const Option *const *tables, size_t n_tables, bool stop_at_word, char **args) {
        Parser p = { .who = who, .tables = tables, .n_tables = n_tables, .next = args };
        int n = 0, r;

        while (*p.next) {
                char *word = *p.next++;

                if (strcmp(word, "--") == 0)
                        break;
                if (word[0] != '-' || !word[1]) {
                        args[n++] = word;
                        if (stop_at_word)
                                break;
                        continue;
                }
                r = word[1] == '-' ? parse_long(&p, word) : parse_letters(&p, word);
                if (r < 0)
                        return r;
        }

        while (*p.next)
                args[n++] = *p.next++;
        args[n] = NULL;
        return n;
}

void help_entry_print(const char *left, const char *help) {
        if (strlen(left) > HELP_COLUMN)
                printf("  %s\n  %-*s %s\n", left, HELP_COLUMN, "", help);
        else
                printf("  %-*s %s\n", HELP_COLUMN, left, help);
}

/* "-o, --output=FILE", "    --json[=MODE]", "-j" */
static char* option_title(const Option *o) {
        const char *a = o->argument ?: "", *before = !*a ? "" : option_argument_is_optional(o) ? "[=" : "=";
        char *title;
        int r;

        if (!o->name)
                r = asprintf(&title, "-%c%s%s", o->letter, *a ? " " : "", a);
        else if (o->letter)
                r = asprintf(&title, "-%c, --%s%s%s", o->letter, o->name, before, a + (*before == '['));
        else
                r = asprintf(&title, "    --%s%s%s", o->name, before, a + (*before == '['));
        return r < 0 ? NULL : title;
}

int options_print(const Option *options) {
        for (const Option *o = options; !option_is_end(o); o++) {
                _cleanup_free_ char *title = option_title(o);

                if (!title)
                        return log_oom();
                help_entry_print(title, o->help);
        }
        return 0;
}
