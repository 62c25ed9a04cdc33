/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The environment of a job: a fixed base, then what the runtime says, then what the caller says. A name
 * with the suffix _PREPEND goes before the value that the variable has so far, as PATH_PREPEND does in
 * runtime.yml(5). */

#include <search.h>
#include <string.h>

#include "plan.h"
#include "strv.h"
#include "text.h"

#define PREPEND_SUFFIX "_PREPEND"
#define OWN_VARIABLES_MAX 4U /* see set_own() */

/* Up to the equals sign: of assignments, by their addresses. */
static int compare_names(const void *a, const void *b) {
        const char *x = *(const char *const *) a, *y = *(const char *const *) b;
        size_t n = strcspn(x, "="), m = strcspn(y, "=");
        int r = memcmp(x, y, n < m ? n : m);

        return r ?: (n > m) - (n < m);
}

/* The variables so far, in the order in which they came, and a tree to find them by name: a caller may set
 * thousands. */
typedef struct Variables {
        char **list; /* has room for all that can come */
        size_t n;
        void *tree;  /* of pointers into list */
} Variables;

static void variables_done(Variables *v) {
        while (v->tree)
                tdelete(*(void**) v->tree, &v->tree, compare_names);
        strv_free(v->list);
}

static char** find(const Variables *v, const char *name) {
        void *node = tfind(&name, &v->tree, compare_names);

        return node ? *(char***) node : NULL;
}

/* Takes ownership of the assignment. */
static int set(Variables *v, char *assignment) {
        char **old;

        if (!assignment)
                return -ENOMEM;
        old = find(v, assignment);
        if (old) {
                free(*old);
                *old = assignment;
                return 0;
        }
        v->list[v->n++] = assignment;
        return tsearch(v->list + v->n - 1, &v->tree, compare_names) ? 0 : -ENOMEM;
}

/* NAME_PREPEND=value, of which the name has n bytes. */
static int prepend(Variables *v, const char *entry, size_t n, const char *value, char **reterr) {
        _cleanup_free_ char *name = NULL;
        const char *rest = "";
        char **old, *joined;

        if (asprintf(&name, "%.*s=", (int) n, entry) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        old = find(v, name);
        if (old)
                rest = *old + n + 1;
        if (n + strlen(value) + strlen(rest) + strlen("=:") >= REQUEST_WORD_MAX)
                return message_set(reterr, -EINVAL, "the variable %.*s would be too long, with all that is put before its value; Linux takes no more than %u bytes",
                                   (int) n, entry, REQUEST_WORD_MAX - 1);
        return set(v, asprintf(&joined, "%s%s%s%s", name, value, *rest ? ":" : "", rest) < 0 ? NULL : joined);
}

/* What a manifest says with the suffix is no variable of that name; what a user gives is one all the same. */
static int merge(Variables *v, char *const *assignments, bool keep_prepend, char **reterr) {
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
                        r = prepend(v, *a, n - s, equals + 1, reterr);
                if (r >= 0 && (keep_prepend || !is_prepend))
                        r = set(v, strdup(*a));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int setf(Variables *v, const char *name, const char *value) {
        char *assignment;

        return set(v, asprintf(&assignment, "%s=%s", name, value) < 0 ? NULL : assignment);
}

static int set_own(Variables *v, const Plan *p, const Runtime *runtime) {
        _cleanup_free_ char *id = NULL;
        int r;

        r = setf(v, "USER", p->user);
        if (r >= 0)
                r = setf(v, "LOGNAME", p->user);
        if (r >= 0 && p->id != 0)
                r = asprintf(&id, "%llu", (unsigned long long) p->id) < 0 ? -ENOMEM : setf(v, "JOBLET_JOB_ID", id);
        if (r >= 0 && runtime)
                r = setf(v, "JOBLET_RUNTIME", runtime->name);
        return r;
}

int plan_add_environment(Plan *p, const Request *request, const Runtime *runtime, char **reterr) {
        static const char *const base[] = {
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/work",
                "SHELL=/bin/sh",
                "LANG=C.UTF-8",
                NULL,
        };
        char **of_runtime = runtime ? runtime->manifest->environment : NULL;
        _cleanup_(variables_done) Variables v = {};
        int r;

        v.list = calloc(ELEMENTSOF(base) + OWN_VARIABLES_MAX + strv_length(of_runtime) + 2 * strv_length(request->environment), sizeof *v.list);
        if (!v.list)
                return -ENOMEM;
        r = merge(&v, (char *const *) base, false, reterr);
        if (r >= 0)
                r = set_own(&v, p, runtime);
        if (r >= 0)
                r = merge(&v, of_runtime, false, reterr);
        if (r >= 0)
                r = merge(&v, request->environment, true, reterr);
        if (r < 0)
                return r;
        p->environment = TAKE_PTR(v.list);
        return 0;
}
