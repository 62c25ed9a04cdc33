/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who may do what. Every method that does something names one polkit action, or two; properties cannot ask, and are
 * for the owner and root. Root may do everything. The subject of a check is the sender's bus name, which cannot be
 * recycled, never a process id. */

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#define ACTION_VIEW "org.joblet.view"
#define ACTION_RUN "org.joblet.run"
#define ACTION_USE_HOST_NETWORK "org.joblet.use-host-network"
#define ACTION_MANAGE_OWN_JOBS "org.joblet.manage-own-jobs"
#define ACTION_MANAGE_JOBS "org.joblet.manage-jobs"
#define ACTION_MANAGE_RUNTIMES "org.joblet.manage-runtimes"

typedef struct Authority Authority;

int authority_new(sd_bus *bus, Authority **ret);
Authority* authority_free(Authority *a);

/* The user id of whoever sent m. Returns 0, or -ENXIO if that has gone. */
int authority_sender_uid(Authority *a, sd_bus_message *m, uid_t *ret);
/* Whoever had this name on the bus has gone. */
void authority_forget_sender(Authority *a, const char *name);

/* Whether the sender of m may do action; details ("key", "value", ..., NULL) are shown in the prompt and
 * to the administrator's rules. Returns 1 if so, a negative errno with error set if not, or if polkit does not
 * tell; 0 if polkit has to be asked first: the handler must then return 1 without a reply and without having changed anything, and is
 * called again for the same message when the answer is there. Several actions may be checked for one
 * message, one after the other. Questions are asked in turns: nobody waits for those of one other user. */
int authority_check(Authority *a, sd_bus_message *m, const char *action, const char *const *details,
                    sd_bus_error *error);
/* The same for a message of about so many bytes, which is kept until there is an answer. */
int authority_check_large(Authority *a, sd_bus_message *m, size_t size, const char *action,
                          const char *const *details, sd_bus_error *error);
