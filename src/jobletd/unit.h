/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Units of PID 1: one plan becomes one StartTransientUnit call, and back comes what became of it. All
 * calls are asynchronous and go through calls.h. Nobody subscribes to the
 * signals of all units: PID 1 sends JobRemoved for the jobs that a client queued itself. */

#include <systemd/sd-bus.h>

#include "calls.h"
#include "plan.h"

/* Starts the unit of plan with stdin_fd as standard input of its main process. The reply carries the
 * object path of the start job. */
int unit_start(sd_bus *bus, Calls *calls, const Plan *plan, int stdin_fd, sd_bus_message_handler_t callback,
               void *userdata, Call **ret);

/* Queues a stop job, whose removal says that no process of the unit is left. The reply is an error
 * (NoSuchUnit) if it is gone already. */
int unit_stop(sd_bus *bus, Calls *calls, uid_t owner, const char *unit, sd_bus_message_handler_t callback,
              void *userdata, Call **ret);

/* Makes PID 1 forget a failed unit; nobody waits for it. */
int unit_reset_failed(sd_bus *bus, const char *unit);

/* Reads all properties of one interface of a unit that is loaded; the reply carries a{sv}. */
int unit_get_all(sd_bus *bus, Calls *calls, uid_t owner, const char *unit, const char *interface,
                 sd_bus_message_handler_t callback, void *userdata, Call **ret);

/* The units of jobs that PID 1 knows: a(ssssssouso), as ListUnits(). Blocks: for the start of the daemon
 * only. */
int unit_list_jobs(sd_bus *bus, sd_bus_message **ret, sd_bus_error *error);

/* 42 for "joblet-job-42.service". Returns 0 or -EINVAL. */
int unit_name_to_id(const char *unit, uint64_t *ret);
