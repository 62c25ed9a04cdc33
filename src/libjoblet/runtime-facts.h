/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is costly to find out about a runtime and seldom changes, the size of its files and the digest of its
 * manifest.sha256, kept in one small file per runtime. Kept facts hold as long as the runtime's directory,
 * its runtime.yml and its manifest.sha256 are the same files with the same change times: an installation,
 * which makes all of them anew, is seen; a file that was changed deep in the tree by hand is not. */

#include <stdint.h>

#include "cleanup.h"

typedef struct RuntimeFacts {
        uint64_t size; /* UINT64_MAX if not known */
        char *digest;  /* or NULL */
} RuntimeFacts;

void runtime_facts_done(RuntimeFacts *f);

/* Bytes of all regular files and links below dir_fd on its file system, hard links counted once. */
int tree_size(int dir_fd, uint64_t *ret);

/* SHA-256 of manifest.sha256 below dir_fd. Returns 0, -ENOENT if there is none, or another negative
 * errno. */
int runtime_digest(int dir_fd, char **ret);

/* Facts about the runtime whose directory is open as dir_fd and lies at path, from the directory facts_fd.
 * What is not kept or does not hold any more comes out as not known. Returns 0, also when nothing is kept,
 * or a negative errno. */
int runtime_facts_read(int facts_fd, const char *path, int dir_fd, RuntimeFacts *ret);

int runtime_facts_write(int facts_fd, const char *path, int dir_fd, const RuntimeFacts *facts);
