/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>
#include <unistd.h>

#include "message.h"
#include "run-report.h"
#include "terminal.h"
#include "verbs.h"

static const char default_group[] = "";

const Verb verbs[] = {
        { default_group, "run", "COMMAND [ARG...]", 1, -1, true,
          run_options, verb_run, "run a command as a job", COMPLETE_COMMAND, run_end },
        { default_group, "list", "", 0, 0, false,
          list_options, verb_list, "list jobs" },
        { default_group, "status", "JOB...", 1, -1, false,
          status_options, verb_status, "show what is known of jobs", COMPLETE_JOB },
        { default_group, "log", "JOB", 1, 1, false,
          log_options, verb_log, "show the output of a job", COMPLETE_JOB },
        { default_group, "wait", "JOB...", 1, -1, false,
          NULL, verb_wait, "wait until jobs have ended", COMPLETE_LIVE_JOB, wait_end },
        { default_group, "stop", "JOB...", 1, -1, false,
          NULL, verb_stop, "stop jobs", COMPLETE_LIVE_JOB },
        { default_group, "delete", "JOB...", 1, -1, false,
          NULL, verb_delete, "forget jobs that have ended", COMPLETE_JOB },
        { "runtime", "list", "", 0, 0, false,
          runtime_list_options, verb_runtime_list, "list the runtimes that jobs can use" },
        { "runtime", "info", "RUNTIME", 1, 1, false,
          NULL, verb_runtime_info, "show one runtime", COMPLETE_RUNTIME },
        { "runtime", "test", "RUNTIME", 1, 1, false,
          NULL, verb_runtime_test, "run a job that tries out a runtime", COMPLETE_RUNTIME },
        { "runtime", "install", "FILE|DIRECTORY|-", 1, 1, false,
          NULL, verb_runtime_install, "install a runtime from a package", COMPLETE_FILE },
        { "runtime", "remove", "RUNTIME", 1, 1, false,
          NULL, verb_runtime_remove, "remove an installed runtime", COMPLETE_RUNTIME },
        { "runtime", "verify", "RUNTIME", 1, 1, false,
          NULL, verb_runtime_verify, "compare a runtime with its manifest", COMPLETE_RUNTIME },
        { "runtime", "pack", "RUNTIME|DIRECTORY", 1, 1, false,
          runtime_pack_options, verb_runtime_pack, "make a package of a runtime", COMPLETE_RUNTIME_OR_DIRECTORY },
        { "runtime", "import", "DIRECTORY", 1, 1, false,
          runtime_import_options, verb_runtime_import, "make a runtime of an environment or a JDK", COMPLETE_DIRECTORY },
        { NULL, "help", "[VERB]", 0, 2, false,
          NULL, verb_help, "show help for rnx or a verb", COMPLETE_VERB },
        { NULL, "version", "", 0, 0, false,
          NULL, verb_version, "show the version of rnx" },
        {}
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

bool arg_help = false, arg_version = false;

const Option global_options[] = {
        { 'h', "help",            NULL,     "show this help",                                option_set_true,  &arg_help          },
        { 0,   "version",         NULL,     "show the version",                              option_set_true,  &arg_version       },
        { 0,   "json",            "[MODE]", "print JSON: pretty, short or off",              set_json, NULL, "pretty short off"   },
        { 'j', NULL,              NULL,     "print JSON: pretty on a terminal, else short",  set_json                             },
        { 0,   "no-pager",        NULL,     "do not pipe output into a pager",               option_set_false, &arg_pager         },
        { 0,   "no-legend",       NULL,     "print no column heads and totals",              option_set_false, &arg_legend        },
        { 0,   "no-ask-password", NULL,     "never ask for a password to get authorization", option_set_false, &arg_ask_password  },
        { 'q', "quiet",           NULL,     "say less on stderr",                            option_set_true,  &arg_quiet         },
        {}
};

bool verb_in_group(const Verb *v, const char *group) {
        if (!group)
                return v->group == NULL || v->group == default_group;
        if (strcmp(group, "job") == 0)
                return v->group == default_group;
        return v->group && strcmp(v->group, group) == 0;
}

bool is_group(const char *word) {
        return strcmp(word, "job") == 0 || strcmp(word, "runtime") == 0;
}

const Verb* verb_find(const char *group, const char *name) {
        for (const Verb *v = verbs; v->name; v++)
                if (verb_in_group(v, group) && strcmp(v->name, name) == 0)
                        return v;
        return NULL;
}

bool verb_has_group(const Verb *v) {
        return v->group && v->group != default_group;
}

char* verb_title(const Verb *v) {
        bool shown = verb_has_group(v);
        char *title;

        return asprintf(&title, "rnx %s%s%s", shown ? v->group : "", shown ? " " : "", v->name) < 0 ? NULL : title;
}
