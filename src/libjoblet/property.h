/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The properties of a job's unit, as pure values: plan -> properties. Two renderings exist, as a message
 * to PID 1 (jobletd's unit.c) and as text of a systemd-run command line, so that what is shown is what is
 * done. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "plan.h"

/* Signatures are those of org.freedesktop.systemd1(5). */
typedef enum PropertyType {
        PROPERTY_BOOLEAN,       /* b */
        PROPERTY_STRING,        /* s */
        PROPERTY_UINT32,        /* u */
        PROPERTY_INT32,         /* i */
        PROPERTY_UINT64,        /* t; UINT64_MAX is infinity */
        PROPERTY_USEC,          /* t */
        PROPERTY_CPU_QUOTA,     /* t: µs of CPU time per second */
        PROPERTY_FLAGS_NONE,    /* t: an empty set of capabilities or namespaces */
        PROPERTY_STRINGS,       /* as */
        PROPERTY_ALLOW_LIST,    /* (bas) */
        PROPERTY_DENY_LIST,     /* (bas): what is taken out of the list before */
        PROPERTY_BINDS,         /* a(ssbt): the plan's mounts of kind number */
        PROPERTY_TMPFS,         /* a(ss): the plan's tmpfs mounts */
        PROPERTY_INACCESSIBLE,  /* as: the plan's inaccessible paths */
        PROPERTY_CPU_SET,       /* ay */
        PROPERTY_ANY_ADDRESS,   /* a(iayu) */
        PROPERTY_LOCALHOST,     /* a(iayu) */
        PROPERTY_LOG_FIELDS,    /* aay */
        _PROPERTY_TYPE_MAX,
} PropertyType;

typedef struct Property {
        const char *name;    /* on the bus */
        const char *setting; /* in a unit file, NULL if the same */
        PropertyType type;
        union {
                bool boolean;
                const char *string;
                uint64_t number;
                const char *const *strings;
        };
} Property;

/* All properties of the unit but the command and its standard descriptors. They point into the plan.
 * Returns 0 or -ENOMEM. */
int properties_of_plan(const Plan *p, Property **ret, size_t *ret_n);

/* The text of a property as in a unit file, without the name; a property that repeats gives several
 * lines. The plan is the one that the property was made of. Returns 0 or -ENOMEM. */
int property_to_settings(const Property *property, const Plan *p, char ***ret);

/* The arguments of the systemd-run call that is equivalent to the plan of a dry run. Returns 0 or
 * -ENOMEM. */
int plan_to_systemd_run(const Plan *p, char ***ret);
