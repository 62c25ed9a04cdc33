/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The cache of a package manager: where a job sees the volume that a runtime names for it, and the
 * variable that points the tool there. Pure. Man page: runtime.yml(5), package_manager. */

#include <stdbool.h>

/* Every volume of a job is seen below it, under its name. */
#define VOLUMES_IN_JOB "/volumes"

/* Whether there is a variable that tells this package manager where to keep its cache. */
bool package_manager_has_cache(const char *type);

/* Sets *ret to the assignment, "PIP_CACHE_DIR=/volumes/pip-cache" for pip, or to NULL for a package
 * manager that is not known. Returns 0 or -ENOMEM. */
int package_manager_cache_assignment(const char *type, const char *directory, char **ret);
