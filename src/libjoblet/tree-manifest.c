/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "digest.h"
#include "strv.h"
#include "text.h"
#include "tree-manifest.h"

#define HEX_SIZE (SHA256_HEX_SIZE - 1U)
#define SHOWN_MAX 200U

#define SYMLINK "# symlink "
#define EXECUTABLE "# executable "
#define DIRECTORY "# directory "
#define ARROW " -> "

static const char* after(const char *line, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(line, prefix, n) == 0 ? line + n : NULL;
}

static int add(FileTree *t, FileType type, const char *path, char *target, const char *digest) {
        FileItem item = {
                .path = strdup(path),
                .type = type,
                .mode = type == FILE_REGULAR ? 0644 : 0755,
                .target = target,
                .digest = digest ? strndup(digest, HEX_SIZE) : NULL,
                .index = UINT64_MAX,
        };

        if (!item.path || (digest && !item.digest)) {
                free(item.path);
                free(item.target);
                free(item.digest);
                return -ENOMEM;
        }
        return file_tree_add(t, item);
}

/* Returns -EINVAL for a line that cannot be. */
static int parse_line(FileTree *t, FileTree *executables, char *line) {
        const char *path;

        path = after(line, SYMLINK);
        if (path) {
                char *arrow = strstr(line, ARROW), *target;

                if (!arrow || arrow < path)
                        return -EINVAL;
                *arrow = 0;
                target = strdup(arrow + strlen(ARROW));
                return target ? add(t, FILE_LINK, path, target, NULL) : -ENOMEM;
        }
        path = after(line, EXECUTABLE);
        if (path)
                return add(executables, FILE_REGULAR, path, NULL, NULL);
        path = after(line, DIRECTORY);
        if (path)
                return add(t, FILE_DIRECTORY, path, NULL, NULL);
        if (*line == '#' || !*line)
                return 0;

        if (strspn(line, "0123456789abcdef") != HEX_SIZE || line[HEX_SIZE] != ' ' ||
            (line[HEX_SIZE + 1] != ' ' && line[HEX_SIZE + 1] != '*') || !line[HEX_SIZE + 2])
                return -EINVAL;
        return add(t, FILE_REGULAR, line + HEX_SIZE + 2, NULL, line);
}

static int apply_executables(FileTree *t, const FileTree *executables, char **reterr_message) {
        for (size_t i = 0; i < executables->n_items; i++) {
                FileItem *item = file_tree_find(t, executables->items[i].path);

                if (!item || item->type != FILE_REGULAR)
                        return message_set(reterr_message, -EINVAL,
                                           MANIFEST_DIGESTS_NAME ": an executable has no digest");
                item->mode |= 0111;
        }
        for (size_t i = 1; i < t->n_items; i++)
                if (strcmp(t->items[i - 1].path, t->items[i].path) == 0)
                        return message_set(reterr_message, -EINVAL,
                                           MANIFEST_DIGESTS_NAME ": it has two lines for one file");
        return 0;
}

int tree_manifest_parse(const char *data, size_t size, FileTree **ret, char **reterr_message) {
        _cleanup_(file_tree_freep) FileTree *t = NULL, *executables = NULL;
        _cleanup_free_ char *copy = NULL;
        size_t n = 0;
        int r;

        r = file_tree_new(&t);
        if (r >= 0)
                r = file_tree_new(&executables);
        if (r < 0)
                return r;
        copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, data, size);
        copy[size] = 0;
        if (strlen(copy) != size)
                return message_set(reterr_message, -EINVAL, MANIFEST_DIGESTS_NAME ": it is no text");

        for (char *line = copy, *next; line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = 0;
                n++;
                r = text_is_line(line) ? parse_line(t, executables, line) : -EINVAL;
                if (r == -EINVAL)
                        return message_set(reterr_message, r, MANIFEST_DIGESTS_NAME ":%zu: not a line of sha256sum, nor one "
                                           "of the comments for links, executables and directories", n);
                if (r < 0)
                        return message_set(reterr_message, r, MANIFEST_DIGESTS_NAME ":%zu: %s", n,
                                           strerror(-r));
        }

        file_tree_sort(t);
        r = apply_executables(t, executables, reterr_message);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

static bool is_itself(const FileItem *i) {
        return strcmp(i->path, MANIFEST_DIGESTS_NAME) == 0;
}

static int compare_lines(const void *a, const void *b) {
        return strcmp(*(char *const*) a, *(char *const*) b);
}

/* The lines of one kind, sorted as sort(1) does. kind 0: links, 1: executables, 2: empty directories, 3:
 * digests, of which the path decides. */
static int format_kind(const FileTree *t, unsigned kind, FILE *f) {
        char **lines = NULL;
        size_t n = 0;
        int r = 0;

        lines = calloc(t->n_items + 1, sizeof(char*));
        if (!lines)
                return -ENOMEM;
        for (size_t k = 0; r >= 0 && k < t->n_items; k++) {
                const FileItem *i = t->items + k;
                char **line = lines + n;

                if (kind == 0 && i->type == FILE_LINK)
                        r = asprintf(line, SYMLINK "%s" ARROW "%s", i->path, i->target);
                else if (kind == 1 && i->type == FILE_REGULAR && (i->mode & 0111))
                        r = asprintf(line, EXECUTABLE "%s", i->path);
                else if (kind == 2 && i->type == FILE_DIRECTORY && i->empty)
                        r = asprintf(line, DIRECTORY "%s", i->path);
                else if (kind == 3 && i->type == FILE_REGULAR && !is_itself(i))
                        r = asprintf(line, "%s", i->path);
                else
                        continue;
                n += r >= 0;
        }
        lines[n] = NULL;
        if (r >= 0) {
                qsort(lines, n, sizeof(char*), compare_lines);
                for (size_t k = 0; k < n; k++)
                        if (kind == 3)
                                fprintf(f, "%s  %s\n", file_tree_find(t, lines[k])->digest, lines[k]);
                        else
                                fprintf(f, "%s\n", lines[k]);
        }
        strv_free(lines);
        return r < 0 ? -ENOMEM : 0;
}

static int check_names(const FileTree *t, char **reterr_message) {
        for (size_t k = 0; k < t->n_items; k++) {
                const FileItem *i = t->items + k;
                _cleanup_free_ char *shown = NULL;

                if (text_is_line(i->path) && !strchr(i->path, '\\') &&
                    !(i->type == FILE_LINK && strstr(i->path, ARROW)) &&
                    (!i->target || text_is_line(i->target)))
                        continue;
                shown = text_for_message(i->path, SHOWN_MAX);
                return shown ? message_set(reterr_message, -EINVAL, "%s: its name or target has control characters, a backslash or "
                                           "bytes that are not UTF-8", shown) : -ENOMEM;
        }
        return 0;
}

int tree_manifest_format(const FileTree *t, char **ret, size_t *ret_size, char **reterr_message) {
        char *data = NULL;
        size_t size = 0;
        FILE *f;
        int r;

        r = check_names(t, reterr_message);
        if (r < 0)
                return r;
        f = open_memstream(&data, &size);
        if (!f)
                return -ENOMEM;
        for (unsigned kind = 0; r >= 0 && kind < 4; kind++)
                r = format_kind(t, kind, f);
        if (fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0) {
                free(data);
                return r;
        }
        *ret = data;
        *ret_size = size;
        return 0;
}

typedef struct Differences {
        char ***problems;
        size_t max;
        int n;
} Differences;

static int differ(Differences *d, const char *kind, const char *path, const char *why) {
        _cleanup_free_ char *shown = NULL;

        d->n++;
        if ((size_t) d->n > d->max)
                return 0;
        shown = text_for_message(path, SHOWN_MAX);
        if (!shown)
                return -ENOMEM;
        return strv_extendf(d->problems, "%s: %s%s%s", kind, shown, why ? ": " : "", why ?: "");
}

static int compare_item(Differences *d, const FileItem *promised, const FileItem *found) {
        if (promised->type != found->type)
                return differ(d, "changed", found->path, "it is no longer of the same type");
        if (found->type == FILE_LINK)
                return strcmp(promised->target, found->target) == 0 ? 0 : differ(d, "changed", found->path, "it is a link to something else");
        if (found->type != FILE_REGULAR)
                return 0;
        if (promised->digest && found->digest && strcmp(promised->digest, found->digest) != 0)
                return differ(d, "changed", found->path, NULL);
        if (!(promised->mode & 0111) != !(found->mode & 0111))
                return differ(d, "mode", found->path,
                              found->mode & 0111 ? "it is executable" : "it is not executable");
        return 0;
}

/* What no manifest has to say. */
static int check_mode(Differences *d, const FileItem *found) {
        if (found->type == FILE_LINK)
                return 0;
        if (found->mode & (S_ISUID | S_ISGID))
                return differ(d, "mode", found->path, "it has the setuid or setgid bit");
        if (found->mode & S_IWOTH)
                return differ(d, "mode", found->path, "everyone may write to it");
        return 0;
}

/* What systemd makes in the root of a unit where it is not there yet, and so in that of a runtime with base: self when a job
 * starts: empty directories and files to mount something to, and the links of a merged /usr. */
static bool is_of_systemd(const FileItem *i) {
        static const char *const links[] = {
                "root/bin", "root/lib", "root/lib32", "root/lib64", "root/libx32", "root/sbin",
        };

        if (!file_path_is_below(i->path, "root"))
                return false;
        for (size_t k = 0; i->type == FILE_LINK && k < ELEMENTSOF(links); k++)
                if (strcmp(i->path, links[k]) == 0)
                        return true;
        return (i->type == FILE_DIRECTORY && i->empty) || (i->type == FILE_REGULAR && i->size == 0);
}

int tree_manifest_compare(const FileTree *promised, const FileTree *found, size_t max, char ***problems) {
        Differences d = { problems, max, 0 };
        size_t p = 0, f = 0;

        while (p < promised->n_items || f < found->n_items) {
                const FileItem *a = p < promised->n_items ? promised->items + p : NULL;
                const FileItem *b = f < found->n_items ? found->items + f : NULL;
                int order = !a ? 1 : !b ? -1 : file_path_compare(a->path, b->path), r;

                if (order < 0)
                        r = differ(&d, "missing", a->path, NULL);
                else if (order > 0 &&
                         (is_itself(b) || is_of_systemd(b) || (b->type == FILE_DIRECTORY && !b->empty)))
                        r = check_mode(&d, b);
                else if (order > 0)
                        r = differ(&d, "extra", b->path, b->type == FILE_SPECIAL ? "a special file" : NULL);
                else {
                        r = compare_item(&d, a, b);
                        if (r >= 0)
                                r = check_mode(&d, b);
                }
                if (r < 0)
                        return r;
                p += order <= 0;
                f += order >= 0;
        }
        return d.n;
}
