/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files that go into /work of a job: found and looked at first, then packed as a tar stream by a child process, so that
 * neither a slow disk nor a slow job holds up anything else. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ignore.h"

/* As it was given. */
typedef struct UploadSource {
        const char *option;
        const char *path;
        bool contents;     /* what is in the directory, instead of the directory */
        IgnoreList ignore;
} UploadSource;

typedef struct Upload {
        const UploadSource *source;
        char *path;         /* here */
        char *name;         /* below /work */
} Upload;

typedef struct UploadList {
        UploadSource *sources;
        size_t n_sources;
        char **ignore;      /* patterns, borrowed */
        size_t n_ignore;
        bool follow_links;

        /* Made by upload_prepare() */
        Upload *uploads;
        size_t n_uploads;
        void *names;        /* those of the uploads, a tree of tsearch() */
        uint64_t bytes;     /* of the stream, about */
} UploadList;

void upload_list_done(UploadList *l);

/* --upload=PATH: a file or a directory under its base name; --upload-dir=PATH: what is in the directory.
 * --upload-ignore=PATTERN. All are borrowed. */
int upload_add(UploadList *l, const char *option, const char *path, bool contents);
int upload_add_ignore(UploadList *l, const char *pattern);

/* Looks at all there is to upload. Two sources of one name are refused, and so is what cannot be read; sockets and the
 * like are left out, with a message. */
int upload_prepare(UploadList *l);

/* Starts the packing; *ret_fd is where the stream comes from. */
int upload_start(const UploadList *l, int *ret_fd, pid_t *ret_pid);
