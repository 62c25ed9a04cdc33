/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How the store is read. Only for the store itself. */

#include <stdbool.h>

#include "store.h"

/* Finds all runtimes, sorted, without those that an earlier directory hides. With load set each comes with
 * its manifest or problem, else with its names only. The caller frees with runtime_free_array(). */
int store_scan(Store *s, bool load, Runtime ***ret, size_t *ret_n);

/* Reads the manifest of one that was found without. What is wrong with it becomes its problem. */
int runtime_load(Store *s, Runtime *r);

/* Opens the directory of kept facts. Keeping is a best effort: returns -EBADF if there is none or it is not
 * for us. */
int store_open_facts(const char *path, bool create);
