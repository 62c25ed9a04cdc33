/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "child.h"
#include "log.h"
#include "operation.h"
#include "strv.h"

struct Operation {
        Manager *manager; /* not a reference */
        sd_bus_message *call;
        sd_bus_track *track; /* of the client */
        Place *place;
        Child *child; /* not ours; there until we are told of its end */
        int result_fd; /* a file in memory, the program's standard output */
        OperationFunction done;
        void *userdata;
};

static Share *share;

bool operation_is_under_way(void) {
        return share && share_held(share) > 0;
}

static Operation* operation_free(Operation *o) {
        if (!o)
                return NULL;
        place_free(o->place);
        sd_bus_message_unref(o->call);
        sd_bus_track_unref(o->track);
        safe_close(o->result_fd);
        free(o);
        return NULL;
}
DEFINE_CLEANUP(Operation*, operation_free);

static int read_result(int fd, char **ret) {
        _cleanup_free_ char *text = calloc(1, OPERATION_RESULT_MAX + 1);
        ssize_t n;

        if (!text)
                return -ENOMEM;
        n = pread(fd, text, OPERATION_RESULT_MAX, 0);
        if (n < 0)
                return -errno;
        *ret = TAKE_PTR(text);
        return 0;
}

/* "ok", or "error ERRNO"; what follows is on the next lines. */
static int parse_result(char *text, const char **ret_rest) {
        char *rest = strchr(text, '\n'), *end;
        long error;

        if (!rest)
                return -EPROTO;
        *rest++ = 0;
        *ret_rest = rest;
        if (strcmp(text, "ok") == 0)
                return 0;
        if (strncmp(text, "error ", strlen("error ")) != 0)
                return -EPROTO;
        rest[strcspn(rest, "\n")] = 0;
        error = strtol(text + strlen("error "), &end, 10);
        return *end || error <= 0 || error > 4095 ? -EPROTO : -(int) error;
}

static void on_exit_of_program(const siginfo_t *si, void *userdata) {
        _cleanup_(operation_freep) Operation *o = userdata;
        _cleanup_free_ char *text = NULL;
        const char *rest = "";
        int r;

        o->place = place_free(o->place);
        r = read_result(o->result_fd, &text);
        if (r >= 0)
                r = parse_result(text, &rest);
        if (r == -EPROTO || (r >= 0 && (si->si_code != CLD_EXITED || si->si_status != 0))) {
                log_warning("joblet-package ended without a result (%s %d)",
                            si->si_code == CLD_EXITED ? "exit code" : "signal", si->si_status);
                r = -EPROTO;
                rest = "the program that does the work was ended before it was done; see journalctl -u joblet.service";
        }
        o->done(o->manager, o->call, r, rest, o->userdata);
}

static int on_client_gone(sd_bus_track *track, void *userdata) {
        Operation *o = userdata;

        child_terminate(o->child);
        return 0;
}

static int make_arguments(char *const *words, bool progress, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        int r;

        r = strv_extend(&argv, PKGLIBEXECDIR "/joblet-package");
        for (char *const *w = words; r >= 0 && *w; w++)
                r = strv_extend(&argv, *w);
        if (r >= 0 && progress)
                r = strv_extend(&argv, "--progress");
        if (r >= 0)
                *ret = TAKE_PTR(argv);
        return r;
}

static int track_client(Operation *o) {
        int r;

        r = sd_bus_track_new(o->manager->bus, &o->track, on_client_gone, o);
        return r < 0 ? r : sd_bus_track_add_sender(o->track, o->call);
}

/* What nobody called for is root's. */
static int take_place(Manager *m, sd_bus_message *call, bool follow_up, Place **ret) {
        uid_t uid = 0;
        int r;

        r = share ? 0 : share_new(&(ShareLimits) { OPERATIONS_MAX, OPERATIONS_OF_UID_MAX, 0 }, &share);
        if (r >= 0 && follow_up)
                return share_take_over(share, 0, 1, ret);
        if (r >= 0 && call)
                r = authority_sender_uid(m->authority, call, &uid);
        return r < 0 ? r : share_take(share, uid, 1, ret);
}

int operation_check(Manager *m, sd_bus_message *call) {
        _cleanup_(place_freep) Place *place = NULL;

        return take_place(m, call, /* follow_up= */ false, &place);
}

int operation_start(Manager *m, const OperationStart *start) {
        _cleanup_(operation_freep) Operation *o = NULL;
        _cleanup_strv_free_ char **argv = NULL;
        int r;

        r = make_arguments(start->words, start->progress_fd >= 0, &argv);
        if (r < 0)
                return r;
        o = malloc(sizeof *o);
        if (!o)
                return -ENOMEM;
        *o = (Operation) { .manager = m, .call = sd_bus_message_ref(start->call), .done = start->done, .userdata = start->userdata, .result_fd = -EBADF };
        r = take_place(m, start->call, start->follow_up, &o->place);
        if (r < 0)
                return r;
        o->result_fd = memfd_create("joblet-package", MFD_CLOEXEC);
        if (o->result_fd < 0)
                return -errno;
        r = start->call && !start->keep ? track_client(o) : 0;
        if (r < 0)
                return r;

        r = child_spawn(m->event, argv,
                        (const ChildFd[]) { { start->input_fd, STDIN_FILENO },
                                           { o->result_fd, STDOUT_FILENO },
                                           { start->progress_fd, 3 } },
                        3, on_exit_of_program, o, &o->child);
        if (r < 0)
                return log_error_errno(r, "Failed to start %s: %m", argv[0]);
        TAKE_PTR(o);
        return 0;
}
