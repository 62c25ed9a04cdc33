/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The parts of rnx runtime import. */

#include <stdbool.h>

#include "environment-kind.h"
#include "relocation.h"

typedef struct Import {
        const char *source; /* as given */
        const EnvironmentKind *kind;
        char *name, *real, *language, *version, *home; /* home: where it will be installed */
        char *base_named, *base; /* the Python that a virtual environment borrows, as named there and without links */
        int source_fd;
        Findings findings;

        Place *places;  /* what became a part of the runtime */
        size_t n_places;
        char **strings; /* what places point to */
} Import;

/* Notes a directory that becomes a part of the runtime. 0 or -ENOMEM. */
int import_add_place(Import *i, const char *from, const char *below);

/* Where in the runtime the interpreter of a virtual environment goes. */
#define BASE_IN_RUNTIME "base"

/* All names of the directory, and of the interpreter that it borrows. 0 or -ENOMEM. */
int import_find_places(Import *i);

/* Removes links that a package may not have, which by themselves stay inside but not by way of others. 0 or a negative errno. */
int import_leave_out_links(Import *i, int fd, char **reterr_message);

/* Copies the directory from into the directory to, without what a package cannot hold; below is where that is in the runtime.
 * 0, or a negative errno after a message. */
int import_copy_tree(Import *i, const char *from, const char *to, const char *below);

/* The packages that are not in the environment itself but lie where they are worked on (pip install --editable, uv sync): says so of
 * each, or with copy brings them along. dir_fd is the copy, which lies at path. 0, or a negative errno after a message. */
int import_editable(Import *i, int dir_fd, const char *path, bool copy);

/* The packages that a Python environment has, as "NAME==VERSION". 0 or -ENOMEM. */
int import_list_packages(int dir_fd, char ***ret);
