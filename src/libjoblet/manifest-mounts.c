/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The mounts of a runtime.yml: each by itself, and none in the way of another. */

#include <string.h>

#include "manifest-check.h"
#include "manifest-rules.h"
#include "strv.h"

static int check_mount_source(Check *c, const YamlNode *node, void *userdata) {
        _cleanup_free_ char *source = NULL;
        ManifestMount *m = userdata;
        const char *problem;
        int r;

        r = check_line(c, node, MANIFEST_SCALAR_MAX, &source);
        if (r < 0)
                return r;
        problem = mount_source_problem(source);
        if (problem)
                return check_refuse(c, node, "%s", problem);

        m->source = path_normalize(source);
        return m->source ? 0 : -ENOMEM;
}

/* Whether the place is allowed is seen when the whole mount and the base are known. */
static int check_mount_target(Check *c, const YamlNode *node, void *userdata) {
        _cleanup_free_ char *target = NULL;
        ManifestMount *m = userdata;
        int r;

        r = check_word(c, node, MANIFEST_SCALAR_MAX, &target);
        if (r < 0)
                return r;
        m->target = path_normalize(target);
        return m->target ? 0 : -ENOMEM;
}

static int check_mount_readonly(Check *c, const YamlNode *node, void *userdata) {
        static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON" };
        static const char *const no[] = { "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF" };
        int r;

        r = check_type(c, node, YAML_TREE_SCALAR);
        if (r < 0)
                return r;

        if (node->plain)
                for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                        if (strcmp(node->scalar, yes[i]) == 0)
                                return 0;
                        if (strcmp(node->scalar, no[i]) == 0)
                                return check_refuse(c, node, "mounts of a runtime are always read-only, write 'true' or "
                                                    "remove the line");
                }
        return check_refuse(c, node,
                            "must be true or false without quotes, write 'true' or remove the line");
}

static int check_mount_selective(Check *c, const YamlNode *node, void *userdata) {
        ManifestMount *m = userdata;
        int r;

        r = check_words(c, node, &m->selective);
        if (r < 0)
                return r;
        if (!m->selective)
                return check_refuse(c, node, "the list is empty, name entries or remove the key to mount all of the source");

        for (size_t i = 0; i < node->n_children; i++) {
                const char *problem = mount_entry_problem(m->selective[i]);

                if (problem)
                        return check_refuse(c, node->children[i], "%s", problem);
                for (size_t k = 0; k < i; k++)
                        if (strcmp(m->selective[k], m->selective[i]) == 0)
                                return check_refuse(c, node->children[i],
                                                    "this entry is there twice, remove one of them");
        }
        return 0;
}

/* Where entry of the mount m lands, or m itself without an entry. */
static char* mount_landing(const ManifestMount *m, const char *entry) {
        char *path;

        if (!entry)
                return strdup(m->target);
        return asprintf(&path, "%s/%s", strcmp(m->target, "/") == 0 ? "" : m->target, entry) < 0 ? NULL : path;
}

static int check_mount_landing(Check *c, const YamlNode *node, const ManifestMount *m, const char *entry) {
        _cleanup_free_ char *path = NULL;
        const char *problem;

        path = mount_landing(m, entry);
        if (!path)
                return -ENOMEM;
        problem = mount_target_problem(path, c->manifest->base);
        if (problem)
                return check_refuse(c, node, "%s", problem);
        if (strv_contains(c->landings, path))
                return check_refuse(c, node, "another mount covers the same path, remove one of them");
        if (strv_length(c->landings) >= MANIFEST_BINDS_MAX)
                return check_refuse(c, node, "there are more than %u mounts and selected entries, mount whole directories",
                                    MANIFEST_BINDS_MAX);
        return strv_consume(&c->landings, TAKE_PTR(path));
}

static int check_mount_targets(Check *c, const YamlNode *node, const ManifestMount *m) {
        const YamlNode *target = yaml_node_get(node, "target"),
                       *selective = yaml_node_get(node, "selective");
        int r;

        if (!m->selective || strcmp(m->target, "/") == 0)
                return check_mount_landing(c, target, m, NULL);

        for (size_t i = 0; m->selective[i]; i++) {
                r = check_mount_landing(c, selective->children[i], m, m->selective[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Several mounts may each put some entries into one directory, but none may share it with a whole one. */
static int check_mount_unique(Check *c, const YamlNode *node, const ManifestMount *m) {
        for (const ManifestMount *o = c->manifest->mounts; o < m; o++)
                if (strcmp(o->target, m->target) == 0 && (!o->selective || !m->selective))
                        return check_refuse(c, yaml_node_get(node, "target"),
                                            "another mount has the same target, join "
                                            "the two or choose another place");
        return 0;
}

static int check_mount(Check *c, const YamlNode *node, ManifestMount *m) {
        static const Key keys[] = {
                { "source",    check_mount_source    },
                { "target",    check_mount_target    },
                { "readonly",  check_mount_readonly  },
                { "selective", check_mount_selective },
        };
        int r;

        r = check_keys(c, node, keys, ELEMENTSOF(keys), m);
        if (r < 0)
                return r;
        if (!m->source)
                return check_refuse(c, node, "'source' is missing, add the path in the runtime's directory");
        if (!m->target)
                return check_refuse(c, node, "'target' is missing, add the path in the job");

        r = check_mount_targets(c, node, m);
        if (r < 0)
                return r;
        return check_mount_unique(c, node, m);
}

static int mount_compare(const void *a, const void *b) {
        const ManifestMount *x = a, *y = b;
        int r;

        r = path_compare(x->target, y->target);
        if (r != 0 || !x->selective || !y->selective)
                return r;
        return strcmp(x->selective[0], y->selective[0]);
}

int check_mounts(Check *c, const YamlNode *node, void *userdata) {
        Manifest *m = c->manifest;
        int r;

        r = check_type(c, node, YAML_TREE_LIST);
        if (r < 0)
                return r;
        if (node->n_children > MANIFEST_MOUNTS_MAX)
                return check_refuse(c, node, "there are more than %u mounts, mount whole directories",
                                    MANIFEST_MOUNTS_MAX);
        if (node->n_children == 0)
                return 0;

        m->mounts = calloc(node->n_children, sizeof(ManifestMount));
        if (!m->mounts)
                return -ENOMEM;
        for (size_t i = 0; i < node->n_children; i++) {
                m->n_mounts = i + 1;
                r = check_mount(c, node->children[i], m->mounts + i);
                if (r < 0)
                        return r;
        }

        qsort(m->mounts, m->n_mounts, sizeof(ManifestMount), mount_compare);
        return 0;
}
