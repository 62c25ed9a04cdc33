/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <search.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "message.h"
#include "packer.h"
#include "progress.h"
#include "rnx.h"
#include "upload.h"

#define IGNORE_FILE ".jobletignore"
#define COMPLAINTS_MAX 20U

static void upload_done(Upload *u) {
        free(u->path);
        free(u->name);
}

/* Names of a tree; each belongs to an upload. */
static int names_compare(const void *a, const void *b) {
        return strcmp(a, b);
}

static void name_keep(void *name) {
}

void upload_list_done(UploadList *l) {
        tdestroy(l->names, name_keep);
        for (size_t i = 0; i < l->n_uploads; i++)
                upload_done(l->uploads + i);
        for (size_t i = 0; i < l->n_sources; i++)
                ignore_done(&l->sources[i].ignore);
        free(l->uploads);
        free(l->sources);
        free(l->ignore);
        *l = (UploadList) {};
}

int upload_add(UploadList *l, const char *option, const char *path, bool contents) {
        UploadSource *grown;

        if (!*path)
                return log_error(-EINVAL, "%s=: needs the path of %s", option,
                                 contents ? "a directory" : "a file or a directory");
        grown = reallocarray(l->sources, l->n_sources + 1, sizeof(*grown));
        if (!grown)
                return log_oom();
        l->sources = grown;
        grown[l->n_sources++] = (UploadSource) { .option = option, .path = path, .contents = contents };
        return 0;
}

int upload_add_ignore(UploadList *l, const char *pattern) {
        char **grown = reallocarray(l->ignore, l->n_ignore + 1, sizeof(*grown));

        if (!grown)
                return log_oom();
        l->ignore = grown;
        grown[l->n_ignore++] = (char*) pattern;
        return 0;
}

/* A walk through one of the uploads. */
typedef struct Walk {
        const UploadList *list;
        const Upload *upload;
        Progress *progress; /* of the packing: what there is to say of what is left out has been said before */
        unsigned n_left_out;
} Walk;

/* What follows the name of the upload itself. */
static const char* inner_name(const Walk *w, const char *name) {
        return name + strlen(w->upload->name);
}

static bool is_ignored(void *userdata, const char *name, bool is_directory) {
        const Walk *w = userdata;
        const UploadSource *s = w->upload->source;
        const char *inner = inner_name(w, name);

        return ignore_matches(&s->ignore, s->contents ? name : inner, is_directory);
}

static int leave_out(Walk *w, const char *inner, const char *why) {
        if (!w->progress && w->n_left_out++ < COMPLAINTS_MAX)
                (void) log_error(0, "%s: '%s%s' is left out: %s", w->upload->source->option, w->upload->path, inner, why);
        return 0;
}

static int on_problem(void *userdata, PackProblem problem, const char *name, const char *why) {
        Walk *w = userdata;
        const Upload *u = w->upload;
        const char *inner = inner_name(w, name);
        bool named = !*inner && !u->source->contents; /* by the user */

        if ((problem == PACK_SPECIAL || problem == PACK_DANGLING) && !named)
                return leave_out(w, inner, why);
        if (w->progress)
                progress_clear(w->progress);
        if (named)
                return log_error(-EINVAL, "%s=%s: %s", u->source->option, u->source->path, why);
        return log_error(-EIO, "%s: cannot send '%s%s': %s; --upload-ignore=PATTERN leaves it out", u->source->option, u->path,
                         inner, why);
}

/* With a writer packs, without looks only. */
static int upload_walk(const Upload *u, Walk *w, TarWriter *writer, uint64_t *bytes) {
        bool follow = w->list->follow_links || !u->source->contents;
        Packer p = { .writer = writer, .follow = w->list->follow_links,
                     .problem = on_problem, .is_ignored = is_ignored, .userdata = w };
        int r;

        w->upload = u;
        r = packer_add(&p, u->path, u->name, follow);
        packer_done(&p);
        if (bytes)
                *bytes += p.bytes;
        if (r == -ENOENT && u->source->contents)
                return 0; /* it has gone meanwhile */
        if (r == -ENOLINK && u->source->contents)
                return leave_out(w, "", "it is a link to nothing");
        if (r == -ENOENT || r == -ENOLINK)
                return log_error(r, "%s=%s: %s", u->source->option, u->source->path,
                                 r == -ENOENT ? strerror(ENOENT) : "it is a link to nothing");
        return r == -ENOMEM ? log_oom() : r;
}

static int refuse_same_name(const UploadList *l, const Upload *u) {
        for (size_t i = 0; i < l->n_uploads; i++)
                if (strcmp(l->uploads[i].name, u->name) == 0)
                        return log_error(-EEXIST, "%s=%s: '%s' and '%s' would both be /work/%s in the job",
                                         u->source->option, u->source->path, l->uploads[i].path, u->path, u->name);
        return -EEXIST;
}

static int upload_append(UploadList *l, const Upload *u) {
        Upload *grown = reallocarray(l->uploads, l->n_uploads + 1, sizeof(*grown));
        char **found;

        if (!grown)
                return log_oom();
        l->uploads = grown;
        found = tsearch(u->name, &l->names, names_compare);
        if (!found)
                return log_oom();
        if (*found != u->name)
                return refuse_same_name(l, u);
        grown[l->n_uploads++] = *u;
        return 0;
}

/* Takes ownership of path and name, also on failure. */
static int list_append(UploadList *l, const UploadSource *s, char *path, char *name) {
        Upload u = { .source = s, .path = path, .name = name };
        int r = path && name ? upload_append(l, &u) : log_oom();

        if (r < 0)
                upload_done(&u);
        return r;
}

static int prepare_named(UploadList *l, const UploadSource *s) {
        _cleanup_free_ char *clean = strdup(s->path), *resolved = NULL;
        const char *base;
        size_t n;

        if (!clean)
                return log_oom();
        for (n = strlen(clean); n > 1 && clean[n - 1] == '/';)
                clean[--n] = 0;
        base = strrchr(clean, '/');
        base = base ? base + 1 : clean;

        /* "." and "..": the name is that of the directory. */
        if (strcmp(base, ".") == 0 || strcmp(base, "..") == 0) {
                resolved = realpath(clean, NULL);
                if (!resolved)
                        return log_error(-errno, "--upload=%s: %s", s->path, strerror(errno));
                base = strrchr(resolved, '/') + 1;
        }
        if (!*base)
                return log_error(-EINVAL, "--upload=%s: has no name of its own, use --upload-dir", s->path);
        return list_append(l, s, TAKE_PTR(clean), strdup(base));
}

static int contents_failed(const UploadSource *s) {
        return log_error(-errno, "%s=%s: %s", s->option, s->path, strerror(errno));
}

static int prepare_contents(UploadList *l, const UploadSource *s) {
        _cleanup_closedir_ DIR *d = opendir(s->path);
        struct dirent *e;

        if (!d)
                return contents_failed(s);
        while ((errno = 0, e = readdir(d))) {
                char *inner = NULL;
                struct stat st;
                int r;

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                if (fstatat(dirfd(d), e->d_name, &st, l->follow_links ? 0 : AT_SYMLINK_NOFOLLOW) >= 0 &&
                    ignore_matches(&s->ignore, e->d_name, S_ISDIR(st.st_mode)))
                        continue;
                if (asprintf(&inner, "%s/%s", s->path, e->d_name) < 0)
                        inner = NULL;
                r = list_append(l, s, inner, strdup(e->d_name));
                if (r < 0)
                        return r;
        }
        return errno != 0 ? contents_failed(s) : 0;
}

/* First what the directory says itself, then what was given: the last pattern decides. */
static int prepare_ignore(const UploadList *l, UploadSource *s) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r = 0;

        if (asprintf(&path, "%s/%s", s->path, IGNORE_FILE) < 0) {
                path = NULL;
                return log_oom();
        }
        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0)
                r = ignore_read(&s->ignore, fd);
        else if (errno != ENOENT && errno != ENOTDIR)
                r = -errno;
        if (r < 0)
                return log_error(r, "%s: cannot read '%s': %s", s->option, path,
                                 r == -E2BIG ? "it is too large" : strerror(-r));
        for (size_t i = 0; i < l->n_ignore && r >= 0; i++)
                r = ignore_add(&s->ignore, l->ignore[i]);
        return r < 0 ? log_error(r, "--upload-ignore: %s", r == -E2BIG ? "there are too many patterns" : strerror(-r)) : 0;
}

int upload_prepare(UploadList *l) {
        Walk w = { .list = l };
        int r = 0;

        for (size_t i = 0; i < l->n_sources && r >= 0; i++) {
                UploadSource *s = l->sources + i;

                r = prepare_ignore(l, s);
                if (r >= 0)
                        r = s->contents ? prepare_contents(l, s) : prepare_named(l, s);
        }
        for (size_t i = 0; i < l->n_uploads && r >= 0; i++)
                r = upload_walk(l->uploads + i, &w, NULL, &l->bytes);
        if (w.n_left_out > COMPLAINTS_MAX)
                (void) log_error(0, "and %u more are left out", w.n_left_out - COMPLAINTS_MAX);
        return r;
}

/* The stream on its way. */
typedef struct Stream {
        int fd;
        uint64_t bytes, total;
        Progress progress;
} Stream;

static int stream_write(void *userdata, const void *data, size_t size) {
        Stream *s = userdata;

        while (size > 0) {
                ssize_t n = write(s->fd, data, size);

                if (n < 0)
                        return -errno;
                data = (const char*) data + n;
                size -= (size_t) n;
                s->bytes += (uint64_t) n;
                progress_update(&s->progress, s->bytes, s->total);
        }
        return 0;
}

/* Called in a process of its own, right before its end. After a failure the stream has no end mark, by which its reader
 * knows. */
static int pack(const UploadList *l, int fd) {
        _cleanup_(tar_writer_done) TarWriter writer = TAR_WRITER_NULL;
        Stream s = { .fd = fd, .total = l->bytes, .progress.label = "Uploading" };
        Walk w = { .list = l, .progress = &s.progress };
        int r;

        r = tar_writer_init(&writer, stream_write, &s);
        if (r < 0)
                return log_oom();
        for (size_t i = 0; i < l->n_uploads && r >= 0; i++)
                r = upload_walk(l->uploads + i, &w, &writer, NULL);
        if (r >= 0)
                r = tar_writer_end(&writer);
        progress_clear(&s.progress);
        return r;
}

int upload_start(const UploadList *l, int *ret_fd, pid_t *ret_pid) {
        pid_t pid;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return log_error(-errno, "cannot make a pipe: %m");
        pid = fork();
        if (pid < 0) {
                (void) safe_close(fds[0]);
                (void) safe_close(fds[1]);
                return log_error(-errno, "cannot start packing the files: %m");
        }
        if (pid == 0) {
                (void) safe_close(fds[0]);
                (void) signal(SIGPIPE, SIG_IGN); /* the job ended before it had all files */
                (void) signal(SIGINT, SIG_IGN);  /* meant for the job, which then takes no more */
                (void) signal(SIGQUIT, SIG_IGN);
                (void) signal(SIGTERM, SIG_IGN);
                (void) signal(SIGHUP, SIG_IGN); /* a job that outlives the terminal wants its files */
                (void) message_take(); /* what is held is the parent's */
                r = pack(l, fds[1]);
                message_release();
                _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }

        (void) safe_close(fds[1]);
        *ret_fd = fds[0];
        *ret_pid = pid;
        return 0;
}
