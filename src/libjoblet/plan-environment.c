/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The environment of a job: a fixed base, then what the runtime says, then what the caller says. A name
 * with the suffix _PREPEND goes before the value that the variable has so far, as PATH_PREPEND does in
 * runtime.yml(5). */

#include <string.h>

#include "plan.h"
#include "strv.h"

#define PREPEND_SUFFIX "_PREPEND"

static char** find(char **environment, const char *name, size_t n) {
        STRV_FOREACH(e, environment)
                if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
                        return e;
        return NULL;
}

static int set(char ***environment, const char *name, size_t n, const char *value) {
        char **old = find(*environment, name, n), *assignment;

        if (asprintf(&assignment, "%.*s=%s", (int) n, name, value) < 0)
                return -ENOMEM;
        if (!old)
                return strv_consume(environment, assignment);
        free(*old);
        *old = assignment;
        return 0;
}

static int prepend(char ***environment, const char *name, size_t n, const char *value) {
        _cleanup_free_ char *joined = NULL;
        char **old = find(*environment, name, n);
        const char *rest = old ? *old + n + 1 : "";

        if (asprintf(&joined, "%s%s%s", value, *rest ? ":" : "", rest) < 0)
                return -ENOMEM;
        return set(environment, name, n, joined);
}

/* What a manifest says with the suffix is no variable of that name; what a user gives is one all the same. */
static int merge(char ***environment, char *const *assignments, bool keep_prepend) {
        STRV_FOREACH(a, assignments) {
                const char *equals = strchr(*a, '=');
                size_t n, s = strlen(PREPEND_SUFFIX);
                bool is_prepend;
                int r = 0;

                if (!equals)
                        return -EINVAL;
                n = (size_t) (equals - *a);
                is_prepend = n > s && memcmp(equals - s, PREPEND_SUFFIX, s) == 0;
                if (is_prepend)
                        r = prepend(environment, *a, n - s, equals + 1);
                if (r >= 0 && (keep_prepend || !is_prepend))
                        r = set(environment, *a, n, equals + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

int plan_add_environment(Plan *p, const Request *request, const Runtime *runtime) {
        static const char *const base[] = {
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/work",
                "SHELL=/bin/sh",
                "LANG=C.UTF-8",
                NULL,
        };
        int r;

        r = merge(&p->environment, (char *const *) base, false);
        if (r >= 0)
                r = strv_extendf(&p->environment, "USER=%s", p->user);
        if (r >= 0)
                r = strv_extendf(&p->environment, "LOGNAME=%s", p->user);
        if (r >= 0 && p->id != 0)
                r = strv_extendf(&p->environment, "JOBLET_JOB_ID=%llu", (unsigned long long) p->id);
        if (r >= 0 && runtime)
                r = strv_extendf(&p->environment, "JOBLET_RUNTIME=%s", runtime->name);
        if (r >= 0 && runtime)
                r = merge(&p->environment, runtime->manifest->environment, false);
        if (r >= 0)
                r = merge(&p->environment, request->environment, true);
        return r;
}
