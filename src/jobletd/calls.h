/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls to PID 1. dbus-daemon allows a connection 128 calls without a reply and refuses the others. So
 * there is one budget for all of them, shared fairly by the users whose jobs they are for, and a queue for
 * what exceeds it. The units that are being started are fewer, see starts_max(): nothing that ends a job
 * waits behind them. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

#define CALLS_MAX 56U        /* with 64 questions to polkit, see authority.c, a few are left for the rest */
#define CALLS_OF_UID_MAX 40U /* so that the calls for one user's jobs never take all of them */

typedef struct Calls Calls;
typedef struct Call Call;

int calls_new(sd_bus *bus, Calls **ret);
Calls* calls_free(Calls *c);

/* Whether one under way has had neither a reply nor its timeout when it must have. */
bool calls_are_overdue(const Calls *c);

/* Sends m when its turn has come. The handler is one of sd_bus_call_async(). The caller owns *ret, also
 * when it is answered; with ret NULL nobody can give the call up. */
int calls_add(Calls *c, uid_t owner, sd_bus_message *m, sd_bus_message_handler_t handler, void *userdata, Call **ret);

/* Nobody waits for the reply any more. A call that was sent keeps its place until there is one. */
Call* call_free(Call *call);
