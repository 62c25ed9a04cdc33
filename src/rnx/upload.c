/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "rnx.h"
#include "tree.h"
#include "upload.h"

static void upload_done(Upload *u) {
        free(u->path);
        free(u->name);
}

void upload_list_done(UploadList *l) {
        for (size_t i = 0; i < l->n_uploads; i++)
                upload_done(l->uploads + i);
        free(l->uploads);
        *l = (UploadList) {};
}

static int count_one(const TreeEntry *e, void *userdata) {
        UploadList *l = userdata;

        if (S_ISREG(e->st->st_mode))
                l->bytes += (uint64_t) e->st->st_size;
        return 0;
}

/* Takes ownership of path and name, also on failure. */
static int list_append(UploadList *l, const char *option, char *path, char *name, bool follow) {
        Upload *grown, u = { .option = option, .path = path, .name = name, .follow = follow };
        int r;

        if (!path || !name) {
                upload_done(&u);
                return log_oom();
        }
        for (size_t i = 0; i < l->n_uploads; i++)
                if (strcmp(l->uploads[i].name, name) == 0) {
                        r = log_error(-EEXIST, "%s=%s: '%s' and '%s' would both be /work/%s in the job",
                                      option, path, l->uploads[i].path, path, name);
                        upload_done(&u);
                        return r;
                }

        r = tree_walk(option, path, name, follow, count_one, l);
        if (r < 0) {
                upload_done(&u);
                return r;
        }
        grown = reallocarray(l->uploads, l->n_uploads + 1, sizeof(*grown));
        if (!grown) {
                upload_done(&u);
                return log_oom();
        }
        l->uploads = grown;
        grown[l->n_uploads++] = u;
        return 0;
}

int upload_add(UploadList *l, const char *path) {
        _cleanup_free_ char *clean = strdup(path), *resolved = NULL;
        const char *base;
        size_t n;

        if (!clean)
                return log_oom();
        if (!*path)
                return log_error(-EINVAL, "--upload=: needs the path of a file or a directory");
        for (n = strlen(clean); n > 1 && clean[n - 1] == '/';)
                clean[--n] = 0;
        base = strrchr(clean, '/');
        base = base ? base + 1 : clean;

        /* "." and "..": the name is that of the directory. */
        if (strcmp(base, ".") == 0 || strcmp(base, "..") == 0) {
                resolved = realpath(clean, NULL);
                if (!resolved)
                        return log_error(-errno, "--upload=%s: %s", path, strerror(errno));
                base = strrchr(resolved, '/') + 1;
        }
        if (!*base)
                return log_error(-EINVAL, "--upload=%s: has no name of its own, use --upload-dir", path);
        return list_append(l, "--upload", TAKE_PTR(clean), strdup(base), true);
}

int upload_add_contents(UploadList *l, const char *path) {
        _cleanup_closedir_ DIR *d = opendir(path);
        int r;

        if (!d)
                return log_error(-errno, "--upload-dir=%s: %s", path, strerror(errno));

        for (;;) {
                char *inner = NULL;
                struct dirent *e;

                errno = 0;
                e = readdir(d);
                if (!e)
                        break;
                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                if (asprintf(&inner, "%s/%s", path, e->d_name) < 0)
                        inner = NULL;
                r = list_append(l, "--upload-dir", inner, strdup(e->d_name), false);
                if (r < 0)
                        return r;
        }
        if (errno != 0)
                return log_error(-errno, "--upload-dir=%s: %s", path, strerror(errno));
        return 0;
}

int upload_start(const UploadList *l, int *ret_fd, pid_t *ret_pid) {
        pid_t pid;
        int fds[2];

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
                _exit(pack(l, fds[1]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }

        (void) safe_close(fds[1]);
        *ret_fd = fds[0];
        *ret_pid = pid;
        return 0;
}
