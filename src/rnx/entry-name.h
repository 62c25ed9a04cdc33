/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names in the tar stream of a download: "INDEX/BASENAME[/...]". Hostile until checked here. */

#include <stddef.h>

#include "cleanup.h"

/* *ret_base: what follows the index; *ret_inner: what follows the base name, "" or "/..."; both within name. 0, or -EBADMSG
 * for anything that is absolute, holds ".", "..", empty components or has no index. */
int entry_name_parse(const char *name, size_t *ret_index, const char **ret_base, const char **ret_inner);

/* The name at the destination: that given, or if there is none the base name, and inner. NULL on OOM. */
char* entry_name_place(const char *given, const char *base, const char *inner);

typedef enum LinkScope {
        LINK_INSIDE,  /* leads to what is below the base name, as far as its text tells */
        LINK_OUTSIDE,
        LINK_UNCLEAR, /* goes up behind a name, which may be a link itself */
} LinkScope;

/* Where a symbolic link at inner, with this target, leads. */
LinkScope link_scope(const char *inner, const char *target);
