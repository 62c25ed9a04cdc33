/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Quantities as people write them: sizes, percentages, lists of CPUs, times, and names of environment
 * variables. Pure functions. Parsers take the whole string or nothing: no blanks around it, no trailing
 * text; they return 0, -EINVAL for what is no such quantity, -ERANGE for one that does not fit, -ENOMEM;
 * *ret is set on success only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define MEMORY_UNIT (UINT64_C(1024) * UINT64_C(1024)) /* what a memory size without a unit counts in */
#define CPUS_MAX 8192U
#define PERCENT_MAX (100U * CPUS_MAX)
#define ENVIRONMENT_ENTRY_MAX (128U * 1024U) /* with the final NUL: the kernel takes no longer string (MAX_ARG_STRLEN) */

/* "512MB", "2G", "1.5GiB", "64k", "0": base 1024, in upper or lower case, one space before the unit is fine.
 * A number without unit counts in default_unit. Fractions are rounded down to bytes. */
int size_parse(const char *s, uint64_t default_unit, uint64_t *ret);
/* "724.8MB", "512B", "1.0GB": one decimal, base 1024, nothing beyond TB. */
int size_format(uint64_t size, char **ret);

/* "50", "50%", "250%": percent of one CPU, 1 to PERCENT_MAX. */
int percent_parse(const char *s, unsigned *ret);

/* "0-3,5" or "0-3 5" to the mask that AllowedCPUs= takes on the bus (CPU n is bit n % 8 of byte n / 8, no
 * trailing zero bytes) and, unless ret_text is NULL, to its canonical text ("0-3,5"). */
int cpu_list_parse(const char *s, uint8_t **ret_mask, size_t *ret_size, char **ret_text);

/* "2h30m", "1h 30min", "1.5h", "45s", "1hour", "1d", "90" (seconds), "infinity": systemd.time(7)'s spans, in
 * µs. As there, "m" is minutes and "M" months; otherwise the case of units does not matter. */
int timespan_parse(const char *s, uint64_t *ret);
/* "2h 30min", "1.234s", "45ms", "0", "infinity", as systemd prints; what is below accuracy (in µs) is left
 * out. */
int timespan_format(uint64_t usec, uint64_t accuracy, char **ret);

/* [A-Za-z_][A-Za-z0-9_]* */
bool environment_name_is_valid(const char *name);
/* What is wrong with NAME=VALUE, to be put behind its name, or NULL: the name must be valid, the value in UTF-8, both
 * together not longer than the kernel takes. */
const char* environment_entry_problem(const char *entry);
