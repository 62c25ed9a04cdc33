/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "strv.h"
#include "text.h"

int json_add(json_object *o, const char *key, json_object *value) {
        if (json_object_object_add(o, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_add_string(json_object *o, const char *key, const char *value) {
        json_object *s = NULL;

        if (value) {
                s = json_text(value, strlen(value));
                if (!s)
                        return -ENOMEM;
        }
        return json_add(o, key, s);
}

int json_add_strings(json_object *o, const char *key, char *const *strings) {
        json_object *list = json_object_new_array();

        if (!list)
                return -ENOMEM;
        STRV_FOREACH(s, strings) {
                json_object *text = json_text(*s, strlen(*s));

                if (!text || json_object_array_add(list, text) < 0) {
                        json_object_put(text);
                        json_object_put(list);
                        return -ENOMEM;
                }
        }
        return json_add(o, key, list);
}

int json_add_uint(json_object *o, const char *key, uint64_t value) {
        json_object *n = NULL;

        if (value != UINT64_MAX) {
                n = json_object_new_uint64(value);
                if (!n)
                        return -ENOMEM;
        }
        return json_add(o, key, n);
}

json_object* json_text(const char *s, size_t size) {
        json_object *list;

        if (utf8_is_valid(s, size))
                return json_object_new_string_len(s, (int) size);

        list = json_object_new_array();
        for (size_t i = 0; list && i < size; i++) {
                json_object *n = json_object_new_int((unsigned char) s[i]);

                if (!n || json_object_array_add(list, n) < 0) {
                        json_object_put(n);
                        json_object_put(list);
                        return NULL;
                }
        }
        return list;
}

/* "IOReadBytes" to "io_read_bytes". */
static void key_format(const char *name, char *ret, size_t size) {
        static const struct {
                const char *from, *to;
        } words[] = {
                { "NSec", "_nsec" },
                { "USec", "_usec" },
                { "CPUs", "_cpus" },
        };
        size_t n = 0;

        for (const char *p = name; *p && n + 8 < size; p++) {
                bool done = false;

                for (size_t i = 0; i < ELEMENTSOF(words) && !done; i++)
                        if (strncmp(p, words[i].from, 4) == 0) {
                                n += (size_t) sprintf(ret + n, "%s", words[i].to + (n == 0));
                                p += 3;
                                done = true;
                        }
                if (done)
                        continue;
                if (p > name && isupper((unsigned char) *p) &&
                    (!isupper((unsigned char) p[-1]) || islower((unsigned char) p[1])))
                        ret[n++] = '_';
                ret[n++] = (char) tolower((unsigned char) *p);
        }
        ret[n] = 0;
}

static int value_read(sd_bus_message *m, json_object **ret);

static int basic_read(sd_bus_message *m, char type, json_object **ret) {
        union {
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
                const char *s;
        } v;
        int r;

        if (type == SD_BUS_TYPE_UNIX_FD)
                return -EOPNOTSUPP;
        r = sd_bus_message_read_basic(m, type, &v);
        if (r < 0)
                return r;

        switch (type) {
        case SD_BUS_TYPE_BYTE:    *ret = json_object_new_int(v.y); break;
        case SD_BUS_TYPE_BOOLEAN: *ret = json_object_new_boolean(v.b); break;
        case SD_BUS_TYPE_INT16:   *ret = json_object_new_int(v.n); break;
        case SD_BUS_TYPE_UINT16:  *ret = json_object_new_int(v.q); break;
        case SD_BUS_TYPE_INT32:   *ret = json_object_new_int(v.i); break;
        case SD_BUS_TYPE_UINT32:  *ret = json_object_new_int64(v.u); break;
        case SD_BUS_TYPE_INT64:   *ret = json_object_new_int64(v.x); break;
        case SD_BUS_TYPE_DOUBLE:  *ret = json_object_new_double(v.d); break;
        case SD_BUS_TYPE_UINT64:
                if (v.t == UINT64_MAX) {
                        *ret = NULL;
                        return 0;
                }
                *ret = json_object_new_uint64(v.t);
                break;
        default:
                *ret = json_text(v.s, strlen(v.s));
        }
        return *ret ? 0 : -ENOMEM;
}

static int list_read(sd_bus_message *m, char container, const char *contents, json_object **ret) {
        _cleanup_json_ json_object *list = json_object_new_array();
        int r;

        if (!list)
                return -ENOMEM;
        r = sd_bus_message_enter_container(m, container, contents);
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                json_object *item;

                r = value_read(m, &item);
                if (r < 0)
                        return r;
                if (json_object_array_add(list, item) < 0) {
                        json_object_put(item);
                        return -ENOMEM;
                }
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

static int value_read(sd_bus_message *m, json_object **ret) {
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        if (r == 0)
                return -EBADMSG;

        switch (type) {
        case SD_BUS_TYPE_ARRAY:
                if (strcmp(contents, "{sv}") == 0)
                        return json_from_properties(m, ret);
                return list_read(m, type, contents, ret);
        case SD_BUS_TYPE_STRUCT:
                return list_read(m, type, contents, ret);
        case SD_BUS_TYPE_VARIANT:
                r = sd_bus_message_enter_container(m, type, contents);
                if (r < 0)
                        return r;
                r = value_read(m, ret);
                if (r < 0)
                        return r;
                return sd_bus_message_exit_container(m);
        default:
                return basic_read(m, type, ret);
        }
}

/* What stands for "none" on the bus. */
static bool value_is_unset(const char *key, json_object *value) {
        size_t n = strlen(key);

        if (json_object_is_type(value, json_type_string))
                return json_object_get_string_len(value) == 0;
        if (!json_object_is_type(value, json_type_int))
                return false;
        if (n > 10 && strcmp(key + n - 10, "_timestamp") == 0)
                return json_object_get_int64(value) == 0;
        if (strcmp(key, "exit_code") == 0)
                return json_object_get_int64(value) < 0;
        return (strcmp(key, "exit_signal") == 0 || strcmp(key, "cpu_quota_percent") == 0) &&
                json_object_get_int64(value) == 0;
}

int json_from_properties(sd_bus_message *m, json_object **ret) {
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                json_object *value;
                const char *name;
                char key[256];

                r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &name);
                if (r < 0)
                        return r;
                r = value_read(m, &value);
                if (r < 0)
                        return r;
                key_format(name, key, sizeof(key));
                if (value_is_unset(key, value)) {
                        json_object_put(value);
                        value = NULL;
                }
                r = json_add(o, key, value);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

const char* json_format(json_object *o) {
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

        if (arg_json == JSON_PRETTY)
                flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
        return json_object_to_json_string_ext(o, flags);
}

int json_print(FILE *f, json_object *o) {
        const char *text = json_format(o);

        if (!text)
                return log_oom();
        fprintf(f, "%s\n", text);
        return 0;
}
