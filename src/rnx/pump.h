/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bytes from one descriptor to another, unchanged, without ever waiting: the caller polls. Inherited
 * descriptors are shared with the shell, so their flags are left alone; splice() and send() are told not
 * to wait each time instead. A terminal, where neither holds, is opened once more. */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

typedef struct Pump {
        int from, to;       /* -EBADF: finished */
        bool from_is_ours;  /* a pipe made by us, not blocking, closed at the end; else the same is true of "to" */
        bool no_splice;     /* found not to work between these two */
        bool to_is_socket;
        int own_to;         /* "to" opened once more, so as not to wait for a terminal; else -EBADF */
        bool to_may_block;  /* where poll() promises room for no more than a page */
        bool from_may_block; /* after poll() has seen input, one reading is safe, a second is not */
        bool ready;         /* something is there to be read: wait for room in "to" */
        bool read_failed;   /* the error is of reading, not of writing */
        bool enlarged;
        uint64_t moved;
        char *buffer;       /* what was read and not yet written, where splice() does not work */
        size_t start, end;
} Pump;

/* From our pipe to an inherited descriptor, or the other way. */
void pump_init_output(Pump *p, int pipe_fd, int to);
void pump_init_input(Pump *p, int from, int pipe_fd);
/* Closes our end. */
void pump_close(Pump *p);

static inline bool pump_is_open(const Pump *p) {
        return p->from >= 0;
}

/* Fills in what to wait for; returns how many of the two are used. */
size_t pump_poll(const Pump *p, struct pollfd ret[static 2]);

/* Moves what can be moved after poll() has filled in fds. Closes the pump at the end of input. Returns 1
 * while there is more to come, 0 at the end, -EPIPE if nobody reads "to" any more, or another errno of
 * reading or writing; it is closed then. */
int pump_run(Pump *p, const struct pollfd *fds, size_t n_fds);
