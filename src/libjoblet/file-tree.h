/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files of a runtime as a plain list: what a package holds, what lies in a directory, what a
 * manifest.sha256 promises. The three are made, and compared, in this one form. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "digest.h"

typedef enum FileType {
        FILE_REGULAR,
        FILE_DIRECTORY,
        FILE_LINK,
        FILE_SPECIAL, /* device, socket, FIFO */
        _FILE_TYPE_MAX,
        _FILE_TYPE_INVALID = -EINVAL,
} FileType;

typedef struct FileItem {
        char *path; /* below the runtime's directory, never empty */
        FileType type;
        mode_t mode;    /* permission bits only */
        uint64_t size;  /* of a regular file */
        int64_t mtime;  /* seconds since 1970 */
        char *target;   /* of a link */
        char *digest;   /* SHA-256 of a regular file in hexadecimal, or NULL if not known */
        bool empty;     /* of a directory: nothing is in it; filled in by file_tree_sort() */

        /* On a disk only */
        uint64_t inode;

        /* In a package only */
        uint64_t index; /* of its entry, UINT64_MAX for a directory that has none */
        uint64_t packed_size;
} FileItem;

typedef struct FileTree {
        FileItem *items;
        size_t n_items, n_allocated;
        uint64_t size; /* of all regular files */
} FileTree;

#define FILE_TREE_ITEMS_MAX 500000U
#define FILE_TREE_DEPTH_MAX 64
#define FILE_TREE_PATH_MAX 1024
#define FILE_TREE_TARGET_MAX 1024

#define MANIFEST_DIGESTS_NAME "manifest.sha256"

FileTree* file_tree_free(FileTree *t);
DEFINE_CLEANUP(FileTree*, file_tree_free);
int file_tree_new(FileTree **ret);

/* Appends an item and takes over what it owns, also on failure. Returns 0, -ENOMEM or -E2BIG. */
int file_tree_add(FileTree *t, FileItem item);

/* Sorts: a directory comes right before what is in it. */
void file_tree_sort(FileTree *t);

/* Drops the items of which leave_out says true. */
void file_tree_leave_out(FileTree *t, bool (*leave_out)(const FileItem *item, void *userdata), void *userdata);

/* The order of sorted trees. */
int file_path_compare(const char *a, const char *b);

/* Of a sorted tree. */
FileItem* file_tree_find(const FileTree *t, const char *path);

/* Whether path lies below directory. */
bool file_path_is_below(const char *path, const char *directory);

/* All that is below dir_fd, sorted; no link is followed, no other file system entered. Returns 0, or a
 * negative errno with a message that names the file. */
int file_tree_scan(int dir_fd, FileTree **ret, char **reterr_message);

/* SHA-256 of a regular file of the tree below dir_fd, in hexadecimal. */
int file_item_hash(const FileItem *i, int dir_fd, char ret[static SHA256_HEX_SIZE], char **reterr_message);

const char* file_type_to_string(FileType t);
FileType file_type_from_string(const char *s);
