/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The plan of an extraction: what a package would put where, made from its central directory as a plain
 * value, with every rule checked before a byte is written. What carries out a plan needs no rule of its
 * own. */

#include "file-tree.h"

/* One entry as the central directory has it. */
typedef struct PackageEntry {
        const char *name;
        uint64_t index;
        uint64_t size, packed_size;
        uint32_t mode; /* st_mode with its type, 0 if the package was made where there is none */
        int64_t mtime;
        bool encrypted;
        bool supported; /* the method of compression */
} PackageEntry;

/* What a package may cost at most. */
typedef struct PackageLimits {
        uint64_t size;       /* bytes of all files */
        uint64_t file_size;
        uint64_t ratio;      /* of the sizes of all files and of the package */
        uint64_t ratio_from; /* not asked below that size of all files */
        size_t entries;
} PackageLimits;

extern const PackageLimits package_limits_default;

typedef struct PackagePlan {
        char *language; /* the two levels at the top */
        char *name;
        FileTree *tree; /* sorted, with all directories; modes as they will be */
} PackagePlan;

PackagePlan* package_plan_free(PackagePlan *p);
DEFINE_CLEANUP(PackagePlan*, package_plan_free);

/* Returns 0, or -EINVAL if a rule is broken, -E2BIG if a limit is exceeded, both with a message that
 * names entry and rule; or -ENOMEM. The targets of links are not known yet. */
int package_plan_new(const PackageEntry *entries, size_t n, uint64_t package_size,
                     const PackageLimits *limits, PackagePlan **ret, char **reterr_message);

/* To be called when the targets are filled in: no link may lead out of the runtime, whatever other links
 * it passes. own_root: the runtime brings a root, in which absolute links mean that root. Returns as
 * above. */
int package_plan_check_links(const PackagePlan *p, bool own_root, char **reterr_message);

/* Whether the target of one link of the plan breaks that rule: NULL, or the rule as the end of a sentence. */
const char* package_link_problem(const PackagePlan *p, const FileItem *item, bool own_root);

/* Whether a tree on a disk can be packed and what is packed then be installed, as far as files, names and links go: the
 * rules above and no others. Returns as package_plan_new(). */
int package_check_tree(const FileTree *t, const char *language, const char *name, bool own_root, char **reterr_message);

/* What of these rules is said of one file of a tree by itself: sets *ret to NULL, or to the rule that is broken. Returns 0 or
 * -ENOMEM. */
int package_item_problem(const char *language, const char *name, const FileItem *item, const char **ret);

/* What packing itself cannot do: special files, setuid bits. */
int package_check_items(const FileTree *t, char **reterr_message);

/* Where packages are installed. */
#define RUNTIMES_PATH "/opt/joblet/runtimes"
