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
        Child *child; /* not ours; there until we are told of its end */
        int result_fd; /* a file in memory, the program's standard output */
        OperationFunction done;
        void *userdata;
};

static unsigned n_operations;

unsigned operation_count(void) {
        return n_operations;
}

static Operation* operation_free(Operation *o) {
        if (!o)
                return NULL;
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

        n_operations--;
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

int operation_start(Manager *m, const OperationStart *start) {
        _cleanup_(operation_freep) Operation *o = NULL;
        _cleanup_strv_free_ char **argv = NULL;
        int r;

        if (n_operations >= OPERATIONS_MAX && !start->follow_up)
                return -EBUSY;
        r = make_arguments(start->words, start->progress_fd >= 0, &argv);
        if (r < 0)
                return r;
        o = malloc(sizeof *o);
        if (!o)
                return -ENOMEM;
        *o = (Operation) { .manager = m, .call = sd_bus_message_ref(start->call), .done = start->done, .userdata = start->userdata };
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
        n_operations++;
        TAKE_PTR(o);
        return 0;
}
