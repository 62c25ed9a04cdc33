/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>
#include <time.h>

#include "manifest-cache.h"

/* Longer than a tick of any file system's clock. */
#define SETTLED_SEC 2

typedef struct CacheEntry {
        char *path;
        dev_t device;
        ino_t inode;
        off_t size;
        struct timespec changed;
        Manifest *manifest; /* a reference */
} CacheEntry;

struct ManifestCache {
        CacheEntry *entries; /* sorted by path when sealed */
        size_t n_entries;
        size_t n_allocated;
};

int manifest_cache_new(ManifestCache **ret) {
        *ret = calloc(1, sizeof(ManifestCache));
        return *ret ? 0 : -ENOMEM;
}

ManifestCache* manifest_cache_free(ManifestCache *c) {
        if (!c)
                return NULL;

        for (size_t i = 0; i < c->n_entries; i++) {
                free(c->entries[i].path);
                manifest_free(c->entries[i].manifest);
        }
        free(c->entries);
        free(c);
        return NULL;
}

static int entry_compare(const void *a, const void *b) {
        return strcmp(((const CacheEntry*) a)->path, ((const CacheEntry*) b)->path);
}

Manifest* manifest_cache_get(ManifestCache *c, const char *path, const struct stat *st) {
        const CacheEntry wanted = { .path = (char*) path };
        const CacheEntry *e;

        if (!c || c->n_entries == 0)
                return NULL;

        e = bsearch(&wanted, c->entries, c->n_entries, sizeof(CacheEntry), entry_compare);
        if (!e || e->device != st->st_dev || e->inode != st->st_ino || e->size != st->st_size ||
            e->changed.tv_sec != st->st_ctim.tv_sec || e->changed.tv_nsec != st->st_ctim.tv_nsec)
                return NULL;
        return manifest_ref(e->manifest);
}

int manifest_cache_put(ManifestCache *c, const char *path, const struct stat *st, Manifest *m) {
        struct timespec now;
        CacheEntry *e;
        char *copy;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        if (st->st_ctim.tv_sec + SETTLED_SEC > now.tv_sec)
                return 0;

        if (c->n_entries == c->n_allocated) {
                size_t n = c->n_allocated ? c->n_allocated * 2 : 16;
                CacheEntry *grown;

                grown = reallocarray(c->entries, n, sizeof(CacheEntry));
                if (!grown)
                        return -ENOMEM;
                c->entries = grown;
                c->n_allocated = n;
        }
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;

        e = c->entries + c->n_entries++;
        *e = (CacheEntry) {
                .path = copy,
                .device = st->st_dev,
                .inode = st->st_ino,
                .size = st->st_size,
                .changed = st->st_ctim,
                .manifest = manifest_ref(m),
        };
        return 0;
}

void manifest_cache_seal(ManifestCache *c) {
        if (c->n_entries > 0)
                qsort(c->entries, c->n_entries, sizeof(CacheEntry), entry_compare);
}
