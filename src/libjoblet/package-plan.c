/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "package-plan.h"
#include "quantity.h"
#include "runtime-name.h"
#include "text.h"

#define COMPONENT_MAX 255
#define SHOWN_MAX 200U

const PackageLimits package_limits_default = {
        .size = UINT64_C(64) << 30,
        .file_size = UINT64_C(16) << 30,
        .ratio = 100,
        .ratio_from = UINT64_C(256) << 20,
        .entries = FILE_TREE_ITEMS_MAX,
};

PackagePlan* package_plan_free(PackagePlan *p) {
        if (!p)
                return NULL;
        free(p->language);
        free(p->name);
        file_tree_free(p->tree);
        free(p);
        return NULL;
}

static int refuse(char **reterr, int error, const char *name, const char *format, ...) _printf_(4, 5);
static int refuse(char **reterr, int error, const char *name, const char *format, ...) {
        _cleanup_free_ char *shown = text_for_message(name, SHOWN_MAX), *rule = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&rule, format, ap);
        va_end(ap);
        if (r < 0)
                rule = NULL;
        return shown && rule ? message_set(reterr, error, "package refused: entry '%s': %s", shown, rule) : -ENOMEM;
}

static int refuse_size(char **reterr, const char *what, uint64_t size, uint64_t limit) {
        _cleanup_free_ char *a = NULL, *b = NULL;

        if (size_format(size, &a) < 0 || size_format(limit, &b) < 0)
                return -ENOMEM;
        return message_set(reterr, -E2BIG, "package refused: %s %s, more than the %s that are allowed", what, a, b);
}

#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)

/* The rules of names: NULL, or the one that is broken. Sets *ret_depth to the number of components. */
static const char* name_problem(const char *name, size_t *ret_depth) {
        size_t depth = 0;

        if (!*name)
                return "it has no name";
        if (strlen(name) > FILE_TREE_PATH_MAX)
                return "its name is longer than " NUMBER_TEXT(FILE_TREE_PATH_MAX) " bytes";
        if (*name == '/')
                return "its name is an absolute path";
        if (strchr(name, '\\'))
                return "its name has a backslash";
        if (!text_is_line(name))
                return "its name has control characters or is not UTF-8";

        for (const char *p = name; *p;) {
                size_t n = strcspn(p, "/");

                if (n == 0)
                        return "its name has an empty component";
                if (n == 1 && *p == '.')
                        return "its name has '.' as a component";
                if (n == 2 && strncmp(p, "..", n) == 0)
                        return "its name has '..', which could lead out of the runtime";
                if (n > COMPONENT_MAX)
                        return "its name has a component longer than " NUMBER_TEXT(COMPONENT_MAX) " bytes";
                depth++;
                p += n;
                p += *p == '/';
        }
        if (depth > FILE_TREE_DEPTH_MAX)
                return "it lies more than " NUMBER_TEXT(FILE_TREE_DEPTH_MAX) " directories deep";
        *ret_depth = depth;
        return NULL;
}

/* What kind of file it is: of that, nothing but files, directories and links. */
static int check_type(const PackageEntry *e, bool slash, FileType *ret, char **reterr) {
        mode_t type = e->mode & S_IFMT;

        if (e->encrypted)
                return refuse(reterr, -EINVAL, e->name, "it is encrypted");
        if (!e->supported)
                return refuse(reterr, -EINVAL, e->name,
                              "its method of compression is not supported, use deflate");
        if (e->mode & (S_ISUID | S_ISGID))
                return refuse(reterr, -EINVAL, e->name, "it has the setuid or setgid bit");
        if (e->mode & S_ISVTX)
                return refuse(reterr, -EINVAL, e->name, "it has the sticky bit");
        if (type == S_IFCHR || type == S_IFBLK)
                return refuse(reterr, -EINVAL, e->name, "it is a device");
        if (type != 0 && type != S_IFREG && type != S_IFDIR && type != S_IFLNK)
                return refuse(reterr, -EINVAL, e->name, "it is neither file nor directory nor link");
        if (type != 0 && (type == S_IFDIR) != slash)
                return refuse(reterr, -EINVAL, e->name,
                              "its type does not fit its name: directories end with '/', and only they");
        if (slash && e->size > 0)
                return refuse(reterr, -EINVAL, e->name, "it is a directory with contents");
        if (type == S_IFLNK && (e->size == 0 || e->size > FILE_TREE_TARGET_MAX))
                return refuse(reterr, -EINVAL, e->name, "it is a link with a target of %" PRIu64 " bytes", e->size);
        *ret = slash ? FILE_DIRECTORY : type == S_IFLNK ? FILE_LINK : FILE_REGULAR;
        return 0;
}

/* A runtime is there for every job: what its owner may do with a file, all may, but for writing. */
static mode_t mode_for(FileType type, uint32_t mode) {
        if (type == FILE_DIRECTORY)
                return 0755;
        return 0644 | (mode & 0111 ? 0111 : 0);
}

static int check_top(PackagePlan *p, const char *name, const char *language_end, size_t depth, bool slash,
                     char **reterr) {
        const char *second = depth > 1 ? language_end + 1 : NULL;
        size_t n = second ? strcspn(second, "/") : 0;

        if (depth <= 2 && !slash)
                return refuse(reterr, -EINVAL, name,
                              "it does not lie in LANGUAGE/NAME/, where all files of a package are");
        if (!p->language)
                p->language = strndup(name, (size_t) (language_end - name));
        if (second && !p->name)
                p->name = strndup(second, n);
        if (!p->language || (second && !p->name))
                return -ENOMEM;
        if (strncmp(name, p->language, (size_t) (language_end - name)) != 0 ||
            p->language[language_end - name] || (second && (strncmp(second, p->name, n) != 0 || p->name[n])))
                return refuse(reterr, -EINVAL, name, "it does not lie in %s/%s/ as the entries before",
                              p->language, p->name ?: "NAME");
        if (!runtime_name_is_valid(p->language) || (p->name && !runtime_name_is_valid(p->name)))
                return refuse(reterr, -EINVAL, name, "its first two directories are the language and name of a runtime, and must be "
                              "made of letters, digits, '.', '_', '+' and '-'");
        return 0;
}

static int add_entry(PackagePlan *p, const PackageEntry *e, const PackageLimits *limits, char **reterr) {
        size_t depth = 0, size = strlen(e->name);
        bool slash = size > 0 && e->name[size - 1] == '/';
        const char *path = e->name;
        FileItem item = { .index = e->index, .size = e->size, .packed_size = e->packed_size, .mtime = e->mtime };
        const char *problem = name_problem(e->name, &depth);
        int r;

        r = problem ? refuse(reterr, -EINVAL, e->name, "%s", problem) : check_type(e, slash, &item.type, reterr);
        if (r >= 0)
                r = check_top(p, e->name, e->name + strcspn(e->name, "/"), depth, slash, reterr);
        if (r < 0)
                return r;
        if (e->size > limits->file_size)
                return refuse(reterr, -E2BIG, e->name, "it is larger than %" PRIu64 " bytes",
                              limits->file_size);
        if (depth <= 2)
                return 0;

        path += strlen(p->language) + 1 + strlen(p->name) + 1;
        item.path = strndup(path, strlen(path) - slash);
        item.mode = mode_for(item.type, e->mode);
        if (!item.path)
                return -ENOMEM;
        return file_tree_add(p->tree, item);
}

/* Adds the directories above path that have no entry of their own; above is the last item before it. */
static int add_parents(FileTree *t, FileTree *more, const char *path, const char *above) {
        for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                size_t n = (size_t) (slash - path);
                FileItem item = { .type = FILE_DIRECTORY, .mode = 0755, .index = UINT64_MAX };
                int r;

                if (above && strncmp(above, path, n) == 0 && (above[n] == 0 || above[n] == '/'))
                        continue;
                item.path = strndup(path, n);
                if (!item.path)
                        return -ENOMEM;
                r = file_tree_add(more, item);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Sorted, a directory and what is in it are neighbours: so one look back finds doubles and files that are
 * used as directories. */
static int check_tree(FileTree *t, FileTree *more, char **reterr) {
        const FileItem *before = NULL;

        for (size_t i = 0; i < t->n_items; i++) {
                const FileItem *item = t->items + i;
                int r;

                if (before && strcmp(before->path, item->path) == 0)
                        return refuse(reterr, -EINVAL, item->path, "there are two entries of that name");
                if (before && before->type != FILE_DIRECTORY && file_path_is_below(item->path, before->path))
                        return refuse(reterr, -EINVAL, item->path,
                                      "it lies below '%s', which is a %s and no directory", before->path,
                                      file_type_to_string(before->type));
                r = add_parents(t, more, item->path, before ? before->path : NULL);
                if (r < 0)
                        return r == -E2BIG ? message_set(reterr, r, "package refused: it has too many directories") : r;
                before = item;
        }
        return 0;
}

static int complete_tree(FileTree *t, char **reterr) {
        _cleanup_(file_tree_freep) FileTree *more = NULL;
        int r;

        r = file_tree_new(&more);
        if (r < 0)
                return r;
        file_tree_sort(t);
        r = check_tree(t, more, reterr);
        if (r < 0)
                return r;
        while (more->n_items > 0) {
                r = file_tree_add(t, more->items[--more->n_items]);
                if (r < 0)
                        return r == -E2BIG ? message_set(reterr, r, "package refused: it has too many directories") : r;
        }
        file_tree_sort(t);
        return 0;
}

static int check_sizes(const PackageEntry *entries, size_t n, uint64_t package_size,
                       const PackageLimits *limits, char **reterr) {
        uint64_t size = 0, packed = 0;

        if (n > limits->entries)
                return message_set(reterr, -E2BIG,
                                   "package refused: it has %zu entries, more than the %zu that are allowed",
                                   n, limits->entries);
        for (size_t i = 0; i < n; i++) {
                if (__builtin_add_overflow(size, entries[i].size, &size) ||
                    __builtin_add_overflow(packed, entries[i].packed_size, &packed))
                        return message_set(reterr, -E2BIG, "package refused: its sizes are not possible");
        }
        if (size > limits->size)
                return refuse_size(reterr, "its files have", size, limits->size);
        if (packed > package_size)
                return message_set(reterr, -EINVAL, "package refused: its entries overlap, they have more bytes than the package");
        if (size > limits->ratio_from && size / limits->ratio > package_size)
                return message_set(reterr, -E2BIG,
                                   "package refused: its files have more than %" PRIu64 " times its size",
                                   limits->ratio);
        return 0;
}

int package_plan_new(const PackageEntry *entries, size_t n, uint64_t package_size,
                     const PackageLimits *limits, PackagePlan **ret, char **reterr_message) {
        _cleanup_(package_plan_freep) PackagePlan *p = NULL;
        const FileItem *manifest;
        int r;

        r = check_sizes(entries, n, package_size, limits, reterr_message);
        if (r < 0)
                return r;
        p = calloc(1, sizeof(PackagePlan));
        if (!p)
                return -ENOMEM;
        r = file_tree_new(&p->tree);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add_entry(p, entries + i, limits, reterr_message);
        if (r >= 0)
                r = complete_tree(p->tree, reterr_message);
        if (r < 0)
                return r;

        manifest = file_tree_find(p->tree, "runtime.yml");
        if (!p->name || !manifest || manifest->type != FILE_REGULAR)
                return message_set(reterr_message, -EINVAL, "package refused: there is no file LANGUAGE/NAME/runtime.yml in it, so it is "
                                   "no runtime");
        *ret = TAKE_PTR(p);
        return 0;
}

static int name_in_package(const char *language, const char *name, const FileItem *item, char **ret) {
        if (asprintf(ret, "%s/%s/%s%s", language, name, item->path, item->type == FILE_DIRECTORY ? "/" : "") < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

int package_item_problem(const char *language, const char *name, const FileItem *item, const char **ret) {
        _cleanup_free_ char *path = NULL;
        size_t depth;
        int r;

        r = name_in_package(language, name, item, &path);
        if (r < 0)
                return r;
        *ret = item->type == FILE_SPECIAL ? "a special file, which a package cannot hold" :
                item->size > package_limits_default.file_size ? "it is larger than a package can hold" :
                item->type == FILE_LINK && (!*item->target || strlen(item->target) > FILE_TREE_TARGET_MAX) ?
                "the target of the link is too long" : name_problem(path, &depth);
        return 0;
}

int package_check_items(const FileTree *t, char **reterr_message) {
        for (size_t i = 0; i < t->n_items; i++) {
                const FileItem *item = t->items + i;
                const char *rule = item->type == FILE_SPECIAL ? "a special file cannot be packed, remove it" :
                        item->type == FILE_REGULAR && (item->mode & (S_ISUID | S_ISGID)) ?
                        "it has the setuid or setgid bit, remove that: chmod ug-s" : NULL;
                _cleanup_free_ char *shown = NULL;

                if (!rule)
                        continue;
                shown = text_for_message(item->path, SHOWN_MAX);
                return shown ? message_set(reterr_message, -EINVAL, "%s: %s", shown, rule) : -ENOMEM;
        }
        return 0;
}

static void free_entries(PackageEntry *entries, size_t n) {
        for (size_t i = 0; i < n; i++)
                free((char*) entries[i].name);
        free(entries);
}

/* The entries that packing would make, with sizes as if nothing were compressed. */
static int entries_of_tree(const FileTree *t, const char *language, const char *name, PackageEntry **ret) {
        PackageEntry *entries = calloc(t->n_items + 1, sizeof(PackageEntry));
        static const mode_t modes[_FILE_TYPE_MAX] = {
                [FILE_REGULAR] = S_IFREG | 0644, [FILE_DIRECTORY] = S_IFDIR | 0755, [FILE_LINK] = S_IFLNK | 0777,
        };

        if (!entries)
                return -ENOMEM;
        for (size_t i = 0; i < t->n_items; i++) {
                const FileItem *item = t->items + i;
                char *path;

                if (name_in_package(language, name, item, &path) < 0) {
                        free_entries(entries, i);
                        return -ENOMEM;
                }
                entries[i] = (PackageEntry) {
                        .name = path,
                        .size = item->type == FILE_LINK ? strlen(item->target) : item->size,
                        .mode = modes[item->type],
                        .supported = true,
                };
                entries[i].packed_size = entries[i].size;
        }
        *ret = entries;
        return 0;
}

int package_check_tree(const FileTree *t, const char *language, const char *name, bool own_root, char **reterr_message) {
        const PackagePlan itself = { .language = (char*) language, .name = (char*) name, .tree = (FileTree*) t };
        _cleanup_(package_plan_freep) PackagePlan *plan = NULL;
        PackageEntry *entries;
        int r;

        r = package_check_items(t, reterr_message);
        if (r >= 0)
                r = entries_of_tree(t, language, name, &entries);
        if (r < 0)
                return r;
        r = package_plan_new(entries, t->n_items, UINT64_MAX, &package_limits_default, &plan, reterr_message);
        free_entries(entries, t->n_items);
        return r < 0 ? r : package_plan_check_links(&itself, own_root, reterr_message);
}
