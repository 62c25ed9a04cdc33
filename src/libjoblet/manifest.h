/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* runtime.yml, read and checked: what a runtime brings, as a plain value. Every rule of runtime.yml(5) is
 * enforced here and nowhere else. The bytes are hostile: a manifest comes out of a package. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

typedef enum RuntimeType {
        RUNTIME_SYSTEM,  /* complete as it is; jobs need no package manager */
        RUNTIME_MANAGED, /* jobs use its package manager, with the cache volume */
        _RUNTIME_TYPE_MAX,
        _RUNTIME_TYPE_INVALID = -EINVAL,
} RuntimeType;

typedef enum RuntimeBase {
        RUNTIME_BASE_HOST, /* its mounts land on the host's /usr */
        RUNTIME_BASE_SELF, /* it brings its own root, in the directory "root" of the runtime */
        _RUNTIME_BASE_MAX,
        _RUNTIME_BASE_INVALID = -EINVAL,
} RuntimeBase;

typedef struct ManifestMount {
        char *source;     /* relative to the runtime's directory, normalized, never leaves it lexically */
        char *target;     /* absolute and normalized path in the job */
        char **selective; /* only these entries of source, or NULL for all of it */
} ManifestMount;

typedef struct Manifest {
        char *name;
        char *language; /* or NULL: what lies in /opt/joblet/runtimes has it from its directory */
        RuntimeType type;
        RuntimeBase base;
        char *version;
        char *description; /* may be empty, never NULL */

        ManifestMount *mounts; /* parents before children, whatever their order in the file */
        size_t n_mounts;

        char **environment; /* NAME=VALUE in the order of the file; NAME may end in _PREPEND */

        char *package_manager; /* "pip", "npm", "maven", ... or NULL */
        char *cache_volume;    /* or NULL; never without the former */

        uint64_t min_memory;         /* bytes, 0 if not given */
        uint64_t recommended_memory; /* bytes, 0 if not given */
        char *min_memory_text;       /* as written, for display, or NULL */
        char *recommended_memory_text;
        char **architectures; /* as written, or NULL for any */

        char **packages; /* as written, or NULL */
        char **warnings; /* "runtime.yml:12: foo: unknown key, ignored" */

        unsigned n_more_refs; /* owners beside the first one; nothing changes once there are any */
} Manifest;

/* The caps on what is read, each tested: a manifest beyond them is refused. */
#define MANIFEST_SIZE_MAX (256U * 1024U)
#define MANIFEST_DEPTH_MAX 8U
#define MANIFEST_MOUNTS_MAX 256U
#define MANIFEST_ENTRIES_MAX 1024U /* of any list or map */
#define MANIFEST_SCALAR_MAX 4096U
#define MANIFEST_NODES_MAX 8192U   /* values in all */
#define MANIFEST_BINDS_MAX 1024U   /* mounts, and each selected entry as one */
#define MANIFEST_WARNINGS_MAX 64U  /* further ones are not kept */

/* Adds an owner; each calls manifest_free(), which drops one and frees with the last. */
Manifest* manifest_ref(Manifest *m);
Manifest* manifest_free(Manifest *m);
DEFINE_CLEANUP(Manifest*, manifest_free);

/* Parses the bytes of a runtime.yml. file_name is used in messages only. Returns 0, or -EINVAL with
 * *reterr_message set to "FILE:LINE: KEY: rule that was broken, way out", or -ENOMEM. Man page:
 * runtime.yml(5). */
int manifest_parse(const char *data, size_t size, const char *file_name, Manifest **ret,
                   char **reterr_message);

/* Reads and parses runtime.yml below the directory dir_fd; file_name is used in messages only. Links are not
 * followed. Returns 0, -ENOENT if there is none, -EINVAL as above, or another negative errno, with a message
 * in each case. */
int manifest_load_at(int dir_fd, const char *file_name, Manifest **ret, char **reterr_message);

/* "x86_64" and "amd64" are one, as are "aarch64" and "arm64". Returns whether this runtime says it runs on
 * machine (as in uname -m); no list means any. */
bool manifest_supports_machine(const Manifest *m, const char *machine);

const char* runtime_type_to_string(RuntimeType t);
RuntimeType runtime_type_from_string(const char *s);
const char* runtime_base_to_string(RuntimeBase b);
RuntimeBase runtime_base_from_string(const char *s);
