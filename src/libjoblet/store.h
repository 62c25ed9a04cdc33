/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The store: where runtimes lie, which there are, and which one a name means. There is one resolver,
 * store_resolve(), for every verb and for the daemon. The search path is as of other systemd components: an
 * earlier directory wins. */

#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "manifest.h"

typedef struct Runtime {
        char *language;     /* "python" */
        char *name;         /* "python-3.11-ml", the directory's name */
        char *id;           /* see runtime_name_id() */
        char *display_name; /* "python:3.11-ml"; LANGUAGE/NAME where that could mean another runtime, too */
        char *key;          /* see runtime_name_normalize() */
        char *path;         /* absolute path of the runtime's directory */
        Manifest *manifest; /* NULL if it is broken, then problem says why */
        bool root_has_hosts; /* its own root has an /etc/hosts: see runtime_check_sources() */
        char *problem;
        uint64_t size;      /* bytes of its files, UINT64_MAX if not known: see store_runtime_size() */
        char *digest;       /* SHA-256 of its manifest.sha256 in hexadecimal, or NULL if it carries none; in a listing
                             * also NULL until the runtime was resolved once */
} Runtime;

typedef struct Store {
        char **search_path;
        char *facts_path; /* where sizes and digests are kept, see runtime-facts.h; NULL for nowhere */
        struct ManifestCache *cache; /* of the last store_enumerate(), or NULL */
} Store;

Runtime* runtime_free(Runtime *r);
DEFINE_CLEANUP(Runtime*, runtime_free);
void runtime_free_array(Runtime **runtimes, size_t n);

/* Opens the store. search_path NULL means the built-in one: /etc/joblet/runtimes, /run/joblet/runtimes,
 * /usr/local/lib/joblet/runtimes, /opt/joblet/runtimes, /usr/lib/joblet/runtimes. What is cached is checked
 * against the file system at each use: a new runtime is seen at once. A daemon keeps one Store, since only
 * the first listing has to parse every runtime.yml (500 runtimes: 22 ms, then 3). */
int store_new(char *const *search_path, Store **ret);
Store* store_free(Store *s);
DEFINE_CLEANUP(Store*, store_free);

/* All runtimes, sorted by language and then by version-aware name. Broken ones are listed too, with their
 * problem. Returns 0 or a negative errno; the caller frees with runtime_free_array(). */
int store_enumerate(Store *s, Runtime ***ret, size_t *ret_n);

/* The runtime that spelling means, with its manifest. Returns 0, or
 *   -ENOENT    unknown:   "runtime not found: NAME", what is installed, the closest match
 *   -ENOTUNIQ  ambiguous: lists the candidates
 *   -EINVAL    no name at all, or its runtime.yml is broken: the message of manifest_parse()
 * with *reterr_message set to one or more full sentences in one line. A tag that does not exist is an error, never the
 * plain runtime. The directory's own name wins over other spellings; LANGUAGE/NAME is always understood. */
int store_resolve(Store *s, const char *spelling, Runtime **ret, char **reterr_message);

/* As store_resolve(), but a broken runtime is found as well, with its problem and without a manifest: to
 * show or remove it. */
int store_find(Store *s, const char *spelling, Runtime **ret, char **reterr_message);

/* The runtime of that id, broken or not. Returns 0, -ENOENT or another negative errno. */
int store_find_id(Store *s, const char *id, Runtime **ret);

/* Whether everything that the runtime mounts is there and lies in its own directory, wherever links lead:
 * systemd follows them, as root. To be asked before a job uses the runtime. Returns 0, or -ENOENT, -EXDEV,
 * -ENOTDIR or another negative errno with a message that names the source. */
int runtime_check_sources(Runtime *r, char **reterr_message);

/* Bytes of all files below the runtime's directory, walked once and then kept in
 * /var/lib/joblet/sizes/ (best effort), keyed by path and the identity and change time of runtime.yml and
 * directory. */
int store_runtime_size(const char *path, uint64_t *ret);
