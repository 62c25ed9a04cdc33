/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From files and trees to a tar stream: for both directions, in the client and in the relay. Links inside of a tree
 * stay links, unless they are to be followed; a file with several names arrives as one. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tar.h"

typedef enum PackProblem {
        PACK_UNREADABLE,
        PACK_SPECIAL,  /* neither file nor directory nor link */
        PACK_DANGLING, /* a link that was to be followed, to nothing */
        PACK_LOOP,     /* ... to a directory that it is in */
} PackProblem;

typedef struct Packer {
        TarWriter *writer; /* NULL: nothing is written, what is there is looked at only */
        bool follow;       /* links mean what they point to */
        /* Told for each that is left out, or is not complete. A negative value ends it all. */
        int (*problem)(void *userdata, PackProblem problem, const char *name, const char *why);
        /* Whether a name, and all below it, is left out without a word. May be NULL. */
        bool (*is_ignored)(void *userdata, const char *name, bool is_directory);
        void *userdata;

        uint64_t bytes; /* of the stream, as far as looking can tell */
        void *links;    /* tree of files with several names */
        size_t n_links;
} Packer;

void packer_done(Packer *p);

/* Packs path, and all below it, under the name given. follow: a link at path itself means what it points to. Returns 0,
 * -ENOENT if there is no path (-ENOLINK: but a link of that name), -ENOMEM, or what the writer or problem() returned. */
int packer_add(Packer *p, const char *path, const char *name, bool follow);
