/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* name##_to_string() and name##_from_string() for an enum, over one array name##_table[] of strings. */

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "cleanup.h"

#define DEFINE_STRING_TABLE(name, type)                                                                      \
        const char* name##_to_string(type value) {                                                           \
                if ((int) value < 0 || (size_t) value >= ELEMENTSOF(name##_table))                           \
                        return NULL;                                                                         \
                return name##_table[value];                                                                  \
        }                                                                                                    \
        type name##_from_string(const char *s) {                                                             \
                for (size_t i = 0; s && i < ELEMENTSOF(name##_table); i++)                                   \
                        if (name##_table[i] && strcmp(name##_table[i], s) == 0)                              \
                                return (type) i;                                                             \
                return (type) -EINVAL;                                                                       \
        }                                                                                                    \
        struct _string_table_semicolon_
