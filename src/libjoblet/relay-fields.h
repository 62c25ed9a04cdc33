/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* KEY=VALUE, one a line, with "\n" and "\\" escaped in values: how the packets and files of relay-protocol.h are written. */

#include <stdint.h>

#include "cleanup.h"

/* Appends a line to a vector of lines. Returns 0 or -ENOMEM. */
int field_extend(char ***lines, const char *key, const char *value);

/* Takes the next line off *text, in place: 1, 0 at the end, -EBADMSG. */
int field_next(char **text, const char **ret_key, char **ret_value);

/* A decimal number, in one spelling only: 0 or -EBADMSG. */
int field_number(const char *value, uint64_t *ret);
