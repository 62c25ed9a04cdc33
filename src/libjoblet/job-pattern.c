/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#include "job-pattern.h"
#include "text.h"

static bool is_octal(char c) {
        return c >= '0' && c <= '7';
}

/* What the backslash at *p is for; *p then points behind it. Returns 0 if it is for nothing. */
static char escaped(const char **p) {
        const char *s = *p + 1;

        if (is_octal(s[0]) && is_octal(s[1]) && is_octal(s[2]) && s[0] <= '3') {
                *p += 4;
                return (char) ((s[0] - '0') << 6 | (s[1] - '0') << 3 | (s[2] - '0'));
        }
        if (*s)
                *p += 2;
        return *s;
}

int job_pattern_parse(const char *pattern, char **ret) {
        _cleanup_free_ char *canonical = malloc(strlen(pattern) + 1);
        char *to = canonical;

        if (!canonical)
                return -ENOMEM;
        while (*pattern) {
                char c;

                if (*pattern != '\\') {
                        *to++ = *pattern++;
                        continue;
                }
                c = escaped(&pattern);
                if (!c)
                        return -EINVAL;
                if (c != '/')
                        *to++ = '\\';
                *to++ = c;
        }
        *to = 0;
        *ret = TAKE_PTR(canonical);
        return 0;
}

bool job_pattern_is_plain(const char *canonical) {
        for (; *canonical; canonical++)
                if (*canonical == '\\')
                        canonical++;
                else if (strchr("*?[", *canonical))
                        return false;
        return true;
}

char* job_pattern_literal(const char *canonical) {
        char *literal = malloc(strlen(canonical) + 1), *to = literal;

        if (!literal)
                return NULL;
        for (; *canonical; canonical++) {
                if (*canonical == '\\')
                        canonical++;
                *to++ = *canonical;
        }
        *to = 0;
        return literal;
}

bool job_pattern_is_valid(const char *pattern) {
        _cleanup_free_ char *canonical = NULL, *literal = NULL;

        if (!*pattern || strlen(pattern) >= JOB_PATTERN_MAX)
                return false;
        for (const char *p = pattern; *p; p++)
                if (iscntrl((unsigned char) *p))
                        return false;
        if (job_pattern_parse(pattern, &canonical) < 0)
                return false;
        literal = job_pattern_literal(canonical);
        if (!literal || strlen(literal) >= 4096)
                return false;
        for (const char *p = literal; *p; p += strspn(p, "/")) {
                size_t n = strcspn(p, "/");

                if ((n > 255 && job_pattern_is_plain(canonical)) || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                p += n;
        }
        return true;
}

/* How many bytes from s on are one printable character, 0 if none. */
static size_t printable(const char *s) {
        for (size_t n = 1; n <= 4 && s[n - 1]; n++) {
                char c[5] = {};

                memcpy(c, s, n);
                if (utf8_is_valid(c, n))
                        return text_is_line(c) ? n : 0;
        }
        return 0;
}

char* job_pattern_encode(const char *pattern) {
        char *encoded = malloc(4 * strlen(pattern) + 1), *to = encoded;

        if (!encoded)
                return NULL;
        while (*pattern) {
                size_t n = printable(pattern);

                if (n > 0)
                        to = mempcpy(to, pattern, n);
                else
                        to += sprintf(to, "\\%03o", (unsigned char) *pattern);
                pattern += n ?: 1;
        }
        *to = 0;
        return encoded;
}

bool job_pattern_matches(const char *component, const char *name) {
        return fnmatch(component, name, FNM_PERIOD) == 0;
}
