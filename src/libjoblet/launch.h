/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a job executes, words and variables, on its way from jobletd to the relay: a sealed file in memory that travels
 * beside the "go" packet. A unit's properties can be read by every user of the host, and have a length that the bus
 * allows; this has neither.
 *
 * The file is "launch WORDS VARIABLES", then the words of the command, then the variables as NAME=VALUE, each with a
 * NUL behind it, and nothing else. */

#include <stddef.h>

#include "cleanup.h"

#define LAUNCH_SIZE_MAX (8U << 20) /* bytes; what the kernel executes is less, see execve(2) */

typedef struct Launch {
        char *text;         /* holds the strings of both */
        char **command;     /* one word at least */
        char **environment; /* NAME=VALUE */
} Launch;

void launch_done(Launch *l);

/* Writes a new file. Returns its descriptor, or -E2BIG, -EINVAL for what launch_parse() would not take, or another
 * negative errno. */
int launch_write(char *const *command, char *const *environment);

/* Reads it, from its beginning. Returns 0, -EBADMSG, -ENOMEM, or another negative errno. */
int launch_read(int fd, Launch *ret);

/* The same of size bytes that are in memory. */
int launch_parse(const char *data, size_t size, Launch *ret);

/* The value of a variable, the first of that name, or NULL. */
const char* launch_getenv(const Launch *l, const char *name);
