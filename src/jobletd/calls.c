/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include "calls.h"
#include "log.h"
#include "share.h"

#define TIMEOUT_USEC (90 * USEC_PER_SEC)
#define OVERDUE_USEC (TIMEOUT_USEC + 30 * USEC_PER_SEC)
#define RETRY_USEC (1 * USEC_PER_SEC)

struct Call {
        Calls *calls; /* NULL once it is answered */
        Call *previous, *next;
        Place *place;
        bool may_be_sent;
        sd_bus_message *message;          /* until it is sent */
        sd_bus_slot *slot;                /* from then on */
        uint64_t sent_usec;               /* CLOCK_MONOTONIC */
        sd_bus_message_handler_t handler; /* NULL: given up */
        void *userdata;
        bool owned; /* somebody will free it */
};

struct Calls {
        sd_bus *bus;
        Share *share;
        Call *first; /* all that are not answered, in no order */
        sd_event_source *retry;
};

/* It does not wait for anything any more. */
static void unlink_call(Call *call) {
        Calls *c = call->calls;

        if (call->previous)
                call->previous->next = call->next;
        else
                c->first = call->next;
        if (call->next)
                call->next->previous = call->previous;
        call->calls = NULL;
        call->place = place_free(call->place);
}

static void destroy(Call *call) {
        sd_bus_slot_unref(call->slot);
        sd_bus_message_unref(call->message);
        free(call);
}

Call* call_free(Call *call) {
        if (!call)
                return NULL;
        call->owned = false;
        call->handler = NULL;
        if (call->calls && !call->message)
                return NULL; /* under way: on_reply() frees it */
        if (call->calls)
                unlink_call(call);
        destroy(call);
        return NULL;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Call *call = userdata;
        sd_bus_message_handler_t handler = call->handler;
        void *handler_userdata = call->userdata;

        unlink_call(call);
        if (!call->owned)
                destroy(call);
        return handler ? handler(reply, handler_userdata, error) : 1;
}

static int retry_later(Calls *c) {
        int r;

        r = sd_event_source_set_time_relative(c->retry, RETRY_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(c->retry, SD_EVENT_ONESHOT);
}

static uint64_t monotonic_now(const Calls *c) {
        uint64_t usec = 0;

        (void) sd_event_now(sd_bus_get_event(c->bus), CLOCK_MONOTONIC, &usec);
        return usec;
}

static void send_call(void *userdata) {
        Call *call = userdata;
        int r;

        call->may_be_sent = true;
        r = sd_bus_call_async(call->calls->bus, &call->slot, call->message, on_reply, call, TIMEOUT_USEC);
        if (r >= 0) {
                call->message = sd_bus_message_unref(call->message);
                call->sent_usec = monotonic_now(call->calls);
                return;
        }
        log_warning_errno(r, "Failed to call systemd, trying again: %m");
        r = retry_later(call->calls);
        if (r < 0)
                log_error_errno(r, "Failed to go on with the calls to systemd: %m");
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Calls *c = userdata;

        for (Call *call = c->first; call; call = call->next)
                if (call->may_be_sent && call->message)
                        send_call(call);
        return 0;
}

bool calls_are_overdue(const Calls *c) {
        for (const Call *call = c->first; call; call = call->next)
                if (!call->message && monotonic_now(c) > call->sent_usec + OVERDUE_USEC)
                        return true;
        return false;
}

int calls_add(Calls *c, uid_t owner, sd_bus_message *m, sd_bus_message_handler_t handler, void *userdata, Call **ret) {
        Call *call = malloc(sizeof *call);
        int r;

        if (!call)
                return -ENOMEM;
        *call = (Call) {
                .calls = c,
                .next = c->first,
                .message = sd_bus_message_ref(m),
                .handler = handler,
                .userdata = userdata,
                .owned = ret,
        };
        if (c->first)
                c->first->previous = call;
        c->first = call;
        r = share_wait(c->share, owner, 1, send_call, call, &call->place);
        if (r < 0) {
                unlink_call(call);
                destroy(call);
                return r;
        }
        if (ret)
                *ret = call;
        return 0;
}

int calls_new(sd_bus *bus, Calls **ret) {
        Calls *c = malloc(sizeof *c);
        int r;

        if (!c)
                return -ENOMEM;
        *c = (Calls) { .bus = sd_bus_ref(bus) };
        r = share_new(&(ShareLimits) { CALLS_MAX, CALLS_OF_UID_MAX, UINT64_MAX }, &c->share);
        if (r >= 0)
                r = sd_event_add_time_relative(sd_bus_get_event(bus), &c->retry, CLOCK_MONOTONIC, 0, 1, on_retry, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->retry, SD_EVENT_OFF);
        if (r < 0) {
                calls_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

Calls* calls_free(Calls *c) {
        if (!c)
                return NULL;
        share_close(c->share);
        while (c->first) {
                Call *call = c->first;

                unlink_call(call);
                destroy(call);
        }
        share_free(c->share);
        sd_event_source_disable_unref(c->retry);
        sd_bus_unref(c->bus);
        free(c);
        return NULL;
}
