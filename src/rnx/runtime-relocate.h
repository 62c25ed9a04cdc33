/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether a tree that was made for one place works in another. */

typedef struct Relocation {
        int dir_fd;       /* the tree: a copy, which may be changed */
        const char *from; /* absolute path that it was made for */
        const char *to;   /* where it will be */
} Relocation;

/* Changes what can be changed, interpreter lines, links and pyvenv.cfg, and says in *notes what will not work. 0, or a negative errno
 * after a message. */
int runtime_relocate(const Relocation *r, char ***notes);
