/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The manager owns all jobs and what they share. Its jobs are sorted by id, which is the order in which
 * they came. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "authority.h"
#include "calls.h"
#include "settings.h"
#include "job-files.h"
#include "plan.h"
#include "share.h"
#include "store.h"

typedef struct Job Job;
typedef struct Waiter Waiter;
typedef struct KeptCall KeptCall;

#define JOBS_LIVE_MAX 3000U           /* below the 4096 streams that journald serves up to systemd 257, with two per job in mind: see LIVE_PER_OWNER_MAX */
#define JOBS_LIVE_PER_OWNER_MAX 1000U
#define JOBS_SIZE_MAX (256U << 20) /* bytes of commands and environments of jobs that wait for their start */
#define JOBS_SIZE_PER_OWNER_MAX (64U << 20)

typedef struct Manager {
        sd_event *event;
        sd_bus *bus;
        Authority *authority;
        Calls *calls;
        Share *live;      /* jobs that are not settled yet */
        Share *sizes;     /* bytes of the commands and environments that are kept until the command runs */
        Share *starts;    /* units that PID 1 sets up */
        Store *store;

        Settings settings;
        Policy policy;
        char *version; /* of the running systemd, as it says itself */

        JobFiles files;
        int records_fd; /* /var/lib/joblet/jobs */
        sd_event_source *save_timer; /* see jobs_save_again() */

        Job **jobs;
        size_t n_jobs;
        Waiter *waiters;      /* see job-wait.c */
        KeptCall *kept_calls; /* see settling.h */
        uint64_t last_id;
        uint64_t id_ceiling;  /* what /var/lib/joblet/next-id says */

        struct RuntimeView *runtime_view; /* what the call being handled sees of runtimes, see runtime-bus.c */
} Manager;

/* Opens everything that needs no bus, then the bus; loads the records. */
int manager_new(Manager **ret);
Manager* manager_free(Manager *m);
DEFINE_CLEANUP(Manager*, manager_free);

/* Compares records and units, and goes on from there. */
int manager_startup(Manager *m);
/* Reads the settings again; what runs keeps those that it has. Returns 0, or a negative errno with the old ones kept. */
int manager_reload(Manager *m);
/* Ends in order: what is only in memory is written. */
void manager_shutdown(Manager *m);

Job* manager_find_job(Manager *m, uint64_t id);
/* The newest job of owner that was submitted with this request id. */
Job* manager_find_request(Manager *m, uid_t owner, const char *request_id);

/* Takes a number that no job has ever had. */
int manager_allocate_id(Manager *m, uint64_t *ret);

int manager_add_job(Manager *m, Job *j);
void manager_remove_job(Manager *m, Job *j);

uint64_t now_realtime(void);
uint64_t now_monotonic(void);
