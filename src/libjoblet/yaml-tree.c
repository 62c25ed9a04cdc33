/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdint.h>
#include <string.h>
#include <yaml.h>

#include "text.h"
#include "yaml-tree.h"

/* How much of a foreign key a message shows. */
#define KEY_SHOWN_MAX 64U

typedef struct Reader {
        yaml_parser_t parser;
        const YamlLimits *limits;
        const char *file_name;
        char **reterr_message;
        size_t n_nodes;
} Reader;

YamlNode* yaml_node_free(YamlNode *n) {
        if (!n)
                return NULL;

        for (size_t i = 0; i < n->n_children; i++)
                yaml_node_free(n->children[i]);
        free(n->children);
        free(n->key);
        free(n->scalar);
        free(n);
        return NULL;
}

char* yaml_node_path(const YamlNode *n) {
        _cleanup_free_ char *parent = NULL, *key = NULL;
        char *path;
        int r;

        if (!n->parent)
                return strdup("");

        parent = yaml_node_path(n->parent);
        if (!parent)
                return NULL;
        if (!n->key)
                r = asprintf(&path, "%s[%zu]", parent, n->index);
        else {
                key = text_for_message(n->key, KEY_SHOWN_MAX);
                if (!key)
                        return NULL;
                r = asprintf(&path, "%s%s%s", parent, *parent ? "." : "", key);
        }
        return r < 0 ? NULL : path;
}

const YamlNode* yaml_node_get(const YamlNode *map, const char *key) {
        for (size_t i = 0; i < map->n_children; i++)
                if (map->children[i]->key && strcmp(map->children[i]->key, key) == 0)
                        return map->children[i];
        return NULL;
}

bool yaml_node_is_null(const YamlNode *n) {
        static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

        if (n->type != YAML_TREE_SCALAR || !n->plain)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(nulls); i++)
                if (strcmp(n->scalar, nulls[i]) == 0)
                        return true;
        return false;
}

/* Reports what is wrong at node (NULL: at the file as such). */
static int reader_refuse(Reader *r, const YamlNode *node, unsigned line, const char *rule) {
        _cleanup_free_ char *path = NULL;

        if (node) {
                path = yaml_node_path(node);
                if (!path)
                        return -ENOMEM;
        }
        return message_set(r->reterr_message, -EINVAL, "%s:%u: %s%s%s", r->file_name, line, path ?: "",
                           path && *path ? ": " : "", rule);
}

static int reader_next(Reader *r, yaml_event_t *ret) {
        _cleanup_free_ char *problem = NULL;
        unsigned line;

        if (yaml_parser_parse(&r->parser, ret))
                return 0;
        if (r->parser.error == YAML_MEMORY_ERROR)
                return -ENOMEM;

        /* Errors of the encoding know their offset only; the parser's mark is near enough. */
        line = (unsigned) (r->parser.error == YAML_READER_ERROR ? r->parser.mark.line : r->parser.problem_mark.line) + 1;
        problem = text_for_message(r->parser.problem ?: "unknown error", 200);
        if (!problem)
                return -ENOMEM;
        return message_set(r->reterr_message, -EINVAL,
                           "%s:%u: not valid YAML: %s, check indentation (spaces only), quotes and brackets near this line",
                           r->file_name, line, problem);
}

static int node_append(YamlNode *parent, YamlNode *child) {
        YamlNode **grown = parent->children;

        /* grows at powers of two */
        if ((parent->n_children & (parent->n_children - 1)) == 0)
                grown = reallocarray(parent->children, parent->n_children ? parent->n_children * 2 : 1,
                                     sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        parent->children = grown;
        parent->children[parent->n_children++] = child;
        return 0;
}

static int reader_take_text(Reader *r, const YamlNode *node, const yaml_event_t *event, char **ret) {
        const char *value = (const char*) event->data.scalar.value;
        size_t length = event->data.scalar.length;
        unsigned line = (unsigned) event->start_mark.line + 1;

        if (length > r->limits->scalar)
                return reader_refuse(r, node, line, "the text is too long, shorten it");
        if (strlen(value) != length || !text_is_value(value))
                return reader_refuse(r, node, line, "control characters are not allowed, remove them");

        *ret = strndup(value, length);
        return *ret ? 0 : -ENOMEM;
}

/* What no node may have, of whatever kind. */
static int reader_check_event(Reader *r, const YamlNode *node, const yaml_event_t *event) {
        unsigned line = (unsigned) event->start_mark.line + 1;
        const yaml_char_t *anchor = NULL, *tag = NULL;

        switch (event->type) {
        case YAML_ALIAS_EVENT:
                return reader_refuse(r, node, line, "aliases are not allowed, write the value out");
        case YAML_SCALAR_EVENT:
                anchor = event->data.scalar.anchor;
                tag = event->data.scalar.tag;
                break;
        case YAML_SEQUENCE_START_EVENT:
                anchor = event->data.sequence_start.anchor;
                tag = event->data.sequence_start.tag;
                break;
        case YAML_MAPPING_START_EVENT:
                anchor = event->data.mapping_start.anchor;
                tag = event->data.mapping_start.tag;
                break;
        default:
                return reader_refuse(r, node, line, "a value is expected here");
        }

        if (anchor)
                return reader_refuse(r, node, line,
                                     "anchors are not allowed, remove the '&' or quote the value");
        if (tag)
                return reader_refuse(r, node, line,
                                     "tags are not allowed, remove the '!' or quote the value");
        if (++r->n_nodes > r->limits->nodes)
                return reader_refuse(r, node, line, "there are too many values in this file, remove some");
        return 0;
}

static int reader_value(Reader *r, YamlNode *node, const yaml_event_t *event, size_t depth);

/* Reads the key at event into node, and makes sure that no sibling has it. */
static int reader_key(Reader *r, YamlNode *node, const yaml_event_t *event) {
        int k;

        k = reader_check_event(r, node->parent, event);
        if (k < 0)
                return k;
        if (event->type != YAML_SCALAR_EVENT || event->data.scalar.length == 0)
                return reader_refuse(r, node->parent, node->line,
                                     "keys must be words, give this one a name");

        k = reader_take_text(r, node->parent, event, &node->key);
        if (k < 0)
                return k;
        if (yaml_node_get(node->parent, node->key))
                return reader_refuse(r, node, node->line, "this key is there twice, remove one of them");
        return 0;
}

static int reader_children(Reader *r, YamlNode *parent, yaml_event_type_t end, size_t depth) {
        if (depth > r->limits->depth)
                return reader_refuse(r, parent, parent->line,
                                     "lists and maps are nested too deeply, flatten them");

        for (;;) {
                _cleanup_(yaml_event_delete) yaml_event_t event = {}, value = {};
                _cleanup_(yaml_node_freep) YamlNode *child = NULL;
                int k;

                k = reader_next(r, &event);
                if (k < 0)
                        return k;
                if (event.type == end)
                        return 0;
                if (parent->n_children >= r->limits->entries)
                        return reader_refuse(r, parent, (unsigned) event.start_mark.line + 1,
                                             "there are too many entries, remove some");

                child = malloc(sizeof(YamlNode));
                if (!child)
                        return -ENOMEM;
                *child = (YamlNode) {
                        .parent = parent,
                        .index = parent->n_children,
                        .line = (unsigned) event.start_mark.line + 1,
                };

                if (parent->type == YAML_TREE_MAP) {
                        k = reader_key(r, child, &event);
                        if (k < 0)
                                return k;
                        k = reader_next(r, &value);
                        if (k < 0)
                                return k;
                }

                k = reader_value(r, child, parent->type == YAML_TREE_MAP ? &value : &event, depth);
                if (k < 0)
                        return k;
                k = node_append(parent, child);
                if (k < 0)
                        return k;
                child = NULL; /* the parent's now */
        }
}

/* Fills node from event and, for lists and maps, from those that follow. */
static int reader_value(Reader *r, YamlNode *node, const yaml_event_t *event, size_t depth) {
        int k;

        k = reader_check_event(r, node, event);
        if (k < 0)
                return k;

        switch (event->type) {
        case YAML_SCALAR_EVENT:
                node->type = YAML_TREE_SCALAR;
                node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
                return reader_take_text(r, node, event, &node->scalar);
        case YAML_SEQUENCE_START_EVENT:
                node->type = YAML_TREE_LIST;
                return reader_children(r, node, YAML_SEQUENCE_END_EVENT, depth + 1);
        default:
                node->type = YAML_TREE_MAP;
                return reader_children(r, node, YAML_MAPPING_END_EVENT, depth + 1);
        }
}

/* Skips the frame of the stream and reads the one document in it. */
static int reader_document(Reader *r, YamlNode **ret) {
        _cleanup_(yaml_node_freep) YamlNode *root = NULL;

        for (;;) {
                _cleanup_(yaml_event_delete) yaml_event_t event = {};
                unsigned line;
                int k;

                k = reader_next(r, &event);
                if (k < 0)
                        return k;
                line = (unsigned) event.start_mark.line + 1;

                switch (event.type) {
                case YAML_STREAM_START_EVENT:
                case YAML_DOCUMENT_END_EVENT:
                        continue;
                case YAML_STREAM_END_EVENT:
                        *ret = TAKE_PTR(root);
                        return 0;
                case YAML_DOCUMENT_START_EVENT:
                        if (root)
                                return reader_refuse(r, NULL, line,
                                                     "only one document is allowed, remove this '---' "
                                                     "and what follows");
                        if (event.data.document_start.version_directive ||
                            event.data.document_start.tag_directives.start !=
                            event.data.document_start.tag_directives.end)
                                return reader_refuse(r, NULL, line,
                                                     "directives are not allowed, remove the line "
                                                     "that begins with '%'");
                        continue;
                default:
                        break;
                }

                root = malloc(sizeof(YamlNode));
                if (!root)
                        return -ENOMEM;
                *root = (YamlNode) { .line = line };
                k = reader_value(r, root, &event, 0);
                if (k < 0)
                        return k;
        }
}

int yaml_tree_parse(const char *data, size_t size, const char *file_name, const YamlLimits *limits,
                    YamlNode **ret, char **reterr_message) {
        static const char mark[] = "\xef\xbb\xbf"; /* that some editors put in front of UTF-8 */
        Reader r = {
                .limits = limits,
                .file_name = file_name,
                .reterr_message = reterr_message,
        };
        int k;

        if (size > limits->size)
                return message_set(reterr_message, -EINVAL,
                                   "%s:1: the file is larger than %zu bytes, shorten it", file_name,
                                   limits->size);
        if (size >= strlen(mark) && memcmp(data, mark, strlen(mark)) == 0) {
                data += strlen(mark);
                size -= strlen(mark);
        }

        if (!yaml_parser_initialize(&r.parser))
                return -ENOMEM;
        /* Not guessed from the bytes: UTF-16 would be a second way to spell everything. */
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char*) data, size);

        k = reader_document(&r, ret);
        yaml_parser_delete(&r.parser);
        return k;
}
