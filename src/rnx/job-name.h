/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The JOB of a command line: a number, the name of a unit, or a name that the caller gave to jobs of their own. What
 * consists of digits is a number. */

#include <stdint.h>

typedef enum JobChoice {
        JOB_NEWEST,    /* of several of one name the newest */
        JOB_ONLY_LIVE, /* the one that runs; where several do the user has to say which */
        JOB_ONLY,      /* where there are several the user has to say which */
} JobChoice;

/* 0, or a negative errno after a message; -ENOENT if there is no such job. */
int job_find(const char *s, JobChoice choice, uint64_t *ret);
