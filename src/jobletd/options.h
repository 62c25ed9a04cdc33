/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The a{sv} of options of Run() and Plan(), read and checked. */

#include <systemd/sd-bus.h>

#include "relay-protocol.h"
#include "request.h"

/* Reads "as" and "a{sv}" from m. Descriptors are duplicated into *ret_go; NULL refuses them. Returns 0; a
 * negative errno with error set: org.joblet.Error.InvalidOption with a sentence for the user. */
int options_read(sd_bus_message *m, const RequestDefaults *defaults, Request **ret, RelayGo *ret_go,
                 sd_bus_error *error);
