/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "property.h"
#include "record.h"
#include "strv.h"
#include "unit.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"

static int append_strings(sd_bus_message *m, const Property *property) {
        return sd_bus_message_append_strv(m, (char**) property->strings);
}

static int append_call_list(sd_bus_message *m, const Property *property) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "bas");
        if (r >= 0)
                r = sd_bus_message_append(m, "b", property->type == PROPERTY_ALLOW_LIST);
        if (r >= 0)
                r = append_strings(m, property);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_mount(sd_bus_message *m, const PlanMount *mount) {
        switch (mount->kind) {
        case PLAN_BIND_READ_ONLY:
        case PLAN_BIND_WRITABLE:
                return sd_bus_message_append(m, "(ssbt)", mount->source, mount->target, mount->optional,
                                             PLAN_BIND_FLAGS);
        case PLAN_TMPFS:
                return sd_bus_message_append(m, "(ss)", mount->target, mount->options ?: "");
        case PLAN_INACCESSIBLE: {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s%s", mount->optional ? "-" : "", mount->target) < 0)
                        return -ENOMEM;
                return sd_bus_message_append(m, "s", path);
        }
        default:
                return -EINVAL;
        }
}

static int append_mounts(sd_bus_message *m, const Plan *p, PlanMountKind kind, const char *type) {
        int r;

        r = sd_bus_message_open_container(m, 'a', type);
        for (size_t i = 0; r >= 0 && i < p->n_mounts; i++)
                if (p->mounts[i].kind == kind)
                        r = append_mount(m, p->mounts + i);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_addresses(sd_bus_message *m, PropertyType type) {
        static const struct {
                int32_t family;
                size_t size;
                uint8_t localhost[16];
                uint32_t localhost_prefix;
        } families[] = {
                { AF_INET,  4,  { 127 },       8   },
                { AF_INET6, 16, { [15] = 1 },  128 },
        };
        static const uint8_t any[16] = {};
        bool localhost = type == PROPERTY_LOCALHOST;
        int r;

        r = sd_bus_message_open_container(m, 'a', "(iayu)");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(families); i++) {
                r = sd_bus_message_open_container(m, 'r', "iayu");
                if (r >= 0)
                        r = sd_bus_message_append(m, "i", families[i].family);
                if (r >= 0)
                        r = sd_bus_message_append_array(m, 'y', localhost ? families[i].localhost : any,
                                                        families[i].size);
                if (r >= 0)
                        r = sd_bus_message_append(m, "u", localhost ? families[i].localhost_prefix : 0);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_log_fields(sd_bus_message *m, const Plan *p) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "ay");
        STRV_FOREACH(field, p->log_fields)
                if (r >= 0)
                        r = sd_bus_message_append_array(m, 'y', *field, strlen(*field));
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_value(sd_bus_message *m, const Property *property, const Plan *p, const char *signature) {
        switch (property->type) {
        case PROPERTY_BOOLEAN:
                return sd_bus_message_append(m, "b", property->boolean);
        case PROPERTY_STRING:
                return sd_bus_message_append(m, "s", property->string);
        case PROPERTY_UINT32:
                return sd_bus_message_append(m, "u", (uint32_t) property->number);
        case PROPERTY_INT32:
                return sd_bus_message_append(m, "i", (int32_t) property->number);
        case PROPERTY_UINT64:
        case PROPERTY_USEC:
        case PROPERTY_CPU_QUOTA:
                return sd_bus_message_append(m, "t", property->number);
        case PROPERTY_FLAGS_NONE:
                return sd_bus_message_append(m, "t", UINT64_C(0));
        case PROPERTY_STRINGS:
                return append_strings(m, property);
        case PROPERTY_ALLOW_LIST:
        case PROPERTY_DENY_LIST:
                return append_call_list(m, property);
        case PROPERTY_BINDS:
                return append_mounts(m, p, (PlanMountKind) property->number, signature + 1);
        case PROPERTY_TMPFS:
                return append_mounts(m, p, PLAN_TMPFS, signature + 1);
        case PROPERTY_INACCESSIBLE:
                return append_mounts(m, p, PLAN_INACCESSIBLE, signature + 1);
        case PROPERTY_CPU_SET:
                return sd_bus_message_append_array(m, 'y', p->cpu_set, p->cpu_set_size);
        case PROPERTY_ANY_ADDRESS:
        case PROPERTY_LOCALHOST:
                return append_addresses(m, property->type);
        case PROPERTY_LOG_FIELDS:
                return append_log_fields(m, p);
        default:
                return -EINVAL;
        }
}

static int append_property(sd_bus_message *m, const Property *property, const Plan *p) {
        static const char *const signatures[_PROPERTY_TYPE_MAX] = {
                [PROPERTY_BOOLEAN] = "b",      [PROPERTY_STRING] = "s",        [PROPERTY_UINT32] = "u",
                [PROPERTY_INT32] = "i",        [PROPERTY_UINT64] = "t",        [PROPERTY_USEC] = "t",
                [PROPERTY_CPU_QUOTA] = "t",    [PROPERTY_FLAGS_NONE] = "t",    [PROPERTY_STRINGS] = "as",
                [PROPERTY_ALLOW_LIST] = "(bas)", [PROPERTY_DENY_LIST] = "(bas)", [PROPERTY_BINDS] = "a(ssbt)", [PROPERTY_TMPFS] = "a(ss)",
                [PROPERTY_INACCESSIBLE] = "as", [PROPERTY_CPU_SET] = "ay",     [PROPERTY_ANY_ADDRESS] = "a(iayu)",
                [PROPERTY_LOCALHOST] = "a(iayu)",
                [PROPERTY_LOG_FIELDS] = "aay",
        };
        const char *signature = signatures[property->type];
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", property->name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', signature);
        if (r >= 0)
                r = append_value(m, property, p, signature);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The relay alone: what the job executes reaches it by a descriptor, unseen by who reads the properties of units. */
static int append_exec(sd_bus_message *m, const Plan *p) {
        return sd_bus_message_append(m, "(sv)", "ExecStart", "a(sasb)", 1, p->relay, 1, p->relay, false);
}

int unit_start(sd_bus *bus, Calls *calls, const Plan *plan, int stdin_fd, sd_bus_message_handler_t callback,
               void *userdata, Call **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ Property *properties = NULL;
        size_t n = 0;
        int r;

        r = properties_of_plan(plan, &properties, &n);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                           "StartTransientUnit");
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", plan->unit, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = append_property(m, properties + i, plan);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)",
                                          "StandardInputFileDescriptor", "h", stdin_fd,
                                          "StandardOutput", "s", "journal",
                                          "StandardError", "s", "journal");
        if (r >= 0)
                r = append_exec(m, plan);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        if (r < 0)
                return r;
        return calls_add(calls, plan->owner, m, callback, userdata, ret);
}

int unit_stop(sd_bus *bus, Calls *calls, uid_t owner, const char *unit, sd_bus_message_handler_t callback,
              void *userdata, Call **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "StopUnit");
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "replace");
        return r < 0 ? r : calls_add(calls, owner, m, callback, userdata, ret);
}

int unit_reset_failed(sd_bus *bus, const char *unit) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                           "ResetFailedUnit");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", unit);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, false);
        return r < 0 ? r : sd_bus_send(bus, m, NULL);
}

int unit_get_all(sd_bus *bus, Calls *calls, uid_t owner, const char *unit, const char *interface,
                 sd_bus_message_handler_t callback, void *userdata, Call **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &m, SYSTEMD_NAME, path,
                                                   "org.freedesktop.DBus.Properties", "GetAll");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", interface);
        return r < 0 ? r : calls_add(calls, owner, m, callback, userdata, ret);
}

int unit_list_jobs(sd_bus *bus, sd_bus_message **ret, sd_bus_error *error) {
        return sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "ListUnitsByPatterns",
                                  error, ret, "asas", 0, 1, "joblet-job-*.service");
}

int unit_name_to_id(const char *unit, uint64_t *ret) {
        _cleanup_free_ char *number = NULL;
        int n = 0;

        if (sscanf(unit, "joblet-job-%m[0-9].service%n", &number, &n) != 1 || n == 0 || unit[n] != 0)
                return -EINVAL;
        return job_id_parse(number, ret);
}
