/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* Arguments that several verbs take. 0, or -EINVAL after a message. */
int job_argument(const char *s, uint64_t *ret);
int number_parse(const char *option, const char *s, uint64_t *ret);
