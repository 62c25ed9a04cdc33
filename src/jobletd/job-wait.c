/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls of Wait() and Describe() that are answered when the job has ended. Each is in two lists: its job's, and
 * that of all, which is gone through when somebody leaves the bus. */

#include <errno.h>
#include <string.h>

#include "bus.h"
#include "health.h"
#include "job-internal.h"

#define WAITERS_MAX 256U /* of one job */

struct Waiter {
        Manager *manager;
        Job *job;
        Waiter *previous, *next; /* of all */
        Waiter *job_next;        /* of the job */
        sd_bus_message *message;
};

static Waiter* waiter_free(Waiter *w) {
        Job *j = w->job;

        for (Waiter **p = &j->live->waiters; *p; p = &(*p)->job_next)
                if (*p == w) {
                        *p = w->job_next;
                        break;
                }
        j->live->n_waiters--;
        if (w->previous)
                w->previous->next = w->next;
        else
                w->manager->waiters = w->next;
        if (w->next)
                w->next->previous = w->previous;
        sd_bus_message_unref(w->message);
        free(w);
        return NULL;
}

int job_add_waiter(Job *j, sd_bus_message *m) {
        Waiter *w;

        if (j->phase == JOB_SETTLED)
                return job_send_record(j, m);
        if (sd_bus_message_get_expect_reply(m) == 0)
                return 1; /* nobody waits */
        if (j->live->n_waiters >= WAITERS_MAX || (j->live->n_waiters > 0 && descriptors_are_scarce()))
                return -EBUSY;
        w = malloc(sizeof *w);
        if (!w)
                return -ENOMEM;
        *w = (Waiter) {
                .manager = j->manager,
                .job = j,
                .next = j->manager->waiters,
                .job_next = j->live->waiters,
                .message = sd_bus_message_ref(m),
        };
        if (w->next)
                w->next->previous = w;
        j->manager->waiters = w;
        j->live->waiters = w;
        j->live->n_waiters++;
        return 1;
}

void job_answer_waiters(Job *j) {
        while (j->live->waiters) {
                sd_bus_message *m = j->live->waiters->message;
                int r = job_send_record(j, m);

                if (r < 0)
                        bus_reply_failure(m, r);
                waiter_free(j->live->waiters);
        }
}

void job_drop_waiters(Job *j) {
        while (j->live->waiters)
                waiter_free(j->live->waiters);
}

void waiters_forget(Manager *m, const char *sender) {
        for (Waiter *w = m->waiters, *next; w; w = next) {
                const char *s = sd_bus_message_get_sender(w->message);

                next = w->next;
                if (s && strcmp(s, sender) == 0)
                        waiter_free(w);
        }
}
