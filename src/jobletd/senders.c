/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bus-error.h"
#include "bus.h"
#include "health.h"
#include "log.h"
#include "senders.h"

#define HELD_MAX 256U       /* messages of one sender */
#define HELD_WHEN_SCARCE 4U /* while descriptors are scarce */
#define TRIES_MAX 5U
#define TRY_USEC (2 * USEC_PER_SEC)

typedef struct Sender {
        struct Sender *next;
        Senders *senders;
        char *name;
        uid_t uid;
        bool known;
        unsigned n_tries;
        sd_bus_slot *slot;     /* of the question under way */
        sd_bus_message **held; /* until there is an answer */
        size_t n_held;
} Sender;

struct Senders {
        sd_bus *bus;
        sd_bus_slot *filter;
        Sender *first;
};

static Sender* sender_free(Sender *s) {
        if (!s)
                return NULL;
        for (Sender **p = &s->senders->first; *p; p = &(*p)->next)
                if (*p == s) {
                        *p = s->next;
                        break;
                }
        sd_bus_slot_unref(s->slot);
        for (size_t i = 0; i < s->n_held; i++)
                sd_bus_message_unref(s->held[i]);
        free(s->held);
        free(s->name);
        free(s);
        return NULL;
}

static Sender* find(const Senders *senders, const char *name) {
        Sender *s = senders->first;

        while (s && strcmp(s->name, name) != 0)
                s = s->next;
        return s;
}

static int ask(Sender *s);

/* In the order in which they came, with their handlers or with an error. */
static void release(Sender *s, int error) {
        for (size_t i = 0; i < s->n_held; i++) {
                sd_bus_message *m = s->held[i];
                int r = error < 0 ? error : sd_bus_enqueue_for_read(s->senders->bus, m);

                if (r < 0)
                        bus_reply_failure(m, r);
                sd_bus_message_unref(m);
        }
        free(s->held);
        s->held = NULL;
        s->n_held = 0;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Sender *s = userdata;
        uint32_t uid;
        int r;

        s->slot = sd_bus_slot_unref(s->slot);
        r = sd_bus_message_is_method_error(reply, NULL) ? -sd_bus_message_get_errno(reply) :
                sd_bus_message_read(reply, "u", &uid);
        if (r == -ETIMEDOUT && s->n_tries < TRIES_MAX)
                r = ask(s);
        else if (r >= 0) {
                s->uid = uid;
                s->known = true;
                release(s, 0);
        }
        if (r < 0) { /* mostly since it has gone */
                release(s, r);
                sender_free(s);
        }
        return 1;
}

static int ask(Sender *s) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        s->n_tries++;
        r = sd_bus_message_new_method_call(s->senders->bus, &m, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                           "org.freedesktop.DBus", "GetConnectionUnixUser");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", s->name);
        return r < 0 ? r : sd_bus_call_async(s->senders->bus, &s->slot, m, on_answer, s, TRY_USEC);
}

static int sender_new(Senders *senders, const char *name, Sender **ret) {
        Sender *s = malloc(sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        *s = (Sender) { .senders = senders, .name = strdup(name), .next = senders->first };
        senders->first = s;
        r = s->name ? ask(s) : -ENOMEM;
        if (r < 0)
                sender_free(s);
        else
                *ret = s;
        return r;
}

static int hold(Sender *s, sd_bus_message *m) {
        sd_bus_message **larger;

        if (s->n_held >= HELD_MAX || (s->n_held >= HELD_WHEN_SCARCE && descriptors_are_scarce()))
                return -EBUSY;
        larger = reallocarray(s->held, s->n_held + 1, sizeof *larger);
        if (!larger)
                return -ENOMEM;
        s->held = larger;
        s->held[s->n_held++] = sd_bus_message_ref(m);
        return 1;
}

/* Sees each message before its handler. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name = sd_bus_message_get_sender(m);
        Senders *senders = userdata;
        Sender *s;
        int r;

        if (!name || sd_bus_message_is_method_call(m, NULL, NULL) <= 0)
                return 0;
        s = find(senders, name);
        if (s && s->known)
                return 0;
        r = s ? 0 : sender_new(senders, name, &s);
        if (r >= 0)
                r = hold(s, m);
        if (r == -EBUSY)
                return sd_bus_reply_method_errorf(m, ERROR_LIMITS_EXCEEDED, "too many calls of yours came at once; try again later");
        if (r < 0)
                bus_reply_failure(m, r);
        return 1;
}

int senders_new(sd_bus *bus, Senders **ret) {
        Senders *s = malloc(sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        *s = (Senders) { .bus = sd_bus_ref(bus) };
        r = sd_bus_add_filter(bus, &s->filter, on_message, s);
        if (r < 0)
                senders_free(s);
        else
                *ret = s;
        return r;
}

Senders* senders_free(Senders *s) {
        if (!s)
                return NULL;
        while (s->first)
                sender_free(s->first);
        sd_bus_slot_unref(s->filter);
        sd_bus_unref(s->bus);
        free(s);
        return NULL;
}

int senders_find(const Senders *senders, const char *name, uid_t *ret) {
        const Sender *s = name ? find(senders, name) : NULL;

        if (!s || !s->known)
                return -ENXIO;
        *ret = s->uid;
        return 0;
}

void senders_forget(Senders *senders, const char *name) {
        Sender *s = find(senders, name);

        if (s)
                sender_free(s);
}
