/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names in the tar stream of a download: "INDEX/BASENAME[/...]". Hostile until checked here. */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

/* *ret_inner: what follows the base name, "" or "/...", within name. 0, or -EBADMSG for anything that is
 * absolute, holds ".", "..", empty components or has no index. */
int entry_name_parse(const char *name, size_t *ret_index, const char **ret_inner);

/* The name at the destination: what replaces the base name, and inner. NULL on OOM. */
char* entry_name_place(const char *base, const char *inner);

/* Whether a symbolic link at inner, with this target, can only lead to what is below the base name.
 * Upward steps are taken at the start of the target alone: behind another link they would mean something
 * else. */
bool link_stays_inside(const char *inner, const char *target);
