/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Times and ids between people and programs. */

#include <stdint.h>

#include "cleanup.h"

/* "2026-11-23 14:51:15", local time. "" for 0. */
void timestamp_format(uint64_t usec, char ret[static 32]);
/* "2026-11-23T14:51:15.123456+01:00", local time, in 32 bytes without the final NUL. */
void timestamp_format_precise(uint64_t usec, char ret[static 48]);

/* "1.234s", "45ms", "2h 30min": a duration as precise as one wants to read it. 0 or -ENOMEM. */
int duration_format(uint64_t usec, char **ret);

/* What --since= takes: "10min ago" (or "-10min"), "@1700000000", RFC 3339, "YYYY-MM-DD[ HH:MM[:SS]]",
 * "HH:MM[:SS]", "now", "today", "yesterday". now: CLOCK_REALTIME in µs. Times without zone are local. 0,
 * -EINVAL, -ERANGE. */
int time_parse(const char *s, uint64_t now, uint64_t *ret);

/* "42", also as unit name. 0 or -EINVAL. */
int job_id_parse(const char *s, uint64_t *ret);
