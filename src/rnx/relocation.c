/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "relocation.h"
#include "strv.h"
#include "text.h"

#define FINDINGS_MAX 50U

void findings_done(Findings *f) {
        strv_free(f->problems);
        strv_free(f->caveats);
        strv_free(f->left_out);
        strv_free(f->brought);
        strv_free(f->host_libraries);
}

int finding_add(char ***list, const char *path, const char *before, const char *what, const char *after) {
        _cleanup_free_ char *safe = text_for_message(what, 400), *safe_path = text_for_message(path, 200);

        if (!safe || !safe_path)
                return -ENOMEM;
        if (strv_length(*list) == FINDINGS_MAX)
                return strv_extend(list, "and more");
        return strv_length(*list) > FINDINGS_MAX ? 0 : strv_extendf(list, "%s: %s%s%s", safe_path, before, safe, after);
}

/* Of a name of a file: "/old/place" is not in "/old/place2", nor in "~/old/place". */
static bool is_name_character(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("._-+~", c));
}

static const Place* place_of(const Relocation *r, const char *path) {
        for (size_t i = 0; i < r->n_places; i++) {
                size_t n = strlen(r->places[i].from);

                if (strncmp(path, r->places[i].from, n) == 0 && (path[n] == 0 || path[n] == '/'))
                        return r->places + i;
        }
        return NULL;
}

int relocate_path(const Relocation *r, const char *path, char **ret) {
        const Place *p = place_of(r, path);
        const char *rest;

        *ret = NULL;
        if (!p)
                return 0;
        rest = path + strlen(p->from);
        rest += strspn(rest, "/");
        if (asprintf(ret, "%s%s%s", p->below, *p->below && *rest ? "/" : "", rest) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

int relocate_absolute(const Relocation *r, const char *path, char **ret) {
        _cleanup_free_ char *relative = NULL;
        int k;

        *ret = NULL;
        k = relocate_path(r, path, &relative);
        if (k < 0 || !relative)
                return k;
        if (asprintf(ret, "%s%s%s", r->home, *relative ? "/" : "", relative) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

const Place* relocate_place(const Relocation *r, const char *path) {
        const Place *best = NULL;

        for (size_t i = 0; i < r->n_places; i++) {
                const char *below = r->places[i].below;
                size_t n = strlen(below);

                if (strncmp(path, below, n) == 0 && (n == 0 || path[n] == '/' || !path[n]) &&
                    (!best || n > strlen(best->below)))
                        best = r->places + i;
        }
        return best;
}

/* One may lie in the other: the inner one is to be found first. */
static int place_compare(const void *a, const void *b) {
        size_t x = strlen(((const Place*) a)->from), y = strlen(((const Place*) b)->from);

        return (x < y) - (x > y);
}

void places_sort(Place *places, size_t n) {
        qsort(places, n, sizeof(Place), place_compare);
}

int relocate_origin(const Relocation *r, const char *path, char **ret) {
        const Place *best = relocate_place(r, path);

        if (!best)
                return -ENOENT;
        path += strlen(best->below);
        path += strspn(path, "/");
        if (asprintf(ret, "%s%s%s", best->from, *path ? "/" : "", path) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

/* The first path in data that leads to a place, and which. */
static const char *find_place(const Relocation *r, const char *start, const char *data, const char *end,
                              const Place **ret) {
        const char *first = NULL;

        for (size_t i = 0; i < r->n_places; i++) {
                const char *from = r->places[i].from, *p = data;
                size_t n = strlen(from);

                while ((p = memmem(p, (size_t) (end - p), from, n)) && (!first || p < first)) {
                        if ((p == start || !is_name_character(p[-1])) &&
                            (p + n == end || !is_name_character(p[n]))) {
                                first = p;
                                *ret = r->places + i;
                                break;
                        }
                        p++;
                }
        }
        return first;
}

size_t relocate_count(const Relocation *r, const char *data, size_t size) {
        const char *end = data + size, *p = data;
        const Place *place = NULL;
        size_t n = 0;

        while ((p = find_place(r, data, p, end, &place))) {
                p += strlen(place->from);
                n++;
        }
        return n;
}

int relocate_text(const Relocation *r, const char *data, size_t size, char **ret, size_t *ret_size) {
        const char *end = data + size, *p = data, *next;
        _cleanup_free_ char *text = NULL;
        const Place *place = NULL;
        size_t n = 0;
        FILE *f;

        *ret = NULL;
        if (!find_place(r, data, data, end, &place))
                return 0;
        f = open_memstream(&text, &n);
        if (!f)
                return -ENOMEM;
        for (; (next = find_place(r, data, p, end, &place)); p = next + strlen(place->from)) {
                (void) fwrite(p, 1, (size_t) (next - p), f);
                fprintf(f, "%s%s%s", r->home, *place->below ? "/" : "", place->below);
        }
        (void) fwrite(p, 1, (size_t) (end - p), f);
        if (ferror(f)) {
                (void) fclose(f);
                return -ENOMEM;
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        *ret_size = n;
        return 0;
}

/* "$ORIGIN/../lib" for lib, seen from the file bin/python. */
static void print_from_origin(FILE *f, const char *path, const char *target) {
        size_t common = 0;

        /* Without the directories that both are in. */
        for (size_t i = 0; path[i] && path[i] == target[i]; i++)
                if (path[i] == '/')
                        common = i + 1;
        if (strncmp(path, target, strlen(target)) == 0 && path[strlen(target)] == '/')
                common = strlen(target) + 1;

        fputs("$ORIGIN", f);
        for (const char *p = path + common; (p = strchr(p, '/')); p++)
                fputs("/..", f);
        if (strlen(target) > common)
                fprintf(f, "/%s", target + common);
}

int relocate_rpath(const Relocation *r, const char *path, const char *rpath, char **ret) {
        _cleanup_free_ char *text = NULL, *copy = strdup(rpath);
        char *rest = copy;
        bool first = true;
        size_t n = 0;
        FILE *f;
        int k = 0;

        if (!copy)
                return -ENOMEM;
        f = open_memstream(&text, &n);
        if (!f)
                return -ENOMEM;
        for (char *directory; k >= 0 && (directory = strsep(&rest, ":")); first = false) {
                _cleanup_free_ char *target = NULL;

                if (!first)
                        fputc(':', f);
                k = relocate_path(r, directory, &target);
                if (target)
                        print_from_origin(f, path, target);
                else
                        fputs(directory, f);
        }
        if (fclose(f) != 0 || k < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}
