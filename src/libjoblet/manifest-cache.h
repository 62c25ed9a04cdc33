/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Manifests that were parsed before, for listing hundreds of runtimes often: parsing is most of the cost. An
 * entry holds as long as runtime.yml at its path is the same file with the same size and change time. It
 * belongs to a Store, which builds a new one in each full pass from what it takes over and what it parses,
 * so that nothing stays for runtimes that are gone. */

#include <sys/stat.h>

#include "cleanup.h"
#include "manifest.h"

typedef struct ManifestCache ManifestCache;

int manifest_cache_new(ManifestCache **ret);
ManifestCache* manifest_cache_free(ManifestCache *c);
DEFINE_CLEANUP(ManifestCache*, manifest_cache_free);

/* A reference to the manifest at path, or NULL. c may be NULL. Only after manifest_cache_seal(). */
Manifest* manifest_cache_get(ManifestCache *c, const char *path, const struct stat *st);

/* Remembers a reference to m. Files that changed just now are not taken: the next change could have the same
 * time. */
int manifest_cache_put(ManifestCache *c, const char *path, const struct stat *st, Manifest *m);

/* No more entries will come. */
void manifest_cache_seal(ManifestCache *c);
