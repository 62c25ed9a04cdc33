/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <string.h>

#include "strv.h"

char** strv_free(char **l) {
        for (char **s = l; s && *s; s++)
                free(*s);
        free(l);
        return NULL;
}

size_t strv_length(char *const *l) {
        size_t n = 0;

        while (l && l[n])
                n++;
        return n;
}

bool strv_contains(char *const *l, const char *s) {
        for (char *const *i = l; i && *i; i++)
                if (strcmp(*i, s) == 0)
                        return true;
        return false;
}

int strv_consume(char ***l, char *s) {
        size_t n = strv_length(*l);
        char **grown;

        if (!s)
                return -ENOMEM;

        grown = reallocarray(*l, n + 2, sizeof(char*));
        if (!grown) {
                free(s);
                return -ENOMEM;
        }

        grown[n] = s;
        grown[n + 1] = NULL;
        *l = grown;
        return 0;
}

int strv_extend(char ***l, const char *s) {
        return strv_consume(l, strdup(s));
}

int strv_extendf(char ***l, const char *format, ...) {
        char *s = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        return r < 0 ? -ENOMEM : strv_consume(l, s);
}

int strv_copy(char *const *l, char ***ret) {
        _cleanup_strv_free_ char **copy = NULL;
        size_t n = strv_length(l);

        if (n > 0) {
                copy = calloc(n + 1, sizeof(char*));
                if (!copy)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(l[i]);
                if (!copy[i])
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(copy);
        return 0;
}

char* strv_join(char *const *l, const char *separator) {
        size_t size = 1, separator_size = strlen(separator);
        char *joined, *p;

        for (char *const *s = l; s && *s; s++)
                size += strlen(*s) + (s == l ? 0 : separator_size);

        joined = p = malloc(size);
        if (!joined)
                return NULL;
        for (char *const *s = l; s && *s; s++) {
                if (s != l)
                        p = stpcpy(p, separator);
                p = stpcpy(p, *s);
        }
        *p = 0;
        return joined;
}
