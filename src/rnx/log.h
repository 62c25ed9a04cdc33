/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LogQuery {
        bool follow;
        uint64_t lines;      /* only the last, UINT64_MAX: all */
        uint64_t since_usec; /* 0: all */
        const char *cursor;  /* what comes after it, or NULL */
} LogQuery;

/* The stream of a job's output. 0, or a negative errno after a message; -ENOENT if there is no such job. */
int log_open(uint64_t id, const LogQuery *query, int *ret_fd);
