/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls to PID 1. dbus-daemon allows a connection 128 calls without a reply and refuses the others. So
 * there is one budget for all of them, and a queue for what exceeds it. What starts a job takes only a
 * part of the budget and is never queued: nothing that ends a job waits behind it. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

#define CALLS_MAX 56U       /* with 64 questions to polkit, see authority.c, a few places are left for the rest */
#define CALLS_START_MAX 48U /* with as many under way nothing is started */

typedef struct Calls Calls;
typedef struct Call Call;

/* on_room is called from the event loop when there may be room for a start again. */
int calls_new(sd_bus *bus, void (*on_room)(void *userdata), void *userdata, Calls **ret);
Calls* calls_free(Calls *c);

bool calls_may_start(const Calls *c);
/* How many have not been sent yet. */
unsigned calls_waiting(const Calls *c);

/* Whether one under way has had neither a reply nor its timeout when it must have. */
bool calls_are_overdue(const Calls *c);

/* Sends m when its turn has come. The handler is one of sd_bus_call_async(). The caller owns *ret, also
 * when it is answered; with ret NULL nobody can give the call up. */
int calls_add(Calls *c, sd_bus_message *m, sd_bus_message_handler_t handler, void *userdata, Call **ret);

/* Nobody waits for the reply any more. A call that was sent keeps its place until there is one. */
Call* call_free(Call *call);
