/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plan as the command line of systemd-run(1) that does the same. */

#include <string.h>

#include "property.h"
#include "quantity.h"
#include "strv.h"

/* In lists of paths, blanks and quotes separate words and colons their parts. */
static char* escape_path(const char *path) {
        char *escaped = malloc(2 * strlen(path) + 1), *t = escaped;

        if (!escaped)
                return NULL;
        for (const char *s = path; *s; s++) {
                if (strchr(" \t\"'\\:", *s))
                        *t++ = '\\';
                *t++ = *s;
        }
        *t = 0;
        return escaped;
}

static int mount_to_setting(const PlanMount *m, char ***settings) {
        _cleanup_free_ char *source = NULL, *target = NULL;

        target = escape_path(m->target);
        if (!target)
                return -ENOMEM;
        if (m->kind == PLAN_TMPFS)
                return strv_extendf(settings, "%s%s%s", target, m->options ? ":" : "", m->options ?: "");
        if (m->kind == PLAN_INACCESSIBLE)
                return strv_extendf(settings, "%s%s", m->optional ? "-" : "", target);
        source = escape_path(m->source);
        if (!source)
                return -ENOMEM;
        return strv_extendf(settings, "%s%s:%s:norbind", m->optional ? "-" : "", source, target);
}

static int mounts_to_settings(const Plan *p, PlanMountKind kind, char ***settings) {
        for (size_t i = 0; i < p->n_mounts; i++)
                if (p->mounts[i].kind == kind) {
                        int r = mount_to_setting(p->mounts + i, settings);

                        if (r < 0)
                                return r;
                }
        return 0;
}

static int scalar_to_setting(const Property *property, const Plan *p, char ***settings) {
        _cleanup_free_ char *span = NULL;
        int r;

        switch (property->type) {
        case PROPERTY_BOOLEAN:
                return strv_extend(settings, property->boolean ? "yes" : "no");
        case PROPERTY_STRING:
                return strv_extend(settings, property->string);
        case PROPERTY_FLAGS_NONE:
                return strv_extend(settings, property->string ?: "");
        case PROPERTY_UINT32:
        case PROPERTY_INT32:
        case PROPERTY_UINT64:
                if (property->number == UINT64_MAX)
                        return strv_extend(settings, "infinity");
                return strv_extendf(settings, "%llu", (unsigned long long) property->number);
        case PROPERTY_USEC:
                r = timespan_format(property->number, 1, &span);
                return r < 0 ? r : strv_consume(settings, TAKE_PTR(span));
        case PROPERTY_CPU_QUOTA:
                return strv_extendf(settings, "%llu%%",
                                    (unsigned long long) (property->number / (USEC_PER_SEC / 100)));
        case PROPERTY_CPU_SET:
                return strv_extend(settings, p->cpus);
        case PROPERTY_ANY_ADDRESS:
                return strv_extend(settings, "any");
        case PROPERTY_LOCALHOST:
                return strv_extend(settings, "localhost");
        default:
                return -EINVAL;
        }
}

int property_to_settings(const Property *property, const Plan *p, char ***ret) {
        _cleanup_strv_free_ char **settings = NULL;
        char *joined;
        int r;

        switch (property->type) {
        case PROPERTY_BINDS:
                r = mounts_to_settings(p, (PlanMountKind) property->number, &settings);
                break;
        case PROPERTY_TMPFS:
                r = mounts_to_settings(p, PLAN_TMPFS, &settings);
                break;
        case PROPERTY_INACCESSIBLE:
                r = mounts_to_settings(p, PLAN_INACCESSIBLE, &settings);
                break;
        case PROPERTY_LOG_FIELDS:
                r = strv_copy(p->log_fields, &settings);
                break;
        case PROPERTY_STRINGS:
        case PROPERTY_ALLOW_LIST:
                joined = strv_join((char *const *) property->strings, " ");
                r = joined ? strv_consume(&settings, joined) : -ENOMEM;
                break;
        case PROPERTY_DENY_LIST:
                joined = strv_join((char *const *) property->strings, " ");
                r = joined ? strv_extendf(&settings, "~%s", joined) : -ENOMEM;
                free(joined);
                break;
        default:
                r = scalar_to_setting(property, p, &settings);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(settings);
        return 0;
}

/* systemd-run expands variables in the command line, unless each $ is doubled (systemd.service(5)). */
static int append_command(StrvBuilder *argv, char *const *command) {
        STRV_FOREACH(word, command) {
                char *doubled = malloc(2 * strlen(*word) + 1), *t = doubled;
                int r;

                if (!doubled)
                        return -ENOMEM;
                for (const char *s = *word; *s; s++) {
                        if (*s == '$')
                                *t++ = '$';
                        *t++ = *s;
                }
                *t = 0;
                r = strv_builder_consume(argv, doubled);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int append_property(StrvBuilder *argv, const Property *property, const Plan *p) {
        _cleanup_strv_free_ char **settings = NULL;
        int r;

        r = property_to_settings(property, p, &settings);
        STRV_FOREACH(s, settings)
                if (r >= 0)
                        r = strv_builder_extendf(argv, "--property=%s=%s", property->setting ?: property->name, *s);
        return r;
}

int plan_to_systemd_run(const Plan *p, char ***ret) {
        static const char *const head[] = { "systemd-run", "--quiet", "--pipe", "--wait", "--collect" };
        _cleanup_(strv_builder_done) StrvBuilder argv = {};
        _cleanup_free_ Property *properties = NULL;
        size_t n = 0;
        int r;

        r = properties_of_plan(p, &properties, &n);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(head); i++)
                r = strv_builder_consume(&argv, strdup(head[i]));
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = append_property(&argv, properties + i, p);
        STRV_FOREACH(e, p->environment)
                if (r >= 0)
                        r = strv_builder_extendf(&argv, "--setenv=%s", *e);
        if (r >= 0)
                r = strv_builder_consume(&argv, strdup("--"));
        if (r >= 0)
                r = append_command(&argv, p->command);
        if (r < 0)
                return r;
        *ret = strv_builder_take(&argv);
        return 0;
}
