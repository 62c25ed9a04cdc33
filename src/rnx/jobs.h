/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* An argument that several verbs take. 0, or -EINVAL after a message. */
int job_argument(const char *s, uint64_t *ret);
