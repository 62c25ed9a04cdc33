/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way from bytes to a manifest: the tree, then one function for each key, found through tables. */

#include <string.h>

#include "cache-volume.h"
#include "manifest-check.h"
#include "manifest-rules.h"
#include "quantity.h"
#include "runtime-name.h"
#include "strv.h"
#include "text.h"

#define VERSION_MAX 128U
#define VALUE_SHOWN_MAX 64U

static const YamlLimits manifest_limits = {
        .size = MANIFEST_SIZE_MAX,
        .depth = MANIFEST_DEPTH_MAX,
        .entries = MANIFEST_ENTRIES_MAX,
        .nodes = MANIFEST_NODES_MAX,
        .scalar = MANIFEST_SCALAR_MAX,
};

static int check_runtime_name(Check *c, const YamlNode *node, char **ret, const char *example) {
        int r;

        r = check_word(c, node, RUNTIME_NAME_MAX, ret);
        if (r < 0)
                return r;
        if (!runtime_name_is_valid(*ret))
                return check_refuse(c, node, "must be letters, digits, '.', '_', '+' and '-' and begin with a letter or "
                                    "digit, as in %s", example);
        return 0;
}

static int check_name(Check *c, const YamlNode *node, void *userdata) {
        return check_runtime_name(c, node, &c->manifest->name, "python-3.11-ml");
}

static int check_language(Check *c, const YamlNode *node, void *userdata) {
        return check_runtime_name(c, node, &c->manifest->language, "python");
}

static int check_version(Check *c, const YamlNode *node, void *userdata) {
        return check_word(c, node, VERSION_MAX, &c->manifest->version);
}

static int check_description(Check *c, const YamlNode *node, void *userdata) {
        return check_line(c, node, MANIFEST_SCALAR_MAX, &c->manifest->description);
}

static int check_runtime_type(Check *c, const YamlNode *node, void *userdata) {
        int r;

        r = check_type(c, node, YAML_TREE_SCALAR);
        if (r < 0)
                return r;
        c->manifest->type = runtime_type_from_string(node->scalar);
        if ((int) c->manifest->type < 0)
                return check_refuse(c, node, "must be 'system' or 'managed', choose one or remove the line for 'system'");
        return 0;
}

static int check_base(Check *c, const YamlNode *node, void *userdata) {
        int r;

        r = check_type(c, node, YAML_TREE_SCALAR);
        if (r < 0)
                return r;
        c->manifest->base = runtime_base_from_string(node->scalar);
        if ((int) c->manifest->base < 0)
                return check_refuse(c, node,
                                    "must be 'host' or 'self', choose one or remove the line for 'host'");
        return 0;
}

static int check_environment(Check *c, const YamlNode *node, void *userdata) {
        int r;

        r = check_type(c, node, YAML_TREE_MAP);
        if (r < 0)
                return r;

        for (size_t i = 0; i < node->n_children; i++) {
                const YamlNode *variable = node->children[i];
                const char *problem = environment_name_problem(variable->key);

                if (problem)
                        return check_refuse(c, variable, "%s", problem);
                r = check_type(c, variable, YAML_TREE_SCALAR);
                if (r < 0)
                        return r;
                r = strv_extendf(&c->manifest->environment, "%s=%s", variable->key, variable->scalar);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_package_manager_type(Check *c, const YamlNode *node, void *userdata) {
        char **type = &c->manifest->package_manager;
        int r;

        r = check_word(c, node, RUNTIME_NAME_MAX, type);
        if (r < 0)
                return r;
        if (strspn(*type, "abcdefghijklmnopqrstuvwxyz0123456789-+._") != strlen(*type))
                return check_refuse(c, node, "must be the name of a package manager in small letters, as in pip, npm, maven");
        return 0;
}

static int check_cache_volume(Check *c, const YamlNode *node, void *userdata) {
        const char *problem;
        int r;

        r = check_word(c, node, MANIFEST_SCALAR_MAX, &c->manifest->cache_volume);
        if (r < 0)
                return r;
        problem = volume_name_problem(c->manifest->cache_volume);
        return problem ? check_refuse(c, node, "%s", problem) : 0;
}

static int check_package_manager(Check *c, const YamlNode *node, void *userdata) {
        static const Key keys[] = {
                { "type",         check_package_manager_type },
                { "cache_volume", check_cache_volume         },
        };
        int r;

        r = check_keys(c, node, keys, ELEMENTSOF(keys), NULL);
        if (r < 0)
                return r;
        if (!c->manifest->package_manager)
                return check_refuse(c, node, "'type' is missing, add it, as in 'type: pip'");
        if (c->manifest->cache_volume && !package_manager_has_cache(c->manifest->package_manager))
                return check_warn(c, yaml_node_get(node, "cache_volume"),
                                  "how '%s' is told of its cache is not known, set its "
                                  "variable to %s/%s in 'environment'",
                                  c->manifest->package_manager, VOLUMES_IN_JOB, c->manifest->cache_volume);
        return 0;
}

static int check_memory(Check *c, const YamlNode *node, char **ret_text, uint64_t *ret) {
        int r;

        r = check_word(c, node, VALUE_SHOWN_MAX, ret_text);
        if (r < 0)
                return r;
        /* Bare numbers as of --max-memory=. */
        r = size_parse(*ret_text, MEMORY_UNIT, ret);
        if (r == -ERANGE)
                return check_refuse(c, node, "the size does not fit 64 bits, write a smaller one");
        if (r < 0 || *ret == 0)
                return check_refuse(c, node, "must be a size above zero, write it as 512MB or 2GB");
        return 0;
}

static int check_min_memory(Check *c, const YamlNode *node, void *userdata) {
        return check_memory(c, node, &c->manifest->min_memory_text, &c->manifest->min_memory);
}

static int check_recommended_memory(Check *c, const YamlNode *node, void *userdata) {
        return check_memory(c, node, &c->manifest->recommended_memory_text,
                            &c->manifest->recommended_memory);
}

static int check_architectures(Check *c, const YamlNode *node, void *userdata) {
        int r;

        r = check_words(c, node, &c->manifest->architectures);
        if (r < 0)
                return r;
        if (!c->manifest->architectures)
                return check_refuse(c, node,
                                    "the list is empty, name architectures or remove the key for any");
        return 0;
}

static int check_requirements(Check *c, const YamlNode *node, void *userdata) {
        static const Key keys[] = {
                { "min_memory",         check_min_memory         },
                { "recommended_memory", check_recommended_memory },
                { "architectures",      check_architectures      },
        };
        Manifest *m = c->manifest;
        int r;

        r = check_keys(c, node, keys, ELEMENTSOF(keys), NULL);
        if (r < 0)
                return r;
        if (m->recommended_memory > 0 && m->recommended_memory < m->min_memory)
                return check_warn(c, yaml_node_get(node, "recommended_memory"),
                                  "is below min_memory, raise it");
        return 0;
}

static int check_packages(Check *c, const YamlNode *node, void *userdata) {
        return check_words(c, node, &c->manifest->packages);
}

static int check_root(Check *c, const YamlNode *root) {
        static const Key keys[] = {
                { "name",            check_name            },
                { "language",        check_language        },
                { "type",            check_runtime_type    },
                { "base",            check_base            },
                { "version",         check_version         },
                { "description",     check_description     },
                { "mounts",          check_mounts          },
                { "environment",     check_environment     },
                { "package_manager", check_package_manager },
                { "requirements",    check_requirements    },
                { "packages",        check_packages        },
        };
        const YamlNode *base;
        Manifest *m = c->manifest;
        int r;

        r = check_type(c, root, YAML_TREE_MAP);
        if (r < 0)
                return r;

        /* Where mounts may land depends on it, wherever it stands. */
        base = yaml_node_get(root, "base");
        if (base) {
                r = check_base(c, base, NULL);
                if (r < 0)
                        return r;
        }

        r = check_keys(c, root, keys, ELEMENTSOF(keys), NULL);
        if (r < 0)
                return r;
        if (!m->name)
                return check_refuse(c, root, "name: it is missing, add the name of the runtime's directory");
        if (!m->version)
                return check_refuse(c, root,
                                    "version: it is missing, add the version of what the runtime brings");
        if (!m->description)
                m->description = strdup("");
        return m->description ? 0 : -ENOMEM;
}

int manifest_parse(const char *data, size_t size, const char *file_name, Manifest **ret,
                   char **reterr_message) {
        _cleanup_(yaml_node_freep) YamlNode *root = NULL;
        _cleanup_(manifest_freep) Manifest *m = NULL;
        Check c = { .file_name = file_name, .reterr_message = reterr_message };
        int r;

        r = yaml_tree_parse(data, size, file_name, &manifest_limits, &root, reterr_message);
        if (r < 0)
                return r;
        if (!root)
                return message_set(reterr_message, -EINVAL,
                                   "%s:1: the file is empty, write at least name and version", file_name);

        m = malloc(sizeof(Manifest));
        if (!m)
                return -ENOMEM;
        *m = (Manifest) {
                .type = RUNTIME_SYSTEM,
                .base = RUNTIME_BASE_HOST,
        };
        c.manifest = m;

        r = check_root(&c, root);
        strv_free(c.landings);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}
