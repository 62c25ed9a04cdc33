/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "log-reader.h"
#include "log.h"
#include "strv.h"

#define READERS_MAX 256U
#define READERS_OF_UID_MAX 32U

/* One that runs. */
typedef struct Reader {
        struct Reader *next;
        uint64_t job;
        uid_t uid;
        int end_fd; /* closed: the job is over */
} Reader;

static Reader *readers;

static Reader* reader_free(Reader *r) {
        if (r)
                safe_close(r->end_fd);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(Reader*, reader_free);

static void reader_remove(Reader *r) {
        for (Reader **p = &readers; *p; p = &(*p)->next)
                if (*p == r) {
                        *p = r->next;
                        break;
                }
        (void) reader_free(r);
}

void log_readers_end(uint64_t job) {
        for (Reader *r = readers; r; r = r->next)
                if (r->job == job)
                        r->end_fd = safe_close(r->end_fd);
}

/* A reader may wait for ever for a client that reads nothing: so nobody can have all of them. */
static int check_limits(uid_t uid) {
        unsigned n = 0, n_of_uid = 0;

        for (Reader *r = readers; r; r = r->next) {
                n++;
                n_of_uid += r->uid == uid;
        }
        return n >= READERS_MAX ? -EBUSY : uid != 0 && n_of_uid >= READERS_OF_UID_MAX ? -EDQUOT : 0;
}

static void on_reader_exit(const siginfo_t *si, void *userdata) {
        reader_remove(userdata);
        /* SIGPIPE is a reader whose client has seen enough */
        if (!(si->si_code == CLD_EXITED && si->si_status == 0) &&
            !(si->si_code == CLD_KILLED && si->si_status == SIGPIPE))
                log_warning("A reader of the journal failed (%s %d)",
                            si->si_code == CLD_EXITED ? "exit code" : "signal", si->si_status);
}

static int make_arguments(const LogQuery *q, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        int r;

        r = strv_extend(&argv, PKGLIBEXECDIR "/joblet-log");
        if (r >= 0)
                r = strv_extendf(&argv, "--unit=%s", q->unit);
        if (r >= 0 && q->invocation_id)
                r = strv_extendf(&argv, "--invocation=%s", q->invocation_id);
        if (r >= 0 && q->follow)
                r = strv_extend(&argv, "--follow");
        if (r >= 0 && q->wait)
                r = strv_extend(&argv, "--wait");
        if (r >= 0 && q->ended)
                r = strv_extend(&argv, "--ended");
        if (r >= 0 && q->ended && q->settled_usec > 0)
                r = strv_extendf(&argv, "--settled=%" PRIu64, q->settled_usec);
        if (r >= 0 && q->entries != UINT64_MAX)
                r = strv_extendf(&argv, "--entries=%" PRIu64, q->entries);
        if (r >= 0 && q->lines != UINT64_MAX)
                r = strv_extendf(&argv, "--lines=%" PRIu64, q->lines);
        if (r >= 0 && q->since_usec > 0)
                r = strv_extendf(&argv, "--since=%" PRIu64, q->since_usec);
        if (r >= 0 && q->after_cursor)
                r = strv_extendf(&argv, "--after-cursor=%s", q->after_cursor);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}

int log_reader_start(sd_event *event, const LogQuery *query, uint64_t job, uid_t uid, int *ret_log) {
        _cleanup_close_ int log_read = -EBADF, log_write = -EBADF, end_read = -EBADF, end_write = -EBADF;
        _cleanup_(reader_freep) Reader *reader = NULL;
        _cleanup_strv_free_ char **argv = NULL;
        int fds[2], r;

        r = check_limits(uid);
        if (r < 0)
                return r;
        r = make_arguments(query, &argv);
        if (r < 0)
                return r;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        log_read = fds[0];
        log_write = fds[1];
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        end_read = fds[0];
        end_write = fds[1];
        reader = malloc(sizeof *reader);
        if (!reader)
                return -ENOMEM;
        *reader = (Reader) { .job = job, .uid = uid, .end_fd = query->follow || query->wait ? TAKE_FD(end_write) : -EBADF };

        /* Standard input is the pipe that tells the end, standard output the one to the client. */
        r = child_spawn(event, argv, (const ChildFd []) {{ end_read, STDIN_FILENO }, { log_write, STDOUT_FILENO }}, 2,
                        on_reader_exit, reader, NULL);
        if (r < 0)
                return log_error_errno(r, "Failed to start %s: %m", argv[0]);
        reader->next = readers;
        readers = TAKE_PTR(reader);
        *ret_log = TAKE_FD(log_read);
        return 0;
}
