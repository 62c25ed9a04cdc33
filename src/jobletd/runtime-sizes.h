/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How large runtimes are takes a walk through all their files, once: done by a child process, then kept
 * (see store.h). */

#include "manager.h"

/* Calls function when the sizes of all runtimes that can be known are known. Returns 0 or a negative
 * errno. */
typedef void (*SizesFunction)(Manager *m, void *userdata);
int runtime_sizes_update(Manager *m, SizesFunction function, void *userdata);

/* Whether an update would find out more. */
bool runtime_sizes_missing(Runtime *const *runtimes, size_t n);
