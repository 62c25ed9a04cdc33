/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Putting the entries of an archive, which may be hostile, below a directory: each component on the way to one is opened
 * as a directory in the one before, never through a link, wherever that link comes from. Needs nothing that a system
 * call filter may forbid, such as openat2(). */

#include <stdbool.h>

#include "tar.h"

typedef struct Extract {
        int root_fd;   /* not owned */
        mode_t modes;  /* permission bits that may be given */
        bool fill;     /* a directory that is there is taken as it is */
        char *parent;  /* the directory of the entry before, open as parent_fd: the next one often has the same */
        int parent_fd;
        struct ExtractDirectory *directories;
        size_t n_directories;
} Extract;

#define EXTRACT_NULL                                                                                         \
        (Extract) {                                                                                          \
                .root_fd = -EBADF, .parent_fd = -EBADF, .modes = 0777,                                       \
        }

void extract_done(Extract *x);

/* What a name in a stream means: without "." and needless slashes, "" for the directory itself. Returns 0, -ENOMEM, or
 * -EPERM with *ret_rule set to what is wrong with it. */
int entry_name_clean(const char *name, char **ret, const char **ret_rule);

/* The directory that the clean name is in, and its last component; missing directories are made if that is wanted.
 * *ret_fd stays ours, until the next call. -ELOOP: the name leads through something that is not a directory. */
int extract_parent(Extract *x, const char *name, bool make, int *ret_fd, const char **ret_base);

/* Makes a directory; it gets mode and time at the end. -EEXIST: there is something else, or it was made before. */
int extract_directory(Extract *x, const char *name, const TarEntry *e);
int extract_finish(Extract *x, const char **ret_name);

/* Writes the contents of the current entry into a new file, with its holes, and sets mode and time. Returns 0, 1 if
 * that failed, with the errno in *ret_error, or what the reader returned. */
int extract_contents(const Extract *x, TarReader *reader, const TarEntry *e, int fd, int *ret_error);
