/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The connection to the system bus: opened when first needed, one per process. jobletd may be restarted
 * at any moment; calls that find it gone are repeated for a while (see bus_call()), so that nobody
 * notices. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "cleanup.h"

#define BUS_NAME "org.joblet"
#define BUS_PATH "/org/joblet"
#define MANAGER_INTERFACE "org.joblet.Manager1"
#define JOB_INTERFACE "org.joblet.Job1"
#define RUNTIME_INTERFACE "org.joblet.Runtime1"

#define ERROR_NO_SUCH_JOB "org.joblet.Error.NoSuchJob"
#define ERROR_COMMAND_NOT_FOUND "org.joblet.Error.CommandNotFound"
#define ERROR_COMMAND_NOT_EXECUTABLE "org.joblet.Error.CommandNotExecutable"

static inline void message_cleanup(sd_bus_message **m) {
        sd_bus_message_unref(*m);
}

#define _cleanup_message_ _cleanup_(message_cleanup)
#define _cleanup_bus_error_ _cleanup_(sd_bus_error_free)

/* The connection, or a negative errno without a message. */
int bus_acquire(sd_bus **ret);
void bus_close(void);

/* A call of a method of jobletd. Returns 0, or a negative errno after a message. */
int bus_call_new(const char *path, const char *interface, const char *member, sd_bus_message **ret);

/* Makes the call, asks for authorization where jobletd wants it and the user can be asked, waits for the
 * reply as long as it takes. The caller prints the error: bus_error_print(). */
int bus_call(sd_bus_message *m, sd_bus_error *reterr, sd_bus_message **ret_reply);

/* A copy of a call on the present connection; descriptors are duplicated. Without a message. */
int bus_call_copy(sd_bus_message *m, bool interactive, sd_bus_message **ret);

/* Says in one line why a call failed; returns error. */
int bus_error_print(const sd_bus_error *e, int error);

/* Whether a failed call may succeed when repeated: jobletd or the bus went away. Once it has been there,
 * its name having no owner is no reason to give up. */
bool bus_error_is_transient(const sd_bus_error *e, int error);
/* jobletd has answered, or has been lost while answering. */
void bus_was_reached(void);
/* Whether to ask the user and repeat; starts an agent on the terminal if there is none. */
bool bus_error_wants_authorization(const sd_bus_error *e);

/* Waiting between two tries, up to about ten seconds in all. */
typedef struct BusRetry {
        uint64_t deadline; /* CLOCK_MONOTONIC, µs; 0 before the first */
        uint64_t pause;
} BusRetry;

/* Sleeps and returns true, or false when it has been long enough. Drops the connection if it is broken. */
bool bus_retry(BusRetry *b);
