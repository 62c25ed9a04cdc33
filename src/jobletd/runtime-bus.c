/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.joblet.Runtime1: one object for each installed runtime, looked up in the store at each call. */

#include <errno.h>
#include <string.h>

#include "bus.h"
#include "strv.h"

#define RUNTIME_PREFIX "/org/joblet/runtime"

int runtime_path(const char *name, char **ret) {
        return sd_bus_path_encode(RUNTIME_PREFIX, name, ret);
}

/* The object of a call: found anew for it, and freed with the slot that holds it, after the reply. */
static int find_runtime(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
                        sd_bus_error *error) {
        _cleanup_free_ char *name = NULL;
        Manager *m = userdata;

        if (sd_bus_path_decode(path, RUNTIME_PREFIX, &name) <= 0)
                return 0;
        runtime_free(m->current_runtime);
        m->current_runtime = NULL;
        if (store_find(m->store, name, &m->current_runtime, NULL) < 0)
                return 0;
        *ret = m->current_runtime;
        return 1;
}

static int enumerate_runtimes(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                              sd_bus_error *error) {
        _cleanup_strv_free_ char **paths = NULL;
        Runtime **runtimes = NULL;
        Manager *m = userdata;
        size_t n = 0;
        int r;

        if (strcmp(prefix, "/org/joblet") != 0 && strcmp(prefix, RUNTIME_PREFIX) != 0)
                return 0;
        r = store_enumerate(m->store, &runtimes, &n);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                char *path;

                r = runtime_path(runtimes[i]->name, &path);
                if (r >= 0)
                        r = strv_consume(&paths, path);
        }
        runtime_free_array(runtimes, n);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(paths);
        return 0;
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
