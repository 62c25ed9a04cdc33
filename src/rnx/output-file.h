/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A file in which a script finds something small: it is there whole, or not at all. What was there before is
 * removed at once, so that nobody takes it for the new one. */

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

typedef struct OutputFile {
        const char *option, *value; /* as given, for messages; NULL: not wanted */
        char *name;                 /* below directory_fd */
        int directory_fd;
        int fd;                     /* instead of them: a descriptor of the caller's, a pipe, a device */
} OutputFile;

#define OUTPUT_FILE_NULL { .directory_fd = -EBADF, .fd = -EBADF }

static inline bool output_file_is_wanted(const OutputFile *f) {
        return f->fd >= 0 || f->directory_fd >= 0;
}

/* Setters of options, whose target is an OutputFile: FILE, or also a descriptor as "N" or "fd:N", which the
 * caller must have opened for writing. */
int option_set_output_file(const Option *o, const char *value);
int option_set_output_file_or_fd(const Option *o, const char *value);

/* Writes it, once. Returns 0, or a negative errno after a message. */
int output_file_write(OutputFile *f, const char *data, size_t size);
