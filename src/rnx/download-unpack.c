/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "download.h"
#include "entry-name.h"
#include "extract.h"
#include "job-pattern.h"
#include "relay-protocol.h"
#include "rnx.h"
#include "signals.h"
#include "text.h"

#define ENTRIES_MAX 10000000U
#define COMPLAINTS_MAX 20U
#define PROBLEMS_SIZE_MAX (256U * 1024U)

/* A name at one of the destinations, and whose it is: of two downloads the second is left out. */
typedef struct Top {
        dev_t device;
        ino_t inode;
        size_t index;
        char name[];
} Top;

/* A link that is made when all names are there: only then it is clear where it leads. */
typedef struct Deferred {
        size_t index;
        char *name, *target;
        struct timespec mtime;
} Deferred;

typedef struct Destination {
        Extract extract;
        dev_t device;
        ino_t inode;
        bool arrived;
        bool told; /* what was left out, so that there is no need to say that nothing came */
} Destination;

typedef struct Unpacker {
        const Run *run;
        int fd;
        TarReader reader;
        Destination *destinations; /* one for each download */
        size_t current;            /* the one that entries come for */
        void *tops;
        Deferred *deferred;
        size_t n_deferred, n_entries;
        char *temporary; /* name of what is being written */
        char *blocked;   /* the name here that was in the way of the entry before */
        unsigned n_complaints;
        bool incomplete; /* something was left out, and that was said */
} Unpacker;

/* "rnx: --download=PATH: 'NAME' ...": of the job's making, and so are the names. */
static int complain(Unpacker *u, size_t index, const char *name, const char *what) {
        u->incomplete = true;
        u->destinations[index].told = true;
        if (u->n_complaints++ < COMPLAINTS_MAX)
                (void) log_error(0, "--download=%s: '%s' %s, left out", u->run->downloads[index].shown, name, what);
        return 0;
}

/* Whether the next file may do better: what a job has made is not to be had again. */
static bool is_of_one_name(int error) {
        static const int errors[] = { EISDIR, ENOTDIR, EEXIST, ENOTEMPTY, ELOOP, ENAMETOOLONG, EILSEQ, EINVAL, EACCES, EPERM, EFBIG,
                                      ETXTBSY, EBUSY };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                if (error == -errors[i])
                        return true;
        return false;
}

/* Returns 1 if only that one is left out, or the error. */
static int write_failed(Unpacker *u, size_t index, const char *name, int error) {
        bool goes_on = is_of_one_name(error);

        u->incomplete = true;
        u->destinations[index].told = true;
        if (!goes_on || u->n_complaints++ < COMPLAINTS_MAX)
                (void) log_error(0, "--download=%s: cannot write '%s': %s", u->run->downloads[index].shown, name, strerror(-error));
        return goes_on ? 1 : error;
}

static int tops_compare(const void *a, const void *b) {
        const Top *x = a, *y = b;

        if (x->device != y->device)
                return x->device < y->device ? -1 : 1;
        if (x->inode != y->inode)
                return x->inode < y->inode ? -1 : 1;
        return strcmp(x->name, y->name);
}

/* Returns 1 if what is at the name, below the destination, is that download's; 0 if another one's; -ENOMEM. */
static int top_take(Unpacker *u, size_t index, const char *name) {
        const Destination *d = u->destinations + index;
        size_t n = strcspn(name, "/");
        _cleanup_free_ Top *top = malloc(sizeof(*top) + n + 1);
        Top **found;

        if (!top)
                return -ENOMEM;
        *top = (Top) { .device = d->device, .inode = d->inode, .index = index };
        memcpy(top->name, name, n);
        top->name[n] = 0;
        found = tsearch(top, &u->tops, tops_compare);
        if (!found)
                return -ENOMEM;
        if (*found == top)
                TAKE_PTR(top);
        return (*found)->index == index;
}

/* Which component of a name is in the way, said once for all that is below it. A link that the user has put where a
 * directory is to be is neither followed, since the job may know of it, nor replaced. */
static int way_is_blocked(Unpacker *u, size_t index, const char *name) {
        const Download *d = u->run->downloads + index;
        _cleanup_free_ char *blocked = strdup(name);
        struct stat st = {};

        if (!blocked)
                return log_oom();
        for (char *end = blocked;; *end++ = '/') {
                end = strchr(end, '/');
                if (end)
                        *end = 0;
                if ((fstatat(d->parent_fd, blocked, &st, AT_SYMLINK_NOFOLLOW) >= 0 && !S_ISDIR(st.st_mode)) || !end)
                        break;
        }
        u->incomplete = true;
        u->destinations[index].told = true;
        if (u->blocked && strcmp(u->blocked, blocked) == 0)
                return 1;
        if (u->n_complaints++ < COMPLAINTS_MAX)
                (void) log_error(0, S_ISLNK(st.st_mode) ?
                                    "--download=%s: '%s' is a link here, and nothing is written through links; "
                                    "remove it, or write --download=PATH:DEST with another DEST" :
                                    "--download=%s: '%s' is no directory here, and what is in it cannot be written; "
                                    "remove it, or write --download=PATH:DEST with another DEST", d->shown, blocked);
        free(u->blocked);
        u->blocked = TAKE_PTR(blocked);
        return 1;
}

static int parent_failed(Unpacker *u, size_t index, const char *name, int error) {
        return error == -ELOOP || error == -EEXIST ? way_is_blocked(u, index, name) : write_failed(u, index, name, error);
}

/* What is made gets this name first: what was there stays until the new one is complete. */
static int temporary_name(Unpacker *u) {
        free(u->temporary);
        if (asprintf(&u->temporary, ".rnx-download-%i", (int) getpid()) < 0)
                u->temporary = NULL;
        return u->temporary ? 0 : log_oom();
}

/* Puts what has the temporary name in fd where it belongs, or removes it. r: how making it went, 0 if well. */
static int temporary_finish(Unpacker *u, size_t index, int fd, const char *base, const char *name, int r) {
        if (r == 0 && renameat(fd, u->temporary, fd, base) < 0)
                r = write_failed(u, index, name, -errno);
        /* Two names of one file stay both when they are renamed. */
        (void) unlinkat(fd, u->temporary, 0);
        return r;
}

static int file_contents(Unpacker *u, size_t index, const TarEntry *e, const char *name, int dir_fd) {
        _cleanup_close_ int fd = -EBADF;
        int r, error;

        fd = openat(dir_fd, u->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST && unlinkat(dir_fd, u->temporary, 0) >= 0)
                fd = openat(dir_fd, u->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return write_failed(u, index, name, -errno);
        r = extract_contents(&u->destinations[index].extract, &u->reader, e, fd, &error);
        return r > 0 ? write_failed(u, index, name, -error) : r;
}

static int link_make(Unpacker *u, size_t index, const char *name, const char *target, struct timespec mtime) {
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };
        const char *base;
        int r, fd;

        r = extract_parent(&u->destinations[index].extract, name, true, &fd, &base);
        if (r < 0)
                return parent_failed(u, index, name, r);
        r = temporary_name(u);
        if (r < 0)
                return r;
        (void) unlinkat(fd, u->temporary, 0);
        if (symlinkat(target, fd, u->temporary) < 0)
                return write_failed(u, index, name, -errno);
        (void) utimensat(fd, u->temporary, times, AT_SYMLINK_NOFOLLOW);
        return temporary_finish(u, index, fd, base, name, 0);
}

static int link_defer(Unpacker *u, size_t index, const TarEntry *e, const char *name) {
        Deferred *grown = reallocarray(u->deferred, u->n_deferred + 1, sizeof(*grown)), d;

        if (!grown)
                return log_oom();
        u->deferred = grown;
        d = (Deferred) { index, strdup(name), strdup(e->link), e->mtime };
        grown[u->n_deferred++] = d;
        return d.name && d.target ? 0 : log_oom();
}

static int link_unpack(Unpacker *u, size_t index, const TarEntry *e, const char *inner, const char *name) {
        switch (link_scope(inner, e->link)) {
        case LINK_INSIDE:
                return link_make(u, index, name, e->link, e->mtime);
        case LINK_UNCLEAR:
                return link_defer(u, index, e, name);
        default:
                return complain(u, index, name, "is a link that leads out of the download");
        }
}

/* Whether all that a link goes up from again are directories, and so lead back to where it came from. */
static bool goes_up_from_directories(int root_fd, const char *name, const char *target) {
        const char *slash = strrchr(name, '/');
        _cleanup_free_ char *path = malloc(strlen(name) + strlen(target) + 2);
        struct stat st;
        size_t n = slash ? (size_t) (slash - name) : 0;

        if (!path)
                return false;
        memcpy(path, name, n);
        path[n] = 0;
        for (size_t k; *target; target += k + (target[k] == '/')) {
                k = strcspn(target, "/");
                if (k == 0 || (k == 1 && *target == '.'))
                        continue;
                if (k == 2 && memcmp(target, "..", 2) == 0) {
                        if (fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
                                return false;
                        slash = strrchr(path, '/');
                        n = slash ? (size_t) (slash - path) : 0;
                } else {
                        path[n++] = '/';
                        memcpy(path + n, target, k);
                        n += k;
                }
                path[n] = 0;
        }
        return true;
}

static int deferred_make(Unpacker *u) {
        int r = 0;

        for (size_t i = 0; i < u->n_deferred && r >= 0; i++) {
                const Deferred *d = u->deferred + i;

                if (goes_up_from_directories(u->run->downloads[d->index].parent_fd, d->name, d->target))
                        r = link_make(u, d->index, d->name, d->target, d->mtime);
                else
                        r = complain(u, d->index, d->name, "is a link that leads out of the download");
        }
        return r;
}

static int hard_link_unpack(Unpacker *u, size_t index, const TarEntry *e, const char *name) {
        const Download *d = u->run->downloads + index;
        Extract *x = &u->destinations[index].extract;
        _cleanup_free_ char *target = NULL;
        _cleanup_close_ int target_fd = -EBADF;
        const char *link_base, *link_inner, *base, *target_base;
        size_t link_index;
        int r, fd;

        if (entry_name_parse(e->link, &link_index, &link_base, &link_inner) < 0 || link_index != index)
                return complain(u, index, name, "is a link to what is not in the download");
        target = entry_name_place(d->name, link_base, link_inner);
        if (!target)
                return log_oom();
        r = top_take(u, index, target);
        if (r < 0)
                return log_oom();
        if (r == 0 || extract_parent(x, target, false, &fd, &target_base) < 0)
                return complain(u, index, name, "is a link to what is not in the download");
        target_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (target_fd < 0)
                return write_failed(u, index, name, -errno);
        r = extract_parent(x, name, true, &fd, &base);
        if (r < 0)
                return parent_failed(u, index, name, r);
        r = temporary_name(u);
        if (r < 0)
                return r;
        (void) unlinkat(fd, u->temporary, 0);
        if (linkat(target_fd, target_base, fd, u->temporary, 0) < 0)
                return complain(u, index, name, "is a link to what is not in the download");
        return temporary_finish(u, index, fd, base, name, 0);
}

static int file_unpack(Unpacker *u, size_t index, const TarEntry *e, const char *name) {
        const char *base;
        int r, fd;

        r = extract_parent(&u->destinations[index].extract, name, true, &fd, &base);
        if (r < 0)
                return parent_failed(u, index, name, r);
        r = temporary_name(u);
        if (r < 0)
                return r;
        r = file_contents(u, index, e, name, fd);
        return temporary_finish(u, index, fd, base, name, r);
}

/* What the relay could not pack, one in a line: it comes with the files. */
static int problems_print(Unpacker *u, size_t index) {
        _cleanup_free_ char *text = calloc(1, PROBLEMS_SIZE_MAX + 1);
        const char *data;
        uint64_t offset;
        size_t size, n = 0;
        char *rest = text;
        int r;

        if (!text)
                return log_oom();
        while ((r = tar_reader_data(&u->reader, &data, &size, &offset)) > 0 && n < PROBLEMS_SIZE_MAX) {
                if (size > PROBLEMS_SIZE_MAX - n)
                        size = PROBLEMS_SIZE_MAX - n;
                memcpy(text + n, data, size);
                n += size;
        }
        for (char *line; (line = strsep(&rest, "\n"));)
                if (*line)
                        (void) log_error(0, "not in the download, or not all of it: %s", line);
        u->incomplete = true;
        u->destinations[index].told = true;
        return r < 0 ? r : 0;
}

/* Names of the job's choice are those that the user's pattern stands for. */
static bool base_is_wanted(const Download *d, const char *base) {
        _cleanup_free_ char *name = strndup(base, strcspn(base, "/")), *literal = job_pattern_literal(d->last);

        return !d->many || (name && literal && (strcmp(name, literal) == 0 || job_pattern_matches(d->last, name)));
}

static int unexpected(const char *name) {
        return log_error(-EPROTO, "the download holds '%s', which no file asked for can be called; giving up", name);
}

static int entry_unpack(Unpacker *u, const TarEntry *e) {
        static const char problems[] = TRANSFER_PROBLEMS "/";
        bool is_problems = strncmp(e->name, problems, strlen(problems)) == 0;
        const char *base, *inner;
        _cleanup_free_ char *name = NULL, *given = NULL;
        size_t index;
        int r;

        if (++u->n_entries > ENTRIES_MAX)
                return log_error(-EFBIG, "the download holds too many files; giving up");
        if (is_problems && asprintf(&given, "%s/-", e->name + strlen(problems)) < 0) {
                given = NULL;
                return log_oom();
        }
        if (entry_name_parse(given ?: e->name, &index, &base, &inner) < 0 || index >= u->run->n_downloads)
                return unexpected(e->name);
        u->current = index;
        if (is_problems)
                return problems_print(u, index);
        if (!base_is_wanted(u->run->downloads + index, base))
                return unexpected(e->name);

        name = entry_name_place(u->run->downloads[index].name, base, inner);
        r = name ? top_take(u, index, name) : -ENOMEM;
        if (r < 0)
                return log_oom();
        u->destinations[index].arrived = true;
        if (r == 0)
                return complain(u, index, name, "is what another --download has put there");

        switch (e->type) {
        case TAR_FILE:
                return file_unpack(u, index, e, name);
        case TAR_DIRECTORY:
                r = extract_directory(&u->destinations[index].extract, name, e);
                return r < 0 ? parent_failed(u, index, name, r) : 0;
        case TAR_SYMBOLIC_LINK:
                return link_unpack(u, index, e, inner, name);
        case TAR_HARD_LINK:
                return hard_link_unpack(u, index, e, name);
        default:
                return complain(u, index, name, "is neither file nor directory nor link");
        }
}

static ssize_t stream_read(void *userdata, void *buffer, size_t size) {
        Unpacker *u = userdata;
        ssize_t n;

        do {
                if (signals_noted())
                        return -ECANCELED;
                n = read(u->fd, buffer, size);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
                u->reader.problem = strerror(errno);
                return -EBADMSG;
        }
        return n;
}

static int unpacker_init(Unpacker *u) {
        mode_t mask = umask(077);
        struct stat st;

        (void) umask(mask);
        u->destinations = calloc(u->run->n_downloads, sizeof(*u->destinations));
        if (!u->destinations || tar_reader_init(&u->reader, stream_read, u) < 0)
                return log_oom();
        for (size_t i = 0; i < u->run->n_downloads; i++) {
                const Download *d = u->run->downloads + i;

                if (fstat(d->parent_fd, &st) < 0)
                        return log_error(-errno, "--download=%s: cannot enter the directory it goes to: %m", d->shown);
                u->destinations[i] = (Destination) { .extract = EXTRACT_NULL, .device = st.st_dev, .inode = st.st_ino };
                u->destinations[i].extract.root_fd = d->parent_fd;
                u->destinations[i].extract.modes = 0777 & ~mask;
                u->destinations[i].extract.fill = true;
        }
        return 0;
}

/* Names what had not come, after what was to be said of the one that was coming. */
static void tell_missing(const Unpacker *u, size_t from) {
        for (size_t i = from; i < u->run->n_downloads; i++)
                (void) log_error(0, "--download=%s: %s", u->run->downloads[i].shown,
                                 u->destinations[i].arrived ? "was not fetched completely" : "was not fetched");
}

/* r: what ended the stream. */
static int broken_off(const Unpacker *u, int r) {
        (void) log_error(0, "the download broke off: %s",
                         r == -ECANCELED ? "it was interrupted" :
                         r == -EBADMSG   ? u->reader.problem : strerror(-r));
        tell_missing(u, u->current);
        return r;
}

static int complete(Unpacker *u) {
        int r;

        r = deferred_make(u);
        for (size_t i = 0; i < u->run->n_downloads && r >= 0; i++) {
                Destination *d = u->destinations + i;
                const char *name;

                r = extract_finish(&d->extract, &name);
                if (r < 0 && (r = write_failed(u, i, name, r)) < 0)
                        return r;
                if (d->arrived || d->told)
                        continue;
                u->incomplete = true;
                (void) log_error(0, u->run->downloads[i].many ? "--download=%s: nothing in the job matches" :
                                    "--download=%s: the job left no such file or directory", u->run->downloads[i].shown);
        }
        if (u->n_complaints > COMPLAINTS_MAX)
                (void) log_error(0, "and %u more are left out", u->n_complaints - COMPLAINTS_MAX);
        return r < 0 ? r : u->incomplete ? -EIO : 0;
}

int download_unpack(const Run *run, int fd) {
        Unpacker u = { .run = run, .fd = fd };
        const TarEntry *e;
        int r;

        r = unpacker_init(&u);
        if (r < 0)
                return r;
        while ((r = tar_reader_next(&u.reader, &e)) > 0) {
                r = entry_unpack(&u, e);
                if (r < 0)
                        break;
        }
        if (r == -EBADMSG || r == -ECANCELED)
                return broken_off(&u, r);
        if (r < 0)
                tell_missing(&u, u.current);
        return r < 0 ? r : complete(&u);
}
