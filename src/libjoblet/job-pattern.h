/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Paths in a job, as --download takes them: patterns with *, ? and [...] as fnmatch(3) has them, each for one component.
 * A backslash takes the meaning of the character after it; with three octal digits it is a byte, so that every name can
 * be written in the UTF-8 of the bus. In client and relay a pattern is in its canonical form: bytes are themselves, and
 * a backslash is always before the character that it is for. */

#include <stdbool.h>

#include "cleanup.h"

/* Names are at most so long, and so are paths. */
#define JOB_PATTERN_MAX (4U * 4096U)

/* The canonical form. Returns 0, -ENOMEM, or -EINVAL for what is no pattern. */
int job_pattern_parse(const char *pattern, char **ret);

/* Whether it is a path in a job: without "..", control characters, and what is too long. */
bool job_pattern_is_valid(const char *pattern);

/* A pattern as it goes over the bus: what is not printable UTF-8 is written in octal. NULL on OOM. */
char* job_pattern_encode(const char *pattern);

/* Whether a canonical one has wildcards; the text of it that is meant literally (NULL on OOM); and whether a name
 * matches one of its components. */
bool job_pattern_is_plain(const char *canonical);
char* job_pattern_literal(const char *canonical);
bool job_pattern_matches(const char *component, const char *name);
