/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a job has written is on its way to journald for a while. journald can be asked to take in all that was written
 * before, but it writes its files to disk for that: so all readers of logs share what is asked, however many there are
 * and for whomever they read. One asks at a time, with a pause behind it, and who waited meanwhile has had it asked too. */

#include <stdbool.h>
#include <stdint.h>

uint64_t monotonic_now(void);

/* Has journald take in what was written until then (CLOCK_MONOTONIC), unless that is done already. Returns whether it
 * has within that time. */
bool journal_sync(uint64_t written_usec, int patience_msec);
