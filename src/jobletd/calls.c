/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include "calls.h"
#include "log.h"

#define TIMEOUT_USEC (90 * USEC_PER_SEC)
#define OVERDUE_USEC (TIMEOUT_USEC + 30 * USEC_PER_SEC)
#define RETRY_USEC (1 * USEC_PER_SEC)

struct Call {
        Calls *calls; /* NULL once it is answered */
        Call *previous, *next;
        sd_bus_message *message;          /* until it is sent */
        sd_bus_slot *slot;                /* from then on */
        uint64_t sent_usec;               /* CLOCK_MONOTONIC */
        sd_bus_message_handler_t handler; /* NULL: given up */
        void *userdata;
        bool owned; /* somebody will free it */
};

struct Calls {
        sd_bus *bus;
        Call *first, *last; /* in the order in which they came: those under way before those that wait */
        Call *first_waiting;
        unsigned n_under_way, n_waiting;
        void (*on_room)(void *userdata);
        void *userdata;
        sd_event_source *turn;
};

static void unlink_call(Call *call) {
        Calls *c = call->calls;

        if (c->first_waiting == call)
                c->first_waiting = call->next;
        if (call->previous)
                call->previous->next = call->next;
        else
                c->first = call->next;
        if (call->next)
                call->next->previous = call->previous;
        else
                c->last = call->previous;
        if (call->message)
                c->n_waiting--;
        else
                c->n_under_way--;
        call->calls = NULL;
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

/* Looks after the queue from the event loop, never from within a handler. */
static void take_turn(Calls *c, uint64_t delay_usec) {
        int r;

        r = sd_event_source_set_time_relative(c->turn, delay_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error_errno(r, "Failed to go on with the calls to systemd: %m");
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Call *call = userdata;
        sd_bus_message_handler_t handler = call->handler;
        void *handler_userdata = call->userdata;

        take_turn(call->calls, 0);
        unlink_call(call);
        if (!call->owned)
                destroy(call);
        return handler ? handler(reply, handler_userdata, error) : 1;
}

static uint64_t monotonic_now(const Calls *c) {
        uint64_t usec = 0;

        (void) sd_event_now(sd_bus_get_event(c->bus), CLOCK_MONOTONIC, &usec);
        return usec;
}

static void send_waiting(Calls *c) {
        int r;

        while (c->first_waiting && c->n_under_way < CALLS_MAX) {
                Call *call = c->first_waiting;

                r = sd_bus_call_async(c->bus, &call->slot, call->message, on_reply, call, TIMEOUT_USEC);
                if (r < 0) {
                        log_warning_errno(r, "Failed to call systemd, trying again: %m");
                        take_turn(c, RETRY_USEC);
                        return;
                }
                call->message = sd_bus_message_unref(call->message);
                call->sent_usec = monotonic_now(c);
                c->first_waiting = call->next;
                c->n_waiting--;
                c->n_under_way++;
        }
}

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata) {
        Calls *c = userdata;

        send_waiting(c);
        if (calls_may_start(c))
                c->on_room(c->userdata);
        return 0;
}

bool calls_may_start(const Calls *c) {
        return !c->first_waiting && c->n_under_way < CALLS_START_MAX;
}

unsigned calls_waiting(const Calls *c) {
        return c->n_waiting;
}

bool calls_are_overdue(const Calls *c) {
        return c->n_under_way > 0 && monotonic_now(c) > c->first->sent_usec + OVERDUE_USEC;
}

int calls_add(Calls *c, sd_bus_message *m, sd_bus_message_handler_t handler, void *userdata, Call **ret) {
        Call *call = malloc(sizeof *call);

        if (!call)
                return -ENOMEM;
        *call = (Call) {
                .calls = c,
                .previous = c->last,
                .message = sd_bus_message_ref(m),
                .handler = handler,
                .userdata = userdata,
                .owned = ret,
        };
        if (c->last)
                c->last->next = call;
        else
                c->first = call;
        c->last = call;
        c->n_waiting++;
        if (ret)
                *ret = call;
        if (!c->first_waiting) {
                c->first_waiting = call;
                send_waiting(c);
        }
        return 0;
}

int calls_new(sd_bus *bus, void (*on_room)(void *userdata), void *userdata, Calls **ret) {
        Calls *c = malloc(sizeof *c);
        int r;

        if (!c)
                return -ENOMEM;
        *c = (Calls) { .bus = sd_bus_ref(bus), .on_room = on_room, .userdata = userdata };
        r = sd_event_add_time_relative(sd_bus_get_event(bus), &c->turn, CLOCK_MONOTONIC, 0, 1, on_turn, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->turn, SD_EVENT_OFF);
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
        while (c->first) {
                Call *call = c->first;

                unlink_call(call);
                destroy(call);
        }
        sd_event_source_disable_unref(c->turn);
        sd_bus_unref(c->bus);
        free(c);
        return NULL;
}
