/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* manifest.sha256, which a package and an installed runtime carry: what their files must be. Its lines are those of
 * sha256sum(1), so that `sha256sum --check` reads it; what these have no words for are comments:
 *
 *      # symlink PATH -> TARGET
 *      # executable PATH
 *      # directory PATH            (an empty one)
 *      DIGEST  PATH
 *
 * The file itself is not in it. */

#include "file-tree.h"

#define TREE_MANIFEST_SIZE_MAX (128U * 1024U * 1024U)

/* Reads one into a sorted tree, in which directories that are not empty are left out. Returns 0, or
 * -EINVAL with the line that was not understood, or -ENOMEM. */
int tree_manifest_parse(const char *data, size_t size, FileTree **ret, char **reterr_message);

/* Writes that of a sorted tree with digests. Returns 0, -EINVAL if a name cannot be written, or -ENOMEM. */
int tree_manifest_format(const FileTree *t, char **ret, size_t *ret_size, char **reterr_message);

/* Compares a tree with what was promised. Each difference becomes one line of *problems ("changed:
 * PATH"), up to max; a digest that is not known yet is no difference. Returns the number of all
 * differences, or -ENOMEM. */
int tree_manifest_compare(const FileTree *promised, const FileTree *found, size_t max, char ***problems);
