/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.joblet.Runtime1: one object for each installed runtime, looked up in the store at each call. */

#include <errno.h>
#include <string.h>

#include "bus.h"
#include "strv.h"

#define RUNTIME_PREFIX "/org/joblet/runtime"

/* One call sees one state of the store, and has it read once: GetManagedObjects asks for each object and each interface. */
typedef struct RuntimeView {
        sd_bus_message *call; /* whose view it is, a reference; NULL for that of one object */
        Runtime **runtimes;
        size_t n;
        size_t next;          /* where the next one is looked for first: they are asked for in their order */
        sd_event_source *end; /* drops it when the call has been answered */
} RuntimeView;

int runtime_path(const char *id, char **ret) {
        return sd_bus_path_encode(RUNTIME_PREFIX, id, ret);
}

void runtime_view_drop(Manager *m) {
        RuntimeView *v = m->runtime_view;

        m->runtime_view = NULL;
        if (!v)
                return;
        sd_event_source_disable_unref(v->end);
        sd_bus_message_unref(v->call);
        runtime_free_array(v->runtimes, v->n);
        free(v);
}

static int on_view_end(sd_event_source *source, void *userdata) {
        runtime_view_drop(userdata);
        return 0;
}

static int view_new(Manager *m, RuntimeView **ret) {
        int r;

        runtime_view_drop(m);
        m->runtime_view = calloc(1, sizeof(RuntimeView));
        if (!m->runtime_view)
                return -ENOMEM;
        r = sd_event_add_defer(m->event, &m->runtime_view->end, on_view_end, m);
        if (r < 0)
                return r;
        *ret = m->runtime_view;
        return 0;
}

int runtime_judge(Manager *m, Runtime *runtime) {
        int r;

        if (runtime->problem)
                return 0;
        r = runtime_check_sources(runtime, &runtime->problem);
        if (r >= 0)
                r = plan_check_runtime(runtime, &m->policy, &runtime->problem);
        return r == -ENOMEM ? r : 0;
}

static Runtime* view_find(RuntimeView *v, const char *id) {
        for (size_t i = 0; i < v->n; i++) {
                Runtime *runtime = v->runtimes[(v->next + i) % v->n];

                if (strcmp(runtime->id, id) != 0)
                        continue;
                v->next = (v->next + i) % v->n; /* it is asked for again, for the next interface */
                return runtime;
        }
        return NULL;
}

/* By its id; any other spelling is understood, too. */
static int find_alone(Manager *m, const char *name, Runtime **ret) {
        _cleanup_(runtime_freep) Runtime *runtime = NULL;
        RuntimeView *v;
        int r;

        r = store_find_id(m->store, name, &runtime);
        if (r == -ENOENT)
                r = store_find(m->store, name, &runtime, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : -ENOENT;
        r = runtime_judge(m, runtime);
        if (r >= 0)
                r = view_new(m, &v);
        if (r < 0)
                return r;
        v->runtimes = calloc(1, sizeof(Runtime*));
        if (!v->runtimes)
                return -ENOMEM;
        v->n = 1;
        *ret = v->runtimes[0] = TAKE_PTR(runtime);
        return 0;
}

/* The object of a call. */
static int find_runtime(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
                        sd_bus_error *error) {
        sd_bus_message *call = sd_bus_get_current_message(bus);
        _cleanup_free_ char *name = NULL;
        Runtime *runtime = NULL;
        Manager *m = userdata;
        int r;

        if (sd_bus_path_decode(path, RUNTIME_PREFIX, &name) <= 0)
                return 0;
        if (call && m->runtime_view && m->runtime_view->call == call)
                runtime = view_find(m->runtime_view, name);
        else {
                r = find_alone(m, name, &runtime);
                if (r < 0)
                        return r == -ENOENT ? 0 : r;
        }
        *ret = runtime;
        return !!runtime;
}

static int enumerate_runtimes(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                              sd_bus_error *error) {
        sd_bus_message *call = sd_bus_get_current_message(bus);
        _cleanup_strv_free_ char **paths = NULL;
        Manager *m = userdata;
        RuntimeView *v;
        int r;

        if (strcmp(prefix, "/org/joblet") != 0 && strcmp(prefix, RUNTIME_PREFIX) != 0)
                return 0;
        r = view_new(m, &v);
        if (r >= 0)
                r = store_enumerate(m->store, &v->runtimes, &v->n);
        if (r < 0)
                return r;
        v->call = call ? sd_bus_message_ref(call) : NULL;
        for (size_t i = 0; r >= 0 && i < v->n; i++) {
                char *path;

                r = runtime_judge(m, v->runtimes[i]);
                if (r >= 0)
                        r = runtime_path(v->runtimes[i]->id, &path);
                if (r >= 0)
                        r = strv_consume(&paths, path);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(paths);
        return 0;
}

void runtime_emit_added(Manager *m, const char *id) {
        _cleanup_free_ char *path = NULL;

        if (runtime_path(id, &path) >= 0)
                (void) sd_bus_emit_object_added(m->bus, path);
}

/* sd_bus_emit_object_removed() wants the object to be there still. */
void runtime_emit_removed(Manager *m, const char *id) {
        _cleanup_free_ char *path = NULL;

        if (runtime_path(id, &path) >= 0)
                (void) sd_bus_emit_interfaces_removed(m->bus, path, "org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Introspectable",
                                                      "org.freedesktop.DBus.Properties", "org.joblet.Runtime1", NULL);
}

static int append_string(sd_bus_message *reply, const char *s) {
        return sd_bus_message_append(reply, "s", s ?: "");
}

static int get_string(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Runtime *runtime = userdata;
        const Manifest *manifest = runtime->manifest;
        const struct {
                const char *property, *value;
        } strings[] = {
                { "Name",              runtime->name                                                  },
                { "DisplayName",       runtime->display_name                                          },
                { "Language",          runtime->language                                              },
                { "Path",              runtime->path                                                  },
                { "Digest",            runtime->digest                                                },
                { "Problem",           runtime->problem                                               },
                { "Version",           manifest ? manifest->version : NULL                            },
                { "Type",              manifest ? runtime_type_to_string(manifest->type) : NULL       },
                { "Base",              manifest ? runtime_base_to_string(manifest->base) : NULL       },
                { "Description",       manifest ? manifest->description : NULL                        },
                { "MinMemory",         manifest ? manifest->min_memory_text : NULL                    },
                { "RecommendedMemory", manifest ? manifest->recommended_memory_text : NULL            },
                { "PackageManager",    manifest ? manifest->package_manager : NULL                    },
                { "CacheVolume",       manifest ? manifest->cache_volume : NULL                       },
        };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                if (strcmp(strings[i].property, property) == 0)
                        return append_string(reply, strings[i].value);
        return -ENOENT;
}

static int get_strings(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Runtime *runtime = userdata;
        const Manifest *manifest = runtime->manifest;

        if (!manifest)
                return sd_bus_message_append(reply, "as", 0);
        return sd_bus_message_append_strv(reply, strcmp(property, "Packages") == 0 ? manifest->packages :
                                          strcmp(property, "Warnings") == 0 ? manifest->warnings :
                                          strcmp(property, "Architectures") == 0 ? manifest->architectures : manifest->environment);
}

static int get_size(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Runtime *runtime = userdata;

        return sd_bus_message_append(reply, "t", runtime->size);
}

static int get_mounts(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Runtime *runtime = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ssas)");
        for (size_t i = 0; r >= 0 && runtime->manifest && i < runtime->manifest->n_mounts; i++) {
                const ManifestMount *mount = runtime->manifest->mounts + i;

                r = sd_bus_message_open_container(reply, 'r', "ssas");
                if (r >= 0)
                        r = sd_bus_message_append(reply, "ss", mount->source, mount->target);
                if (r >= 0)
                        r = sd_bus_message_append_strv(reply, mount->selective);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

#define STRING_PROPERTY(name) SD_BUS_PROPERTY(name, "s", get_string, 0, 0)

static const sd_bus_vtable runtime_vtable[] = {
        SD_BUS_VTABLE_START(0),
        STRING_PROPERTY("Name"),
        STRING_PROPERTY("DisplayName"),
        STRING_PROPERTY("Language"),
        STRING_PROPERTY("Version"),
        STRING_PROPERTY("Type"),
        STRING_PROPERTY("Base"),
        STRING_PROPERTY("Description"),
        STRING_PROPERTY("Path"),
        STRING_PROPERTY("Digest"),
        STRING_PROPERTY("Problem"),
        SD_BUS_PROPERTY("Warnings", "as", get_strings, 0, 0),
        SD_BUS_PROPERTY("Size", "t", get_size, 0, 0),
        STRING_PROPERTY("MinMemory"),
        STRING_PROPERTY("RecommendedMemory"),
        SD_BUS_PROPERTY("Architectures", "as", get_strings, 0, 0),
        SD_BUS_PROPERTY("Packages", "as", get_strings, 0, 0),
        SD_BUS_PROPERTY("Environment", "as", get_strings, 0, 0),
        SD_BUS_PROPERTY("Mounts", "a(ssas)", get_mounts, 0, 0),
        STRING_PROPERTY("PackageManager"),
        STRING_PROPERTY("CacheVolume"),
        SD_BUS_VTABLE_END,
};

int runtime_bus_register(Manager *m) {
        int r;

        r = sd_bus_add_fallback_vtable(m->bus, NULL, RUNTIME_PREFIX, "org.joblet.Runtime1", runtime_vtable,
                                       find_runtime, m);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(m->bus, NULL, RUNTIME_PREFIX, enumerate_runtimes, m);
}
