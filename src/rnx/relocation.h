/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether a tree that was made for one place works in another, and what of it can be changed so that it
 * does. */

#include <stddef.h>

#include "cleanup.h"

/* A directory that became a part of the tree. */
typedef struct Place {
        const char *from;  /* absolute path that it was made for */
        const char *below; /* where in the tree it is now; "" for the tree itself */
} Place;

/* What an import found, in words for its user. */
typedef struct Findings {
        char **problems;  /* what will not work */
        char **caveats;   /* what works only where the host has the same */
        char **left_out;
        char **brought;   /* what lay outside and comes along */
        char **host_libraries;
} Findings;

void findings_done(Findings *f);

/* Adds "PATH: BEFORE WHAT AFTER" to one of the lists, up to a limit. 0 or -ENOMEM. */
int finding_add(char ***list, const char *path, const char *before, const char *what, const char *after);

typedef struct Relocation {
        const char *home;    /* absolute path that the tree will have */
        const Place *places; /* inner directories before those that they lie in */
        size_t n_places;
} Relocation;

/* Sets *ret to the path in the tree that an absolute path has become ("" for the tree itself), NULL if it
 * leads elsewhere. 0 or -ENOMEM. */
int relocate_path(const Relocation *r, const char *path, char **ret);

/* The place that what is now at path in the tree came from, the innermost; NULL if from none. */
const Place* relocate_place(const Relocation *r, const char *path);

/* Puts places into the order that a Relocation wants. */
void places_sort(Place *places, size_t n);

/* The other way: where what is now at path in the tree was made for. 0, -ENOENT if it came from no place, or -ENOMEM. */
int relocate_origin(const Relocation *r, const char *path, char **ret);

/* As relocate_path(), as an absolute path. */
int relocate_absolute(const Relocation *r, const char *path, char **ret);

/* Replaces all paths in a text that lead to one of the places. *ret is NULL if there are none. 0 or
 * -ENOMEM. */
int relocate_text(const Relocation *r, const char *data, size_t size, char **ret, size_t *ret_size);

/* How often such paths occur in data. */
size_t relocate_count(const Relocation *r, const char *data, size_t size);

/* The directories of a RPATH (ld.so(8)) of the file at path in the tree, each relative to it where it
 * leads to one of the places. 0 or -ENOMEM. */
int relocate_rpath(const Relocation *r, const char *path, const char *rpath, char **ret);

/* Changes what can be changed in the tree dir_fd, a copy: interpreter lines and all other text, links and
 * paths of libraries. What links lead to outside of the tree is brought along where everybody on this host may read it, and
 * such a link is left out otherwise. 0, or a negative errno after a message. */
int runtime_relocate(const Relocation *r, int dir_fd, Findings *findings);
