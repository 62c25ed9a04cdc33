/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "advice.h"
#include "verbs.h"

int help_verb(const Verb *v) {
        _cleanup_free_ char *title = verb_title(v);

        if (!title)
                return log_oom();
        printf("%s [OPTION...]%s%s\n\n%c%s.\n", title, *v->words ? " " : "", v->words,
               v->help[0] - 'a' + 'A', v->help + 1);
        if (v->options) {
                printf("\nOptions:\n");
                if (options_print(v->options) < 0)
                        return -ENOMEM;
        }
        printf("\nOptions of every verb:\n");
        if (options_print(global_options) < 0)
                return -ENOMEM;
        printf("\nSee rnx(1) for more.\n");
        return 0;
}

int help_group(const char *group) {
        printf("rnx %s%sVERB [OPTION...]\n\n%s\n\nVerbs:\n", group ?: "", group ? " " : "",
               "Run commands as jobs inside ready-made runtimes.");
        for (const Verb *v = verbs; v->name; v++) {
                bool inner = verb_has_group(v);
                _cleanup_free_ char *left = NULL;

                if (group && !verb_in_group(v, group))
                        continue;
                if (asprintf(&left, "%s%s%s %s", inner && !group ? v->group : "", inner && !group ? " " : "",
                             v->name, v->words) < 0) {
                        left = NULL;
                        return log_oom();
                }
                help_entry_print(left, v->help);
        }
        printf("\nOptions of every verb:\n");
        if (options_print(global_options) < 0)
                return -ENOMEM;
        printf("\n'rnx VERB --help' shows the options of a verb; see rnx(1) for more.\n");
        return 0;
}

int verb_help(int argc, char *argv[]) {
        const char *group = NULL;
        const Verb *v;

        if (argc > 0 && is_group(argv[0])) {
                group = argv[0];
                argc--, argv++;
        }
        if (argc == 0)
                return help_group(group);

        v = verb_find(group, argv[0]);
        if (!v)
                return advise_verb(group, argv[0]);
        return help_verb(v);
}

int verb_version(int argc, char *argv[]) {
        printf("joblet %s\n", PROJECT_VERSION);
        return 0;
}
