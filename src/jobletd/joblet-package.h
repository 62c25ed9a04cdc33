/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The parts of the program joblet-package. */

#include <stdbool.h>
#include <stdio.h>

#include "package.h"

/* A signal asked us to end. */
bool was_stopped(void);

/* Says on f how it went, if it failed: "error ERRNO", and on the next line why. Returns what to exit
 * with. */
int package_result(FILE *f, int error, const char *message);

int verb_install(const char *runtimes, int progress_fd);
/* Files, on the file system of the tree, that are not packed: what the package is going to be, under whatever name. */
typedef struct Inodes {
        uint64_t inodes[8];
        size_t n;
} Inodes;

int verb_pack(const char *directory, const char *language, const char *name, bool store, const Inodes *except, int progress_fd);

/* Reads manifest.sha256 below dir_fd. */
int read_digests(int dir_fd, char **ret, size_t *ret_size);

/* Work that several processes share: each is a fork that calls function, which returns 0 or a negative
 * errno with a message. While they work, "*done TOTAL" is written to progress_fd now and then. Returns
 * the first error. */
typedef int (*ShareFunction)(void *userdata, unsigned worker, char **reterr_message);
int share_work(ShareFunction function, void *userdata, const uint64_t *done, uint64_t total, int progress_fd,
               char **reterr_message);

/* How many they are. */
unsigned share_count(void);

/* Memory that forks share; zeroed. */
void* share_memory(size_t size);

/* file_tree_hash() by all processors. */
int hash_in_parallel(FileTree *t, int dir_fd, char **reterr_message);
