/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From files to a tar stream: pax format, since names may be long and times exact. Owners are left out:
 * in the job everything belongs to the job. */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive-dl.h"
#include "progress.h"
#include "rnx.h"
#include "tree.h"

#define BLOCK (256U * 1024U)
#define LINKS_MAX 65536U

/* A file with several names, of which the first was packed. */
typedef struct Link {
        dev_t device;
        ino_t inode;
        char *name;
} Link;

typedef struct Packer {
        struct archive *archive;
        struct archive_entry *entry;
        const char *option;
        char *buffer;
        Link *links;
        size_t n_links;
        uint64_t bytes, total;
        Progress progress;
} Packer;

/* What the other end does not want to read any more is its business: it says so itself. */
static int packer_failed(Packer *p, const char *path) {
        const char *text = sym_archive_error_string(p->archive);

        progress_clear(&p->progress);
        if (errno == EPIPE)
                return -EPIPE;
        return log_error(-EIO, "%s: cannot pack '%s': %s", p->option, path, text ?: "unknown error");
}

/* The contents must be as long as the header says, whatever happens to the file meanwhile. */
static int contents_write(Packer *p, int fd, const TreeEntry *e, uint64_t size) {
        while (size > 0) {
                ssize_t n = read(fd, p->buffer, size < BLOCK ? size : BLOCK);

                if (n < 0) {
                        progress_clear(&p->progress);
                        return log_error(-errno, "%s: cannot read '%s': %s", p->option, e->path,
                                         strerror(errno));
                }
                if (n == 0) {
                        progress_clear(&p->progress);
                        return log_error(-EIO, "%s: '%s' became shorter while it was read", p->option, e->path);
                }
                errno = 0;
                if (sym_archive_write_data(p->archive, p->buffer, (size_t) n) != n)
                        return packer_failed(p, e->path);
                size -= (uint64_t) n;
                p->bytes += (uint64_t) n;
                progress_update(&p->progress, p->bytes, p->total);
        }
        return 0;
}

/* Returns the name under which the same file was packed before, or remembers this one and returns NULL. */
static const char* link_find(Packer *p, const TreeEntry *e) {
        Link *grown;

        if (!S_ISREG(e->st->st_mode) || e->st->st_nlink < 2)
                return NULL;
        for (size_t i = 0; i < p->n_links; i++)
                if (p->links[i].inode == e->st->st_ino && p->links[i].device == e->st->st_dev)
                        return p->links[i].name;
        if (p->n_links >= LINKS_MAX)
                return NULL;
        grown = reallocarray(p->links, p->n_links + 1, sizeof(*grown));
        if (!grown)
                return NULL;
        p->links = grown;
        grown[p->n_links] = (Link) { e->st->st_dev, e->st->st_ino, strdup(e->name) };
        if (grown[p->n_links].name)
                p->n_links++;
        return NULL;
}

static int header_fill(Packer *p, const TreeEntry *e, const struct stat *st, const char *link) {
        sym_archive_entry_clear(p->entry);
        sym_archive_entry_copy_stat(p->entry, st);
        sym_archive_entry_copy_pathname(p->entry, e->name);
        sym_archive_entry_set_uid(p->entry, 0);
        sym_archive_entry_set_gid(p->entry, 0);
        sym_archive_entry_set_perm(p->entry, st->st_mode & 0777);
        if (link) {
                sym_archive_entry_copy_hardlink(p->entry, link);
                sym_archive_entry_set_size(p->entry, 0);
        } else if (S_ISLNK(st->st_mode)) {
                char target[PATH_MAX];
                ssize_t n = readlinkat(e->dir_fd, e->file, target, sizeof(target) - 1);

                if (n < 0)
                        return log_error(-errno, "%s: cannot read the link '%s': %s", p->option, e->path,
                                         strerror(errno));
                target[n] = 0;
                sym_archive_entry_copy_symlink(p->entry, target);
        }
        return 0;
}

static int pack_one(const TreeEntry *e, void *userdata) {
        _cleanup_close_ int fd = -EBADF;
        Packer *p = userdata;
        const char *link = link_find(p, e);
        struct stat st = *e->st;
        int r;

        if (S_ISREG(st.st_mode) && !link) {
                fd = openat(e->dir_fd, e->file,
                            O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (e->follow ? 0 : O_NOFOLLOW));
                if (fd < 0 || fstat(fd, &st) < 0)
                        return log_error(-errno, "%s: cannot read '%s': %s", p->option, e->path,
                                         strerror(errno));
                if (!S_ISREG(st.st_mode))
                        return log_error(-EIO, "%s: '%s' was replaced while it was read", p->option, e->path);
        }
        r = header_fill(p, e, &st, link);
        if (r < 0)
                return r;
        errno = 0;
        if (sym_archive_write_header(p->archive, p->entry) < ARCHIVE_WARN)
                return packer_failed(p, e->path);
        return fd >= 0 ? contents_write(p, fd, e, (uint64_t) st.st_size) : 0;
}

/* Called in a process of its own, right before its end: nothing is freed. Above all the archive is not,
 * after a failure, for that would write the end mark. */
int pack(const UploadList *l, int fd) {
        Packer p = { .total = l->bytes, .option = "--upload", .progress.label = "Uploading" };
        int r;

        r = archive_load();
        if (r < 0)
                return r;
        (void) setlocale(LC_CTYPE, "C.UTF-8"); /* so that libarchive takes names as they are */
        p.buffer = malloc(BLOCK);
        p.archive = sym_archive_write_new();
        p.entry = sym_archive_entry_new();
        if (!p.buffer || !p.archive || !p.entry)
                return log_oom();
        if (sym_archive_write_set_format_pax_restricted(p.archive) != ARCHIVE_OK ||
            sym_archive_write_set_bytes_per_block(p.archive, 64 * 1024) != ARCHIVE_OK ||
            sym_archive_write_set_bytes_in_last_block(p.archive, 1) != ARCHIVE_OK ||
            sym_archive_write_open_fd(p.archive, fd) != ARCHIVE_OK)
                return packer_failed(&p, "files");

        for (size_t i = 0; i < l->n_uploads; i++) {
                const Upload *u = l->uploads + i;

                p.option = u->option;
                r = tree_walk(u->option, u->path, u->name, u->follow, pack_one, &p);
                if (r < 0)
                        return r;
        }
        errno = 0;
        if (sym_archive_write_close(p.archive) != ARCHIVE_OK)
                return packer_failed(&p, "files");
        progress_clear(&p.progress);
        return 0;
}
