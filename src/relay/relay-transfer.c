/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#include "matches.h"
#include "packer.h"
#include "relay.h"
#include "strv.h"
#include "text.h"
#include "unpack.h"

#define PROBLEMS_MAX 20U
#define TRAILER_MAX (1024U * 1024U)

static ssize_t upload_read(void *userdata, void *buffer, size_t size) {
        Relay *r = userdata;
        ssize_t n;
        int q;

        q = relay_wait(r, r->go.upload_fd, POLLIN);
        if (q < 0)
                return q;
        n = read(r->go.upload_fd, buffer, size);
        return n < 0 ? -errno : n;
}

/* The client may fill up its last block with zeros: it should not find its pipe closed. */
static void read_trailer(Relay *r) {
        char buffer[4096];

        for (size_t n = 0; n < TRAILER_MAX; n += sizeof(buffer))
                if (upload_read(r, buffer, sizeof(buffer)) <= 0)
                        return;
}

int transfer_upload(Relay *r, char **reterr_message) {
        _cleanup_(tar_reader_done) TarReader reader = TAR_READER_NULL;
        int q;

        if (r->work_fd < 0)
                return message_set(reterr_message, 125, "cannot open %s to unpack the upload",
                                   work_directory());
        q = tar_reader_init(&reader, upload_read, r);
        if (q < 0)
                return q;
        q = unpack(&reader, r->work_fd, r->go.upload_max, reterr_message);
        if (q >= 0)
                read_trailer(r);
        r->go.upload_fd = safe_close(r->go.upload_fd);
        return q;
}

typedef struct Download {
        Relay *relay;
        TarWriter writer;
        size_t index; /* of the path that is being packed */
        char **problems;
        unsigned n_problems; /* more than there are lines, if need be */
} Download;

static void download_done(Download *d) {
        tar_writer_done(&d->writer);
        strv_free(d->problems);
}

static int download_write(void *userdata, const void *data, size_t size) {
        Relay *r = ((Download*) userdata)->relay;

        while (size > 0) {
                ssize_t n;
                int q;

                q = relay_wait(r, r->go.download_fd, POLLOUT);
                if (q < 0)
                        return q;
                n = write(r->go.download_fd, data, size);
                if (n < 0) {
                        if (errno == EAGAIN)
                                continue;
                        return -errno;
                }
                data = (const char*) data + n;
                size -= (size_t) n;
        }
        return 0;
}

static void download_problem(Download *d, const char *path, const char *why) {
        if (d->n_problems++ >= PROBLEMS_MAX)
                return;
        relay_log(d->relay, LOG_WARNING, "not in the download, or not all of it: %s: %s", path, why);
        /* Without memory the client hears of it all the same, but not what it was. */
        (void) strv_extendf(&d->problems, "%s: %s", path, why);
}

static int on_problem(void *userdata, PackProblem problem, const char *name, const char *why) {
        const char *path = strchr(name, '/');

        download_problem(userdata, path ? path + 1 : name, why);
        return 0;
}

/* The last entry for a path, for the client to tell: what of it could not be packed. */
static int download_tell_problems(Download *d) {
        _cleanup_free_ char *text = NULL, *name = NULL;
        TarEntry e = { .type = TAR_FILE, .mode = 0600 };
        int q;

        if (d->n_problems == 0)
                return 0;
        if (d->n_problems > PROBLEMS_MAX && strv_extendf(&d->problems, "and %u more", d->n_problems - PROBLEMS_MAX) < 0)
                return -ENOMEM;
        text = strv_join(d->problems, "\n");
        if (!text || asprintf(&name, "%s/%zu", TRANSFER_PROBLEMS, d->index) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        e.name = name;
        e.size = strlen(text);
        q = tar_writer_header(&d->writer, &e);
        if (q >= 0)
                q = tar_writer_data(&d->writer, text, e.size);
        d->problems = strv_free(d->problems);
        d->n_problems = 0;
        return q;
}

static void download_dangling(Download *d, const char *path) {
        _cleanup_free_ char *why = NULL;
        char target[PATH_MAX];
        ssize_t n = readlink(path, target, sizeof(target) - 1);

        target[n < 0 ? 0 : n] = 0;
        if (asprintf(&why, "it is a link to '%s', which is not in the job", target) < 0)
                why = NULL;
        download_problem(d, path, why ?: strerror(ENOMEM));
}

/* A name in the stream: for "." and "..", the name of that directory. */
static int match_name(const Download *d, const char *path, char **ret) {
        const char *base = path_base(path);
        _cleanup_free_ char *resolved = NULL;

        if (!*base || strcmp(base, "/") == 0 || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) {
                resolved = realpath(path, NULL);
                base = resolved && resolved[1] ? path_base(resolved) : "root";
        }
        return asprintf(ret, "%zu/%s", d->index, base) < 0 ? -ENOMEM : 0;
}

static int download_match(Download *d, const char *path) {
        Packer packer = { .writer = &d->writer, .problem = on_problem, .userdata = d };
        _cleanup_free_ char *name = NULL;
        int q;

        q = match_name(d, path, &name);
        if (q < 0) {
                name = NULL;
                return q;
        }
        q = packer_add(&packer, path, name, /* follow= */ true);
        packer_done(&packer);
        if (q == -ENOLINK)
                download_dangling(d, path);
        return q == -ENOLINK || q == -ENOENT ? 0 : q;
}

static int download_one(Download *d, const char *pattern) {
        _cleanup_(matches_done) Matches matches = {};
        int q = matches_find(pattern, &matches);

        if (q == -E2BIG || q == -EINVAL)
                download_problem(d, pattern, q == -E2BIG ? "it matches too many files" : "it is no pattern");
        else if (q < 0)
                return q;
        else if (matches.n == 0) /* the client sees that nothing came */
                relay_log(d->relay, LOG_WARNING, "not in the download: %s: %s", pattern, strerror(ENOENT));
        for (size_t i = 0; i < matches.n; i++) {
                const char *path = matches.paths[i], *before = i > 0 ? matches.paths[i - 1] : NULL;

                if (before && strcmp(path_base(path), path_base(before)) == 0) {
                        download_problem(d, path, "another one that matches has the same name");
                        continue;
                }
                q = download_match(d, path);
                if (q < 0)
                        return q;
        }
        return download_tell_problems(d);
}

void transfer_download(Relay *r) {
        _cleanup_(download_done) Download d = { .relay = r, .writer = TAR_WRITER_NULL };
        int q;

        (void) fcntl(r->go.download_fd, F_SETFL, fcntl(r->go.download_fd, F_GETFL) | O_NONBLOCK);
        if (r->work_fd >= 0 && fchdir(r->work_fd) < 0) {
                relay_log(r, LOG_ERR, "nothing was downloaded: cannot enter %s: %s", work_directory(),
                          strerror(errno));
                return;
        }

        q = tar_writer_init(&d.writer, download_write, &d);
        for (char **pattern = r->go.download; q >= 0 && pattern && *pattern; pattern++, d.index++)
                q = download_one(&d, *pattern);
        if (q >= 0)
                q = tar_writer_end(&d.writer);
        /* Without its end mark the client knows that the archive is not complete. */
        if (q < 0 && q != -EPIPE)
                relay_log(r, LOG_ERR, "the download broke off: %s",
                          q != -ECANCELED ? strerror(-q) :
                          r->terminated ? "the time between SIGTERM and SIGKILL is over" : "it was interrupted");
}
