/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who sends us messages. The bus tells which user has a unique name; it is asked once for each, and the messages of a
 * sender come to their handlers when it has answered. Waiting for the answer would stop everything, for as long as it
 * takes: it can even get lost, when somebody fills our queue on the bus. */

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

typedef struct Senders Senders;

int senders_new(sd_bus *bus, Senders **ret);
Senders* senders_free(Senders *s);

/* The user of a sender, or -ENXIO if it has gone. */
int senders_find(const Senders *s, const char *name, uid_t *ret);
/* Whoever had this name has gone; it is never given to somebody else. */
void senders_forget(Senders *s, const char *name);
