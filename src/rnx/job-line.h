/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Jobs as ListJobs() tells them: a line for each, of those that a filter lets through. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

typedef struct JobFilter {
        bool all;                   /* also the jobs of others */
        uint64_t limit;             /* the newest, 0: all */
        char **states;              /* NULL: any */
        const char *name, *runtime; /* NULL: any */
        uint64_t since_usec;        /* submitted then or later */
} JobFilter;

/* Strings belong to the message. */
typedef struct JobLine {
        uint64_t id, submitted, started, finished;
        const char *path, *name, *state, *runtime, *command;
        uint32_t owner;
        int32_t exit_status; /* as a shell would tell it, -1 while there is none */
} JobLine;

/* The lines, the oldest job first: to be read with job_line_read(). 0, or a negative errno after a message. */
int job_lines(const JobFilter *filter, sd_bus_message **ret);
/* 1, 0 after the last, or a negative errno without a message. */
int job_line_read(sd_bus_message *m, JobLine *ret);
