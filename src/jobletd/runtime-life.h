/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How runtimes come and go while jobs run. A job has the directories of its runtime mounted: what is deleted in them is deleted
 * for the job as well. So a tree is only ever renamed, and deleted when no job has it any more. Beside the runtimes of
 * a language lie, out of sight of the store:
 *
 *      .#NAME.new.RANDOM       is being unpacked
 *      .#NAME.replaced.ID.N    was replaced when ID was the number of the last job: later jobs have the new one
 *      .#NAME.removed.ID.N     was removed, is being deleted
 *
 * What a killed predecessor left is found by these names at the start of the daemon. */

#include "manager.h"

/* Running jobs of the runtime, up to the given id; *ret_list becomes "42, 43" for a message, with at most
 * ten. */
unsigned runtime_count_jobs(const Manager *m, const char *language, const char *name, uint64_t id_max, char **ret_list);

/* Whether jobs of the runtime are not settled yet, but all of them have ended. */
bool runtime_is_settling(const Manager *m, const char *language, const char *name);

/* Whether a job of the runtime is just being started, so that its mounts may not be complete yet. */
bool runtime_is_starting(const Manager *m, const char *language, const char *name);

/* While a new tree waits for these jobs, more of them would keep it waiting, and perhaps be started with half of each: the call
 * that would start one is kept, and handled anew when the tree is in its place. Returns 1 if it is, 0 if it can go on. */
int runtime_hold_call(const char *runtime_id, uid_t uid, sd_bus_message *run);

/* Puts what was unpacked into its place, and what was there aside. Returns 0 or a negative errno with
 * nothing changed. */
int runtime_put_in_place(Manager *m, const char *language, const char *name, const char *staging);

/* Takes a runtime out of its place, which needs no job of it to run; *ret_removed is its new name beside
 * it. */
int runtime_take_away(Manager *m, const char *language, const char *name, char **ret_removed);

/* Removes the directory of a language that has become empty. */
void runtime_forget_language(const char *language);

/* Deletes what nobody uses any more; unfinished: also what is unpacked just now, since nobody does that. */
void runtimes_sweep(Manager *m, bool unfinished);

/* A job has ended. */
void runtimes_job_ended(Manager *m);
