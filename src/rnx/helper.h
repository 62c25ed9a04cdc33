/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Processes of rnx's own that pack and unpack beside it. One that fails says why; of one that was killed it is said here. */

#include <sys/types.h>

#define HELPER_PACKER "the process that packs the upload"
#define HELPER_UNPACKER "the process that unpacks the download"

/* Waits for its end. Returns 0 if it did well or there is none, a negative errno after a message otherwise. */
int helper_wait(pid_t *pid, const char *what);

/* Before something is told that may be the consequence. Does not wait. */
void helper_tell_death(pid_t *pid, const char *what);
