/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What job.c, the way up, and job-end.c, the way down, need of each other. */

#include "job.h"

void job_save(Job *j);
/* The final record. If it cannot be written now (the file system may be full of what the job itself wrote) it
 * is tried again, and what the job left stays until then. */
void job_save_end(Job *j);

JobLive* job_live_free(JobLive *l);
DEFINE_CLEANUP(JobLive*, job_live_free);

void job_drop_relay(Job *j);
void job_drop_call(Job *j);
void job_drop_start(Job *j);

/* Answers the call that submitted the job, once: with the job, or with an error if its command never ran. */
void job_answer_run(Job *j);

/* job-wait.c: those that wait for the end */
void job_answer_waiters(Job *j);
void job_drop_waiters(Job *j);

/* Ends a job that has no unit, or none that could be set up; or one that is stopped before. */
void job_fail_setup(Job *j, const char *text);
void job_conclude_unstarted(Job *j);

/* Makes sure that nothing of the unit is left, and then settles the job. */
void job_stop_unit(Job *j);
/* The same for a unit of which nothing is left. */
void job_on_stopped(Job *j, bool unit_is_loaded);
