/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What all users share, so that nobody can take it away from the others: a number of places, of which
 * one user may hold only a part. Who finds none free may wait for one; then it is not first come, first
 * served: a place that gets free goes to the user who holds the fewest, and among those it goes round. So a
 * thousand requests of one user delay another's by one place at most, not by a thousand.
 *
 * Used for jobs that live, starts, calls to PID 1, questions to polkit, and workspaces that are removed. No
 * bus, no event loop. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"

typedef struct Share Share;
typedef struct Place Place;

typedef struct ShareLimits {
        uint64_t places, places_of_uid;   /* held at one time */
        uint64_t waiting_of_uid;          /* in line */
} ShareLimits;

int share_new(const ShareLimits *limits, Share **ret);
/* All places must have been given back. */
Share* share_free(Share *s);

/* Takes a place, or several if what it is for counts for more, or none. Returns 0, -EDQUOT if this user has
 * too many, -EBUSY if there are too many, -ENOMEM. */
int share_take(Share *s, uid_t uid, uint64_t weight, Place **ret);
/* The same whatever the limits say: for what is there already. */
int share_take_over(Share *s, uid_t uid, uint64_t weight, Place **ret);
/* Takes a place as soon as there is one: granted() is called once, perhaps before this returns, unless the
 * place is given back before. Returns 0, -EDQUOT if this user waits too often, -ENOMEM. */
int share_wait(Share *s, uid_t uid, uint64_t weight, void (*granted)(void *userdata), void *userdata, Place **ret);

/* From now on nothing is granted to those that wait. */
void share_close(Share *s);

/* Gives a place back, or waits no longer. Accepts NULL, returns NULL. */
Place* place_free(Place *p);
DEFINE_CLEANUP(Place*, place_free);

uint64_t share_held(const Share *s);
uint64_t share_held_by(const Share *s, uid_t uid);
/* How much of this user waits. */
uint64_t share_waiting_of(const Share *s, uid_t uid);
