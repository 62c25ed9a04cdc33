/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive-dl.h"
#include "download.h"
#include "entry-name.h"
#include "relay-protocol.h"
#include "rnx.h"
#include "text.h"

#define BLOCK (256U * 1024U)
#define END_MARK 1024U /* zero bytes at the end of a tar stream; libarchive does not insist on them */
#define COMPLAINTS_MAX 20U
#define PROBLEMS_SIZE_MAX (256U * 1024U)

#define DISK_FLAGS                                                                                           \
        (ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SPARSE |                              \
         ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |                                 \
         ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS)

typedef struct Unpacker {
        const Run *run;
        int fd;
        char *buffer;
        size_t n_zeros; /* at the end of what was read so far */
        struct archive *tar, *disk;
        size_t current; /* the download that disk writes to, n_downloads: none yet */
        bool *arrived;
        unsigned n_complaints;
        bool incomplete; /* something was left out, and that was said */
} Unpacker;

/* "rnx: --download=PATH: 'NAME' ...": of the job's making, and so are the names. */
static void complain(Unpacker *u, size_t index, const char *name, const char *what) {
        _cleanup_free_ char *safe = text_for_message(name ?: "", 1024);

        u->incomplete = true;
        if (u->n_complaints++ < COMPLAINTS_MAX)
                (void) log_error(0, "--download=%s: '%s' %s, left out", u->run->downloads[index].path,
                                 safe ?: "", what);
}

/* libarchive notes the modes of directories for the end, under relative names: so each destination has a
 * writer of its own, closed before the next directory is entered. */
static int destination_enter(Unpacker *u, size_t index) {
        const Download *d = u->run->downloads + index;

        if (u->disk && u->current == index)
                return 0;
        if (u->disk && sym_archive_write_free(u->disk) != ARCHIVE_OK) {
                u->disk = NULL;
                return log_error(-EIO, "--download=%s: cannot complete it",
                                 u->run->downloads[u->current].path);
        }
        u->disk = NULL;
        if (fchdir(d->parent_fd) < 0)
                return log_error(-errno, "--download=%s: cannot enter the directory it goes to: %m", d->path);
        u->disk = sym_archive_write_disk_new();
        if (!u->disk)
                return log_oom();
        (void) sym_archive_write_disk_set_options(u->disk, DISK_FLAGS);
        u->current = index;
        return 0;
}

static int disk_failed(Unpacker *u, size_t index, const char *name) {
        _cleanup_free_ char *safe = text_for_message(name, 1024);

        return log_error(-EIO, "--download=%s: cannot write '%s': %s", u->run->downloads[index].path,
                         safe ?: "", sym_archive_error_string(u->disk) ?: "unknown error");
}

static int tar_failed(Unpacker *u) {
        return log_error(-EIO, "the download broke off: %s",
                         sym_archive_error_string(u->tar) ?: "unknown error");
}

static int contents_copy(Unpacker *u, size_t index, const char *name) {
        const void *block;
        la_int64_t offset;
        size_t size;
        int r;

        while ((r = sym_archive_read_data_block(u->tar, &block, &size, &offset)) == ARCHIVE_OK)
                if (sym_archive_write_data_block(u->disk, block, size, offset) < ARCHIVE_OK)
                        return disk_failed(u, index, name);
        if (r != ARCHIVE_EOF)
                return tar_failed(u);
        return sym_archive_write_finish_entry(u->disk) < ARCHIVE_WARN ? disk_failed(u, index, name) : 0;
}

/* Under another name until all of it has come: what was there of that name stays if the rest never comes. */
static int file_unpack(Unpacker *u, struct archive_entry *e, size_t index, const char *name) {
        int r, fd = u->run->downloads[index].parent_fd;
        const char *slash = strrchr(name, '/');
        _cleanup_free_ char *temporary = NULL;

        if (asprintf(&temporary, "%.*s.rnx-download-%i", slash ? (int) (slash - name) + 1 : 0, name,
                     (int) getpid()) < 0) {
                temporary = NULL;
                return log_oom();
        }
        sym_archive_entry_copy_pathname(e, temporary);
        r = sym_archive_write_header(u->disk, e) < ARCHIVE_WARN ? disk_failed(u, index, name) :
                                                                  contents_copy(u, index, name);
        if (r >= 0 && renameat(fd, temporary, fd, name) < 0) {
                _cleanup_free_ char *safe = text_for_message(name, 1024);

                r = log_error(-errno, "--download=%s: cannot write '%s': %m", u->run->downloads[index].path,
                              safe ?: "");
        }
        if (r < 0)
                (void) unlinkat(fd, temporary, 0);
        return r;
}

/* A link that the user has put where a directory is to be is neither followed, since the job may know of it,
 * nor replaced. */
static int way_check(const Unpacker *u, size_t index, const char *name, bool is_directory) {
        const Download *d = u->run->downloads + index;
        _cleanup_free_ char *copy = strdup(name);
        struct stat st;

        if (!copy)
                return log_oom();
        for (char *end = copy; end; ) {
                end = strchr(end, '/');
                if (end)
                        *end = 0;
                if ((end || is_directory) && fstatat(d->parent_fd, copy, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
                    S_ISLNK(st.st_mode)) {
                        _cleanup_free_ char *safe = text_for_message(copy, 1024);

                        return log_error(-ELOOP,
                                         "--download=%s: '%s' is a link here, and nothing is written through links; "
                                         "remove it, or write --download=PATH:DEST with another DEST",
                                         d->path, safe ?: "");
                }
                if (end)
                        *end++ = '/';
        }
        return 0;
}

/* Rewrites the entry for its destination. Returns 1, 0 if it is left out, -errno after a message. */
static int entry_check(Unpacker *u, struct archive_entry *e, size_t index, const char *inner,
                       const char *name) {
        const char *link = sym_archive_entry_hardlink(e), *symlink = sym_archive_entry_symlink(e);
        mode_t type = sym_archive_entry_filetype(e);

        if (link) {
                _cleanup_free_ char *target = NULL;
                const char *link_inner;
                size_t link_index;

                if (entry_name_parse(link, &link_index, &link_inner) < 0 || link_index != index) {
                        complain(u, index, name, "is a link to what is not in the download");
                        return 0;
                }
                target = entry_name_place(u->run->downloads[index].name, link_inner);
                if (!target)
                        return log_oom();
                sym_archive_entry_copy_hardlink(e, target);
                sym_archive_entry_set_size(e, 0); /* contents are never written through a link */
        } else if (type == AE_IFLNK) {
                if (!symlink || !link_stays_inside(inner, symlink)) {
                        complain(u, index, name, "is a link that leads out of the download");
                        return 0;
                }
        } else if (type != AE_IFREG && type != AE_IFDIR) {
                complain(u, index, name, "is neither file nor directory nor link");
                return 0;
        }

        sym_archive_entry_copy_pathname(e, name);
        sym_archive_entry_set_perm(e, sym_archive_entry_mode(e) & 0777);
        return 1;
}

/* What the relay could not pack, one in a line: it comes with the files. */
static int problems_print(Unpacker *u) {
        _cleanup_free_ char *text = NULL;
        const void *block;
        la_int64_t offset;
        size_t size, n = 0;
        char *rest;
        int r;

        text = calloc(1, PROBLEMS_SIZE_MAX + 1);
        if (!text)
                return log_oom();
        while ((r = sym_archive_read_data_block(u->tar, &block, &size, &offset)) == ARCHIVE_OK && n < PROBLEMS_SIZE_MAX) {
                if (size > PROBLEMS_SIZE_MAX - n)
                        size = PROBLEMS_SIZE_MAX - n;
                memcpy(text + n, block, size);
                n += size;
        }
        rest = text;
        for (char *line; (line = strsep(&rest, "\n"));)
                if (*line)
                        (void) log_error(0, "not in the download, or not all of it: %s", line);
        u->incomplete = true;
        return 0;
}

static int entry_unpack(Unpacker *u, struct archive_entry *e) {
        const char *given = sym_archive_entry_pathname(e) ?: sym_archive_entry_pathname_utf8(e), *inner;
        _cleanup_free_ char *name = NULL;
        size_t index;
        bool has_contents;
        int r;

        if (given && strcmp(given, TRANSFER_PROBLEMS) == 0)
                return problems_print(u);
        r = given ? entry_name_parse(given, &index, &inner) : -EBADMSG;
        if (r < 0 || index >= u->run->n_downloads) {
                _cleanup_free_ char *safe = text_for_message(given ?: "", 1024);

                return log_error(-EBADMSG,
                                 "the download holds '%s', which no file asked for can be called; giving up",
                                 safe ?: "");
        }
        name = entry_name_place(u->run->downloads[index].name, inner);
        if (!name)
                return log_oom();
        has_contents = sym_archive_entry_filetype(e) == AE_IFREG && !sym_archive_entry_hardlink(e);
        u->arrived[index] = true;

        r = destination_enter(u, index);
        if (r < 0)
                return r;
        r = entry_check(u, e, index, inner, name);
        if (r <= 0)
                return r;
        r = way_check(u, index, name, sym_archive_entry_filetype(e) == AE_IFDIR);
        if (r < 0)
                return r;
        if (has_contents)
                return file_unpack(u, e, index, name);
        return sym_archive_write_header(u->disk, e) < ARCHIVE_WARN ? disk_failed(u, index, name) : 0;
}

static la_ssize_t stream_read(struct archive *a, void *userdata, const void **ret) {
        Unpacker *u = userdata;
        size_t zeros = 0;
        ssize_t n;

        do
                n = read(u->fd, u->buffer, BLOCK);
        while (n < 0 && errno == EINTR);
        if (n < 0) {
                sym_archive_set_error(a, errno, "cannot be read: %s", strerror(errno));
                return -1;
        }
        while (zeros < (size_t) n && zeros < END_MARK && u->buffer[(size_t) n - 1 - zeros] == 0)
                zeros++;
        u->n_zeros = zeros == (size_t) n ? u->n_zeros + zeros : zeros;
        *ret = u->buffer;
        return n;
}

/* Reads what is behind the last entry and tells whether the sender came to its end. */
static bool stream_is_complete(Unpacker *u) {
        const void *data;

        while (stream_read(u->tar, u, &data) > 0)
                ;
        return u->n_zeros >= END_MARK;
}

static int unpack(const Run *run, int fd) {
        Unpacker u = { .run = run, .fd = fd, .current = run->n_downloads };
        struct archive_entry *e;
        int r;

        r = archive_load();
        if (r < 0)
                return r;
        (void) setlocale(LC_CTYPE, "C.UTF-8"); /* so that libarchive takes names as they are */
        u.tar = sym_archive_read_new();
        u.buffer = malloc(BLOCK);
        u.arrived = calloc(run->n_downloads, sizeof(*u.arrived));
        if (!u.tar || !u.buffer || !u.arrived)
                return log_oom();
        (void) sym_archive_read_support_format_tar(u.tar);
        (void) sym_archive_read_support_format_empty(u.tar);
        if (sym_archive_read_open(u.tar, &u, NULL, stream_read, NULL) != ARCHIVE_OK)
                return tar_failed(&u);

        while ((r = sym_archive_read_next_header(u.tar, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
                r = entry_unpack(&u, e);
                if (r < 0)
                        return r;
        }
        if (r != ARCHIVE_EOF)
                return tar_failed(&u);
        if (!stream_is_complete(&u))
                return log_error(-EIO, "the download broke off: its end is missing");
        if (u.disk && sym_archive_write_free(u.disk) != ARCHIVE_OK)
                return log_error(-EIO, "--download=%s: cannot complete it", run->downloads[u.current].path);

        for (size_t i = 0; i < run->n_downloads; i++)
                if (!u.arrived[i])
                        r = log_error(-ENOENT, "--download=%s: the job left no such file or directory",
                                      run->downloads[i].path);
        return r < 0 ? r : u.incomplete ? -EIO : 0;
}

int download_start(const Run *run, int fd, const RunFds *theirs, pid_t *ret_pid) {
        RunFds copy = *theirs;
        sigset_t none;
        pid_t pid;

        pid = fork();
        if (pid < 0)
                return log_error(-errno, "cannot start unpacking the download: %m");
        if (pid == 0) {
                run_fds_close(&copy);
                (void) sigemptyset(&none);
                (void) sigprocmask(SIG_SETMASK, &none, NULL);
                (void) signal(SIGINT, SIG_IGN); /* meant for the job */
                _exit(unpack(run, fd) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }
        *ret_pid = pid;
        return 0;
}
