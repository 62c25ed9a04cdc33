/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "package.h"
#include "strv.h"
#include "tree-manifest.h"

static void check_plan(const PackagePlan *p) {
        for (size_t i = 0; i < p->tree->n_items; i++) {
                const FileItem *item = p->tree->items + i;

                /* What the rules promise to whoever carries out the plan. */
                if (!*item->path || *item->path == '/' || strstr(item->path, "//") ||
                    strchr(item->path, '\\') || strncmp(item->path, "../", 3) == 0 ||
                    strstr(item->path, "/../") || item->mode & ~0755U || item->type == FILE_SPECIAL ||
                    (item->type == FILE_LINK && !item->target))
                        abort();
                if (i > 0 && file_path_compare(item[-1].path, item->path) >= 0)
                        abort();
        }
}

/* Whatever comes in: a plan that keeps every rule, or a message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const PackageLimits limits = { .size = 1U << 24, .file_size = 1U << 22, .ratio = 1000, .ratio_from = 1U << 20, .entries = 1000 };
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_(package_freep) Package *p = NULL;
        _cleanup_free_ char *message = NULL;
        int r;

        r = package_open_bytes(data, size, &limits, &p, &message);
        if (r >= 0)
                check_plan(package_plan(p));
        else if (r != -ENOMEM && !message)
                abort();

        /* The same bytes as a manifest of digests. */
        (void) tree_manifest_parse((const char*) data, size, &t, NULL);
        return 0;
}
