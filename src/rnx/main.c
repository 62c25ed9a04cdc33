/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx: finds the verb, parses its options, calls it and turns what it returns into an exit status. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "advice.h"
#include "bus.h"
#include "complete.h"
#include "message.h"
#include "pager.h"
#include "rnx.h"
#include "verbs.h"

JsonMode arg_json = JSON_OFF;
bool arg_pager = true;
bool arg_legend = true;
bool arg_ask_password = true;
bool arg_quiet = false;

static int verb_call(const Verb *v, char **args) {
        const Option *const tables[] = { v->options, global_options };
        _cleanup_free_ char *title = verb_title(v);
        int n;

        if (!title)
                return log_oom();
        n = options_parse(title, tables, ELEMENTSOF(tables), v->stop_at_word, args);
        if (n < 0)
                return n;
        if (arg_help)
                return help_verb(v);
        if (arg_version)
                return verb_version(0, NULL);
        if (n < v->words_min)
                return log_error(-EINVAL, "'%s' needs %s, see '%s --help'", title, v->words, title);
        if (v->words_max >= 0 && n > v->words_max)
                return log_error(-EINVAL, "'%s' takes no further argument '%s', see '%s --help'", title,
                                 args[v->words_max], title);
        return v->function(n, args);
}

static int dispatch(char **args, const Verb **ret_verb) {
        const Option *const tables[] = { global_options };
        const char *group = NULL;
        int n;

        n = options_parse("rnx", tables, ELEMENTSOF(tables), true, args);
        if (n < 0)
                return n;
        if (arg_version)
                return verb_version(0, NULL);
        if (n > 0 && is_group(args[0])) {
                group = *args++;
                n = options_parse("rnx", tables, ELEMENTSOF(tables), true, args);
                if (n < 0)
                        return n;
        }
        if (n == 0) {
                if (!arg_help)
                        return log_error(-EINVAL, "no verb given, see 'rnx%s%s --help'", group ? " " : "",
                                         group ?: "");
                return help_group(group);
        }

        *ret_verb = verb_find(group, args[0]);
        if (!*ret_verb)
                return advise_verb(group, args[0]);
        return verb_call(*ret_verb, args + 1);
}

/* Pipes and sockets that we make must not become 0, 1 or 2. What is closed stays of no use: reading it, or writing to
 * it, fails. */
static void standard_descriptors_open(void) {
        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
                if (fcntl(i, F_GETFD) < 0)
                        (void) open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char *argv[]) {
        const Verb *verb = NULL;
        int r;

        standard_descriptors_open();

        if (argc > 1 && strcmp(argv[1], COMPLETE_REQUEST) == 0)
                r = complete(argc - 2, argv + 2);
        else
                r = dispatch(argv + (argc > 0), &verb);
        if (verb && verb->end)
                r = verb->end(r);
        else if (r < 0)
                r = EXIT_FAILURE;

        /* What failed before has left no reason. */
        errno = ferror(stdout) ? EIO : 0;
        if ((fflush(stdout) != 0 || errno != 0) && errno != EPIPE && r == 0)
                r = log_error(verb && verb->end ? EXIT_OWN_FAILURE : EXIT_FAILURE, "cannot write to standard output: %m");
        message_release();
        pager_close();
        bus_close();
        return r;
}
