/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What jobs have left is removed by children of ours: a big tree, or a deep one, takes long, and the event loop must
 * go on. How many at one time is shared by the users whose jobs they were, so that nobody's trees keep the others'. */

#include <sys/types.h>
#include <systemd/sd-event.h>

/* Removes the directory name below parent_fd, which stays open as long as the daemon, in time. uid: whose it is, by
 * whatever number; those of one are removed a few at a time. Returns 0 also if that it is gone already. */
int tree_removal_add(sd_event *event, int parent_fd, const char *name, uid_t uid);
