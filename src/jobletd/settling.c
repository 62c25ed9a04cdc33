/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "settling.h"

#define WAIT_USEC (10 * USEC_PER_SEC)
/* Calls that are kept; what is beyond is answered at once. */
#define KEPT_MAX 128U
#define KEPT_OF_UID_MAX 16U

struct KeptCall {
        KeptCall *next;
        Manager *manager;
        sd_bus_message *call;
        uid_t uid;
        SettlingHandler handler;
        sd_event_source *again; /* a job is settled */
        sd_event_source *timer; /* it has waited long enough */
};

static KeptCall* kept_call_free(KeptCall *k) {
        if (!k)
                return NULL;
        for (KeptCall **p = &k->manager->kept_calls; *p; p = &(*p)->next)
                if (*p == k) {
                        *p = k->next;
                        break;
                }
        sd_event_source_disable_unref(k->again);
        sd_event_source_disable_unref(k->timer);
        sd_bus_message_unref(k->call);
        free(k);
        return NULL;
}
DEFINE_CLEANUP(KeptCall*, kept_call_free);

static void handle_again(KeptCall *k, bool may_wait) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = k->handler(k->manager, k->call, may_wait, &error);

        if (r == 0)
                return;
        if (sd_bus_error_is_set(&error))
                (void) sd_bus_reply_method_error(k->call, &error);
        else if (r < 0)
                bus_reply_failure(k->call, r);
        kept_call_free(k);
}

static int on_again(sd_event_source *source, void *userdata) {
        handle_again(userdata, /* may_wait= */ true);
        return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        handle_again(userdata, /* may_wait= */ false);
        return 0;
}

static bool is_full(const Manager *m, uid_t uid) {
        unsigned n = 0, n_of_uid = 0;

        for (const KeptCall *k = m->kept_calls; k; k = k->next) {
                n++;
                n_of_uid += k->uid == uid;
        }
        return n >= KEPT_MAX || n_of_uid >= KEPT_OF_UID_MAX;
}

static int keep(Manager *m, sd_bus_message *call, uid_t uid, SettlingHandler handler) {
        _cleanup_(kept_call_freep) KeptCall *k = malloc(sizeof *k);
        int r;

        if (!k)
                return -ENOMEM;
        *k = (KeptCall) { .next = m->kept_calls, .manager = m, .call = sd_bus_message_ref(call), .uid = uid, .handler = handler };
        m->kept_calls = k;
        r = sd_event_add_defer(m->event, &k->again, on_again, k);
        if (r >= 0)
                r = sd_event_source_set_enabled(k->again, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(m->event, &k->timer, CLOCK_MONOTONIC, WAIT_USEC, 0, on_time, k);
        if (r < 0)
                return r;
        TAKE_PTR(k);
        return 1;
}

int settling_handle(Manager *m, sd_bus_message *call, SettlingHandler handler, sd_bus_error *error) {
        uid_t uid;
        int r;

        r = authority_sender_uid(m->authority, call, &uid);
        if (r < 0)
                return r;
        r = handler(m, call, !is_full(m, uid), error);
        return r != 0 ? r : keep(m, call, uid, handler);
}

/* Not at once: whoever settles a job is in the middle of something. */
void settling_go_on(Manager *m) {
        for (KeptCall *k = m->kept_calls; k; k = k->next)
                (void) sd_event_source_set_enabled(k->again, SD_EVENT_ONESHOT);
}

void settling_forget(Manager *m, const char *sender) {
        for (KeptCall *k = m->kept_calls, *next; k; k = next) {
                const char *s = sd_bus_message_get_sender(k->call);

                next = k->next;
                if (s && strcmp(s, sender) == 0)
                        kept_call_free(k);
        }
}

void settling_forget_all(Manager *m) {
        while (m->kept_calls)
                kept_call_free(m->kept_calls);
}
