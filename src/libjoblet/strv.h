/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Vectors of strings: NULL terminated arrays, NULL is the empty vector. */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

/* Frees all strings and the vector; returns NULL. Accepts NULL. */
char** strv_free(char **l);
DEFINE_CLEANUP(char**, strv_free);
#define _cleanup_strv_free_ _cleanup_(strv_freep)

size_t strv_length(char *const *l);
/* What the kernel counts of it at execve(2): the bytes, their NULs and the pointers. */
size_t strv_size(char *const *l);
bool strv_contains(char *const *l, const char *s);

/* These look for the end each time: not for vectors that somebody else may make long.
 *
 * Appends a copy of s. Returns 0 or -ENOMEM. */
int strv_extend(char ***l, const char *s);
/* Appends s itself and takes ownership, also on failure. Returns 0 or -ENOMEM. */
int strv_consume(char ***l, char *s);
/* Appends a formatted string. Returns 0 or -ENOMEM. */
int strv_extendf(char ***l, const char *format, ...) _printf_(2, 3);
/* Copies the whole vector. Returns 0 or -ENOMEM. */
int strv_copy(char *const *l, char ***ret);
/* Joins with a separator into a new string, NULL on OOM. The empty vector gives "". */
char* strv_join(char *const *l, const char *separator);

/* A vector that grows by any number of strings, in time that grows with it. */
typedef struct StrvBuilder {
        char **l; /* NULL while it is empty */
        size_t n, n_allocated;
} StrvBuilder;

/* Appends s itself and takes ownership, also on failure. Returns 0 or -ENOMEM. */
int strv_builder_consume(StrvBuilder *b, char *s);
int strv_builder_extendf(StrvBuilder *b, const char *format, ...) _printf_(2, 3);
/* Hands the vector over and is empty again. */
char** strv_builder_take(StrvBuilder *b);
void strv_builder_done(StrvBuilder *b);

#define STRV_FOREACH(s, l) for (typeof(*(l)) *s = (l); s && *s; s++)
