/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdbool.h>
#include <string.h>

#include "entry-name.h"

#define INDEX_MAX 100000U

int entry_name_parse(const char *name, size_t *ret_index, const char **ret_base, const char **ret_inner) {
        size_t index = 0, n;
        const char *p = name;

        for (; *p >= '0' && *p <= '9'; p++) {
                index = index * 10 + (size_t) (*p - '0');
                if (index > INDEX_MAX)
                        return -EBADMSG;
        }
        if (p == name || *p != '/' || (*name == '0' && p - name > 1))
                return -EBADMSG;

        p++;
        *ret_base = p;
        *ret_inner = p + strcspn(p, "/");
        for (;; p += n + 1) {
                n = strcspn(p, "/");
                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return -EBADMSG;
                if (!p[n] || !p[n + 1]) /* directories may end in a slash */
                        break;
        }

        *ret_index = index;
        return 0;
}

char* entry_name_place(const char *given, const char *base, const char *inner) {
        size_t n;
        char *name;

        if (asprintf(&name, "%.*s%s", (int) (given ? strlen(given) : strcspn(base, "/")), given ?: base, inner) < 0)
                return NULL;
        for (n = strlen(name); n > 1 && name[n - 1] == '/';)
                name[--n] = 0;
        return name;
}

LinkScope link_scope(const char *inner, const char *target) {
        size_t depth = 0, n;
        bool down = false, unclear = false;

        if (*target == '/' || !*target)
                return LINK_OUTSIDE;
        /* Directories between the base and the link. */
        for (const char *p = inner; *p; p++)
                if (*p == '/' && p[1])
                        depth++;
        if (depth == 0)
                return LINK_OUTSIDE;
        depth--;

        for (const char *p = target; *p; p += n + (p[n] == '/')) {
                n = strcspn(p, "/");
                if (n == 0 || (n == 1 && p[0] == '.'))
                        continue;
                if (n == 2 && p[0] == '.' && p[1] == '.') {
                        if (depth == 0)
                                return LINK_OUTSIDE;
                        depth--;
                        unclear = unclear || down;
                } else {
                        depth++;
                        down = true;
                }
        }
        return unclear ? LINK_UNCLEAR : LINK_INSIDE;
}
