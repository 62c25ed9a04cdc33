/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx runtime ...: what can be listed and shown without being an administrator. */

#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "json.h"
#include "pager.h"
#include "quantity.h"
#include "rnx.h"
#include "runtime.h"
#include "strv.h"
#include "table.h"
#include "text.h"

static bool arg_full = false;

const Option runtime_list_options[] = {
        { 'l', "full", NULL, "do not cut long descriptions on a terminal", option_set_true, &arg_full },
        {}
};

/* One line of ListRuntimes(); strings belong to the message. */
typedef struct RuntimeLine {
        const char *path, *name, *display_name, *version, *type, *description, *problem;
        uint64_t size;
} RuntimeLine;

static int line_read(sd_bus_message *m, RuntimeLine *l) {
        return sd_bus_message_read(m, "(osssstss)", &l->path, &l->name, &l->display_name, &l->version,
                                   &l->type, &l->size, &l->description, &l->problem);
}

static int line_add(Table *t, const RuntimeLine *l) {
        _cleanup_free_ char *size = NULL, *broken = NULL;
        int r;

        if (l->size != UINT64_MAX) {
                r = size_format(l->size, &size);
                if (r < 0)
                        return r;
        }
        if (*l->problem && asprintf(&broken, "(unusable: %s)", l->problem) < 0) {
                broken = NULL;
                return -ENOMEM;
        }
        if (table_add(t, l->display_name, broken ? COLOUR_RED : COLOUR_NORMAL) < 0 ||
            table_add(t, l->version, COLOUR_NORMAL) < 0 ||
            table_add(t, l->type, COLOUR_NORMAL) < 0 ||
            table_add(t, size, COLOUR_NORMAL) < 0 ||
            table_add(t, broken ?: l->description, broken ? COLOUR_RED : COLOUR_NORMAL) < 0)
                return -ENOMEM;
        return 0;
}

static int list_table(sd_bus_message *m) {
        static const char *const heads[] = { "RUNTIME", "VERSION", "TYPE", "SIZE", "DESCRIPTION" };
        _cleanup_(table_freep) Table *t = table_new(heads, ELEMENTSOF(heads));
        RuntimeLine l;
        size_t n = 0;
        int r;

        if (!t)
                return -ENOMEM;
        pager_open();
        while ((r = line_read(m, &l)) > 0) {
                r = line_add(t, &l);
                if (r < 0)
                        return r;
                n++;
        }
        if (r < 0)
                return r;

        if (n == 0) {
                if (arg_legend)
                        printf("No runtimes.\n");
                return 0;
        }
        table_keep_whole(t, 0);
        for (size_t column = 3; column > 0; column--) /* size, type, version */
                table_make_optional(t, column);
        table_print(t, arg_legend, true, arg_full ? 0 : terminal_columns());
        if (arg_legend)
                printf("\nTotal runtimes: %zu\n", n);
        return 0;
}

static int list_json(sd_bus_message *m) {
        _cleanup_json_ json_object *list = json_object_new_array();
        RuntimeLine l;
        int r;

        if (!list)
                return -ENOMEM;
        while ((r = line_read(m, &l)) > 0) {
                json_object *o = json_object_new_object();

                if (!o || json_object_array_add(list, o) < 0) {
                        json_object_put(o);
                        return -ENOMEM;
                }
                if (json_add_string(o, "name", l.name) < 0 ||
                    json_add_string(o, "display_name", l.display_name) < 0 ||
                    json_add_string(o, "version", l.version) < 0 || json_add_string(o, "type", l.type) < 0 ||
                    json_add_uint(o, "size", l.size) < 0 ||
                    json_add_string(o, "description", l.description) < 0 ||
                    json_add_string(o, "problem", *l.problem ? l.problem : NULL) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        return json_print(stdout, list);
}

int verb_runtime_list(int argc, char *argv[]) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = bus_call_new(BUS_PATH, MANAGER_INTERFACE, "ListRuntimes", &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "a{sv}", 0);
        if (r < 0)
                return bus_error_print(NULL, r);
        r = bus_call(m, &error, &reply);
        if (r < 0)
                return bus_error_print(&error, r);

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(osssstss)");
        if (r >= 0)
                r = arg_json != JSON_OFF ? list_json(reply) : list_table(reply);
        if (r < 0)
                return log_error(r, "cannot list runtimes: %s", strerror(-r));
        return 0;
}

static int runtime_find(const char *name, char **ret_path) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *path;
        int r;

        r = bus_call_new(BUS_PATH, MANAGER_INTERFACE, "GetRuntime", &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", name);
        if (r < 0)
                return log_error(r, "'%s' cannot be the name of a runtime", name);
        r = bus_call(m, &error, &reply);
        if (r < 0)
                return bus_error_print(&error, r);
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return bus_error_print(NULL, r);
        *ret_path = strdup(path);
        return *ret_path ? 0 : log_oom();
}

const char* runtime_string(json_object *o, const char *key) {
        json_object *value;

        return json_object_object_get_ex(o, key, &value) && json_object_is_type(value, json_type_string) ?
                json_object_get_string(value) : "";
}

/* "PREFIX TEXT", nothing for an empty text. */
static void info_line(const char *prefix, const char *text) {
        _cleanup_free_ char *safe = text_for_message(text, 65536);

        if (safe && *safe)
                printf("%s%s\n", prefix, safe);
}

static json_object* info_list(json_object *o, const char *key) {
        json_object *list;

        return json_object_object_get_ex(o, key, &list) && json_object_is_type(list, json_type_array) &&
                json_object_array_length(list) > 0 ? list : NULL;
}

static int info_architectures(json_object *list, char **ret) {
        _cleanup_strv_free_ char **words = NULL;

        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                if (strv_extend(&words, json_object_get_string(json_object_array_get_idx(list, i))) < 0)
                        return -ENOMEM;
        *ret = strv_join(words, ", ");
        return *ret ? 0 : -ENOMEM;
}

static int info_print(json_object *o, const char *name) {
        _cleanup_free_ char *architectures = NULL;
        const char *min = runtime_string(o, "min_memory"),
                   *recommended = runtime_string(o, "recommended_memory");
        json_object *packages = info_list(o, "packages");
        int r;

        r = info_architectures(info_list(o, "architectures"), &architectures);
        if (r < 0)
                return r;

        pager_open();
        info_line("Runtime: ", runtime_string(o, "name"));
        info_line("Type: ", runtime_string(o, "type"));
        info_line("Version: ", runtime_string(o, "version"));
        info_line("Description: ", runtime_string(o, "description"));
        info_line("Problem: ", runtime_string(o, "problem"));

        if (*min || *recommended || *architectures) {
                printf("\nRequirements:\n");
                info_line("  Minimum Memory: ", min);
                info_line("  Recommended Memory: ", recommended);
                info_line("  Architectures: ", architectures);
        }
        if (packages) {
                printf("\nPre-installed Packages:\n");
                for (size_t i = 0; i < json_object_array_length(packages); i++)
                        info_line("  - ", json_object_get_string(json_object_array_get_idx(packages, i)));
        }
        printf("\nUsage:\n  rnx run --runtime=%s <command>\n", name);
        return 0;
}

void runtime_warn(json_object *o) {
        json_object *list = info_list(o, "warnings");

        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                _cleanup_free_ char *safe = text_for_message(json_object_get_string(json_object_array_get_idx(list, i)), 4096);

                (void) log_error(0, "warning: %s", safe ?: "");
        }
}

int runtime_add_warnings(json_object *result, json_object *o) {
        json_object *list = info_list(o, "warnings");

        return list ? json_add(result, "warnings", json_object_get(list)) : 0;
}

int runtime_describe(const char *name, json_object **ret) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = runtime_find(name, &path);
        return r < 0 ? r : runtime_describe_object(path, name, ret);
}

int runtime_describe_object(const char *path, const char *name, json_object **ret) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = bus_call_new(path, "org.freedesktop.DBus.Properties", "GetAll", &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", RUNTIME_INTERFACE);
        if (r < 0)
                return bus_error_print(NULL, r);
        r = bus_call(m, &error, &reply);
        if (r < 0)
                return bus_error_print(&error, r);
        r = json_from_properties(reply, ret);
        return r < 0 ? log_error(r, "cannot read about runtime '%s': %s", name, strerror(-r)) : 0;
}

int verb_runtime_info(int argc, char *argv[]) {
        _cleanup_json_ json_object *o = NULL;
        int r;

        r = runtime_describe(argv[0], &o);
        if (r < 0)
                return r;
        runtime_warn(o);
        r = arg_json != JSON_OFF ? json_print(stdout, o) : info_print(o, argv[0]);
        if (r < 0)
                return log_error(r, "cannot show runtime '%s': %s", argv[0], strerror(-r));
        return 0;
}
