/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A client learns from the relay that its command has ended, a moment before the job is settled here. A call that needs the
 * job to be over and comes in that moment is kept until it is, instead of being refused for what is no longer true when the
 * refusal is read. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "manager.h"

/* Does what an authorized call asks for. Returns 0 without having done anything if nothing but jobs that have ended and are not
 * settled yet is in its way; where it may not wait, these are like all others. Else as handlers of sd-bus do. */
typedef int (*SettlingHandler)(Manager *m, sd_bus_message *call, bool may_wait, sd_bus_error *error);

/* Handles a call now, or when jobs are settled; not later than in ten seconds, whatever they do. */
int settling_handle(Manager *m, sd_bus_message *call, SettlingHandler handler, sd_bus_error *error);

/* A job is settled, or gone. */
void settling_go_on(Manager *m);

/* Somebody has left the bus: nobody waits for an answer any more. */
void settling_forget(Manager *m, const char *sender);
void settling_forget_all(Manager *m);
