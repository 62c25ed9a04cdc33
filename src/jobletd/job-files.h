/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a job has in the file system, other than its record: a directory below /run/joblet/jobs/ for this
 * boot (passwd and group), its workspace, which it sees as /work, and the file for its
 * outcome. All of it is ours alone until the job runs; the workspace is given to the job's user, and
 * after that never walked while the job lives. */

#include <systemd/sd-event.h>
#include <sys/types.h>

#include "job-etc.h"
#include "plan.h"

typedef struct JobFiles {
        int run_fd;      /* /run/joblet/jobs */
        int work_fd;     /* /var/lib/joblet/work */
        int tmp_fd;      /* /var/lib/joblet/tmp */
        int outcomes_fd; /* /var/lib/joblet/outcomes */
        JobEtc etc;      /* /run/joblet/etc */
} JobFiles;

#define JOB_FILES_NULL (JobFiles) { -EBADF, -EBADF, -EBADF, -EBADF, JOB_ETC_NULL }

/* Creates and opens the directories. */
int job_files_open(JobFiles *f);
void job_files_close(JobFiles *f);

/* Makes all that the unit of plan mounts and reads. Returns 0 or a negative errno; undone by
 * job_files_remove(). */
int job_files_prepare(const JobFiles *f, const Plan *plan);

/* Gives the workspace to the user that systemd has chosen, and names it in the job's passwd and group. */
int job_files_give(const JobFiles *f, uint64_t id, uid_t uid, const char *user);

/* Opens a new outcome file for writing: a descriptor, or a negative errno. */
int job_files_open_outcome(const JobFiles *f, uint64_t id);
/* Reads it: 0, -ENOENT, or another negative errno. */
int job_files_read_outcome(const JobFiles *f, uint64_t id, char **ret);

/* Makes the socket at which a later daemon reaches the relay, for the relay: a descriptor, or a negative errno. */
int job_files_listen(uint64_t id);
/* Reaches it: a descriptor, or a negative errno. */
int job_files_connect(uint64_t id);

/* Removes everything but the outcome of a job of which no process is left. A workspace that is not empty is
 * removed by a child process; the job's files may be gone only after this returns. */
void job_files_remove(const JobFiles *f, sd_event *event, uint64_t id);
/* Once the record has it. */
void job_files_remove_outcome(const JobFiles *f, uint64_t id);

/* A sentence for what came of an attempt to write below /var/lib/joblet or /run/joblet: what is full, and the way
 * out. Returns 0 or -ENOMEM. */
int job_files_explain(int error, char **ret);

/* The ids after which the entries of a directory are named, in their order; other entries do not count. */
int job_files_list(int dir_fd, uint64_t **ret, size_t *ret_n);

/* Removes what jobs that are not wanted any more have left: wanted() says which live. */
int job_files_sweep(const JobFiles *f, sd_event *event, bool (*wanted)(uint64_t id, void *userdata),
                    void *userdata);
