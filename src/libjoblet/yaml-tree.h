/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A small, strict subset of YAML as a tree: one document of maps, lists and scalars, without anchors,
 * aliases, tags and duplicate keys, in UTF-8 without control characters, within limits. Made for hostile
 * bytes. Every node knows its line and its path, for messages. */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

typedef enum YamlType {
        YAML_TREE_SCALAR,
        YAML_TREE_LIST,
        YAML_TREE_MAP,
        _YAML_TREE_MAX,
} YamlType;

typedef struct YamlNode YamlNode;

struct YamlNode {
        YamlType type;
        unsigned line;    /* from 1: of the key if it has one */
        char *key;        /* within a map */
        size_t index;     /* within a list */
        YamlNode *parent; /* owns this one; NULL for the root */

        char *scalar; /* as written, without quotes */
        bool plain;   /* not quoted, so that null, true, 12 mean what they say */

        YamlNode **children; /* of lists and maps */
        size_t n_children;
};

/* What is beyond them is refused. */
typedef struct YamlLimits {
        size_t size;    /* bytes in all */
        size_t depth;   /* of lists and maps */
        size_t entries; /* of one list or map */
        size_t nodes;   /* in all */
        size_t scalar;  /* bytes of a scalar or key */
} YamlLimits;

YamlNode* yaml_node_free(YamlNode *n);
DEFINE_CLEANUP(YamlNode*, yaml_node_free);

/* Returns 0; -EINVAL with *reterr_message set to "FILE:LINE: KEY: rule, way out"; -ENOMEM. *ret is NULL for
 * a file without any content. */
int yaml_tree_parse(const char *data, size_t size, const char *file_name, const YamlLimits *limits,
                    YamlNode **ret, char **reterr_message);

/* "mounts[1].target"; "" for the root. NULL on OOM. */
char* yaml_node_path(const YamlNode *n);

/* The child of a map with that key, or NULL. */
const YamlNode* yaml_node_get(const YamlNode *map, const char *key);

/* Whether it is nothing at all: "key:" or "key: null". */
bool yaml_node_is_null(const YamlNode *n);
