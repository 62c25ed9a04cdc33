/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Walking the files to upload. Nothing is followed but a link that the user named himself. */

#include <sys/stat.h>

#include "upload.h"

typedef struct TreeEntry {
        int dir_fd;             /* the directory that it is in */
        const char *file;       /* its name there */
        bool follow;            /* named by the user: a link means what it points to */
        const char *path;       /* here, for messages */
        const char *name;       /* below /work */
        const struct stat *st;
} TreeEntry;

typedef int (*TreeFunction)(const TreeEntry *e, void *userdata);

/* Calls function for path and all below, directories first, in the order of their names. What cannot be
 * uploaded ends the walk. With follow, a link at path itself means what it points to. Returns 0, or a
 * negative errno after a message; option begins the messages. */
int tree_walk(const char *option, const char *path, const char *name, bool follow, TreeFunction function,
              void *userdata);

/* Writes all as a tar stream, with a progress bar if stderr is a terminal. After a failure the stream has
 * no end mark, by which its reader knows. */
int pack(const UploadList *l, int fd);
