/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "file-tree.h"
#include "rnx.h"
#include "runtime-relocate.h"
#include "strv.h"
#include "text.h"

#define LINE_MAX_SHEBANG 256U
#define NOTES_MAX 50U
#define CONFIG_MAX 65536U

typedef struct Walk {
        const Relocation *relocation;
        char ***notes;
} Walk;

/* "PATH: BEFORE WHAT AFTER" */
static int note(const Walk *w, const char *path, const char *before, const char *what, const char *after) {
        _cleanup_free_ char *safe = text_for_message(what, 400), *safe_path = text_for_message(path, 200);

        if (strv_length(*w->notes) == NOTES_MAX)
                return strv_extend(w->notes, "and more");
        if (strv_length(*w->notes) > NOTES_MAX)
                return 0;
        return safe && safe_path ? strv_extendf(w->notes, "%s: %s%s%s", safe_path, before, safe, after) : -ENOMEM;
}

/* What follows the old place in s, or NULL if s does not lead there. */
static const char* in_old_place(const Walk *w, const char *s) {
        size_t n = strlen(w->relocation->from);

        return strncmp(s, w->relocation->from, n) == 0 && (s[n] == 0 || s[n] == '/') ? s + n : NULL;
}

static bool is_host_program(const char *s) {
        static const char *const directories[] = { "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/" };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (strncmp(s, directories[i], strlen(directories[i])) == 0)
                        return true;
        return false;
}

static int relocate_link(const Walk *w, const FileItem *item) {
        const char *rest = in_old_place(w, item->target);
        _cleanup_free_ char *target = NULL;
        int dir_fd = w->relocation->dir_fd;

        if (*item->target != '/')
                return 0;
        if (!rest)
                return note(w, item->path, "a link to ", item->target, ", which is not part of it; put the file itself there");
        if (asprintf(&target, "%s%s", w->relocation->to, rest) < 0) {
                target = NULL;
                return -ENOMEM;
        }
        if (unlinkat(dir_fd, item->path, 0) < 0 || symlinkat(target, dir_fd, item->path) < 0)
                return -errno;
        return 0;
}

/* A new file in the place of the old one, which is mapped just now. */
static int replace_file(const Walk *w, const FileItem *item, const char *text, size_t size) {
        const char *slash = strrchr(item->path, '/');
        _cleanup_free_ char *directory = slash ? strndup(item->path, (size_t) (slash - item->path)) : strdup(".");
        _cleanup_close_ int fd = -EBADF;

        if (!directory)
                return -ENOMEM;
        fd = openat(w->relocation->dir_fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : atomic_file_write_at(fd, slash ? slash + 1 : item->path, text, size, item->mode, false);
}

/* "#!/old/place/bin/python -u" and what follows. */
static int relocate_interpreter(const Walk *w, const FileItem *item, const char *data, size_t size) {
        const char *end = memchr(data, '\n', size < LINE_MAX_SHEBANG ? size : LINE_MAX_SHEBANG), *rest;
        _cleanup_free_ char *line = NULL, *name = NULL, *text = NULL;
        size_t n, written;
        FILE *f;

        if (!end)
                return 0;
        line = strndup(data + 2, (size_t) (end - data) - 2);
        if (!line)
                return -ENOMEM;
        name = strndup(line + strspn(line, " \t"), strcspn(line + strspn(line, " \t"), " \t"));
        if (!name)
                return -ENOMEM;
        rest = in_old_place(w, name);
        if (!rest)
                return *name != '/' || is_host_program(name) ? 0 : note(w, item->path, "its interpreter ", name, " is not part of it");

        f = open_memstream(&text, &n);
        if (!f)
                return -ENOMEM;
        fprintf(f, "#!%s%s%s", w->relocation->to, rest, line + strspn(line, " \t") + strlen(name));
        written = fwrite(end, 1, size - (size_t) (end - data), f);
        if (fclose(f) != 0 || written != size - (size_t) (end - data))
                return -ENOMEM;
        return replace_file(w, item, text, n);
}

/* The paths that a program looks for libraries in. */
static int check_rpath(const Walk *w, const FileItem *item, const char *paths) {
        _cleanup_free_ char *copy = strdup(paths);
        char *p = copy;

        if (!copy)
                return -ENOMEM;
        for (char *path; (path = strsep(&p, ":"));)
                if (*path == '/' && strncmp(path, "/usr/lib", 8) != 0 && strncmp(path, "/lib", 4) != 0) {
                        int r = note(w, item->path, "looks for its libraries in ", path, ", use $ORIGIN in its RPATH: patchelf --set-rpath");

                        if (r < 0)
                                return r;
                }
        return 0;
}

/* The section headers tell where the dynamic section and its strings are; every offset is checked. */
static int check_elf(const Walk *w, const FileItem *item, const char *data, size_t size) {
        const Elf64_Ehdr *e = (const Elf64_Ehdr*) data;
        const Elf64_Shdr *sections;

        if (size < sizeof(*e) || e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_shentsize != sizeof(Elf64_Shdr) || e->e_shoff % 8 != 0 ||
            e->e_shoff > size || (size - e->e_shoff) / sizeof(Elf64_Shdr) < e->e_shnum)
                return 0;
        sections = (const Elf64_Shdr*) (data + e->e_shoff);
        for (unsigned i = 0; i < e->e_shnum; i++) {
                const Elf64_Shdr *s = sections + i, *strings;

                if (s->sh_type != SHT_DYNAMIC || s->sh_link >= e->e_shnum || s->sh_offset % 8 != 0 || s->sh_offset > size ||
                    size - s->sh_offset < s->sh_size)
                        continue;
                strings = sections + s->sh_link;
                if (strings->sh_offset > size || size - strings->sh_offset < strings->sh_size || strings->sh_size == 0 ||
                    data[strings->sh_offset + strings->sh_size - 1] != 0)
                        continue;
                for (size_t k = 0; k < s->sh_size / sizeof(Elf64_Dyn); k++) {
                        const Elf64_Dyn *d = (const Elf64_Dyn*) (data + s->sh_offset) + k;
                        int r = 0;

                        if ((d->d_tag == DT_RPATH || d->d_tag == DT_RUNPATH) && d->d_un.d_val < strings->sh_size)
                                r = check_rpath(w, item, data + strings->sh_offset + d->d_un.d_val);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int check_contents(const Walk *w, const FileItem *item, const char *data, size_t size) {
        if (size > 2 && memcmp(data, "#!", 2) == 0)
                return relocate_interpreter(w, item, data, size);
        if (size > SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0)
                return check_elf(w, item, data, size);
        return 0;
}

static int relocate_file(const Walk *w, const FileItem *item) {
        _cleanup_close_ int fd = -EBADF;
        char *data;
        int r;

        if (item->size == 0)
                return 0;
        fd = openat(w->relocation->dir_fd, item->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        data = mmap(NULL, item->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
                return -errno;
        r = check_contents(w, item, data, item->size);
        (void) munmap(data, item->size);
        return r;
}

/* "home = /usr/bin": where the interpreter is that a virtual environment borrows. */
static int relocate_venv(const Walk *w) {
        _cleanup_free_ char *data = NULL, *text = NULL, *home = NULL;
        const char *line, *rest;
        char *value;
        int r;

        r = file_read_at(w->relocation->dir_fd, "pyvenv.cfg", CONFIG_MAX, &data, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        line = strncmp(data, "home", 4) == 0 ? data : strstr(data, "\nhome");
        value = line ? strchr(line, '=') : NULL;
        if (!value)
                return 0;
        value += 1 + strspn(value + 1, " \t");
        home = strndup(value, strcspn(value, "\n"));
        if (!home)
                return -ENOMEM;
        rest = in_old_place(w, home);
        if (!rest)
                return note(w, "pyvenv.cfg", "the interpreter is in ", home, ", which is not part of it; put the packages into a Python of "
                            "their own (conda-pack, uv python install) and import that");
        if (asprintf(&text, "%.*s%s%s%s", (int) (value - data), data, w->relocation->to, rest, value + strlen(home)) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return atomic_file_write_at(w->relocation->dir_fd, "pyvenv.cfg", text, strlen(text), 0644, false);
}

int runtime_relocate(const Relocation *relocation, char ***notes) {
        const Walk w = { relocation, notes };
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ char *message = NULL;
        int r;

        r = file_tree_scan(relocation->dir_fd, &t, &message);
        if (r < 0)
                return log_error(r, "%s", message ?: strerror(-r));
        for (size_t i = 0; i < t->n_items; i++) {
                const FileItem *item = t->items + i;

                r = item->type == FILE_LINK ? relocate_link(&w, item) : item->type == FILE_REGULAR ? relocate_file(&w, item) :
                        item->type == FILE_SPECIAL ? note(&w, item->path, "a special file, which a package cannot hold", "", "") : 0;
                if (r < 0)
                        return log_error(r, "%s: %s", item->path, strerror(-r));
        }
        r = relocate_venv(&w);
        return r < 0 ? log_error(r, "pyvenv.cfg: %s", strerror(-r)) : 0;
}
