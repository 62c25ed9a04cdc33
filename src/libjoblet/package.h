/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A runtime as one file: a zip whose top level is LANGUAGE/NAME/. Other carriers would have the same
 * three operations: open (and plan), unpack, pack. Only what uses these functions needs libzip. */

#include "manifest.h"
#include "package-plan.h"

typedef struct Package Package;

Package* package_free(Package *p);
DEFINE_CLEANUP(Package*, package_free);

/* Opens the package in a file that can be read at any position, and makes the plan of its extraction,
 * complete: names, links, runtime.yml and, if the package has one, manifest.sha256, whose digests the
 * plan then holds. Nothing is written. fd stays the caller's, must stay open, and its position is not
 * used: several processes may read through it. Returns 0; -EINVAL or -E2BIG with a message if it is
 * refused; another negative errno with a message if it cannot be read. */
int package_open(int fd, const PackageLimits *limits, Package **ret, char **reterr_message);

/* The same for bytes in memory, which must stay. */
int package_open_bytes(const void *data, size_t size, const PackageLimits *limits, Package **ret,
                       char **reterr_message);

const PackagePlan* package_plan(const Package *p);
const Manifest* package_manifest(const Package *p);
bool package_has_digests(const Package *p);

/* What processes that unpack one package share, in shared memory; zeroed at first. */
typedef struct UnpackState {
        uint64_t next; /* the first item that nobody has taken */
        uint64_t done; /* bytes written */
} UnpackState;

/* Carries out the plan below the empty directory dir_fd, in three steps: directories; files, by any
 * number of processes after a fork, each calling it with the same state; links and times. No link is ever
 * followed. The umask must be 022. */
int package_unpack_directories(const Package *p, int dir_fd, char **reterr_message);
int package_unpack_files(Package *p, int dir_fd, UnpackState *state, char **reterr_message);
int package_unpack_finish(const Package *p, int dir_fd, char **reterr_message);

typedef struct PackOptions {
        const char *language;
        const char *name;
        int64_t time;   /* no file is younger: what is becomes this old; the package's own files are exactly so */
        bool store;     /* do not compress */
        uint64_t *done; /* counts bytes, or NULL */
} PackOptions;

/* Writes the tree, scanned from dir_fd and hashed, as a package: sorted, the same bytes for the same
 * tree. Its manifest.sha256 is made anew from the tree. fd must be an empty file, opened for reading and
 * writing. */
int package_pack(int dir_fd, const FileTree *t, const PackOptions *options, int fd, char **reterr_message);
