/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Facts about this host that a plan depends on. */

#include <systemd/sd-bus.h>

#include "plan.h"
#include "settings.h"

/* Fills in the policy from the host, the running manager (asked over the bus) and the settings. Blocks. */
int host_policy(sd_bus *bus, const Settings *settings, Policy *ret);
/* The settings alone: when they were read again. */
void policy_set(Policy *p, const Settings *settings);
void policy_done(Policy *p);
