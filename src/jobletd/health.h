/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Feeds the watchdog of joblet.service, but only while the daemon can do its work. One whose event loop turns and that
 * cannot start a job any more is worth less than a fresh one: jobs do not mind a restart. */

#include "calls.h"

typedef struct Health Health;

/* *ret is NULL where systemd asks for no watchdog. */
int health_watch(sd_event *event, const Calls *calls, Health **ret);
Health* health_free(Health *h);
DEFINE_CLEANUP(Health*, health_free);

/* Whether so many descriptors are open that none must be kept for whoever has some kept already. Messages bring them, also
 * such as nothing in the message refers to, so they cannot be counted by user. */
bool descriptors_are_scarce(void);
