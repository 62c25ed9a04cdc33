/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A check that polkit has to answer suspends the method call: the question is kept here, keyed by the
 * message, and when the answer arrives the message is put into the connection's queue of what was received, so
 * that its handler runs again from the top and finds the answer. Handlers therefore read and validate
 * first, then ask, then act. */

#include <errno.h>
#include <string.h>

#include "authority.h"
#include "bus-error.h"
#include "cleanup.h"
#include "health.h"
#include "senders.h"
#include "share.h"
#include "text.h"

/* Questions under way; those that exceed it wait for their turn. With dialogs and CALLS_MAX they stay below the 128
 * calls that dbus-daemon lets a connection have. */
#define QUESTIONS_MAX 32U
#define QUESTIONS_OF_UID_MAX 8U
/* Questions that may wait for a person, or for an agent of hers that never answers: nobody can have all of them. */
#define DIALOGS_MAX 32U
#define DIALOGS_OF_UID_MAX 4U
/* Bytes of the messages that are kept meanwhile. */
#define PENDING_MAX (256U << 20)
#define PENDING_OF_UID_MAX (64U << 20)
#define MESSAGE_SIZE 4096U /* of one that is not large */
#define PENDING_WHEN_SCARCE (16U * MESSAGE_SIZE) /* of one user, while descriptors are scarce */
#define DETAIL_SIZE_MAX 256U

typedef struct Check {
        struct Check *next;
        Authority *authority;
        sd_bus_message *message;
        char *action;
        Place *pending;         /* of its size */
        Place *place;           /* among the questions, or the dialogs */
        sd_bus_message *question; /* until it is asked */
        sd_bus_slot *slot;        /* from then on */
        bool answered, authorized, challenge;
        bool dialog;        /* a person may be asked */
        int failure;        /* negative errno of the question itself */
        char *failure_text; /* in words, NULL if there are none */
} Check;

struct Authority {
        sd_bus *bus;
        Check *checks;
        Share *pending, *questions, *dialogs;
        sd_event_source *sweeper;
        Senders *senders;
};

static Check* check_free(Check *c) {
        if (!c)
                return NULL;
        for (Check **p = &c->authority->checks; *p; p = &(*p)->next)
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        place_free(c->pending);
        place_free(c->place);
        sd_bus_message_unref(c->question);
        sd_bus_slot_unref(c->slot);
        sd_bus_message_unref(c->message);
        free(c->action);
        free(c->failure_text);
        free(c);
        return NULL;
}

int authority_new(sd_bus *bus, Authority **ret) {
        Authority *a = malloc(sizeof *a);
        int r;

        if (!a)
                return -ENOMEM;
        *a = (Authority) { .bus = sd_bus_ref(bus) };
        r = senders_new(bus, &a->senders);
        if (r >= 0)
                r = share_new(&(ShareLimits) { PENDING_MAX, PENDING_OF_UID_MAX, 0 }, &a->pending);
        if (r >= 0)
                r = share_new(&(ShareLimits) { QUESTIONS_MAX, QUESTIONS_OF_UID_MAX, UINT64_MAX }, &a->questions);
        if (r >= 0)
                r = share_new(&(ShareLimits) { DIALOGS_MAX, DIALOGS_OF_UID_MAX, 0 }, &a->dialogs);
        if (r < 0) {
                authority_free(a);
                return r;
        }
        *ret = a;
        return 0;
}

Authority* authority_free(Authority *a) {
        if (!a)
                return NULL;
        share_close(a->questions);
        while (a->checks)
                check_free(a->checks);
        share_free(a->pending);
        share_free(a->questions);
        share_free(a->dialogs);
        sd_event_source_disable_unref(a->sweeper);
        senders_free(a->senders);
        sd_bus_unref(a->bus);
        free(a);
        return NULL;
}

int authority_sender_uid(Authority *a, sd_bus_message *m, uid_t *ret) {
        return senders_find(a->senders, sd_bus_message_get_sender(m), ret);
}

void authority_forget_sender(Authority *a, const char *name) {
        senders_forget(a->senders, name);
}

static bool is_asking(const Authority *a, const sd_bus_message *m) {
        for (const Check *c = a->checks; c; c = c->next)
                if (c->message == m && !c->answered)
                        return true;
        return false;
}

/* Runs when nothing else is left to do, so after the handlers that waited for these answers. */
static int on_idle(sd_event_source *source, void *userdata) {
        Authority *a = userdata;
        Check *next;

        for (Check *c = a->checks; c; c = next) {
                next = c->next;
                if (c->answered && !is_asking(a, c->message))
                        check_free(c);
        }
        return 0;
}

static int sweep_later(Authority *a) {
        int r;

        if (a->sweeper)
                return sd_event_source_set_enabled(a->sweeper, SD_EVENT_ONESHOT);
        r = sd_event_add_defer(sd_bus_get_event(a->bus), &a->sweeper, on_idle, a);
        if (r < 0)
                return r;
        return sd_event_source_set_priority(a->sweeper, SD_EVENT_PRIORITY_IDLE);
}

/* The answer is there: the message goes back to its handler. */
static void handle_again(Check *c) {
        int r;

        r = sweep_later(c->authority);
        if (r >= 0)
                r = sd_bus_enqueue_for_read(c->authority->bus, c->message);
        if (r < 0) {
                (void) sd_bus_reply_method_errno(c->message, r, NULL);
                check_free(c);
        }
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Check *c = userdata;
        int authorized = false, challenge = false, r;

        c->answered = true;
        c->slot = sd_bus_slot_unref(c->slot);
        c->place = place_free(c->place);
        if (sd_bus_message_is_method_error(reply, NULL)) {
                const char *text = sd_bus_message_get_error(reply)->message;

                c->failure = -sd_bus_message_get_errno(reply);
                c->failure_text = text ? strdup(text) : NULL;
        } else {
                r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
                if (r >= 0)
                        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
                if (r < 0)
                        c->failure = r;
                c->authorized = authorized;
                c->challenge = challenge;
        }

        handle_again(c);
        return 1;
}

/* The turn of a question has come. */
static void send_question(void *userdata) {
        Check *c = userdata;
        int r;

        /* A person may have to type a password: wait as long as polkit does. Else 25 seconds, the default, are enough. */
        r = sd_bus_call_async(c->authority->bus, &c->slot, c->question, on_answer, c, c->dialog ? UINT64_MAX : 0);
        c->question = sd_bus_message_unref(c->question);
        if (r >= 0)
                return;
        c->failure = r;
        c->answered = true;
        c->place = place_free(c->place);
        handle_again(c);
}

/* Whether a person may be asked on behalf of this user. Beyond the limit polkit decides without. */
static bool may_open_dialog(Authority *a, sd_bus_message *m, uid_t uid, Place **ret) {
        return sd_bus_message_get_allow_interactive_authorization(m) > 0 && share_take(a->dialogs, uid, 1, ret) >= 0;
}

/* A person may be shown this, and an administrator's rules may look at it; the caller chose it. */
static int append_detail(sd_bus_message *q, const char *key, const char *value) {
        _cleanup_free_ char *shown = text_for_message(value, DETAIL_SIZE_MAX);

        return shown ? sd_bus_message_append(q, "{ss}", key, shown) : -ENOMEM;
}

static int append_question(sd_bus_message *q, sd_bus_message *m, const char *action,
                           const char *const *details, bool dialog) {
        int r;

        r = sd_bus_message_append(q, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(m), action);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(q, 'a', "{ss}");
        if (r < 0)
                return r;
        for (const char *const *d = details; d && d[0] && d[1]; d += 2) {
                r = append_detail(q, d[0], d[1]);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(q);
        if (r < 0)
                return r;
        return sd_bus_message_append(q, "us", (uint32_t) dialog, "");
}

static int ask(Authority *a, sd_bus_message *m, uid_t uid, size_t size, const char *action,
               const char *const *details, sd_bus_error *error) {
        _cleanup_(place_freep) Place *pending = NULL;
        Check *c;
        int r;

        r = share_held_by(a->pending, uid) >= PENDING_WHEN_SCARCE && descriptors_are_scarce() ? -EDQUOT :
                share_take(a->pending, uid, size, &pending);
        if (r == -EDQUOT || r == -EBUSY)
                return sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED, "Too many requests%s wait for authorization; try again later",
                                         r == -EDQUOT ? " of yours" : "");
        if (r < 0)
                return r;
        c = malloc(sizeof *c);
        if (!c)
                return -ENOMEM;
        *c = (Check) { .authority = a, .message = sd_bus_message_ref(m), .pending = TAKE_PTR(pending), .next = a->checks };
        a->checks = c;

        c->dialog = may_open_dialog(a, m, uid, &c->place);
        c->action = strdup(action);
        r = c->action ? 0 : -ENOMEM;
        if (r >= 0)
                r = sd_bus_message_new_method_call(a->bus, &c->question, "org.freedesktop.PolicyKit1",
                                                   "/org/freedesktop/PolicyKit1/Authority",
                                                   "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
        if (r >= 0)
                r = append_question(c->question, m, action, details, c->dialog);
        if (r < 0) {
                check_free(c);
                return r;
        }
        if (c->dialog) {
                send_question(c);
                return 0; /* not what sd_bus_message_append() returned: 1 would be "allowed" */
        }
        r = share_wait(a->questions, uid, 1, send_question, c, &c->place);
        if (r < 0)
                check_free(c);
        return r;
}

static int deny(const Check *c, const char *action, sd_bus_error *error) {
        if (c->failure < 0)
                return sd_bus_error_setf(error, ERROR_POLKIT_UNAVAILABLE,
                                         "polkit cannot be asked whether you may do this, action %s: %s; try again, or see "
                                         "'systemctl status polkit.service'", action, c->failure_text ?: strerror(-c->failure));
        if (c->challenge)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                         "Authentication is required for action %s", action);
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                 "Not allowed: polkit denies you action %s", action);
}

int authority_check(Authority *a, sd_bus_message *m, const char *action, const char *const *details,
                    sd_bus_error *error) {
        return authority_check_large(a, m, 0, action, details, error);
}

int authority_check_large(Authority *a, sd_bus_message *m, size_t size, const char *action,
                          const char *const *details, sd_bus_error *error) {
        uid_t uid;
        int r;

        r = authority_sender_uid(a, m, &uid);
        if (r < 0)
                return r;
        if (uid == 0)
                return 1;

        for (Check *c = a->checks; c; c = c->next) {
                if (c->message != m || strcmp(c->action, action) != 0)
                        continue;
                if (!c->answered)
                        return 0;
                if (c->failure >= 0 && c->authorized)
                        return 1;
                return deny(c, action, error);
        }
        return ask(a, m, uid, size + MESSAGE_SIZE, action, details, error);
}
