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

size_t strv_size(char *const *l) {
        size_t size = 0;

        for (char *const *s = l; s && *s; s++)
                size += strlen(*s) + 1 + sizeof *s;
        return size;
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
        _cleanup_(strv_builder_done) StrvBuilder b = {};

        STRV_FOREACH(s, l) {
                int r = strv_builder_consume(&b, strdup(*s));
                if (r < 0)
                        return r;
        }
        *ret = strv_builder_take(&b);
        return 0;
}

int strv_builder_consume(StrvBuilder *b, char *s) {
        if (!s)
                return -ENOMEM;
        if (b->n + 2 > b->n_allocated) {
                size_t n = 2 * b->n_allocated + 8;
                char **grown = reallocarray(b->l, n, sizeof *grown);

                if (!grown) {
                        free(s);
                        return -ENOMEM;
                }
                b->l = grown;
                b->n_allocated = n;
        }
        b->l[b->n++] = s;
        b->l[b->n] = NULL;
        return 0;
}

int strv_builder_extendf(StrvBuilder *b, const char *format, ...) {
        char *s = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        return r < 0 ? -ENOMEM : strv_builder_consume(b, s);
}

char** strv_builder_take(StrvBuilder *b) {
        char **l = b->l;

        *b = (StrvBuilder) {};
        return l;
}

void strv_builder_done(StrvBuilder *b) {
        strv_free(strv_builder_take(b));
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
