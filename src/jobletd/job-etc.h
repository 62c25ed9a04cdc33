/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The /etc of jobs on the host's /usr: a directory below /run/joblet that all of them see, with those files of the
 * host's /etc that programs need and that say nothing of the host's people, and with what is particular to jobs. One
 * mount for all of it; whole directories are mounted into it each (see plan-mounts.c), since they change by themselves. */

#include <stdbool.h>
#include <sys/stat.h>

#define JOB_ETC_FILES_MAX 32U

/* What a file of the host's was when it was taken over. */
typedef struct JobEtcSource {
        struct stat link, file;
        bool known; /* it was there, and perhaps could be taken over */
} JobEtcSource;

typedef struct JobEtc {
        int host_fd; /* /etc */
        int fd;      /* /run/joblet/etc */
        JobEtcSource sources[JOB_ETC_FILES_MAX];
        struct stat host; /* /etc itself, when directories was made */
        char **directories; /* names of those to be mounted, which the host has */
        char *hostname;
        bool complete; /* what is particular to jobs is there */
} JobEtc;

#define JOB_ETC_NULL (JobEtc) { .host_fd = -1, .fd = -1 }

/* Makes it of the directory host (/etc), in that of run_fd (/run/joblet). Returns 0 or a negative errno. Where nothing can be
 * written it is completed later: a daemon that can start no job can still tell of those that there are. */
int job_etc_open(JobEtc *e, const char *host, int run_fd);
void job_etc_close(JobEtc *e);

/* Takes over what has changed on the host since; to be called before each start. What cannot be taken over is logged
 * and left as it was. Returns a negative errno if it lacks what no job can do without. */
int job_etc_refresh(JobEtc *e);
