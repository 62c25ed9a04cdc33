/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All verbs with their options, each declared in one row: what is called, what the help says and what the shells
 * complete come from here. */

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "rnx.h"

/* A verb is "rnx [GROUP] NAME". */
typedef struct Verb {
        const char *group;        /* "": also "rnx job NAME"; NULL: only "rnx NAME" */
        const char *name;
        const char *words;        /* for the help */
        int words_min, words_max; /* -1: any number */
        bool stop_at_word;        /* what follows the first word is not ours */
        const Option *options;
        VerbFunction function;
        const char *help;
        const char *completion;   /* of its words: COMPLETE_... of options.h, or NULL */
        int (*end)(int status);   /* from what the function, or the parser, returned to an exit status; NULL: 1 for errors */
} Verb;

/* The row after the last has no name. */
extern const Verb verbs[];

/* Options that every verb takes, and what those say that are not in rnx.h. */
extern const Option global_options[];
extern bool arg_help, arg_version;

bool is_group(const char *word);
/* group: NULL for "rnx NAME". */
bool verb_in_group(const Verb *v, const char *group);
/* Whether the group is part of what is written: "rnx runtime list". */
bool verb_has_group(const Verb *v);
const Verb* verb_find(const char *group, const char *name);
/* "rnx list", "rnx runtime list"; NULL on OOM. */
char* verb_title(const Verb *v);

int help_verb(const Verb *v);
int help_group(const char *group);
int verb_help(int argc, char *argv[]);
int verb_version(int argc, char *argv[]);
