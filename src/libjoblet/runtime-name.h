/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Spellings of runtime names. A runtime is known by its language (the first directory level below the store)
 * and its name (the second). Users write python-3.11-ml, python:3.11-ml, python:3.11+ml, node:18, nodejs-18,
 * my-custom-runtime; all of them are one key here. */

#include <stdbool.h>

#define RUNTIME_NAME_MAX 128U

/* Whether s may be a language or a name of a runtime: letters, digits, '.', '_', '+', '-', neither empty nor
 * longer than RUNTIME_NAME_MAX, beginning with a letter or digit. What is not valid is never looked up in
 * the file system. */
bool runtime_name_is_valid(const char *s);

/* Brings any spelling into its one key, which two spellings share exactly if they mean the same runtime
 * ("python:3.11+ml" -> "python-3.11-ml", "node:18" -> "nodejs-18"). Returns 0, -EINVAL if s is no spelling
 * of a name at all, -ENOMEM. */
int runtime_name_normalize(const char *s, char **ret);

/* The name that "rnx runtime list" prints: "python:3.11-ml" for language python and name python-3.11-ml; the
 * bare name where it does not begin with the language. Returns 0 or -ENOMEM. */
int runtime_name_display(const char *language, const char *name, char **ret);

/* What a runtime is called where no two may be one, whatever else is installed: NAME where it begins with the language and
 * '-', else LANGUAGE/NAME ("python-3.11-ml", "custom/my-custom-runtime"). Returns 0 or -ENOMEM. */
int runtime_name_id(const char *language, const char *name, char **ret);

/* Whether s is written LANGUAGE/NAME, which is understood wherever a runtime is named, and never ambiguous. */
bool runtime_name_is_full(const char *s);

/* How far two keys are apart (edit distance), for "did you mean". */
unsigned runtime_name_distance(const char *a, const char *b);
