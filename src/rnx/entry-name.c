/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "entry-name.h"

#define INDEX_MAX 100000U

int entry_name_parse(const char *name, size_t *ret_index, const char **ret_inner) {
        size_t index = 0, n;
        const char *inner, *p = name;

        for (; *p >= '0' && *p <= '9'; p++) {
                index = index * 10 + (size_t) (*p - '0');
                if (index > INDEX_MAX)
                        return -EBADMSG;
        }
        if (p == name || *p != '/' || (*name == '0' && p - name > 1))
                return -EBADMSG;

        p++;
        inner = p + strcspn(p, "/");
        for (;; p += n + 1) {
                n = strcspn(p, "/");
                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return -EBADMSG;
                if (!p[n] || !p[n + 1]) /* directories may end in a slash */
                        break;
        }

        *ret_index = index;
        *ret_inner = inner;
        return 0;
}

char* entry_name_place(const char *base, const char *inner) {
        char *name;

        return asprintf(&name, "%s%s", base, inner) < 0 ? NULL : name;
}

bool link_stays_inside(const char *inner, const char *target) {
        size_t depth = 0, n;
        bool down = false;

        if (*target == '/' || !*target)
                return false;
        /* Directories between the base and the link. */
        for (const char *p = inner; *p; p++)
                if (*p == '/' && p[1])
                        depth++;
        if (depth == 0)
                return false;
        depth--;

        for (const char *p = target; *p; p += n + (p[n] == '/')) {
                n = strcspn(p, "/");
                if (n == 0 || (n == 1 && p[0] == '.'))
                        continue;
                if (n == 2 && p[0] == '.' && p[1] == '.') {
                        if (down || depth == 0)
                                return false;
                        depth--;
                } else
                        down = true;
        }
        return true;
}
