/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What somebody who comes from another tool, or mistyped, will have meant. */

#include "options.h"

/* Refuse a verb or an option that there is not: -EINVAL, after a message that says what comes closest. */
int advise_verb(const char *group, const char *word);
int advise_option(const Option *const *tables, size_t n_tables, const char *who, const char *name, size_t size, char letter);
