/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "job.h"
#include "log.h"
#include "operation.h"
#include "package-plan.h"
#include "runtime-life.h"
#include "runtime-name.h"
#include "strv.h"

#define LISTED_MAX 10U
#define AWAY_TRIES_MAX 1000U

static bool sweep_wanted; /* trees that were replaced wait for jobs to end */

/* Two languages may have one name: a record has what tells them apart, if it is not from before. Without memory nobody
 * knows, and yes is the answer that breaks nothing. */
static bool record_uses(const Record *r, const char *language, const char *name) {
        _cleanup_free_ char *called = NULL;

        if (!r->runtime)
                return false;
        if (r->runtime_id)
                return runtime_name_id(language, name, &called) < 0 || strcmp(r->runtime_id, called) == 0;
        return runtime_name_display(language, name, &called) < 0 || strcmp(r->runtime, called) == 0;
}

unsigned runtime_count_jobs(const Manager *m, const char *language, const char *name, uint64_t id_max, char **ret_list) {
        _cleanup_strv_free_ char **ids = NULL;
        unsigned n = 0;

        for (size_t i = 0; i < m->n_jobs && m->jobs[i]->record->id <= id_max; i++) {
                const Job *j = m->jobs[i];

                if (!job_is_live(j) || !record_uses(j->record, language, name))
                        continue;
                if (n++ < LISTED_MAX)
                        (void) strv_extendf(&ids, "%" PRIu64, j->record->id);
        }
        if (n > LISTED_MAX)
                (void) strv_extend(&ids, "...");
        if (ret_list)
                *ret_list = strv_join(ids, ", ");
        return n;
}

bool runtime_is_settling(const Manager *m, const char *language, const char *name) {
        bool settling = false;

        for (size_t i = 0; i < m->n_jobs; i++) {
                const Job *j = m->jobs[i];

                if (!job_is_live(j) || !record_uses(j->record, language, name))
                        continue;
                if (!job_is_settling(j))
                        return false;
                settling = true;
        }
        return settling;
}

bool runtime_is_starting(const Manager *m, const char *language, const char *name) {
        for (size_t i = m->n_jobs; i > 0 && share_held(m->live) > 0; i--) {
                const Job *j = m->jobs[i - 1];

                if ((j->phase == JOB_WAITING || j->phase == JOB_STARTING) && record_uses(j->record, language, name))
                        return true;
        }
        return false;
}

static int open_language(const char *language) {
        _cleanup_free_ char *path = NULL;
        int fd;

        if (asprintf(&path, RUNTIMES_PATH "/%s", language) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Renames a tree to the first free ".#NAME.KIND.ID.N". */
static int move_away(Manager *m, int fd, const char *from, const char *name, const char *kind, char **ret) {
        for (unsigned n = 0; n < AWAY_TRIES_MAX; n++) {
                _cleanup_free_ char *to = NULL;

                if (asprintf(&to, ".#%s.%s.%" PRIu64 ".%u", name, kind, m->last_id, n) < 0) {
                        to = NULL;
                        return -ENOMEM;
                }
                if (renameat2(fd, from, fd, to, RENAME_NOREPLACE) >= 0) {
                        if (ret)
                                *ret = TAKE_PTR(to);
                        return 0;
                }
                if (errno != EEXIST)
                        return -errno;
        }
        return -EEXIST;
}

/* Where the file system cannot exchange two names, there is none for a moment. */
static int replace(Manager *m, int fd, const char *name, const char *staging) {
        _cleanup_free_ char *old = NULL;
        int r;

        if (renameat2(fd, staging, fd, name, RENAME_EXCHANGE) >= 0)
                return move_away(m, fd, staging, name, "replaced", NULL);
        if (errno != EINVAL && errno != ENOSYS)
                return -errno;
        r = move_away(m, fd, name, name, "replaced", &old);
        if (r < 0)
                return r;
        if (renameat(fd, staging, fd, name) >= 0)
                return 0;
        r = -errno;
        (void) renameat(fd, old, fd, name);
        return r;
}

int runtime_put_in_place(Manager *m, const char *language, const char *name, const char *staging) {
        _cleanup_close_ int fd = open_language(language);
        int r;

        if (fd < 0)
                return fd;
        if (renameat2(fd, staging, fd, name, RENAME_NOREPLACE) < 0) {
                r = errno == EEXIST ? replace(m, fd, name, staging) : -errno;
                if (r < 0)
                        return r;
                sweep_wanted = true;
        }
        return 0;
}

int runtime_take_away(Manager *m, const char *language, const char *name, char **ret_removed) {
        _cleanup_close_ int fd = open_language(language);

        return fd < 0 ? fd : move_away(m, fd, name, name, "removed", ret_removed);
}

void runtime_forget_language(const char *language) {
        _cleanup_close_ int fd = open(RUNTIMES_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0)
                (void) unlinkat(fd, language, AT_REMOVEDIR);
}

/* What stands behind ".#NAME." in a name, or NULL if it is none of ours. */
static const char* leftover_kind(const char *entry, const char *kind) {
        _cleanup_free_ char *dotted = NULL;
        const char *found = NULL;

        if (strncmp(entry, ".#", 2) != 0 || asprintf(&dotted, ".%s.", kind) < 0)
                return NULL;
        /* The last one: names have dots, too. */
        for (const char *p = entry; (p = strstr(p, dotted)); p++)
                found = p;
        return found;
}

/* Sets *ret to whether an entry of the directory fd may go. */
static int check_leftover(Manager *m, int fd, const char *language, const char *entry, bool unfinished,
                          bool *ret) {
        const char *replaced = leftover_kind(entry, "replaced"), *end = replaced;
        _cleanup_free_ char *name = NULL;
        uint64_t id_max = UINT64_MAX;

        if (replaced)
                id_max = strtoull(replaced + strlen(".replaced."), NULL, 10);
        else if (unfinished)
                end = leftover_kind(entry, "new");
        if (!end) {
                *ret = unfinished && leftover_kind(entry, "removed");
                return 0;
        }
        name = strndup(entry + 2, (size_t) (end - entry - 2));
        if (!name)
                return -ENOMEM;
        *ret = runtime_count_jobs(m, language, name, id_max, NULL) == 0;
        if (*ret)
                return 0;
        sweep_wanted = true;
        /* A daemon that was killed between the two renames of replace() has left the old tree with the
         * name of the new one. */
        return replaced ? 0 : move_away(m, fd, entry, name, "replaced", NULL);
}

/* Collects what may go from one directory. */
static int find_leftovers(Manager *m, const char *language, bool unfinished, char ***ret) {
        _cleanup_closedir_ DIR *d = NULL;
        int fd = open_language(language);
        struct dirent *de;
        int r = 0;

        if (fd < 0)
                return fd;
        d = fdopendir(fd);
        if (!d) {
                safe_close(fd);
                return -ENOMEM;
        }
        while (r >= 0 && (de = readdir(d))) {
                bool may_go = false;

                r = check_leftover(m, dirfd(d), language, de->d_name, unfinished, &may_go);
                if (r >= 0 && may_go)
                        r = strv_extend(ret, de->d_name);
        }
        return r;
}

static void on_swept(Manager *m, sd_bus_message *call, int error, const char *text, void *userdata) {
        _cleanup_free_ char *language = userdata;

        if (error < 0)
                log_warning_errno(error, "Failed to delete a runtime that was replaced or removed, trying again at the next start: %m");
        runtime_forget_language(language);
}

static int sweep_language(Manager *m, const char *language, bool unfinished) {
        _cleanup_strv_free_ char **words = NULL, **names = NULL;
        _cleanup_free_ char *copy = strdup(language);
        int r;

        r = find_leftovers(m, language, unfinished, &names);
        if (r < 0 || !names)
                return r;
        r = strv_extend(&words, "remove");
        if (r >= 0)
                r = strv_extendf(&words, RUNTIMES_PATH "/%s", language);
        STRV_FOREACH(n, names)
                if (r >= 0)
                        r = strv_extend(&words, *n);
        if (r < 0 || !copy)
                return -ENOMEM;
        r = operation_start(m, &(OperationStart) { .words = words, .input_fd = -EBADF, .progress_fd = -EBADF, .done = on_swept, .userdata = copy });
        if (r >= 0)
                TAKE_PTR(copy);
        else
                sweep_wanted = true;
        return r;
}

void runtimes_sweep(Manager *m, bool unfinished) {
        _cleanup_closedir_ DIR *d = opendir(RUNTIMES_PATH);
        struct dirent *de;

        sweep_wanted = false;
        while (d && (de = readdir(d))) {
                int r = runtime_name_is_valid(de->d_name) ? sweep_language(m, de->d_name, unfinished) : 0;

                if (r < 0 && r != -ENOTDIR && r != -ELOOP)
                        log_warning_errno(r, "Failed to clean up in " RUNTIMES_PATH "/%s, ignoring: %m",
                                          de->d_name);
        }
}

void runtimes_job_ended(Manager *m) {
        if (sweep_wanted)
                runtimes_sweep(m, false);
}
