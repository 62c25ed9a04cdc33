/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What kinds of directories a runtime can be made of. */

#include "cleanup.h"

typedef struct EnvironmentKind {
        const char *title; /* "a virtual environment" */
        const char *file;  /* that tells it */
        const char *language;
        const char *home;  /* variable that names the directory, or NULL */
        char* (*version)(int fd);
} EnvironmentKind;

/* The kind of the directory fd, or NULL if it is none that is known. */
const EnvironmentKind* environment_kind(int fd);

/* The value behind KEY = VALUE or KEY="VALUE" in a file of the directory, or NULL. */
char* environment_config_value(int fd, const char *name, const char *key);
