/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How libzip reads a package. Only for the files package-*.c. */

#include <zip.h>

#include "package.h"

struct Package {
        zip_t *zip;
        PackageEntry *entries;
        size_t n_entries;
        PackagePlan *plan;
        Manifest *manifest;
        bool has_digests;
};

/* A source of libzip that reads fd at its own position and in large pieces. */
zip_source_t* package_source_new(int fd, uint64_t size, zip_error_t *error);

/* The bytes of the package itself: of a file, or in memory if fd is negative. */
typedef struct PackageBytes {
        int fd;
        const void *data;
        uint64_t size;
} PackageBytes;

/* Whether each entry has one name only, and all of it is what libzip says, in the order of the package. Returns 0, -EINVAL with a
 * message that names the entry, or another negative errno. */
int package_check_names(const PackageBytes *b, const PackageEntry *entries, size_t n_entries, char **reterr_message);

/* All bytes of an item into memory, NUL-terminated. Returns 0, -E2BIG beyond max, -EBADMSG if it is
 * damaged, or -ENOMEM. */
int package_read(Package *p, const FileItem *item, size_t max, char **ret, size_t *ret_size);

/* "what: reason" for an item. */
int package_failed(char **reterr_message, int error, const char *path, const char *reason);
