/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Our objects on the bus; each interface has a file of its own. */

#include "manager.h"

int bus_register(Manager *m);

int manager_bus_register(Manager *m);
int job_bus_register(Manager *m);
int runtime_bus_register(Manager *m);
int runtime_manage_bus_register(Manager *m);

/* /org/joblet/runtime/NAME for a runtime, escaped. */
int runtime_path(const char *name, char **ret);
