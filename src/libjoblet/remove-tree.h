/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Removes name below parent_fd with all that is in it, however deep; no link is followed, no mount point
 * crossed (unlinkat() refuses one). Nothing else may change the tree meanwhile, but whoever made it may
 * have been hostile. That it is gone already is no error. Returns 0 or a negative errno. */
int remove_tree_at(int parent_fd, const char *name);
