/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What of a directory is imported, and under which names it is known to itself. */

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "import.h"
#include "manifest-rules.h"
#include "package-plan.h"
#include "rnx.h"
#include "strv.h"
#include "tree-copy.h"

#define LINE_SIZE 512U

/* What of a tree is not copied. */
typedef struct LeaveOut {
        Import *import;
        const char *below;   /* where the tree goes */
        char **directories;  /* relative to it, with all that is in them */
        int error;
} LeaveOut;

static bool is_left_out(const FileItem *item, void *userdata) {
        _cleanup_free_ char *path = NULL;
        LeaveOut *l = userdata;
        FileItem there = *item;
        const char *problem = NULL;

        STRV_FOREACH(d, l->directories)
                if (strcmp(item->path, *d) == 0 || file_path_is_below(item->path, *d))
                        return true;
        if (asprintf(&path, "%s%s%s", l->below, *l->below ? "/" : "", item->path) < 0) {
                path = NULL;
                l->error = -ENOMEM;
                return true;
        }
        there.path = path;
        if (package_item_problem(l->import->language, l->import->name, &there, &problem) < 0 ||
            (problem && finding_add(&l->import->findings.left_out, path, problem, "", "") < 0) ||
            (problem && item->type == FILE_DIRECTORY && strv_extend(&l->directories, item->path) < 0))
                l->error = -ENOMEM;
        return problem;
}

/* Adds other if it lies in directory. */
static int leave_out_inner(char ***list, const char *directory, const char *other) {
        _cleanup_free_ char *real = realpath(other, NULL);

        return real && path_is_below(real, directory) && strcmp(real, directory) != 0 ?
                strv_extend(list, real + strlen(directory) + 1) : 0;
}

/* Of a directory that somebody works in: not its history, and no environments. */
static int leave_out_of_project(const FileTree *t, char ***list) {
        static const char *const names[] = { ".git", ".hg", ".svn" };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < t->n_items; i++) {
                const char *path = t->items[i].path, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

                for (size_t k = 0; r >= 0 && k < ELEMENTSOF(names); k++)
                        if (strcmp(name, names[k]) == 0)
                                r = strv_extend(list, path);
                if (r >= 0 && slash && strcmp(name, "pyvenv.cfg") == 0)
                        r = strv_extendf(list, "%.*s", (int) (slash - path), path);
        }
        return r;
}

int import_copy_tree(Import *i, const char *from, const char *to, const char *below) {
        bool itself = strcmp(from, i->real) == 0, project = !itself && (!i->base || strcmp(from, i->base) != 0);
        _cleanup_close_ int from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to_fd = -EBADF;
        LeaveOut leave_out = { .import = i, .below = below };
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ char *message = NULL;
        int r;

        if (from_fd < 0)
                return log_error(-errno, "cannot open '%s': %s", from, strerror(errno));
        to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (to_fd < 0)
                return log_error(-errno, "cannot open '%s': %s", to, strerror(errno));
        r = file_tree_scan(from_fd, &t, &message);
        if (r < 0)
                return log_error(r, "%s: %s", from, message ?: strerror(-r));

        /* The copy may lie in what is copied, and a project hold its environment. */
        r = leave_out_inner(&leave_out.directories, from, to);
        if (r >= 0 && !itself)
                r = leave_out_inner(&leave_out.directories, from, i->real);
        if (r >= 0 && project)
                r = leave_out_of_project(t, &leave_out.directories);
        if (r >= 0)
                file_tree_leave_out(t, is_left_out, &leave_out);
        strv_free(leave_out.directories);
        if (r < 0 || leave_out.error < 0)
                return log_oom();
        return tree_copy(t, from_fd, to_fd, false);
}

int import_leave_out_links(Import *i, int fd, char **reterr_message) {
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        PackagePlan plan = { .language = i->language, .name = i->name };
        int r;

        r = file_tree_scan(fd, &t, reterr_message);
        if (r < 0)
                return r;
        plan.tree = t;
        for (size_t k = 0; k < t->n_items; k++) {
                const FileItem *item = t->items + k;
                const char *problem = item->type == FILE_LINK ? package_link_problem(&plan, item, false) : NULL;
                _cleanup_free_ char *after = NULL;

                if (!problem)
                        continue;
                if (asprintf(&after, ", which %s", problem) < 0) {
                        after = NULL;
                        return -ENOMEM;
                }
                if (unlinkat(fd, item->path, 0) < 0)
                        return -errno;
                if (finding_add(&i->findings.left_out, item->path, "a link to ", item->target, after) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* As scripts name the directory that they are in: "#!PLACE/bin/python", where PLACE may go through links. */
static int find_names_in_scripts(Import *i) {
        int bin = openat(i->source_fd, "bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *d = bin >= 0 ? fdopendir(bin) : NULL;
        struct dirent *de;

        if (!d && bin >= 0)
                (void) safe_close(bin);
        while (d && (de = readdir(d))) {
                _cleanup_close_ int fd = openat(bin, de->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
                _cleanup_free_ char *real = NULL;
                char line[LINE_SIZE] = "", *end;

                if (fd < 0 || read(fd, line, sizeof(line) - 1) < 4 || strncmp(line, "#!/", 3) != 0)
                        continue;
                line[strcspn(line, " \t\r\n")] = 0;
                end = strstr(line, "/bin/");
                if (!end)
                        continue;
                *end = 0;
                real = realpath(line + 2, NULL);
                if (real && strcmp(real, i->real) == 0 && import_add_place(i, line + 2, "") < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* As it was given, seen from directory. */
static int add_given_name(Import *i, const char *directory) {
        _cleanup_free_ char *joined = NULL, *real = NULL, *normal = NULL;

        if (!directory || *directory != '/')
                return 0;
        if (asprintf(&joined, "%s/%s", *i->source == '/' ? "" : directory, i->source) < 0) {
                joined = NULL;
                return -ENOMEM;
        }
        normal = path_normalize(joined);
        if (!normal)
                return -ENOMEM;
        real = realpath(normal, NULL);
        return real && strcmp(real, i->real) == 0 ? import_add_place(i, normal, "") : 0;
}

int import_find_places(Import *i) {
        _cleanup_free_ char *here = getcwd(NULL, 0);
        int r;

        r = import_add_place(i, i->real, "");
        if (r >= 0)
                r = add_given_name(i, here);
        if (r >= 0)
                r = add_given_name(i, getenv("PWD")); /* where links that were passed still show */
        if (r >= 0)
                r = find_names_in_scripts(i);
        if (r >= 0 && i->base)
                r = import_add_place(i, i->base, BASE_IN_RUNTIME);
        if (r >= 0 && i->base)
                r = import_add_place(i, i->base_named, BASE_IN_RUNTIME);
        return r;
}
