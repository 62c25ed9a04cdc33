/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text from outside: what may be stored, printed on a terminal and put into one line of a message. */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

/* Whether the size bytes are well-formed UTF-8 (no overlong forms, no surrogates, no NUL). */
bool utf8_is_valid(const char *s, size_t size);

/* Whether s may be printed within one line: UTF-8 without control characters and without what reorders a
 * line. */
bool text_is_line(const char *s);

/* Whether s may be the value of a variable: UTF-8 without control characters but tab and newline. */
bool text_is_value(const char *s);

/* A copy of s for messages: everything unprintable becomes '?', what is longer than max bytes is cut with
 * "...". NULL on OOM. */
char* text_for_message(const char *s, size_t max);

/* A copy of size bytes of somebody's output for a terminal: colours stay, and end with it; everything else that is
 * unprintable becomes '?'. NULL on OOM. */
char* text_for_terminal(const char *s, size_t size, size_t *ret_size);

/* Sets *ret to a new formatted string (and frees what it held). Returns error, or -ENOMEM if there is no
 * memory: made for "return message_set(reterr_message, -EINVAL, ...)". ret may be NULL. */
int message_set(char **ret, int error, const char *format, ...) _printf_(3, 4);
