/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <string.h>

#include "manifest-check.h"
#include "runtime-name.h"
#include "strv.h"
#include "text.h"

#define KEY_SHOWN_MAX 64U

/* Formats "FILE:LINE: KEY: " and what follows. */
static int _printf_(3, 0)
        check_format(Check *c, const YamlNode *node, const char *format, va_list ap, char **ret) {
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

int check_refuse(Check *c, const YamlNode *node, const char *format, ...) {
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

int check_warn(Check *c, const YamlNode *node, const char *format, ...) {
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

int check_type(Check *c, const YamlNode *node, YamlType type) {
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

int check_line(Check *c, const YamlNode *node, size_t max, char **ret) {
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
                return check_refuse(c, node,
                                    "must be one line of printable text, remove line breaks and tabs");
        if (n > max)
                return check_refuse(c, node, "must not be longer than %zu bytes, shorten it", max);

        free(*ret);
        *ret = TAKE_PTR(copy);
        return 0;
}

int check_word(Check *c, const YamlNode *node, size_t max, char **ret) {
        int r;

        r = check_line(c, node, max, ret);
        if (r < 0)
                return r;
        return **ret ? 0 : check_refuse(c, node, "must not be empty, give it a value");
}

int check_words(Check *c, const YamlNode *node, char ***ret) {
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

        key = text_for_message(node->key, KEY_SHOWN_MAX);
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

int check_keys(Check *c, const YamlNode *map, const Key *keys, size_t n_keys, void *userdata) {
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
