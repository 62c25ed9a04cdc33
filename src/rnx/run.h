/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What "rnx run" was told: the request for jobletd, and what the client does itself. */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "cleanup.h"

#include "request.h"
#include "upload.h"

typedef struct Download {
        char *shown;    /* its path in the job, as given */
        char *pattern;  /* ... as the bus takes it, see job-pattern.h */
        char *last;     /* ... the last component of its canonical form */
        bool many;      /* it has wildcards: all that matches goes into the directory */
        int parent_fd;  /* directory here that it goes to */
        char *name;     /* its name there; NULL if there may be many */
} Download;

typedef struct Run {
        Request *request;
        char **environment;  /* collected until the end of the options */
        UploadList uploads;
        Download *downloads;
        size_t n_downloads;
        bool detach;
        bool no_stdin;
        bool dry_run;
        bool kill_on_exit;
} Run;

/* Descriptors that go to jobletd; -EBADF where there is none. Kept until the job is accepted, since the
 * call may have to be repeated. */
typedef struct RunFds {
        int stdin_fd, stdout_fd, stderr_fd, control_fd, upload_fd, download_fd;
} RunFds;

#define RUN_FDS_NULL (RunFds) { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF }

void run_fds_close(RunFds *fds);

/* A call of Run() or Plan(). fds may be NULL. 0, or a negative errno without a message. */
int run_message(const Run *run, const RunFds *fds, const char *member, sd_bus_message **ret);

/* For who tells of a job that was never made. */
const char* run_name(void);
bool run_is_detached(void);

/* Says why Run() failed. Returns what to exit with: 126 and 127 are the command's fault, else error. */
int run_error_print(const sd_bus_error *e, int error);

/* The two ways of running. Return the exit status or a negative errno after a message. */
int run_attached(const Run *run);
int run_detached(const Run *run);
