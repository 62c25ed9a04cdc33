/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files that go into /work of a job: found and checked first, then packed as a tar stream by a child
 * process, so that neither a slow disk nor a slow job holds up anything else. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"

typedef struct Upload {
        const char *option; /* as given, for messages */
        char *path;         /* here */
        char *name;         /* below /work */
        bool follow;        /* a link means what it points to */
} Upload;

typedef struct UploadList {
        Upload *uploads;
        size_t n_uploads;
        uint64_t bytes; /* of all files */
} UploadList;

void upload_list_done(UploadList *l);

/* --upload=PATH: a file or a directory under its base name; --upload-dir=PATH: what is in the directory.
 * Two sources of one name are refused, and so is what is neither file nor directory nor link, in any
 * depth. */
int upload_add(UploadList *l, const char *path);
int upload_add_contents(UploadList *l, const char *path);

/* Starts the packing; *ret_fd is where the stream comes from. */
int upload_start(const UploadList *l, int *ret_fd, pid_t *ret_pid);
