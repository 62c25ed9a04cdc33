/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way from bytes to a manifest: the tree, then one function for each key, found through tables. */

#include <stdarg.h>
#include <string.h>

#include "manifest.h"
#include "manifest-rules.h"
#include "quantity.h"
#include "runtime-name.h"
#include "strv.h"
#include "text.h"
#include "yaml-tree.h"

#define VERSION_MAX 128U
#define VALUE_SHOWN_MAX 64U

static const YamlLimits manifest_limits = {
        .size = MANIFEST_SIZE_MAX,
        .depth = MANIFEST_DEPTH_MAX,
        .entries = MANIFEST_ENTRIES_MAX,
        .nodes = MANIFEST_NODES_MAX,
        .scalar = MANIFEST_SCALAR_MAX,
};

/* One run of the parser. */
typedef struct Check {
        const char *file_name;
        Manifest *manifest;
        char **reterr_message;
        char **landings; /* the paths that mounts and selected entries cover */
} Check;

/* What is done with the value of a key. */
typedef struct Key {
        const char *name;
        int (*check)(Check *c, const YamlNode *node, void *userdata);
} Key;

/* Formats "FILE:LINE: KEY: " and what follows. */
static int _printf_(3, 0) check_format(Check *c, const YamlNode *node, const char *format, va_list ap, char **ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;

        path = yaml_node_path(node);
        if (!path || vasprintf(&text, format, ap) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        if (asprintf(ret, "%s:%u: %s%s%s", c->file_name, node->line, path, *path ? ": " : "", text) < 0)
                return -ENOMEM;
        return 0;
}

/* Returns -EINVAL, to be returned. */
static int _printf_(3, 4) check_refuse(Check *c, const YamlNode *node, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = check_format(c, node, format, ap, &message);
        va_end(ap);
        if (r < 0)
                return r;
        return message_set(c->reterr_message, -EINVAL, "%s", message);
}

static int _printf_(3, 4) check_warn(Check *c, const YamlNode *node, const char *format, ...) {
        char *message;
        va_list ap;
        int r;

        if (strv_length(c->manifest->warnings) >= MANIFEST_WARNINGS_MAX)
                return 0;

        va_start(ap, format);
        r = check_format(c, node, format, ap, &message);
        va_end(ap);
        return r < 0 ? r : strv_consume(&c->manifest->warnings, message);
}

static int check_type(Check *c, const YamlNode *node, YamlType type) {
        static const char *const expected[_YAML_TREE_MAX] = {
                [YAML_TREE_SCALAR] = "must be one value, write it behind the ':' or '-'",
                [YAML_TREE_LIST] = "must be a list, write '- VALUE' lines below it or [VALUE, ...]",
                [YAML_TREE_MAP] = "must hold keys of its own, write 'KEY: VALUE' lines below it",
        };

        if (yaml_node_is_null(node))
                return check_refuse(c, node, "has no value, give it one or remove it");
        if (node->type != type)
                return check_refuse(c, node, "%s", expected[type]);
        return 0;
}

static int check_line(Check *c, const YamlNode *node, size_t max, char **ret) {
        _cleanup_free_ char *copy = NULL;
        size_t n;
        int r;

        r = check_type(c, node, YAML_TREE_SCALAR);
        if (r < 0)
                return r;

        copy = strdup(node->scalar);
        if (!copy)
                return -ENOMEM;
        for (n = strlen(copy); n > 0 && copy[n - 1] == '\n';) /* of a folded text */
                copy[--n] = 0;
        if (!text_is_line(copy))
                return check_refuse(c, node, "must be one line of printable text, remove line breaks and tabs");
        if (n > max)
                return check_refuse(c, node, "must not be longer than %zu bytes, shorten it", max);

        free(*ret);
        *ret = TAKE_PTR(copy);
        return 0;
}

static int check_word(Check *c, const YamlNode *node, size_t max, char **ret) {
        int r;

        r = check_line(c, node, max, ret);
        if (r < 0)
                return r;
        return **ret ? 0 : check_refuse(c, node, "must not be empty, give it a value");
}

/* A list of non-empty lines. */
static int check_words(Check *c, const YamlNode *node, char ***ret) {
        int r;

        r = check_type(c, node, YAML_TREE_LIST);
        if (r < 0)
                return r;

        for (size_t i = 0; i < node->n_children; i++) {
                _cleanup_free_ char *word = NULL;

                r = check_word(c, node->children[i], MANIFEST_SCALAR_MAX, &word);
                if (r < 0)
                        return r;
                r = strv_consume(ret, TAKE_PTR(word));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_unknown_key(Check *c, const YamlNode *node, const Key *keys, size_t n_keys) {
        _cleanup_free_ char *key = NULL;
        const char *closest = NULL;
        unsigned distance = 3; /* one more than a slip */

        key = text_for_message(node->key, VALUE_SHOWN_MAX);
        if (!key)
                return -ENOMEM;

        for (size_t i = 0; i < n_keys; i++) {
                unsigned d = runtime_name_distance(key, keys[i].name);

                if (d < distance) {
                        distance = d;
                        closest = keys[i].name;
                }
        }

        if (closest)
                return check_warn(c, node, "unknown key, ignored, did you mean '%s'?", closest);
        return check_warn(c, node, "unknown key, ignored");
}

static int check_keys(Check *c, const YamlNode *map, const Key *keys, size_t n_keys, void *userdata) {
        int r;

        r = check_type(c, map, YAML_TREE_MAP);
        if (r < 0)
                return r;

        for (size_t i = 0; i < map->n_children; i++) {
                const YamlNode *node = map->children[i];
                const Key *key = NULL;

                for (size_t k = 0; k < n_keys && !key; k++)
                        if (strcmp(keys[k].name, node->key) == 0)
                                key = keys + k;

                r = key ? key->check(c, node, userdata) : check_unknown_key(c, node, keys, n_keys);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_name(Check *c, const YamlNode *node, void *userdata) {
        int r;

        r = check_word(c, node, RUNTIME_NAME_MAX, &c->manifest->name);
        if (r < 0)
                return r;
        if (!runtime_name_is_valid(c->manifest->name))
                return check_refuse(c, node, "must be letters, digits, '.', '_', '+' and '-' and begin with a letter or "
                                    "digit, as in python-3.11-ml");
        return 0;
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
                return check_refuse(c, node, "must be 'host' or 'self', choose one or remove the line for 'host'");
        return 0;
}

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
        return check_refuse(c, node, "must be true or false without quotes, write 'true' or remove the line");
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
                                return check_refuse(c, node->children[i], "this entry is there twice, remove one of them");
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
        const YamlNode *target = yaml_node_get(node, "target"), *selective = yaml_node_get(node, "selective");
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
                        return check_refuse(c, yaml_node_get(node, "target"), "another mount has the same target, join "
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

static int check_mounts(Check *c, const YamlNode *node, void *userdata) {
        Manifest *m = c->manifest;
        int r;

        r = check_type(c, node, YAML_TREE_LIST);
        if (r < 0)
                return r;
        if (node->n_children > MANIFEST_MOUNTS_MAX)
                return check_refuse(c, node, "there are more than %u mounts, mount whole directories", MANIFEST_MOUNTS_MAX);
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
        return check_memory(c, node, &c->manifest->recommended_memory_text, &c->manifest->recommended_memory);
}

static int check_architectures(Check *c, const YamlNode *node, void *userdata) {
        int r;

        r = check_words(c, node, &c->manifest->architectures);
        if (r < 0)
                return r;
        if (!c->manifest->architectures)
                return check_refuse(c, node, "the list is empty, name architectures or remove the key for any");
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
                return check_warn(c, yaml_node_get(node, "recommended_memory"), "is below min_memory, raise it");
        return 0;
}

static int check_packages(Check *c, const YamlNode *node, void *userdata) {
        return check_words(c, node, &c->manifest->packages);
}

static int check_root(Check *c, const YamlNode *root) {
        static const Key keys[] = {
                { "name",            check_name            },
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
                return check_refuse(c, root, "version: it is missing, add the version of what the runtime brings");
        if (!m->description)
                m->description = strdup("");
        return m->description ? 0 : -ENOMEM;
}

int manifest_parse(const char *data, size_t size, const char *file_name, Manifest **ret, char **reterr_message) {
        _cleanup_(yaml_node_freep) YamlNode *root = NULL;
        _cleanup_(manifest_freep) Manifest *m = NULL;
        Check c = { .file_name = file_name, .reterr_message = reterr_message };
        int r;

        r = yaml_tree_parse(data, size, file_name, &manifest_limits, &root, reterr_message);
        if (r < 0)
                return r;
        if (!root)
                return message_set(reterr_message, -EINVAL, "%s:1: the file is empty, write at least name and version",
                                   file_name);

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
