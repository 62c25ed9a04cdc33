/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Walks through the copy of a tree that was made for another place. */

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "elf-dynamic.h"
#include "entry-name.h"
#include "file-tree.h"
#include "relocation.h"
#include "rnx.h"
#include "signals.h"
#include "strv.h"
#include "text.h"

#define LINE_MAX_SHEBANG 256U
#define NOTES_MAX 50U
#define TEXT_MAX (16U * 1024U * 1024U)

typedef struct Walk {
        const Relocation *relocation;
        int dir_fd;
        const FileTree *tree;
        char ***problems, ***host_libraries;
} Walk;

/* A file of the tree, mapped. */
typedef struct Contents {
        const Walk *walk;
        const FileItem *item;
        char *data;
        size_t size;
        bool changed;
} Contents;

/* "PATH: BEFORE WHAT AFTER" */
static int note(const Walk *w, const char *path, const char *before, const char *what, const char *after) {
        _cleanup_free_ char *safe = text_for_message(what, 400), *safe_path = text_for_message(path, 200);

        if (strv_length(*w->problems) == NOTES_MAX)
                return strv_extend(w->problems, "and more");
        if (strv_length(*w->problems) > NOTES_MAX)
                return 0;
        return safe && safe_path ? strv_extendf(w->problems, "%s: %s%s%s", safe_path, before, safe, after) : -ENOMEM;
}

static bool is_host_program(const char *s) {
        static const char *const directories[] = { "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/" };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (strncmp(s, directories[i], strlen(directories[i])) == 0)
                        return true;
        return false;
}

/* A new file in the place of the old one, which is mapped just now. */
static int replace_file(const Walk *w, const FileItem *item, const char *text, size_t size, mode_t mode) {
        const char *slash = strrchr(item->path, '/');
        _cleanup_free_ char *directory = slash ? strndup(item->path, (size_t) (slash - item->path)) : strdup(".");
        _cleanup_close_ int fd = -EBADF;

        if (!directory)
                return -ENOMEM;
        fd = openat(w->dir_fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : atomic_file_write_at(fd, slash ? slash + 1 : item->path, text, size, mode, false);
}

/* Whether fd is a file that everybody on this host can read, in directories that everybody can enter: then it is no secret
 * that a runtime would give away. Of the open file, since its owner may put another one under the name at any time. */
static bool everybody_reads(int fd) {
        _cleanup_free_ char *proc = NULL, *path = NULL;
        struct stat st;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & S_IROTH))
                return false;
        if (asprintf(&proc, "/proc/self/fd/%d", fd) < 0) {
                proc = NULL;
                return false;
        }
        path = realpath(proc, NULL);
        if (!path)
                return false;
        for (char *slash; (slash = strrchr(path, '/')) && slash != path;) {
                *slash = 0;
                if (stat(path, &st) < 0 || !(st.st_mode & S_IXOTH))
                        return false;
        }
        return true;
}

/* The file itself in the place of a link to it. Returns 1, 0 if it is not for everybody, or a negative errno. */
static int materialize(const Walk *w, const FileItem *item, const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        struct stat st;
        char *data;
        int r;

        if (fd < 0 || !everybody_reads(fd))
                return 0;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size == 0)
                r = replace_file(w, item, "", 0, st.st_mode & 0777);
        else {
                data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
                if (data == MAP_FAILED)
                        return -errno;
                r = replace_file(w, item, data, (size_t) st.st_size, st.st_mode & 0777);
                (void) munmap(data, (size_t) st.st_size);
        }
        return r < 0 ? r : 1;
}

/* Where a link led before the tree was copied, as an absolute path. */
static int link_origin(const Walk *w, const FileItem *item, char **ret) {
        const char *slash = strrchr(item->path, '/');
        _cleanup_free_ char *directory = slash ? strndup(item->path, (size_t) (slash - item->path)) : strdup(""),
                            *origin = NULL;
        int r;

        if (!directory)
                return -ENOMEM;
        if (*item->target == '/') {
                *ret = strdup(item->target);
                return *ret ? 0 : -ENOMEM;
        }
        r = relocate_origin(w->relocation, directory, &origin);
        if (r < 0)
                return r;
        if (asprintf(ret, "%s/%s", origin, item->target) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

/* A relative link that stays inside needs nothing, for the tree moves as a whole. */
static int stays_inside(const FileItem *item, bool *ret) {
        _cleanup_free_ char *inner = NULL;

        if (asprintf(&inner, "/%s", item->path) < 0) {
                inner = NULL;
                return -ENOMEM;
        }
        *ret = link_scope(inner, item->target) == LINK_INSIDE;
        return 0;
}

static int relocate_link(const Walk *w, const FileItem *item) {
        _cleanup_free_ char *origin = NULL, *target = NULL, *real = NULL;
        bool inside = false;
        int r;

        r = stays_inside(item, &inside);
        if (r < 0 || inside)
                return r;
        r = link_origin(w, item, &origin);
        if (r < 0)
                return r;
        real = realpath(origin, NULL);
        /* A relative one has to be followed to see where it leads. */
        if (*item->target == '/' || real)
                r = relocate_absolute(w->relocation, *item->target == '/' ? origin : real, &target);
        if (r < 0)
                return r;
        if (target)
                return unlinkat(w->dir_fd, item->path, 0) < 0 || symlinkat(target, w->dir_fd, item->path) < 0 ? -errno : 0;
        r = real ? materialize(w, item, real) : 0;
        if (r != 0)
                return r < 0 ? r : 0;
        return note(w, item->path, "a link to ", item->target, ", which is not part of it; put the file itself there");
}

/* "#!/somewhere/bin/python -u" */
static int check_interpreter(const Contents *c) {
        const char *end = memchr(c->data, '\n', c->size < LINE_MAX_SHEBANG ? c->size : LINE_MAX_SHEBANG),
                   *start = c->data + 2;
        _cleanup_free_ char *name = NULL, *inside = NULL;
        int r;

        if (!end)
                return 0;
        while (start < end && (*start == ' ' || *start == '\t'))
                start++;
        name = strndup(start, (size_t) (end - start));
        if (!name)
                return -ENOMEM;
        name[strcspn(name, " \t")] = 0;
        r = relocate_path(c->walk->relocation, name, &inside);
        if (r < 0 || inside || *name != '/' || is_host_program(name))
                return r;
        return note(c->walk, c->item->path, "its interpreter ", name, " is not part of it");
}

static int relocate_text_file(const Contents *c) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        int r = 0;

        if (c->size > 2 && memcmp(c->data, "#!", 2) == 0)
                r = check_interpreter(c);
        if (r >= 0)
                r = relocate_text(c->walk->relocation, c->data, c->size, &text, &n);
        return r < 0 || !text ? r : replace_file(c->walk, c->item, text, n, c->item->mode);
}

/* In the place of the old one, where it fits, as chrpath does: the mapping is private and writable. */
static int relocate_rpath_in_memory(Contents *c, const char *rpath) {
        _cleanup_free_ char *relative = NULL;
        size_t n = strlen(rpath);
        char *place;
        int r;

        r = relocate_rpath(c->walk->relocation, c->item->path, rpath, &relative);
        if (r < 0)
                return r;
        for (const char *p = relative; p; p = strchr(p, ':')) {
                p += *p == ':';
                if (*p == '/' && strncmp(p, "/usr/lib", 8) != 0 && strncmp(p, "/lib", 4) != 0)
                        return note(c->walk, c->item->path, "looks for its libraries in ", rpath,
                                    "; change that with patchelf --set-rpath '$ORIGIN/...'");
        }
        if (strcmp(relative, rpath) == 0)
                return 0;
        if (strlen(relative) > n)
                return note(c->walk, c->item->path, "looks for its libraries in ", rpath,
                            ", and has no space for their new place; "
                            "change that with patchelf --set-rpath '$ORIGIN/...'");
        place = c->data + (rpath - c->data);
        memset(place, 0, n);
        memcpy(place, relative, strlen(relative));
        c->changed = true;
        return 0;
}

static bool in_tree(const FileTree *t, const char *name) {
        for (size_t i = 0; i < t->n_items; i++) {
                const char *slash = strrchr(t->items[i].path, '/');

                if (strcmp(slash ? slash + 1 : t->items[i].path, name) == 0)
                        return true;
        }
        return false;
}

/* The C library is on every host that runs the interpreter at all. */
static bool is_c_library(const char *name) {
        static const char *const prefixes[] = {
                "ld-linux",       "libc.so.",      "libdl.so.", "libm.so.",
                "libpthread.so.", "libresolv.so.", "librt.so.", "libutil.so.",
        };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;
        return false;
}

static int check_library(const Contents *c, const char *name) {
        const Walk *w = c->walk;
        _cleanup_free_ char *safe = NULL;

        if (is_c_library(name))
                return 0;
        safe = text_for_message(name, 200);
        if (!safe)
                return -ENOMEM;
        return strv_contains(*w->host_libraries, safe) || in_tree(w->tree, name) ? 0 : strv_extend(w->host_libraries, safe);
}

static int relocate_elf_string(int64_t tag, const char *text, void *userdata) {
        Contents *c = userdata;

        return tag == DT_NEEDED ? check_library(c, text) : relocate_rpath_in_memory(c, text);
}

static bool has_suffix(const char *s, const char *suffix) {
        size_t n = strlen(s), k = strlen(suffix);

        return n >= k && strcmp(s + n - k, suffix) == 0;
}

/* Compiled Python has the paths of its sources for messages only. */
static int check_rest(const Contents *c) {
        if (has_suffix(c->item->path, ".pyc") || relocate_count(c->walk->relocation, c->data, c->size) == 0)
                return 0;
        return note(c->walk, c->item->path, "has the old place in it, where it may look for files", "", "");
}

static int relocate_contents(Contents *c) {
        int r;

        if (is_elf(c->data, c->size)) {
                r = elf_dynamic_strings(c->data, c->size, relocate_elf_string, c);
                if (r >= 0)
                        r = check_rest(c);
                return r < 0 || !c->changed ? r : replace_file(c->walk, c->item, c->data, c->size, c->item->mode);
        }
        if (c->size > TEXT_MAX || memchr(c->data, 0, c->size))
                return check_rest(c);
        return relocate_text_file(c);
}

static int relocate_file(const Walk *w, const FileItem *item) {
        Contents c = { .walk = w, .item = item, .size = item->size };
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (item->size == 0)
                return 0;
        fd = openat(w->dir_fd, item->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        c.data = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        if (c.data == MAP_FAILED)
                return -errno;
        r = relocate_contents(&c);
        (void) munmap(c.data, c.size);
        return r;
}

int runtime_relocate(const Relocation *relocation, int dir_fd, char ***problems, char ***host_libraries) {
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ char *message = NULL;
        Walk w;
        int r;

        r = file_tree_scan(dir_fd, &t, &message);
        if (r < 0)
                return log_error(r, "%s", message ?: strerror(-r));
        w = (Walk) { relocation, dir_fd, t, problems, host_libraries };
        for (size_t i = 0; i < t->n_items && !signals_noted(); i++) {
                const FileItem *item = t->items + i;

                r = item->type == FILE_LINK ? relocate_link(&w, item) : item->type == FILE_REGULAR ? relocate_file(&w, item) : 0;
                if (r < 0)
                        return log_error(r, "%s: %s", item->path, strerror(-r));
        }
        return 0;
}
