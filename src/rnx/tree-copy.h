/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "file-tree.h"

/* Copies all items of a tree, which were found below from_fd, into the empty directory to_fd: contents,
 * permissions, times and links as they are, with a bar on terminals. Special files are left out, further
 * names of a file become files, setuid bits are dropped. With for_everybody, files that not everybody may read are left out,
 * too. No link is followed, also if somebody puts one in the way meanwhile. 0, or a negative errno after a message;
 * -EINTR, without one, after a signal that was noted. */
int tree_copy(const FileTree *t, int from_fd, int to_fd, bool for_everybody);
