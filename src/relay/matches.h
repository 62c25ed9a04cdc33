/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a pattern for --download means in the job. */

#include <stddef.h>

#include "cleanup.h"

#define MATCHES_MAX 100000U

typedef struct Matches {
        char **paths; /* each existed; sorted by their last components, then as a whole */
        size_t n, n_allocated;
} Matches;

void matches_done(Matches *m);

/* The last component of a path, within it. */
const char* path_base(const char *path);

/* The paths that a pattern (see job-pattern.h) stands for. If there is something of just that name, it is that alone.
 * Returns 0, -EINVAL, -ENOMEM, -E2BIG. */
int matches_find(const char *pattern, Matches *ret);
