/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A bar on standard error while something takes its time: on terminals only, and not with --quiet. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
        const char *label;       /* "Uploading" */
        uint64_t started, drawn; /* CLOCK_MONOTONIC, µs; drawn 0: no bar on the screen */
        bool finishing;          /* what is on the screen says so */
} Progress;

/* Whether bars are shown at all. */
bool progress_wanted(void);

/* Draws the bar, ten times a second at most, for bytes done of total. Nothing is shown in the first half
 * second. */
void progress_update(Progress *p, uint64_t done, uint64_t total);

/* Takes the bar off the screen. */
void progress_clear(Progress *p);
