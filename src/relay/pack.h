/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packs files and trees into a tar stream. Links are packed as links, nothing is followed. What cannot be
 * read and what is neither file nor directory nor link is left out. */

#include "tar.h"

/* Told for each that is left out, or is not complete. */
typedef void (*PackProblem)(void *userdata, const char *path, const char *why);

/* Packs path under the name given. Returns 0, -ENOENT if there is no path, -ENOMEM, or what the writer
 * returned. */
int pack(TarWriter *writer, const char *path, const char *name, PackProblem problem, void *userdata);
