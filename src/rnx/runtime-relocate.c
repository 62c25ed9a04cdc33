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
#include "manifest-rules.h"
#include "relocation.h"
#include "rnx.h"
#include "signals.h"
#include "strv.h"
#include "text.h"
#include "tree-copy.h"

#define LINE_MAX_SHEBANG 256U
#define DEPTH_MAX 4U
#define BROUGHT_MAX (UINT64_C(1) << 30) /* bytes of all directories that links lead to */
#define FILE_COST 4096U
#define TEXT_MAX (16U * 1024U * 1024U)

typedef struct Walk {
        const Relocation *relocation;
        int dir_fd;
        const FileTree *tree;
        Findings *findings;
        unsigned depth;    /* directories brought along, each by a link in the one before */
        uint64_t *budget;  /* bytes that may still be brought along */
} Walk;

/* A file of the tree, mapped. */
typedef struct Contents {
        const Walk *walk;
        const FileItem *item;
        char *data;
        size_t size;
        bool changed;
} Contents;

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

/* Whether fd is a file or a directory that everybody on this host can read, in directories that everybody can enter: then it
 * is no secret that a runtime would give away. Of the open file, since its owner may put another one under the name at any
 * time. */
static bool everybody_reads(int fd, mode_t type) {
        mode_t needed = type == S_IFDIR ? S_IROTH | S_IXOTH : S_IROTH;
        _cleanup_free_ char *proc = NULL, *path = NULL;
        struct stat st;

        if (fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != type || (st.st_mode & needed) != needed)
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

/* The file itself in the place of a link to it. */
static int bring_file(const Walk *w, const FileItem *item, int fd) {
        struct stat st;
        char *data;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size == 0)
                return replace_file(w, item, "", 0, st.st_mode & 0777);
        data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
                return -errno;
        r = replace_file(w, item, data, (size_t) st.st_size, st.st_mode & 0777);
        (void) munmap(data, (size_t) st.st_size);
        return r;
}

/* Whether the tree itself lies in the directory. */
static bool holds_a_place(const Relocation *r, const char *directory) {
        for (size_t i = 0; i < r->n_places; i++)
                if (path_is_below(r->places[i].from, directory))
                        return true;
        return false;
}

static bool is_not_for_everybody(const FileItem *item, void *userdata) {
        char **hidden = userdata;

        if (*hidden && file_path_is_below(item->path, *hidden))
                return true;
        if (item->type == FILE_SPECIAL || (item->type == FILE_REGULAR && !(item->mode & S_IROTH)))
                return true;
        if (item->type != FILE_DIRECTORY || (item->mode & 0005) == 0005)
                return false;
        free(*hidden);
        *hidden = strdup(item->path); /* sorted: what is in it follows */
        return true;
}

static int walk_items(const Walk *w, const FileTree *t);

/* What came along has links and paths of its own. */
static int relocate_brought(const Walk *w, const FileItem *item, const char *real) {
        const Relocation *r = w->relocation;
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ Place *places = calloc(r->n_places + 1, sizeof(Place));
        _cleanup_close_ int fd = -EBADF;
        Relocation inner = { .home = r->home, .places = places, .n_places = r->n_places + 1 };
        Walk next = *w;
        int k;

        if (!places)
                return -ENOMEM;
        memcpy(places, r->places, r->n_places * sizeof(Place));
        places[r->n_places] = (Place) { real, item->path };
        places_sort(places, inner.n_places);

        fd = openat(w->dir_fd, item->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        k = file_tree_scan(fd, &t, NULL);
        for (size_t i = 0; k >= 0 && i < t->n_items; i++) {
                char *path;

                if (asprintf(&path, "%s/%s", item->path, t->items[i].path) < 0)
                        return -ENOMEM;
                free(t->items[i].path);
                t->items[i].path = path;
        }
        next.relocation = &inner;
        next.depth++;
        return k < 0 ? k : walk_items(&next, t);
}

/* The directory itself in the place of a link to it. Sets *ret_reason if not. */
static int bring_directory(const Walk *w, const FileItem *item, const char *real, int fd, const char **ret_reason) {
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_close_ int to_fd = -EBADF;
        _cleanup_free_ char *hidden = NULL;
        int r;

        *ret_reason = w->depth >= DEPTH_MAX ? ", which leads further and further away" :
                holds_a_place(w->relocation, real) ? ", a directory that it lies in itself" : NULL;
        if (*ret_reason)
                return 0;
        r = file_tree_scan(fd, &t, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                *ret_reason = ", a directory that cannot be read";
                return 0;
        }
        file_tree_leave_out(t, is_not_for_everybody, &hidden);
        if (t->size + t->n_items * FILE_COST > *w->budget) {
                *ret_reason = ", a directory that is too large to bring along";
                return 0;
        }
        *w->budget -= t->size + t->n_items * FILE_COST;

        if (unlinkat(w->dir_fd, item->path, 0) < 0 || mkdirat(w->dir_fd, item->path, 0755) < 0)
                return -errno;
        to_fd = openat(w->dir_fd, item->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (to_fd < 0)
                return -errno;
        r = tree_copy(t, fd, to_fd, true);
        if (r >= 0)
                r = finding_add(&w->findings->brought, item->path, "what is in ", real, "");
        return r < 0 ? r : relocate_brought(w, item, real);
}

/* What a link leads to in its place, if it is for everybody. Sets *ret_reason if not. */
static int bring(const Walk *w, const FileItem *item, const char *real, const char **ret_reason) {
        _cleanup_close_ int fd = open(real, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

        if (fd >= 0 && everybody_reads(fd, S_IFREG))
                return bring_file(w, item, fd);
        if (fd >= 0 && everybody_reads(fd, S_IFDIR))
                return bring_directory(w, item, real, fd, ret_reason);
        *ret_reason = ", which is not part of it and not for everybody to read";
        return 0;
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

/* A relative link that stays in the place it came from needs nothing, for that moves as a whole. */
static int stays_inside(const Walk *w, const FileItem *item, bool *ret) {
        const Place *place = relocate_place(w->relocation, item->path);
        const char *path = item->path + (place ? strlen(place->below) : 0);
        _cleanup_free_ char *inner = NULL;

        path += strspn(path, "/");
        if (asprintf(&inner, "/%s", path) < 0) {
                inner = NULL;
                return -ENOMEM;
        }
        *ret = link_scope(inner, item->target) == LINK_INSIDE;
        return 0;
}

/* A package has no link that leaves it. */
static int leave_link_out(const Walk *w, const FileItem *item, const char *reason) {
        if (unlinkat(w->dir_fd, item->path, 0) < 0)
                return -errno;
        return finding_add(&w->findings->left_out, item->path, "a link to ", item->target, reason);
}

static int relocate_link(const Walk *w, const FileItem *item) {
        _cleanup_free_ char *origin = NULL, *target = NULL, *real = NULL;
        const char *reason = NULL;
        bool inside = false;
        int r;

        r = stays_inside(w, item, &inside);
        if (r < 0 || inside)
                return r;
        r = link_origin(w, item, &origin);
        if (r < 0)
                return r;
        real = realpath(origin, NULL);
        if (!real)
                reason = errno == ENOENT ? ", where nothing is" : ", which is not part of it and cannot be read";
        /* A relative one has to be followed to see where it leads. */
        if (*item->target == '/' || real)
                r = relocate_absolute(w->relocation, *item->target == '/' ? origin : real, &target);
        if (r >= 0 && !target && real)
                r = relocate_absolute(w->relocation, real, &target);
        if (r < 0)
                return r;
        if (target)
                return unlinkat(w->dir_fd, item->path, 0) < 0 || symlinkat(target, w->dir_fd, item->path) < 0 ? -errno : 0;
        if (real) {
                r = bring(w, item, real, &reason);
                if (r < 0)
                        return r;
        }
        return reason ? leave_link_out(w, item, reason) : 0;
}

/* "#!/somewhere/bin/python -u" */
static int check_interpreter(const Contents *c) {
        const char *end = memchr(c->data, '\n', c->size < LINE_MAX_SHEBANG ? c->size : LINE_MAX_SHEBANG),
                   *start = c->data + 2;
        _cleanup_free_ char *name = NULL, *inside = NULL;
        int r;

        /* Nobody starts the others by their first line. */
        if (!end || !(c->item->mode & 0111))
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
        return finding_add(&c->walk->findings->problems, c->item->path, "its interpreter ", name, " is not part of it");
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
                        return finding_add(&c->walk->findings->caveats, c->item->path, "looks for its libraries in ", rpath,
                                           "; change that with patchelf --set-rpath '$ORIGIN/...'");
        }
        if (strcmp(relative, rpath) == 0)
                return 0;
        if (strlen(relative) > n)
                return finding_add(&c->walk->findings->problems, c->item->path, "looks for its libraries in ", rpath,
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
        return strv_contains(w->findings->host_libraries, safe) || in_tree(w->tree, name) ? 0 : strv_extend(&w->findings->host_libraries, safe);
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
        return finding_add(&c->walk->findings->caveats, c->item->path, "has the old place in it, where it may look for files", "", "");
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

static int walk_items(const Walk *w, const FileTree *t) {
        for (size_t i = 0; i < t->n_items && !signals_noted(); i++) {
                const FileItem *item = t->items + i;
                int r = item->type == FILE_LINK ? relocate_link(w, item) : item->type == FILE_REGULAR ? relocate_file(w, item) : 0;

                if (r < 0 && r != -EINTR)
                        return log_error(r, "%s: %s", item->path, strerror(-r));
        }
        return 0;
}

int runtime_relocate(const Relocation *relocation, int dir_fd, Findings *findings) {
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ char *message = NULL;
        uint64_t budget = BROUGHT_MAX;
        int r;

        r = file_tree_scan(dir_fd, &t, &message);
        if (r < 0)
                return log_error(r, "%s", message ?: strerror(-r));
        return walk_items(&(Walk) { .relocation = relocation, .dir_fd = dir_fd, .tree = t, .findings = findings, .budget = &budget }, t);
}
