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

/* All bytes of an item into memory, NUL-terminated. Returns 0, -E2BIG beyond max, -EBADMSG if it is
 * damaged, or -ENOMEM. */
int package_read(Package *p, const FileItem *item, size_t max, char **ret, size_t *ret_size);

/* "what: reason" for an item. */
int package_failed(char **reterr_message, int error, const char *path, const char *reason);
