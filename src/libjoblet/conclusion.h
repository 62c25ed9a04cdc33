/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From what is known of a job's end to what its record says: the one place that names a reason. Pure. */

#include <stdbool.h>
#include <stdint.h>

#include "record.h"
#include "relay-protocol.h"

/* What was found when the job's unit had come to rest. */
typedef struct Ending {
        const RelayOutcome *outcome; /* what the relay left, be it not all, or NULL */
        const char *unit_result;     /* Result= of the unit, NULL if it is not known any more */
        int unit_exit_status;        /* ExecMainStatus= of the relay */
        uint64_t unit_started_usec;  /* ExecMainStartTimestampMonotonic=, 0 where not known */
        uint64_t unit_exited_usec;   /* ExecMainExitTimestampMonotonic=, the same */
        uint64_t unit_cpu_usec;      /* UINT64_MAX where not known, as below */
        uint64_t unit_memory_peak;
        uint64_t now_usec;
} Ending;

#define ENDING_NULL (Ending) { .unit_cpu_usec = UINT64_MAX, .unit_memory_peak = UINT64_MAX }

/* Whether the outcome alone tells how the job ended, so that the unit need not be asked. */
bool outcome_is_conclusive(const RelayOutcome *outcome);

/* Whether nothing of the job has happened: its relay was never told to begin, and nobody asked to stop it. If
 * the daemon that accepted it is gone as well, nobody was told that it was accepted. */
bool record_was_never_begun(const Record *r, const Ending *e);

/* Sets state, result, reason, exit code or signal, times and figures of r. Returns 0 or -ENOMEM. */
int record_conclude(Record *r, const Ending *e);
