/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Our objects on the bus; each interface has a file of its own. */

#include "manager.h"

int bus_register(Manager *m);

/* Answers a call that was kept, if a better answer failed: whoever calls is answered, whatever happens. */
void bus_reply_failure(sd_bus_message *call, int error);

int manager_bus_register(Manager *m);
int job_bus_register(Manager *m);
int runtime_bus_register(Manager *m);
int runtime_manage_bus_register(Manager *m);

/* /org/joblet/runtime/ID for a runtime, escaped. */
int runtime_path(const char *id, char **ret);
/* A runtime has come, and one has gone: said after it is so. */
void runtime_emit_added(Manager *m, const char *id);
void runtime_emit_removed(Manager *m, const char *id);
/* What of the runtime run would refuse on this host, here and now, becomes its problem. Returns 0 or -ENOMEM. */
int runtime_judge(Manager *m, Runtime *runtime);
void runtime_view_drop(Manager *m);
