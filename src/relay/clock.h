/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* In microseconds. */
uint64_t now_monotonic(void);
uint64_t now_boottime(void);
uint64_t now_realtime(void);

/* Whether a deadline has passed; if not, *timeout is brought down to it. */
bool expired(uint64_t now, uint64_t since, uint64_t patience, uint64_t *timeout);
