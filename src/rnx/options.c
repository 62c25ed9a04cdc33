/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <string.h>

#include "options.h"
#include "rnx.h"

#define HELP_COLUMN 28

typedef struct Parser {
        const char *who;
        const OptionSet *sets;
        size_t n_sets;
        char **next; /* what is not yet parsed */
} Parser;

static bool option_argument_is_optional(const Option *o) {
        return o->argument && o->argument[0] == '[';
}

static const Option *option_find(const Parser *p, const char *name, size_t size, char letter,
                                 OptionHandler *ret) {
        for (size_t i = 0; i < p->n_sets; i++)
                for (const Option *o = p->sets[i].options; o && o->id != 0; o++) {
                        if (name ? !o->name || strlen(o->name) != size || memcmp(o->name, name, size) != 0 :
                                   o->letter != letter)
                                continue;
                        *ret = p->sets[i].handler;
                        return o;
                }
        return NULL;
}

static int parse_long(Parser *p, const char *word) {
        const char *name = word + 2, *equals = strchr(name, '=');
        size_t size = equals ? (size_t) (equals - name) : strlen(name);
        OptionHandler handler;
        const Option *o;

        o = option_find(p, name, size, 0, &handler);
        if (!o)
                return log_error(-EINVAL, "unknown option --%.*s, see '%s --help'", (int) size, name, p->who);

        if (!o->argument && equals)
                return log_error(-EINVAL, "option --%s takes no value", o->name);
        if (!o->argument || equals)
                return handler(o->id, equals ? equals + 1 : NULL);
        if (option_argument_is_optional(o))
                return handler(o->id, NULL);
        if (!*p->next)
                return log_error(-EINVAL, "option --%s needs a value (%s)", o->name, o->argument);
        return handler(o->id, *p->next++);
}

static int parse_letters(Parser *p, const char *word) {
        int r;

        for (const char *c = word + 1; *c; c++) {
                OptionHandler handler;
                const Option *o = option_find(p, NULL, 0, *c, &handler);

                if (!o)
                        return log_error(-EINVAL, "unknown option -%c, see '%s --help'", *c, p->who);
                if (o->argument && !option_argument_is_optional(o)) {
                        if (c[1])
                                return handler(o->id, c + 1);
                        if (!*p->next)
                                return log_error(-EINVAL, "option -%c needs a value (%s)", *c, o->argument);
                        return handler(o->id, *p->next++);
                }
                r = handler(o->id, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

int options_parse(const char *who, const OptionSet *sets, size_t n_sets, bool stop_at_word, char **args) {
        Parser p = { .who = who, .sets = sets, .n_sets = n_sets, .next = args };
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
        for (const Option *o = options; o->id != 0; o++) {
                _cleanup_free_ char *title = option_title(o);

                if (!title)
                        return log_oom();
                help_entry_print(title, o->help);
        }
        return 0;
}
