/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#include "pack.h"
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
        char **problems;
        unsigned n_problems; /* more than there are lines, if need be */
} Download;

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

static void download_problem(void *userdata, const char *name, const char *why) {
        Download *d = userdata;
        const char *path = strchr(name, '/');

        path = path ? path + 1 : name;
        if (d->n_problems++ >= PROBLEMS_MAX)
                return;
        relay_log(d->relay, LOG_WARNING, "not in the download, or not all of it: %s: %s", path, why);
        /* Without memory the client hears of it all the same, but not what it was. */
        (void) strv_extendf(&d->problems, "%s: %s", path, why);
}

/* The last entry, for the client to tell: what could not be packed. */
static int download_problems(Download *d, TarWriter *writer) {
        _cleanup_free_ char *text = NULL;
        TarEntry e = { .type = TAR_FILE, .name = (char*) TRANSFER_PROBLEMS, .mode = 0600 };
        int q;

        if (d->n_problems == 0)
                return 0;
        if (d->n_problems > PROBLEMS_MAX && strv_extendf(&d->problems, "and %u more", d->n_problems - PROBLEMS_MAX) < 0)
                return -ENOMEM;
        text = strv_join(d->problems, "\n");
        if (!text)
                return -ENOMEM;
        e.size = strlen(text);
        q = tar_writer_header(writer, &e);
        return q < 0 ? q : tar_writer_data(writer, text, e.size);
}

/* The last component of a path, whatever its spelling. */
static int base_name(const char *path, char **ret) {
        _cleanup_free_ char *copy = strdup(path), *resolved = NULL;
        char *base;
        size_t n;

        if (!copy)
                return -ENOMEM;
        for (n = strlen(copy); n > 1 && copy[n - 1] == '/';)
                copy[--n] = 0;
        base = strrchr(copy, '/');
        base = base ? base + 1 : copy;
        if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) {
                resolved = realpath(path, NULL);
                base = resolved ? strrchr(resolved, '/') + 1 : NULL;
        }
        *ret = strdup(base && *base ? base : "root");
        return *ret ? 0 : -ENOMEM;
}

static int download_one(Download *d, TarWriter *writer, size_t index, const char *path) {
        _cleanup_free_ char *base = NULL, *name = NULL;
        int q;

        q = base_name(path, &base);
        if (q < 0)
                return q;
        if (asprintf(&name, "%zu/%s", index, base) < 0)
                return -ENOMEM;
        q = pack(writer, path, name, download_problem, d);
        if (q != -ENOENT)
                return q;
        /* The client sees that nothing came for this index. */
        relay_log(d->relay, LOG_WARNING, "not in the download: %s: %s", path, strerror(ENOENT));
        return 0;
}

void transfer_download(Relay *r) {
        _cleanup_(tar_writer_done) TarWriter writer = TAR_WRITER_NULL;
        Download d = { .relay = r };
        size_t index = 0;
        int q;

        (void) fcntl(r->go.download_fd, F_SETFL, fcntl(r->go.download_fd, F_GETFL) | O_NONBLOCK);
        if (r->work_fd >= 0 && fchdir(r->work_fd) < 0) {
                relay_log(r, LOG_ERR, "nothing was downloaded: cannot enter %s: %s", work_directory(),
                          strerror(errno));
                return;
        }

        q = tar_writer_init(&writer, download_write, &d);
        for (char **path = r->go.download; q >= 0 && path && *path; path++)
                q = download_one(&d, &writer, index++, *path);
        if (q >= 0)
                q = download_problems(&d, &writer);
        if (q >= 0)
                q = tar_writer_end(&writer);
        strv_free(d.problems);
        /* Without its end mark the client knows that the archive is not complete. */
        if (q < 0 && q != -EPIPE)
                relay_log(r, LOG_ERR, "the download broke off: %s",
                          q == -ECANCELED ? "the job is being stopped" : strerror(-q));
}
