/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where the links of a package lead. Each is followed through the plan as the kernel would follow it
 * through the tree, other links included: by its letters alone "a/../.." may be harmless and still lead
 * out, if a is a link. */

#include <string.h>

#include "package-plan.h"
#include "text.h"

#define LINKS_MAX 40U /* as the kernel */
#define SHOWN_MAX 200U
#define OWN_ROOT "root"

typedef struct Follow {
        const PackagePlan *plan;
        const char *base; /* what an absolute target means: "root", or NULL if nothing */
        char path[FILE_TREE_PATH_MAX + FILE_TREE_TARGET_MAX + 2]; /* where we are, "" at the top */
        unsigned n_links;
} Follow;

static bool is_in_own_root(const char *path) {
        return file_path_is_below(path, OWN_ROOT);
}

/* Whether the path is the plan's own place after installation; returns what follows it. */
static const char* own_place(const PackagePlan *p, const char *target) {
        const char *parts[] = { RUNTIMES_PATH "/", p->language, "/", p->name };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                size_t n = strlen(parts[i]);

                if (strncmp(target, parts[i], n) != 0)
                        return NULL;
                target += n;
        }
        return *target == 0 || *target == '/' ? target : NULL;
}

static int follow_up(Follow *f) {
        char *slash;

        if (f->base && strcmp(f->path, f->base) == 0)
                return 0; /* ".." of a root is the root */
        if (!*f->path)
                return -EXDEV;
        slash = strrchr(f->path, '/');
        *(slash ?: f->path) = 0;
        return 0;
}

static int follow(Follow *f, const char *target);

/* One component down, and through it if it is a link. */
static int follow_down(Follow *f, const char *name, size_t n) {
        size_t size = strlen(f->path);
        const FileItem *item;
        int r;

        if (size + n + 2 > FILE_TREE_PATH_MAX)
                return -ENAMETOOLONG;
        if (size > 0)
                f->path[size++] = '/';
        memcpy(f->path + size, name, n);
        f->path[size + n] = 0;

        item = file_tree_find(f->plan->tree, f->path);
        if (!item || item->type != FILE_LINK)
                return 0;
        if (++f->n_links > LINKS_MAX)
                return -ELOOP;
        r = follow_up(f);
        return r < 0 ? r : follow(f, item->target);
}

static int follow(Follow *f, const char *target) {
        if (*target == '/') {
                const char *rest = own_place(f->plan, target);

                if (!rest && !f->base)
                        return -EXDEV;
                strcpy(f->path, rest ? "" : f->base);
                target = rest ?: target;
        }

        while (*target) {
                size_t n = strcspn(target, "/");
                int r = 0;

                if (n == 2 && strncmp(target, "..", n) == 0)
                        r = follow_up(f);
                else if (n > 0 && !(n == 1 && *target == '.'))
                        r = follow_down(f, target, n);
                if (r < 0)
                        return r;
                target += n;
                target += *target == '/';
        }
        return 0;
}

const char* package_link_problem(const PackagePlan *p, const FileItem *item, bool own_root) {
        Follow f = { .plan = p, .base = own_root && is_in_own_root(item->path) ? OWN_ROOT : NULL };
        const char *slash;
        int r;

        if (!text_is_line(item->target))
                return "has control characters or is not UTF-8";
        slash = strrchr(item->path, '/');
        if (slash)
                memcpy(f.path, item->path, (size_t) (slash - item->path));
        r = follow(&f, item->target);
        return r >= 0 ? NULL : r == -EXDEV ? "leaves the runtime" : r == -ELOOP ? "leads in a circle" : "is too long";
}

static int check_link(const PackagePlan *p, const FileItem *item, bool own_root, char **reterr) {
        _cleanup_free_ char *path = NULL, *target = NULL;
        const char *rule = package_link_problem(p, item, own_root);

        if (!rule)
                return 0;
        path = text_for_message(item->path, SHOWN_MAX);
        target = text_for_message(item->target, SHOWN_MAX);
        if (!path || !target)
                return -ENOMEM;
        return message_set(reterr, -EINVAL, "package refused: entry '%s': it is a link to '%s', which %s",
                           path, target, rule);
}

int package_plan_check_links(const PackagePlan *p, bool own_root, char **reterr_message) {
        for (size_t i = 0; i < p->tree->n_items; i++) {
                const FileItem *item = p->tree->items + i;
                int r = item->type == FILE_LINK ? check_link(p, item, own_root, reterr_message) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}
