/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Python packages that are "installed" by naming a directory elsewhere: .pth files, whose lines are directories to look into;
 * the finders of setuptools and others, Python files with such paths as literals; .egg-link files; and direct_url.json, in
 * which pip writes down where an editable package came from. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "file-tree.h"
#include "import.h"
#include "json.h"
#include "manifest-rules.h"
#include "rnx.h"
#include "strv.h"
#include "text.h"

#define FILE_SIZE_MAX (1024U * 1024U)
#define IN_RUNTIME "editable"
#define PATHS_MAX 100U
#define NAMES_TRIED_MAX 100U
#define PACKAGES_MAX 1000U

typedef struct Editable {
        Import *import;
        Relocation relocation; /* what is part of it so far */
        int dir_fd;
        bool copy;
        char **paths;  /* outside, as they are named */
        char **urls;   /* where editable packages came from, each behind the file that says so */
} Editable;

static bool has_suffix(const char *s, const char *suffix) {
        size_t n = strlen(s), k = strlen(suffix);

        return n >= k && strcmp(s + n - k, suffix) == 0;
}

/* The part of path behind "site-packages/", or NULL. */
static const char* in_site_packages(const char *path) {
        static const char *const names[] = { "site-packages/", "dist-packages/" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *p = strstr(path, names[i]);

                if (p && (p == path || p[-1] == '/'))
                        return p + strlen(names[i]);
        }
        return NULL;
}

/* Whether path is part of the runtime, under any of its names. Sets *ret_real to what it is without links, NULL if nothing. */
static int is_inside(const Editable *e, const char *path, bool *ret, char **ret_real) {
        _cleanup_free_ char *real = realpath(path, NULL), *inside = NULL;
        int r;

        r = relocate_path(&e->relocation, path, &inside);
        if (r >= 0 && !inside && real)
                r = relocate_path(&e->relocation, real, &inside);
        if (r < 0)
                return r;
        *ret = inside;
        *ret_real = TAKE_PTR(real);
        return 0;
}

/* file names path, an absolute one. */
static int reference(Editable *e, const char *file, const char *path) {
        _cleanup_free_ char *real = NULL;
        bool inside;
        int r;

        r = is_inside(e, path, &inside, &real);
        if (r < 0 || inside)
                return r;
        if (!real)
                return finding_add(&e->import->findings.caveats, file, "names ", path, ", where nothing is");
        if (path_is_below(real, "/usr"))
                return finding_add(&e->import->findings.caveats, file, "names ", path, ", which is the host's");
        if (!e->copy)
                r = finding_add(&e->import->findings.problems, file, "names ", path,
                                ", which is not part of it (an editable installation); bring it along with --copy-editable");
        if (r < 0 || strv_contains(e->paths, path) || strv_length(e->paths) >= PATHS_MAX)
                return r;
        return strv_extend(&e->paths, path);
}

static int write_text(const Editable *e, const FileItem *item, const char *text) {
        const char *slash = strrchr(item->path, '/');
        _cleanup_free_ char *directory = strndup(item->path, slash ? (size_t) (slash - item->path) : 0);
        _cleanup_close_ int fd = -EBADF;

        if (!directory)
                return -ENOMEM;
        fd = openat(e->dir_fd, *directory ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : atomic_file_write_at(fd, slash ? slash + 1 : item->path, text, strlen(text), item->mode & 0777, false);
}

/* A line of a .pth or .egg-link file as an absolute path; relative to the file's own directory, in the place it came from. */
static int line_path(const Editable *e, const FileItem *item, const char *line, char **ret) {
        const char *slash = strrchr(item->path, '/');
        _cleanup_free_ char *directory = NULL, *origin = NULL, *joined = NULL;
        int r;

        if (*line == '/') {
                *ret = path_normalize(line);
                return *ret ? 0 : -ENOMEM;
        }
        directory = strndup(item->path, slash ? (size_t) (slash - item->path) : 0);
        if (!directory)
                return -ENOMEM;
        r = relocate_origin(&e->relocation, directory, &origin);
        if (r < 0)
                return r;
        if (asprintf(&joined, "%s/%s", origin, line) < 0) {
                joined = NULL;
                return -ENOMEM;
        }
        *ret = realpath(joined, NULL);
        if (!*ret)
                *ret = strdup(joined);
        return *ret ? 0 : -ENOMEM;
}

/* Relative lines that lead outside become absolute ones, which can be given another place. */
static int examine_lines(Editable *e, const FileItem *item, char *text, bool first_only) {
        _cleanup_free_ char *changed = NULL;
        bool rewrite = false;
        size_t n = 0;
        FILE *f;
        int r = 0;

        f = open_memstream(&changed, &n);
        if (!f)
                return -ENOMEM;
        for (char *line; r >= 0 && (line = strsep(&text, "\n"));) {
                _cleanup_free_ char *path = NULL, *real = NULL;
                bool inside = true;
                size_t k = strlen(line);

                while (k > 0 && strchr(" \t\r", line[k - 1]))
                        line[--k] = 0;
                if (k > 0 && *line != '#' && strncmp(line, "import ", 7) != 0 && strncmp(line, "import\t", 7) != 0) {
                        r = line_path(e, item, line, &path);
                        if (r >= 0)
                                r = is_inside(e, path, &inside, &real);
                        if (r >= 0 && !inside)
                                r = reference(e, item->path, path);
                }
                rewrite = rewrite || (!inside && *line != '/');
                fprintf(f, "%s%s", inside ? line : path, text ? "\n" : "");
                if (first_only && k > 0 && text) {
                        fputs(text, f);
                        break;
                }
        }
        if (fclose(f) != 0 || r < 0)
                return r < 0 ? r : -ENOMEM;
        return rewrite && e->copy ? write_text(e, item, changed) : 0;
}

/* Paths between quotes that there are on this host. */
static int examine_literals(Editable *e, const FileItem *item, const char *text) {
        for (const char *p = text; (p = strpbrk(p, "'\""));) {
                size_t n = strcspn(p + 1, (const char[]) { *p, '\n', 0 });
                _cleanup_free_ char *path = NULL;
                int r = 0;

                if (p[1] == '/' && p[1 + n] == *p) {
                        path = strndup(p + 1, n);
                        if (!path)
                                return -ENOMEM;
                        if (access(path, F_OK) >= 0)
                                r = reference(e, item->path, path);
                }
                if (r < 0)
                        return r;
                p += 1 + n;
                p += *p != 0;
        }
        return 0;
}

static void decode_percent(char *s) {
        char *to = s;
        unsigned byte;

        for (; *s; s++, to++) {
                *to = *s;
                if (*s == '%' && sscanf(s + 1, "%2x", &byte) == 1 && byte > 0) {
                        *to = (char) byte;
                        s += 2;
                }
        }
        *to = 0;
}

/* {"dir_info": {"editable": true}, "url": "file:///home/me/mylib"} */
static int examine_url(Editable *e, const FileItem *item, const char *text) {
        _cleanup_json_ json_object *o = json_tokener_parse(text);
        json_object *info, *editable, *url;
        _cleanup_free_ char *path = NULL;
        const char *s;

        if (!json_object_object_get_ex(o, "dir_info", &info) || !json_object_object_get_ex(info, "editable", &editable) ||
            !json_object_get_boolean(editable) || !json_object_object_get_ex(o, "url", &url))
                return 0;
        s = json_object_get_string(url);
        if (!s || strncmp(s, "file://", 7) != 0)
                return 0;
        path = strdup(s + 7);
        if (!path)
                return -ENOMEM;
        decode_percent(path);
        return strv_extend(&e->urls, item->path) < 0 || strv_consume(&e->urls, TAKE_PTR(path)) < 0 ? -ENOMEM : 0;
}

static int examine(Editable *e, const FileItem *item) {
        const char *name = item->type == FILE_REGULAR && item->size <= FILE_SIZE_MAX ? in_site_packages(item->path) : NULL;
        _cleanup_free_ char *text = NULL;
        bool top = name && !strchr(name, '/');

        if (!name || !((top && (has_suffix(name, ".pth") || has_suffix(name, ".egg-link") ||
                                (strstr(name, "editable") && has_suffix(name, ".py")))) ||
                       has_suffix(name, ".dist-info/direct_url.json")))
                return 0;
        if (file_read_at(e->dir_fd, item->path, FILE_SIZE_MAX, &text, NULL) < 0)
                return 0;
        if (has_suffix(name, ".json"))
                return examine_url(e, item, text);
        if (has_suffix(name, ".py"))
                return examine_literals(e, item, text);
        return examine_lines(e, item, text, has_suffix(name, ".egg-link"));
}

/* An editable package whose directory nothing else names. */
static int check_urls(Editable *e) {
        for (char **u = e->urls; u && u[0] && u[1]; u += 2) {
                _cleanup_free_ char *real = NULL;
                bool inside, named = false;
                int r;

                r = is_inside(e, u[1], &inside, &real);
                if (r < 0)
                        return r;
                STRV_FOREACH(p, e->paths)
                        named = named || path_is_below(*p, u[1]) || path_is_below(u[1], *p);
                if (inside || named)
                        continue;
                r = finding_add(&e->import->findings.problems, u[0], "the package is an editable installation from ", u[1],
                                ", which is not part of it; install it without --editable");
                if (r < 0)
                        return r;
        }
        return 0;
}

/* "editable/NAME", made unique. */
static int make_place(Editable *e, const char *from, char **ret) {
        const char *slash = strrchr(from, '/');
        int r;

        if (mkdirat(e->dir_fd, IN_RUNTIME, 0755) < 0 && errno != EEXIST)
                return -errno;
        for (unsigned n = 1; n <= NAMES_TRIED_MAX; n++) {
                _cleanup_free_ char *path = NULL;

                if ((n == 1 ? asprintf(&path, IN_RUNTIME "/%s", slash + 1) : asprintf(&path, IN_RUNTIME "/%s-%u", slash + 1, n)) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                if (mkdirat(e->dir_fd, path, 0755) >= 0) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
                r = -errno;
                if (r != -EEXIST)
                        return r;
        }
        return -EEXIST;
}

/* One module that is a file, in a directory of its own. */
static int bring_module(Editable *e, const char *path, const char *below, const char *name) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = openat(e->dir_fd, below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        size_t size = 0;
        int r;

        if (fd < 0)
                return -errno;
        r = file_read_at(AT_FDCWD, path, FILE_SIZE_MAX, &text, &size);
        return r < 0 ? r : atomic_file_write_at(fd, name, text, size, 0644, false);
}

static int bring(Editable *e, const char *path, const char *copy_path) {
        _cleanup_free_ char *real = realpath(path, NULL), *below = NULL, *to = NULL, *inner = NULL;
        struct stat st;
        int r;

        if (!real || stat(real, &st) < 0)
                return log_error(-errno, "cannot open '%s': %s", path, strerror(errno));
        r = make_place(e, real, &below);
        if (r < 0)
                return log_error(r, "cannot create a directory in %s/" IN_RUNTIME ": %s", copy_path, strerror(-r));
        if (S_ISDIR(st.st_mode)) {
                if (asprintf(&to, "%s/%s", copy_path, below) < 0) {
                        to = NULL;
                        return log_oom();
                }
                r = import_copy_tree(e->import, real, to, below);
                if (r < 0)
                        return r;
        } else {
                const char *name = strrchr(real, '/') + 1;

                r = bring_module(e, real, below, name);
                if (r == -EBADMSG || r == -EFBIG) /* a compiled one */
                        return finding_add(&e->import->findings.problems, path, "this module is not part of it, and no directory either", "", "") < 0 ? log_oom() : 0;
                if (r < 0)
                        return log_error(r, "cannot copy '%s': %s", real, strerror(-r));
                if (asprintf(&inner, "%s/%s", below, name) < 0) {
                        inner = NULL;
                        return log_oom();
                }
        }
        if (import_add_place(e->import, path, inner ?: below) < 0 ||
            (strcmp(path, real) != 0 && import_add_place(e->import, real, inner ?: below) < 0) ||
            finding_add(&e->import->findings.brought, inner ?: below, "what is in ", path, "") < 0)
                return log_oom();
        return 0;
}

static int compare_length(const void *a, const void *b) {
        size_t x = strlen(*(char *const*) a), y = strlen(*(char *const*) b);

        return (x > y) - (x < y);
}

/* The outer ones first: what lies in them came along with them. */
static int bring_all(Editable *e, const char *copy_path) {
        if (e->paths)
                qsort(e->paths, strv_length(e->paths), sizeof(char*), compare_length);
        STRV_FOREACH(p, e->paths) {
                bool along = false;
                int r;

                for (char **before = e->paths; before < p; before++)
                        along = along || path_is_below(*p, *before);
                r = along ? 0 : bring(e, *p, copy_path);
                if (r < 0)
                        return r;
        }
        return 0;
}

int import_editable(Import *i, int dir_fd, const char *path, bool copy) {
        Editable e = {
                .import = i,
                .relocation = { .home = i->home, .places = i->places, .n_places = i->n_places },
                .dir_fd = dir_fd,
                .copy = copy,
        };
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ char *message = NULL;
        int r;

        r = file_tree_scan(dir_fd, &t, &message);
        if (r < 0)
                return log_error(r, "%s", message ?: strerror(-r));
        for (size_t k = 0; r >= 0 && k < t->n_items; k++)
                r = examine(&e, t->items + k);
        if (r >= 0)
                r = check_urls(&e);
        if (r < 0)
                (void) log_error(r, "cannot look for editable packages: %s", strerror(-r));
        else if (copy)
                r = bring_all(&e, path);
        strv_free(e.paths);
        strv_free(e.urls);
        return r;
}

static bool has_metadata(const FileTree *t, const char *directory) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/METADATA", directory) < 0) {
                path = NULL;
                return false;
        }
        return file_tree_find(t, path);
}

/* "NAME-VERSION.dist-info" */
static int add_package(const char *directory, char ***packages) {
        static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+!-";
        _cleanup_free_ char *copy = strndup(directory, strlen(directory) - strlen(".dist-info"));
        char *dash = copy ? strrchr(copy, '-') : NULL;

        if (!copy)
                return -ENOMEM;
        if (!dash || dash == copy || !dash[1] || strspn(copy, safe) != strlen(copy) || strv_length(*packages) >= PACKAGES_MAX)
                return 0;
        *dash = 0;
        return strv_extendf(packages, "%s==%s", copy, dash + 1);
}

int import_list_packages(int dir_fd, char ***ret) {
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        int r;

        r = file_tree_scan(dir_fd, &t, NULL);
        for (size_t k = 0; r >= 0 && k < t->n_items; k++) {
                const char *name = t->items[k].type == FILE_DIRECTORY ? in_site_packages(t->items[k].path) : NULL;

                /* Not those of the interpreter that a virtual environment borrows, which it does not see */
                if (name && !strchr(name, '/') && has_suffix(name, ".dist-info") &&
                    !file_path_is_below(t->items[k].path, BASE_IN_RUNTIME) && has_metadata(t, t->items[k].path))
                        r = add_package(name, ret);
        }
        return r;
}
