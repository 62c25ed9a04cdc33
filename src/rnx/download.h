/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a job left, coming back as a tar stream that the job may have forged: nothing of it may land
 * anywhere but at the destinations that the user named. Unpacked by a child process. */

#include <sys/types.h>

#include "run.h"

/* --download=PATH[:DEST]. PATH is a pattern (see job-pattern.h), in which a colon needs a backslash; all that follows the
 * first one without is DEST. */
int download_add(Run *run, const char *value);

/* Starts the unpacking of what comes from fd, which stays with the caller. The child ends with 0 if
 * everything came; it keeps none of theirs, since an end of a pipe that it held itself would never be
 * seen. SIGTERM ends it without a trace. */
int download_start(const Run *run, int fd, const RunFds *theirs, pid_t *ret_pid);

/* In the child. */
int download_unpack(const Run *run, int fd);
