/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Options, each declared in one row: the parser, the refusal of what a verb does not take, the help text and
 * what the shells complete all come from these tables. */

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"

typedef struct Option Option;

/* Takes the value, NULL for an option without argument. Returns 0, or a negative errno after a message. */
typedef int (*OptionSetter)(const Option *o, const char *value);

struct Option {
        char letter;            /* 0: only the long form */
        const char *name;       /* NULL: only the letter; neither: the end of the table */
        const char *argument;   /* NULL: none; "[X]": optional, only after "=" */
        const char *help;
        OptionSetter set;
        void *target;           /* for the setters below */
        const char *completion; /* what the value may be: words, or one of COMPLETE_...; NULL: anything */
};

#define COMPLETE_FILE "<file>"
#define COMPLETE_DIRECTORY "<directory>"
#define COMPLETE_RUNTIME "<runtime>"
#define COMPLETE_RUNTIME_OR_DIRECTORY "<runtime or directory>"
#define COMPLETE_JOB "<job>"
#define COMPLETE_LIVE_JOB "<live job>"
#define COMPLETE_VARIABLE "<variable>"
#define COMPLETE_PATH_IN_JOB "<path in job>" /* PATH[:DEST] */
#define COMPLETE_COMMAND "<command>"
#define COMPLETE_VERB "<verb>"
#define COMPLETE_LIST "," /* before words: a list of them, with commas between */

/* Setters: target is a bool that becomes true or false, a const char* (value is borrowed), a uint64_t, a uint64_t of µs since 1970. */
int option_set_true(const Option *o, const char *value);
int option_set_false(const Option *o, const char *value);
int option_set_string(const Option *o, const char *value);
int option_set_number(const Option *o, const char *value);
int option_set_time(const Option *o, const char *value);

bool option_is_end(const Option *o);
bool option_argument_is_optional(const Option *o);
/* Whether one has to follow. */
bool option_wants_value(const Option *o);

/* Takes the options out of args (a NULL-terminated vector, changed in place, borrowed strings) and sets
 * them by the table that knows them; what remains in args are the words. stop_at_word: the first word ends
 * the options. "--" always does. "who" begins the messages ("rnx list"). Returns the number of words or a
 * negative errno after a message. */
int options_parse(const char *who, const Option *const *tables, size_t n_tables, bool stop_at_word, char **args);

/* The option of that name or, where name is NULL, that letter. NULL if no table has it. */
const Option* option_find(const Option *const *tables, size_t n_tables, const char *name, size_t size, char letter);

/* Lines of a help text. The latter returns 0, or -ENOMEM after a message. */
void help_entry_print(const char *left, const char *help);
int options_print(const Option *options);
