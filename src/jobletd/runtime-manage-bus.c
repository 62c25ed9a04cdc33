/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of org.joblet.Manager1 that list, install, remove and verify runtimes. The work itself is
 * done by joblet-package. */

#include <errno.h>
#include <string.h>

#include "bus-error.h"
#include "bus-options.h"
#include "bus.h"
#include "log.h"
#include "operation.h"
#include "package-plan.h"
#include "runtime-life.h"
#include "runtime-name.h"
#include "runtime-sizes.h"
#include "settling.h"
#include "strv.h"

#define PLACE_RETRY_USEC (50 * USEC_PER_SEC / 1000)
#define PLACE_TRIES_MAX 200U /* ten seconds */
/* Calls that are held for one runtime. What is beyond is started with what is there: the new one waits for it, too. */
#define HELD_MAX 256U
#define HELD_OF_UID_MAX 32U

static int append_runtime(sd_bus_message *reply, const Runtime *runtime) {
        _cleanup_free_ char *path = NULL;
        const Manifest *manifest = runtime->manifest;
        int r;

        r = runtime_path(runtime->id, &path);
        if (r < 0)
                return r;
        return sd_bus_message_append(reply, "(osssstss)", path, runtime->name, runtime->display_name,
                                     manifest ? manifest->version : "",
                                     manifest ? runtime_type_to_string(manifest->type) : "", runtime->size,
                                     manifest ? manifest->description : "", runtime->problem ?: "");
}

static int send_list(Manager *m, sd_bus_message *call, Runtime *const *runtimes, size_t n) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(osssstss)");
        for (size_t i = 0; r >= 0 && i < n; i++) {
                r = runtime_judge(m, runtimes[i]);
                if (r >= 0)
                        r = append_runtime(reply, runtimes[i]);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static void on_sizes_for_list(Manager *m, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = userdata;
        Runtime **runtimes = NULL;
        size_t n = 0;
        int r;

        r = store_enumerate(m->store, &runtimes, &n);
        if (r >= 0)
                r = send_list(m, call, runtimes, n);
        runtime_free_array(runtimes, n);
        if (r < 0)
                bus_reply_failure(call, r);
}

static int method_list_runtimes(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Runtime **runtimes = NULL;
        Manager *m = userdata;
        size_t n = 0;
        int r;

        r = bus_options_read(message, NULL, 0, error);
        if (r < 0)
                return r;
        r = authority_check(m->authority, message, ACTION_VIEW, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = store_enumerate(m->store, &runtimes, &n);
        if (r < 0)
                return r;
        if (runtime_sizes_missing(runtimes, n) && runtime_sizes_update(m, on_sizes_for_list, message) >= 0) {
                sd_bus_message_ref(message); /* given back by on_sizes_for_list() */
                r = 1;
        } else
                r = send_list(m, message, runtimes, n);
        runtime_free_array(runtimes, n);
        return r;
}

/* A failure of the program in words, as an error of ours. */
static void reply_failure(sd_bus_message *call, int error, const char *text) {
        const char *name = error == -EINVAL ? ERROR_INVALID_PACKAGE :
                error == -E2BIG || error == -EBUSY ? ERROR_LIMITS_EXCEEDED : SD_BUS_ERROR_FAILED;

        (void) sd_bus_reply_method_errorf(call, name, "%s", *text ? text : strerror(-error));
}

static int refuse_busy(int r, sd_bus_error *error) {
        if (r != -EBUSY && r != -EDQUOT)
                return r;
        return sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED, "%u operations on runtimes%s are under way, more are not allowed; wait for some to end",
                                 r == -EBUSY ? OPERATIONS_MAX : OPERATIONS_OF_UID_MAX, r == -EBUSY ? "" : " of yours");
}

/* A call of Run() that came while its runtime waited to be replaced. */
typedef struct HeldCall {
        sd_bus_message *message;
        uid_t uid;
} HeldCall;

/* A package that was unpacked, on its way to its place. */
typedef struct Placing {
        struct Placing *next; /* of those that wait for starts */
        Manager *manager; /* not a reference */
        sd_bus_message *call;
        char *language, *name, *staging, *id, *display_name;
        unsigned n_tries;
        sd_event_source *timer;
        HeldCall held[HELD_MAX];
        size_t n_held;
} Placing;

static unsigned n_placings;
static Placing *waiting_placings;

int runtime_hold_call(const char *runtime_id, uid_t uid, sd_bus_message *run) {
        unsigned n_of_uid = 0;
        Placing *p = waiting_placings;

        while (p && strcmp(p->id, runtime_id) != 0)
                p = p->next;
        for (size_t i = 0; p && i < p->n_held; i++)
                n_of_uid += p->held[i].uid == uid;
        if (!p || p->n_held >= HELD_MAX || n_of_uid >= HELD_OF_UID_MAX)
                return 0;
        p->held[p->n_held++] = (HeldCall) { sd_bus_message_ref(run), uid };
        return 1;
}

/* Those that were held find the new runtime now. */
static void stop_waiting(Placing *p) {
        for (Placing **q = &waiting_placings; *q; q = &(*q)->next)
                if (*q == p) {
                        *q = p->next;
                        break;
                }
        for (size_t i = 0; i < p->n_held; i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *run = p->held[i].message;
                int r = sd_bus_enqueue_for_read(p->manager->bus, run);

                if (r < 0)
                        (void) sd_bus_reply_method_errno(run, r, NULL);
        }
        p->n_held = 0;
}

static void wait_for_starts(Placing *p) {
        if (p->n_tries > 1)
                return;
        p->next = waiting_placings;
        waiting_placings = p;
}

static Placing* placing_free(Placing *p) {
        if (!p)
                return NULL;
        n_placings--;
        stop_waiting(p);
        sd_bus_message_unref(p->call);
        sd_event_source_disable_unref(p->timer);
        free(p->language);
        free(p->name);
        free(p->staging);
        free(p->id);
        free(p->display_name);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(Placing*, placing_free);

static void on_sizes_for_install(Manager *m, void *userdata) {
        _cleanup_(placing_freep) Placing *p = userdata;
        _cleanup_(runtime_freep) Runtime *runtime = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        runtime_emit_added(m, p->id);
        r = runtime_path(p->id, &path);
        if (r < 0)
                (void) sd_bus_reply_method_errno(p->call, r, NULL);
        else
                /* As it is listed, which only the store knows */
                (void) sd_bus_reply_method_return(p->call, "so", store_find_id(m->store, p->id, &runtime) >= 0 ?
                                                  runtime->display_name : p->display_name, path);
}

/* Something failed, perhaps without cleaning up: whatever is unfinished while nothing is under way is
 * nobody's. */
static void sweep_if_idle(Manager *m) {
        if (!operation_is_under_way() && n_placings == 0)
                runtimes_sweep(m, true);
}

/* The tree was on the disk before it got its name; now its name is, or nobody knows. What it replaced may
 * go only now: until here a power failure could have brought it back. */
static void on_name_synced(Manager *m, sd_bus_message *call, int error, const char *text, void *userdata) {
        _cleanup_(placing_freep) Placing *p = userdata;

        runtimes_sweep(m, /* unfinished= */ false);
        if (error < 0) {
                log_error_errno(error, "Failed to write " RUNTIMES_PATH "/%s to the disk: %m", p->language);
                (void) sd_bus_reply_method_errorf(p->call, SD_BUS_ERROR_FAILED, "runtime %s is in its place, but that could not be written to the "
                                                  "disk, and a power failure may undo it: %s; install it again", p->display_name,
                                                  *text ? text : strerror(-error));
                runtime_emit_added(m, p->id);
                return;
        }
        log_info("Installed runtime %s in " RUNTIMES_PATH "/%s/%s", p->display_name, p->language, p->name);
        if (runtime_sizes_update(m, on_sizes_for_install, p) < 0)
                on_sizes_for_install(m, p);
        TAKE_PTR(p);
}

static void sync_name(Placing *p) {
        _cleanup_free_ char *directory = NULL;
        int r = -ENOMEM;

        if (asprintf(&directory, RUNTIMES_PATH "/%s", p->language) < 0)
                directory = NULL;
        else
                r = operation_start(p->manager, &(OperationStart) {
                        .words = (char *const []) { (char*) "sync", directory, NULL },
                        .input_fd = -EBADF,
                        .progress_fd = -EBADF,
                        .call = p->call,
                        .keep = true,
                        .follow_up = true,
                        .done = on_name_synced,
                        .userdata = p,
                });
        if (r < 0)
                on_name_synced(p->manager, p->call, r, "", p);
}

static int on_placing_time(sd_event_source *source, uint64_t usec, void *userdata);

/* Jobs that are being started still mount what they planned with: they come first, and no more of them come meanwhile. */
static void place(Placing *p) {
        Manager *m = p->manager;
        int r;

        if (runtime_is_starting(m, p->language, p->name) && ++p->n_tries < PLACE_TRIES_MAX) {
                wait_for_starts(p);
                p->timer = sd_event_source_disable_unref(p->timer);
                if (sd_event_add_time_relative(m->event, &p->timer, CLOCK_MONOTONIC, PLACE_RETRY_USEC, 0,
                                               on_placing_time, p) >= 0)
                        return;
        }

        r = runtime_put_in_place(m, p->language, p->name, p->staging);
        stop_waiting(p);
        if (r < 0) {
                log_warning_errno(r, "Failed to put " RUNTIMES_PATH "/%s/%s into its place: %m", p->language, p->name);
                reply_failure(p->call, r, "");
                placing_free(p);
                sweep_if_idle(m);
                return;
        }
        sync_name(p);
}

static int on_placing_time(sd_event_source *source, uint64_t usec, void *userdata) {
        place(userdata);
        return 0;
}

/* The three lines that the program prints. */
static int placing_new(Manager *m, sd_bus_message *call, const char *text, Placing **ret) {
        _cleanup_(placing_freep) Placing *p = calloc(1, sizeof(Placing));

        if (!p)
                return -ENOMEM;
        n_placings++;
        p->manager = m;
        p->call = sd_bus_message_ref(call);
        if (sscanf(text, "%m[^\n]\n%m[^\n]\n%m[^\n]\n", &p->language, &p->name, &p->staging) != 3 ||
            !runtime_name_is_valid(p->language) || !runtime_name_is_valid(p->name) ||
            strchr(p->staging, '/'))
                return -EPROTO;
        if (runtime_name_display(p->language, p->name, &p->display_name) < 0 ||
            runtime_name_id(p->language, p->name, &p->id) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(p);
        return 0;
}

static void on_unpacked(Manager *m, sd_bus_message *call, int error, const char *text, void *userdata) {
        Placing *p = NULL;

        if (error >= 0)
                error = placing_new(m, call, text, &p);
        if (error >= 0) {
                place(p);
                return;
        }
        reply_failure(call, error, text);
        sweep_if_idle(m);
}

/* The one option is where to tell how far it is. */
static int read_install_options(sd_bus_message *m, int *ret_package, int *ret_progress,
                                sd_bus_error *error) {
        int r;

        r = sd_bus_message_read(m, "h", ret_package);
        return r < 0 ? r : bus_options_read(m, &(BusOption) { "Progress", "h", ret_progress }, 1, error);
}

static int method_install_runtime(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        int package = -EBADF, progress = -EBADF, r;
        Manager *m = userdata;

        r = read_install_options(message, &package, &progress, error);
        if (r < 0)
                return r;
        r = authority_check(m->authority, message, ACTION_MANAGE_RUNTIMES, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = operation_start(m, &(OperationStart) {
                .words = (char *const []) { (char*) "install", NULL },
                .input_fd = package,
                .progress_fd = progress,
                .call = message,
                .done = on_unpacked,
        });
        return r < 0 ? refuse_busy(r, error) : 1;
}

static int read_name(sd_bus_message *m, const char **ret, sd_bus_error *error) {
        int r;

        r = bus_string_read(m, "the name", BUS_OPTION_SIZE_MAX, ret, error);
        return r < 0 ? r : bus_options_read(m, NULL, 0, error);
}

/* Any runtime that is there, broken ones as well. */
static int find(Manager *m, const char *spelling, Runtime **ret, sd_bus_error *error) {
        _cleanup_free_ char *sentence = NULL;
        int r;

        r = store_find(m->store, spelling, ret, &sentence);
        if (r >= 0 || !sentence)
                return r;
        return sd_bus_error_set(error, r == -ENOENT ? ERROR_NO_SUCH_RUNTIME : r == -ENOTUNIQ ? ERROR_AMBIGUOUS_RUNTIME :
                                ERROR_INVALID_RUNTIME, sentence);
}

static void on_removed(Manager *m, sd_bus_message *call, int error, const char *text, void *userdata) {
        _cleanup_free_ char *language = userdata;

        if (error < 0)
                (void) sd_bus_reply_method_errorf(call, SD_BUS_ERROR_FAILED, "the runtime is removed, but not all of its files could be "
                                                  "deleted, which is tried again when joblet.service starts: %s", text);
        else
                (void) sd_bus_reply_method_return(call, "");
        runtime_forget_language(language);
}

static int check_removable(Manager *m, const Runtime *runtime, sd_bus_error *error) {
        _cleanup_free_ char *jobs = NULL;
        unsigned n;

        if (strncmp(runtime->path, RUNTIMES_PATH "/", strlen(RUNTIMES_PATH "/")) != 0)
                return sd_bus_error_setf(error, ERROR_UNSUPPORTED, "runtime %s was not installed by rnx, it lies in %s; remove it as it came "
                                         "there", runtime->display_name, runtime->path);
        n = runtime_count_jobs(m, runtime->language, runtime->name, UINT64_MAX, &jobs);
        if (n > 0)
                return sd_bus_error_setf(error, ERROR_RUNTIME_IN_USE, "runtime %s is in use by %s %s; wait for %s to end or stop %s: rnx stop %s",
                                         runtime->display_name, n == 1 ? "job" : "jobs", jobs ?: "", n == 1 ? "it" : "them", n == 1 ? "it" : "them",
                                         n == 1 && jobs ? jobs : "JOB...");
        return 0;
}

/* It is gone; unless one of the same name was hidden by it, which is seen from now on. */
static void announce_removal(Manager *m, const char *id) {
        _cleanup_(runtime_freep) Runtime *hidden = NULL;

        runtime_emit_removed(m, id);
        if (store_find_id(m->store, id, &hidden) >= 0)
                runtime_emit_added(m, id);
}

static int remove_runtime(Manager *m, sd_bus_message *message, bool may_wait, sd_bus_error *error) {
        _cleanup_free_ char *removed = NULL, *directory = NULL, *language = NULL;
        _cleanup_(runtime_freep) Runtime *runtime = NULL;
        const char *name;
        int r;

        r = sd_bus_message_rewind(message, true);
        if (r >= 0)
                r = sd_bus_message_read(message, "s", &name);
        if (r >= 0)
                r = find(m, name, &runtime, error);
        if (r < 0)
                return r;
        if (may_wait && runtime_is_settling(m, runtime->language, runtime->name))
                return 0;
        r = check_removable(m, runtime, error);
        if (r < 0)
                return r;
        language = strdup(runtime->language);
        if (!language || asprintf(&directory, RUNTIMES_PATH "/%s", language) < 0)
                return -ENOMEM;
        r = operation_check(m, message);
        if (r < 0)
                return refuse_busy(r, error);

        r = runtime_take_away(m, language, runtime->name, &removed);
        if (r < 0)
                return sd_bus_error_set_errnof(error, r, "runtime %s cannot be removed: %s",
                                               runtime->display_name, strerror(-r));
        log_info("Removed runtime %s", runtime->display_name);
        announce_removal(m, runtime->id);
        r = operation_start(m, &(OperationStart) {
                .words = (char *const []) { (char*) "remove", directory, removed, NULL },
                .input_fd = -EBADF,
                .progress_fd = -EBADF,
                .call = message,
                .keep = true,
                .done = on_removed,
                .userdata = language,
        });
        if (r < 0) /* it is removed all the same */
                on_removed(m, message, r, strerror(-r), language);
        TAKE_PTR(language);
        return 1;
}

static int method_remove_runtime(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        const char *name;
        int r;

        r = read_name(message, &name, error);
        if (r < 0)
                return r;
        r = authority_check(m->authority, message, ACTION_MANAGE_RUNTIMES,
                            (const char *const[]) { "runtime", name, NULL }, error);
        return r <= 0 ? (r < 0 ? r : 1) : settling_handle(m, message, remove_runtime, error);
}

static void on_verified(Manager *m, sd_bus_message *call, int error, const char *text, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_free_ char **problems = NULL;
        int r = 0;

        if (error < 0) {
                reply_failure(call, error, text);
                return;
        }
        for (const char *p = text; r >= 0 && *p;) {
                size_t n = strcspn(p, "\n");

                r = strv_extendf(&problems, "%.*s", (int) n, p);
                p += n;
                p += *p == '\n';
        }
        if (r >= 0)
                r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, problems);
        if (r >= 0)
                r = sd_bus_message_send(reply);
        if (r < 0)
                bus_reply_failure(call, r);
}

/* Reads as many bytes as a job may: the right to run one is asked for. */
static int method_verify_runtime(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(runtime_freep) Runtime *runtime = NULL;
        Manager *m = userdata;
        const char *name;
        int r;

        r = read_name(message, &name, error);
        if (r < 0)
                return r;
        r = authority_check(m->authority, message, ACTION_RUN,
                            (const char *const []) { "command", "rnx runtime verify", "runtime", name, NULL }, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = find(m, name, &runtime, error);
        if (r < 0)
                return r;
        r = operation_start(m, &(OperationStart) {
                .words = (char *const []) { (char*) "verify", runtime->path, NULL },
                .input_fd = -EBADF,
                .progress_fd = -EBADF,
                .call = message,
                .done = on_verified,
        });
        return r < 0 ? refuse_busy(r, error) : 1;
}

static const sd_bus_vtable runtime_manage_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("ListRuntimes", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(osssstss)", runtimes), method_list_runtimes,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("InstallRuntime", SD_BUS_ARGS("h", package, "a{sv}", options), SD_BUS_RESULT("s", name, "o", runtime),
                                method_install_runtime, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveRuntime", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_NO_RESULT, method_remove_runtime,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("VerifyRuntime", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("as", problems),
                                method_verify_runtime, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int runtime_manage_bus_register(Manager *m) {
        return sd_bus_add_object_vtable(m->bus, NULL, "/org/joblet", "org.joblet.Manager1",
                                        runtime_manage_vtable, m);
}
