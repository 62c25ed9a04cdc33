/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The rules of runtime.yml(5) that decide what a foreign runtime may do to a job. Each function returns
 * NULL if value keeps the rule, else the rule and the way out as a clause of a sentence (a static
 * string). Pure. */

#include "manifest.h"

/* The source of a mount, normalized. */
const char* mount_source_problem(const char *source);

/* Where a mount lands, normalized, with the entry where it is selective. An allow-list for the host's root,
 * since mount points can be made in a few places only and nothing of the host may be covered; a deny-list
 * for own roots. */
const char* mount_target_problem(const char *target, RuntimeBase base);

/* An entry of "selective". */
const char* mount_entry_problem(const char *entry);

/* A variable of "environment" (with its _PREPEND). */
const char* environment_name_problem(const char *name);

/* The name of a volume. */
const char* volume_name_problem(const char *name);

/* Removes doubled and trailing slashes and "." from path; keeps "..". Returns NULL on OOM. "./" gives
 * ".". */
char* path_normalize(const char *path);

/* Whether path is prefix or lies below it; both normalized. */
bool path_is_below(const char *path, const char *prefix);

/* Order of two normalized paths, parents before their children and children right behind them. */
int path_compare(const char *a, const char *b);
