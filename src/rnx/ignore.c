/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fnmatch.h>
#include <string.h>

#include "ignore.h"
#include "strv.h"

void ignore_done(IgnoreList *l) {
        for (size_t i = 0; i < l->n; i++)
                strv_free(l->patterns[i].components);
        free(l->patterns);
        *l = (IgnoreList) {};
}

/* Blanks at the end do not count, unless there is a backslash before. */
static size_t line_length(const char *line) {
        size_t n = strcspn(line, "\r\n");

        while (n > 0 && line[n - 1] == ' ' && !(n > 1 && line[n - 2] == '\\'))
                n--;
        return n;
}

static int split(const char *path, char ***ret) {
        _cleanup_strv_free_ char **components = NULL;

        for (const char *p = path; *(p += strspn(p, "/")); p += strcspn(p, "/")) {
                int r = strv_consume(&components, strndup(p, strcspn(p, "/")));

                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(components);
        return 0;
}

/* Without a slash but at its end it is for a name in any directory. */
static int pattern_parse(char *text, IgnorePattern *ret) {
        _cleanup_free_ char *anywhere = NULL;
        size_t n = strlen(text);
        bool directories = n > 0 && text[n - 1] == '/';

        if (directories)
                text[n - 1] = 0;
        if (!strchr(text, '/') && *text) {
                if (asprintf(&anywhere, "**/%s", text) < 0) {
                        anywhere = NULL;
                        return -ENOMEM;
                }
                text = anywhere;
        }
        ret->directories = directories;
        return split(text, &ret->components);
}

int ignore_add(IgnoreList *l, const char *line) {
        _cleanup_free_ char *text = strndup(line, line_length(line));
        IgnorePattern pattern = {}, *grown;
        int r;

        if (!text)
                return -ENOMEM;
        if (!*text || *text == '#')
                return 0;
        pattern.negated = *text == '!';
        r = pattern_parse(text + pattern.negated, &pattern);
        if (r < 0 || !pattern.components)
                return r;
        grown = l->n < IGNORE_PATTERNS_MAX ? reallocarray(l->patterns, l->n + 1, sizeof(*grown)) : NULL;
        if (!grown) {
                strv_free(pattern.components);
                return l->n < IGNORE_PATTERNS_MAX ? -ENOMEM : -E2BIG;
        }
        l->patterns = grown;
        grown[l->n++] = pattern;
        return 0;
}

int ignore_read(IgnoreList *l, int fd) {
        static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as some editors write it */
        _cleanup_free_ char *text = malloc(IGNORE_FILE_MAX + 1);
        char *line;
        size_t n = 0;
        int r = 0;

        if (!text)
                return -ENOMEM;
        for (ssize_t k; n <= IGNORE_FILE_MAX && (k = read(fd, text + n, IGNORE_FILE_MAX + 1 - n)) != 0; n += (size_t) k)
                if (k < 0)
                        return -errno;
        if (n > IGNORE_FILE_MAX)
                return -E2BIG;
        text[n] = 0;
        line = strncmp(text, mark, strlen(mark)) == 0 ? text + strlen(mark) : text;
        for (char *next; r >= 0 && line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = 0;
                r = ignore_add(l, line);
        }
        return r;
}

/* Only the last "**" is tried at other places: what those before it have taken does not matter to it. */
static bool components_match(char *const *pattern, char *const *path) {
        char *const *again = NULL, *const *from = NULL;

        for (;;) {
                if (*pattern && strcmp(*pattern, "**") == 0) {
                        if (!pattern[1])
                                return *path;
                        again = ++pattern;
                        from = path;
                } else if (!*pattern && !*path)
                        return true;
                else if (*pattern && *path && fnmatch(*pattern, *path, 0) == 0) {
                        pattern++;
                        path++;
                } else {
                        if (!again || !*from)
                                return false;
                        pattern = again;
                        path = ++from;
                }
        }
}

bool ignore_matches(const IgnoreList *l, const char *path, bool is_directory) {
        _cleanup_strv_free_ char **components = NULL;

        if (l->n == 0 || split(path, &components) < 0 || !components)
                return false;
        for (size_t i = l->n; i > 0; i--) {
                const IgnorePattern *p = l->patterns + i - 1;

                if ((is_directory || !p->directories) && components_match(p->components, components))
                        return !p->negated;
        }
        return false;
}
