/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a control group (v2) has used so far, and whether the kernel killed in it for want of memory. */

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"

typedef struct Figures {
        uint64_t cpu_usec; /* UINT64_MAX where not known, as below */
        uint64_t memory_peak;
        uint64_t io_read_bytes, io_write_bytes;
        bool oom;
} Figures;

#define FIGURES_NULL                                                                                         \
        (Figures) {                                                                                          \
                .cpu_usec = UINT64_MAX, .memory_peak = UINT64_MAX,                                           \
                .io_read_bytes = UINT64_MAX, .io_write_bytes = UINT64_MAX,                                   \
        }

/* The text of one file of the group each. What is missing or malformed stays unknown. */
void figures_parse_cpu(Figures *f, const char *cpu_stat);
void figures_parse_memory_peak(Figures *f, const char *memory_peak);
void figures_parse_memory_events(Figures *f, const char *memory_events);
void figures_parse_io(Figures *f, const char *io_stat);

/* The group of v2 in the text of /proc/PID/cgroup: a pointer to its path and the length of that, or NULL. */
const char* figures_find_group(const char *proc_cgroup, size_t *ret_size);

/* Reads them for the group of the calling process. */
void figures_read(Figures *ret);
/* Its limit of memory; UINT64_MAX if there is none or it is not known. */
uint64_t figures_read_memory_max(void);
