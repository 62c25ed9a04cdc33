/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Options as tables: the parser, the refusal of what a verb does not take and the help text all come from
 * them. */

#include <stdbool.h>

#include "cleanup.h"

typedef struct Option {
        int id;               /* given to the handler; 0 ends a table */
        char letter;          /* 0: only the long form */
        const char *name;     /* NULL: only the letter */
        const char *argument; /* NULL: none; "[X]": optional, only after "=" */
        const char *help;
} Option;

/* value is NULL for an option without argument. Returns 0, or a negative errno after a message. */
typedef int (*OptionHandler)(int id, const char *value);

typedef struct OptionSet {
        const Option *options;
        OptionHandler handler;
} OptionSet;

/* Takes the options out of args (a NULL-terminated vector, changed in place, borrowed strings) and hands
 * them to the set that knows them; what remains in args are the words. stop_at_word: the first word ends
 * the options. "--" always does. "who" begins the messages ("rnx list"). Returns the number of words or a
 * negative errno after a message. */
int options_parse(const char *who, const OptionSet *sets, size_t n_sets, bool stop_at_word, char **args);

/* Lines of a help text. The latter returns 0, or -ENOMEM after a message. */
void help_entry_print(const char *left, const char *help);
int options_print(const Option *options);
