/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the parser of runtime.yml is made of: one run of it, tables of keys, and checks of single values.
 * Only for manifest-*.c. */

#include "manifest.h"
#include "yaml-tree.h"

/* One run of the parser. */
typedef struct Check {
        const char *file_name;
        Manifest *manifest;
        char **reterr_message;
        char **landings; /* the paths that mounts and selected entries cover */
} Check;

/* What is done with the value of a key. */
typedef struct Key {
        const char *name;
        int (*check)(Check *c, const YamlNode *node, void *userdata);
} Key;

/* Sets the message to "FILE:LINE: KEY: " and what follows. Returns -EINVAL, to be returned, or -ENOMEM. */
int check_refuse(Check *c, const YamlNode *node, const char *format, ...) _printf_(3, 4);

/* Adds such a message to the warnings. Returns 0 or -ENOMEM. */
int check_warn(Check *c, const YamlNode *node, const char *format, ...) _printf_(3, 4);

/* Each refuses a node that is not what its name says. */
int check_type(Check *c, const YamlNode *node, YamlType type);
/* One line of at most max bytes, maybe empty. *ret is replaced. */
int check_line(Check *c, const YamlNode *node, size_t max, char **ret);
/* The same, not empty. */
int check_word(Check *c, const YamlNode *node, size_t max, char **ret);
/* A list of non-empty lines, which are added to *ret. */
int check_words(Check *c, const YamlNode *node, char ***ret);

/* Calls the function of each key of a map, with userdata; warns about keys that are not in the table. */
int check_keys(Check *c, const YamlNode *map, const Key *keys, size_t n_keys, void *userdata);

/* The key "mounts". */
int check_mounts(Check *c, const YamlNode *node, void *userdata);
