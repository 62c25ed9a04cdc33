/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx: finds the verb, parses its options, calls it and turns what it returns into an exit status. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "message.h"
#include "pager.h"
#include "rnx.h"
#include "run-report.h"
#include "terminal.h"

JsonMode arg_json = JSON_OFF;
bool arg_pager = true;
bool arg_legend = true;
bool arg_ask_password = true;
bool arg_quiet = false;

static const char default_group[] = "";

/* A verb is "rnx [GROUP] NAME". */
typedef struct Verb {
        const char *group;      /* default_group: also "rnx job NAME"; NULL: only "rnx NAME" */
        const char *name;
        const char *words;      /* for the help */
        int words_min, words_max; /* -1: any number */
        bool stop_at_word;      /* what follows the first word is not ours */
        const Option *options;
        VerbFunction function;
        const char *help;
        int (*end)(int status); /* from what the function, or the parser, returned to an exit status; NULL: 1 for errors */
} Verb;

static int verb_help(int argc, char *argv[]);
static int verb_version(int argc, char *argv[]);

static const Verb verbs[] = {
        { default_group, "run", "COMMAND [ARG...]", 1, -1, true,
          run_options, verb_run, "run a command as a job", run_end },
        { default_group, "list", "", 0, 0, false,
          list_options, verb_list, "list jobs" },
        { default_group, "status", "JOB...", 1, -1, false,
          status_options, verb_status, "show what is known of jobs" },
        { default_group, "log", "JOB", 1, 1, false,
          log_options, verb_log, "show the output of a job" },
        { default_group, "wait", "JOB...", 1, -1, false,
          NULL, verb_wait, "wait until jobs have ended", wait_end },
        { default_group, "stop", "JOB...", 1, -1, false,
          NULL, verb_stop, "stop jobs" },
        { default_group, "delete", "JOB...", 1, -1, false,
          NULL, verb_delete, "forget jobs that have ended" },
        { "runtime", "list", "", 0, 0, false,
          NULL, verb_runtime_list, "list the runtimes that jobs can use" },
        { "runtime", "info", "RUNTIME", 1, 1, false,
          NULL, verb_runtime_info, "show one runtime" },
        { "runtime", "test", "RUNTIME", 1, 1, false,
          NULL, verb_runtime_test, "run a job that tries out a runtime" },
        { "runtime", "install", "FILE|DIRECTORY|-", 1, 1, false,
          NULL, verb_runtime_install, "install a runtime from a package" },
        { "runtime", "remove", "RUNTIME", 1, 1, false,
          NULL, verb_runtime_remove, "remove an installed runtime" },
        { "runtime", "verify", "RUNTIME", 1, 1, false,
          NULL, verb_runtime_verify, "compare a runtime with its manifest" },
        { "runtime", "pack", "RUNTIME|DIRECTORY", 1, 1, false,
          runtime_pack_options, verb_runtime_pack, "make a package of a runtime" },
        { "runtime", "import", "DIRECTORY", 1, 1, false,
          runtime_import_options, verb_runtime_import, "make a runtime of an environment or a JDK" },
        { NULL, "help", "[VERB]", 0, 2, false,
          NULL, verb_help, "show help for rnx or a verb" },
        { NULL, "version", "", 0, 0, false,
          NULL, verb_version, "show the version of rnx" },
};

static int json_mode_parse(const char *s) {
        if (!s)
                arg_json = on_tty(STDOUT_FILENO) ? JSON_PRETTY : JSON_SHORT;
        else if (strcmp(s, "pretty") == 0)
                arg_json = JSON_PRETTY;
        else if (strcmp(s, "short") == 0)
                arg_json = JSON_SHORT;
        else if (strcmp(s, "off") == 0)
                arg_json = JSON_OFF;
        else
                return log_error(-EINVAL, "--json=%s: must be pretty, short or off", s);
        if (arg_json != JSON_OFF)
                message_hold();
        return 0;
}

static int set_json(const Option *o, const char *value) {
        return json_mode_parse(value);
}

static bool help_wanted = false, version_wanted = false;

static const Option global_options[] = {
        { 'h', "help",            NULL,     "show this help",                                option_set_true,  &help_wanted       },
        { 0,   "version",         NULL,     "show the version",                              option_set_true,  &version_wanted    },
        { 0,   "json",            "[MODE]", "print JSON: pretty, short or off",              set_json, NULL, "pretty short off"   },
        { 'j', NULL,              NULL,     "print JSON: pretty on a terminal, else short",  set_json                             },
        { 0,   "no-pager",        NULL,     "do not pipe output into a pager",               option_set_false, &arg_pager         },
        { 0,   "no-legend",       NULL,     "print no column heads and totals",              option_set_false, &arg_legend        },
        { 0,   "no-ask-password", NULL,     "never ask for a password to get authorization", option_set_false, &arg_ask_password  },
        { 'q', "quiet",           NULL,     "say less on stderr",                            option_set_true,  &arg_quiet         },
        {}
};

static bool verb_in_group(const Verb *v, const char *group) {
        if (!group)
                return v->group == NULL || v->group == default_group;
        if (strcmp(group, "job") == 0)
                return v->group == default_group;
        return v->group && strcmp(v->group, group) == 0;
}

static bool is_group(const char *word) {
        return strcmp(word, "job") == 0 || strcmp(word, "runtime") == 0;
}

static const Verb* verb_find(const char *group, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (verb_in_group(verbs + i, group) && strcmp(verbs[i].name, name) == 0)
                        return verbs + i;
        return NULL;
}

/* "rnx list", "rnx runtime list" */
static char* verb_title(const Verb *v) {
        bool shown = v->group && v->group != default_group;
        char *title;

        return asprintf(&title, "rnx %s%s%s", shown ? v->group : "", shown ? " " : "", v->name) < 0 ? NULL : title;
}

static int help_verb(const Verb *v) {
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

static int help_group(const char *group) {
        printf("rnx %s%sVERB [OPTION...]\n\n%s\n\nVerbs:\n", group ?: "", group ? " " : "",
               "Run commands as jobs inside ready-made runtimes.");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                const Verb *v = verbs + i;
                bool inner = v->group && v->group != default_group;
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

static int verb_help(int argc, char *argv[]) {
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
                return log_error(-EINVAL, "unknown verb '%s', see 'rnx help'", argv[0]);
        return help_verb(v);
}

static int verb_version(int argc, char *argv[]) {
        printf("joblet %s\n", PROJECT_VERSION);
        return 0;
}

static int verb_call(const Verb *v, char **args) {
        const Option *const tables[] = { v->options, global_options };
        _cleanup_free_ char *title = verb_title(v);
        int n;

        if (!title)
                return log_oom();
        n = options_parse(title, tables, ELEMENTSOF(tables), v->stop_at_word, args);
        if (n < 0)
                return n;
        if (help_wanted)
                return help_verb(v);
        if (version_wanted)
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
        if (version_wanted)
                return verb_version(0, NULL);
        if (n > 0 && is_group(args[0])) {
                group = *args++;
                n = options_parse("rnx", tables, ELEMENTSOF(tables), true, args);
                if (n < 0)
                        return n;
        }
        if (n == 0) {
                if (!help_wanted)
                        return log_error(-EINVAL, "no verb given, see 'rnx%s%s --help'", group ? " " : "",
                                         group ?: "");
                return help_group(group);
        }

        *ret_verb = verb_find(group, args[0]);
        if (!*ret_verb)
                return log_error(-EINVAL, "unknown verb '%s%s%s', see 'rnx help'", group ?: "",
                                 group ? " " : "", args[0]);
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

        r = dispatch(argv + (argc > 0), &verb);
        if (verb && verb->end)
                r = verb->end(r);
        else if (r < 0)
                r = EXIT_FAILURE;
        message_release();

        /* What failed before has left no reason. */
        errno = ferror(stdout) ? EIO : 0;
        if ((fflush(stdout) != 0 || errno != 0) && errno != EPIPE && r == 0)
                r = log_error(EXIT_FAILURE, "cannot write to standard output: %m");
        pager_close();
        bus_close();
        return r;
}
