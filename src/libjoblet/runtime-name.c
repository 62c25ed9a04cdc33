/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "runtime-name.h"

static bool is_alphanumeric(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool runtime_name_is_valid(const char *s) {
        if (!s || !is_alphanumeric(*s))
                return false;

        for (size_t i = 0; s[i]; i++) {
                if (i >= RUNTIME_NAME_MAX)
                        return false;
                if (!is_alphanumeric(s[i]) && !strchr("._+-", s[i]))
                        return false;
        }
        return true;
}

int runtime_name_normalize(const char *s, char **ret) {
        static const char alias[] = "node", canonical[] = "nodejs";
        _cleanup_free_ char *copy = NULL;
        const char *language = "", *rest;
        char *colon, *key;

        copy = strdup(s);
        if (!copy)
                return -ENOMEM;

        /* Both sides of the colon must be there, and be names by themselves. */
        colon = strchr(copy, ':');
        if (colon) {
                if (colon == copy || !is_alphanumeric(colon[1]))
                        return -EINVAL;
                *colon = '-';
        }
        if (!runtime_name_is_valid(copy))
                return -EINVAL;
        for (char *p = copy; *p; p++)
                if (*p == '+')
                        *p = '-';

        rest = copy;
        if (strncmp(copy, alias, strlen(alias)) == 0 &&
            (copy[strlen(alias)] == '-' || copy[strlen(alias)] == 0)) {
                language = canonical;
                rest = copy + strlen(alias);
        }
        if (asprintf(&key, "%s%s", language, rest) < 0)
                return -ENOMEM;

        *ret = key;
        return 0;
}

int runtime_name_display(const char *language, const char *name, char **ret) {
        size_t n = strlen(language);
        char *display;

        display = strdup(name);
        if (!display)
                return -ENOMEM;
        if (strncmp(name, language, n) == 0 && name[n] == '-' && name[n + 1])
                display[n] = ':';

        *ret = display;
        return 0;
}

int runtime_name_id(const char *language, const char *name, char **ret) {
        size_t n = strlen(language);

        /* Of a language with a '-' it could be a name of the language before that, too. */
        if (!strchr(language, '-') && strncmp(name, language, n) == 0 && name[n] == '-') {
                *ret = strdup(name);
                return *ret ? 0 : -ENOMEM;
        }
        if (asprintf(ret, "%s/%s", language, name) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

bool runtime_name_is_full(const char *s) {
        char language[RUNTIME_NAME_MAX + 1];
        const char *slash = strchr(s, '/');
        size_t n = slash ? (size_t) (slash - s) : 0;

        if (n == 0 || n > RUNTIME_NAME_MAX || !runtime_name_is_valid(slash + 1))
                return false;
        memcpy(language, s, n);
        language[n] = 0;
        return runtime_name_is_valid(language);
}

unsigned runtime_name_distance(const char *a, const char *b) {
        /* One row of the table of Levenshtein, for the prefixes of b; what is beyond counts as different. */
        unsigned row[RUNTIME_NAME_MAX + 1];
        size_t size_a = strlen(a), size_b = strlen(b), beyond = 0;

        if (size_a > RUNTIME_NAME_MAX) {
                beyond += size_a - RUNTIME_NAME_MAX;
                size_a = RUNTIME_NAME_MAX;
        }
        if (size_b > RUNTIME_NAME_MAX) {
                beyond += size_b - RUNTIME_NAME_MAX;
                size_b = RUNTIME_NAME_MAX;
        }

        for (unsigned k = 0; k <= size_b; k++)
                row[k] = k;
        for (size_t i = 0; i < size_a; i++) {
                unsigned diagonal = row[0];

                row[0] = (unsigned) i + 1;
                for (size_t k = 0; k < size_b; k++) {
                        unsigned best = diagonal + (a[i] != b[k]);

                        diagonal = row[k + 1];
                        if (row[k] + 1 < best)
                                best = row[k] + 1;
                        if (diagonal + 1 < best)
                                best = diagonal + 1;
                        row[k + 1] = best;
                }
        }
        return row[size_b] + (unsigned) beyond;
}
