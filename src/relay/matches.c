/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>
#include <sys/stat.h>

#include "job-pattern.h"
#include "matches.h"

void matches_done(Matches *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->paths[i]);
        free(m->paths);
        *m = (Matches) {};
}

const char* path_base(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash && slash[1] ? slash + 1 : path;
}

static bool exists(const char *path) {
        struct stat st;

        return lstat(path, &st) >= 0;
}

/* Takes ownership of path. */
static int add(Matches *m, char *path) {
        if (m->n == m->n_allocated) {
                size_t n = m->n_allocated ? m->n_allocated * 2 : 16;
                char **grown = m->n < MATCHES_MAX ? reallocarray(m->paths, n, sizeof(char*)) : NULL;

                if (!grown) {
                        free(path);
                        return m->n < MATCHES_MAX ? -ENOMEM : -E2BIG;
                }
                m->paths = grown;
                m->n_allocated = n;
        }
        m->paths[m->n++] = path;
        return 0;
}

static int find_below(Matches *m, const char *directory, const char *rest);

/* name is in directory: the rest of the pattern is for what is below it. */
static int find_in(Matches *m, const char *directory, const char *name, const char *rest) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s%s%s", directory, name, *rest ? "/" : "") < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (*rest)
                return find_below(m, path, rest);
        return exists(path) ? add(m, TAKE_PTR(path)) : 0;
}

/* directory is "" or ends in a slash. One that cannot be read holds nothing that matches. */
static int find_below(Matches *m, const char *directory, const char *rest) {
        size_t n = strcspn(rest, "/");
        _cleanup_free_ char *component = strndup(rest, n), *literal = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *e;
        int r = 0;

        if (!component)
                return -ENOMEM;
        rest += n;
        rest += strspn(rest, "/");
        if (job_pattern_is_plain(component)) {
                literal = job_pattern_literal(component);
                return literal ? find_in(m, directory, literal, rest) : -ENOMEM;
        }

        d = opendir(*directory ? directory : ".");
        while (d && r >= 0 && (e = readdir(d)))
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                    job_pattern_matches(component, e->d_name))
                        r = find_in(m, directory, e->d_name, rest);
        return r;
}

static int path_compare(const void *a, const void *b) {
        const char *x = *(char *const *) a, *y = *(char *const *) b;
        int r = strcmp(path_base(x), path_base(y));

        return r ?: strcmp(x, y);
}

static int find(Matches *m, const char *canonical) {
        _cleanup_free_ char *literal = job_pattern_literal(canonical);
        size_t n = strspn(canonical, "/");

        if (!literal)
                return -ENOMEM;
        if (exists(literal))
                return add(m, TAKE_PTR(literal));
        if (job_pattern_is_plain(canonical))
                return 0;
        return find_below(m, n > 0 ? "/" : "", canonical + n);
}

int matches_find(const char *pattern, Matches *ret) {
        _cleanup_free_ char *canonical = NULL;
        _cleanup_(matches_done) Matches m = {};
        size_t n;
        int r;

        r = job_pattern_parse(pattern, &canonical);
        if (r < 0)
                return r;
        for (n = strlen(canonical); n > 1 && canonical[n - 1] == '/';)
                canonical[--n] = 0;
        r = find(&m, canonical);
        if (r < 0)
                return r;
        if (m.n > 1)
                qsort(m.paths, m.n, sizeof(char*), path_compare);
        *ret = m;
        m = (Matches) {};
        return 0;
}
