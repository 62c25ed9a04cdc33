/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Unpacks a tar stream into a directory. The stream is hostile: nothing is made outside the directory,
 * nothing that is there is replaced or written through, and nothing but files, directories and links that
 * stay inside is made. */

#include <stdint.h>

#include "tar.h"

/* bytes_max limits the contents of all files together. Returns 0, or a negative errno with a message for
 * the user (without one for -ENOMEM and for what the stream's own read function returned). */
int unpack(TarReader *reader, int dir_fd, uint64_t bytes_max, char **reterr_message);

/* What a name in the stream means: without "." and needless slashes, "" for the directory itself. Returns
 * 0, -ENOMEM, or -EPERM with *ret_rule set to what is wrong with it. */
int entry_name_clean(const char *name, char **ret, const char **ret_rule);

typedef enum LinkScope {
        LINK_INSIDE,  /* leads to what is inside, as far as its text tells */
        LINK_OUTSIDE,
        LINK_UNCLEAR, /* goes up behind a name, which may be a link itself */
} LinkScope;

/* Where the symbolic link of that (clean) name leads. */
LinkScope link_scope(const char *name, const char *target);
