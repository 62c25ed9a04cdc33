/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which files an upload leaves out: patterns with the syntax and the meaning of gitignore(5). */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#define IGNORE_PATTERNS_MAX 10000U
#define IGNORE_FILE_MAX (1024U * 1024U)

typedef struct IgnorePattern {
        char **components; /* "**" stands for any number of them */
        bool negated;      /* what it matches is not left out */
        bool directories;  /* it matches nothing else */
} IgnorePattern;

typedef struct IgnoreList {
        IgnorePattern *patterns; /* the last one that matches decides */
        size_t n;
} IgnoreList;

void ignore_done(IgnoreList *l);

/* A line; those that are empty or a comment are nothing. Returns 0, -ENOMEM, -E2BIG. */
int ignore_add(IgnoreList *l, const char *line);

/* All lines of a file that is open. Returns 0, -ENOMEM, -E2BIG, or what reading returned. */
int ignore_read(IgnoreList *l, int fd);

/* path is relative to the directory that the patterns are for, and its parents are not left out. */
bool ignore_matches(const IgnoreList *l, const char *path, bool is_directory);
