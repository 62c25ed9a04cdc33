/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent.h"
#include "bus.h"
#include "message.h"
#include "rnx.h"
#include "text.h"

#define RETRY_USEC (10 * USEC_PER_SEC)
#define RETRY_PAUSE_USEC (20 * USEC_PER_SEC / 1000)
#define RETRY_PAUSE_MAX_USEC (USEC_PER_SEC / 2)

static sd_bus *the_bus = NULL;
static bool reached = false;

int bus_acquire(sd_bus **ret) {
        int r;

        if (the_bus && sd_bus_is_open(the_bus) <= 0)
                bus_close();
        if (!the_bus) {
                r = sd_bus_open_system(&the_bus);
                if (r < 0)
                        return r;
        }
        *ret = the_bus;
        return 0;
}

void bus_close(void) {
        if (the_bus)
                the_bus = sd_bus_flush_close_unref(the_bus);
        agent_close();
}

int bus_call_new(const char *path, const char *interface, const char *member, sd_bus_message **ret) {
        sd_bus *bus;
        int r;

        r = bus_acquire(&bus);
        if (r < 0)
                return bus_error_print(NULL, r);
        r = sd_bus_message_new_method_call(bus, ret, BUS_NAME, path, interface, member);
        if (r < 0)
                return bus_error_print(NULL, r);
        return 0;
}

int bus_call_copy(sd_bus_message *m, bool interactive, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *copy = NULL;
        sd_bus *bus;
        int r;

        r = bus_acquire(&bus);
        if (r < 0)
                return r;
        /* One that never got onto the wire is still open. */
        r = sd_bus_message_seal(m, UINT32_MAX, 0);
        if (r < 0 && r != -EPERM)
                return r;
        r = sd_bus_message_rewind(m, true);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(bus, &copy, BUS_NAME, sd_bus_message_get_path(m),
                                           sd_bus_message_get_interface(m), sd_bus_message_get_member(m));
        if (r < 0)
                return r;
        r = sd_bus_message_set_allow_interactive_authorization(copy, interactive);
        if (r < 0)
                return r;
        r = sd_bus_message_copy(copy, m, true);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(copy);
        return 0;
}

void bus_was_reached(void) {
        reached = true;
}

bool bus_error_is_transient(const sd_bus_error *e, int error) {
        static const char *const lost[] = {
                SD_BUS_ERROR_NO_REPLY,
                SD_BUS_ERROR_DISCONNECTED,
                "org.freedesktop.DBus.Error.TimedOut",
        };
        static const char *const absent[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                "org.freedesktop.systemd1.TransactionIsDestructive",
                "org.freedesktop.systemd1.TransactionJobsConflicting",
        };

        if (!sd_bus_error_is_set(e)) {
                if (error == -ECONNRESET || error == -ENOTCONN || error == -EPIPE || error == -ESHUTDOWN)
                        return reached = true;
                return reached && (error == -ECONNREFUSED || error == -ENOENT);
        }
        for (size_t i = 0; i < ELEMENTSOF(lost); i++)
                if (sd_bus_error_has_name(e, lost[i]))
                        return reached = true;
        for (size_t i = 0; reached && i < ELEMENTSOF(absent); i++)
                if (sd_bus_error_has_name(e, absent[i]))
                        return true;
        return false;
}

bool bus_error_wants_authorization(const sd_bus_error *e) {
        if (!arg_ask_password || !sd_bus_error_has_name(e, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                return false;
        agent_open();
        return true;
}

static uint64_t monotonic_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

bool bus_retry(BusRetry *b) {
        uint64_t now = monotonic_usec();

        if (b->deadline == 0) {
                b->deadline = now + RETRY_USEC;
                b->pause = RETRY_PAUSE_USEC;
        }
        if (now >= b->deadline)
                return false;

        (void) usleep((useconds_t) b->pause);
        if (b->pause < RETRY_PAUSE_MAX_USEC)
                b->pause *= 2;
        return true;
}

int bus_call(sd_bus_message *m, sd_bus_error *reterr, sd_bus_message **ret_reply) {
        _cleanup_message_ sd_bus_message *call = sd_bus_message_ref(m);
        bool interactive = false;
        BusRetry retry = {};

        for (;;) {
                sd_bus *bus;
                int r;

                sd_bus_error_free(reterr);
                r = bus_acquire(&bus);
                if (r >= 0 && !call)
                        r = bus_call_copy(m, interactive, &call);
                if (r >= 0)
                        r = sd_bus_call(bus, call, UINT64_MAX, reterr, ret_reply);
                if (r >= 0) {
                        reached = true;
                        return r;
                }

                if (!interactive && bus_error_wants_authorization(reterr))
                        interactive = true;
                else if (!bus_error_is_transient(reterr, r) || !bus_retry(&retry))
                        return r;
                call = sd_bus_message_unref(call);
        }
}

/* The message names the action; only this one comes with membership of a group. */
static const char* access_way_out(const char *text) {
        return strstr(text, "org.joblet.run") ? "ask an administrator to add you to the group joblet" :
                                                "administrators may do this, try it as one";
}

static int error_print(const sd_bus_error *e, int error) {
        static const char *const absent[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                SD_BUS_ERROR_NO_REPLY,
                SD_BUS_ERROR_DISCONNECTED,
                "org.freedesktop.systemd1.LoadFailed",
                "org.freedesktop.systemd1.NoSuchUnit",
                "org.freedesktop.systemd1.UnitMasked",
        };
        static const char spawn[] = "org.freedesktop.DBus.Error.Spawn.";
        _cleanup_free_ char *text = text_for_message(e && e->message ? e->message : strerror(-error), 4096);
        bool reachable = sd_bus_error_is_set(e) && strncmp(e->name, spawn, strlen(spawn)) != 0;

        if (!text)
                return log_oom();
        for (size_t i = 0; reachable && i < ELEMENTSOF(absent); i++)
                reachable = !sd_bus_error_has_name(e, absent[i]);
        if (!reachable && !sd_bus_error_is_set(e) && error == -EINVAL)
                return log_error(error, "what was given cannot be sent over the bus, which takes UTF-8 only");
        if (!reachable) {
                size_t n = strlen(text);

                if (n > 0 && text[n - 1] == '.')
                        text[n - 1] = 0;
                return log_error(error, "cannot reach jobletd on the system bus: %s; is joblet.service installed? try: "
                                        "systemctl status joblet.service", text);
        }

        if (sd_bus_error_has_name(e, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                return log_error(error, "%s, and nobody can be asked for a password here; %s", text,
                                 access_way_out(text));
        if (sd_bus_error_has_name(e, SD_BUS_ERROR_ACCESS_DENIED))
                return log_error(error, "%s; %s", text, access_way_out(text));
        /* What nobody foresaw has no sentence of its own */
        if (e && e->message && strcmp(e->message, strerror(sd_bus_error_get_errno(e))) == 0)
                return log_error(error, "jobletd cannot do that: %s; the journal may say more: journalctl -u joblet.service", text);
        return log_error(error, "%s", text);
}

int bus_error_print(const sd_bus_error *e, int error) {
        int r = error_print(e, error);

        message_name_error(sd_bus_error_is_set(e) ? e->name : NULL);
        return r;
}
