/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bus-error.h"
#include "bus-options.h"
#include "options.h"
#include "strv.h"

typedef int (*SetString)(Request *r, const char *value, char **reterr);
typedef int (*SetStrings)(Request *r, char *const *value, char **reterr);
typedef int (*SetUint64)(Request *r, uint64_t value, char **reterr);
typedef int (*SetUint32)(Request *r, uint32_t value, char **reterr);
typedef int (*SetBool)(Request *r, bool value, char **reterr);

/* Every option, with its type on the bus and the function that checks it. */
static const struct Option {
        const char *name, *signature;
        SetString set_string;
        SetStrings set_strings;
        SetUint64 set_uint64;
        SetUint32 set_uint32;
        SetBool set_bool;
        size_t fd; /* offset in RelayGo */
} options[] = {
        { "Runtime",          "s",  .set_string = request_set_runtime        },
        { "Name",             "s",  .set_string = request_set_name           },
        { "MaxMemory",        "t",  .set_uint64 = request_set_memory_max     },
        { "MaxCPU",           "u",  .set_uint32 = request_set_cpu_percent    },
        { "CPUCores",         "s",  .set_string = request_set_cpus           },
        { "Shell",            "s",  .set_string = request_set_shell          },
        { "Environment",      "as", .set_strings = request_set_environment   },
        { "WorkingDirectory", "s",  .set_string = request_set_workdir        },
        { "TimeoutUSec",      "t",  .set_uint64 = request_set_timeout        },
        { "Network",          "s",  .set_string = request_set_network        },
        { "DownloadPaths",    "as", .set_strings = request_set_download      },
        { "KillOnExit",       "b",  .set_bool = request_set_kill_on_exit     },
        { "RequestId",        "s",  .set_string = request_set_request_id     },
        { "StandardInput",    "h",  .fd = offsetof(RelayGo, stdin_fd)        },
        { "StandardOutput",   "h",  .fd = offsetof(RelayGo, stdout_fd)       },
        { "StandardError",    "h",  .fd = offsetof(RelayGo, stderr_fd)       },
        { "Control",          "h",  .fd = offsetof(RelayGo, control_fd)      },
        { "Upload",           "h",  .fd = offsetof(RelayGo, upload_fd)       },
        { "Download",         "h",  .fd = offsetof(RelayGo, download_fd)     },
};

static int refuse(sd_bus_error *error, const char *sentence) {
        return sd_bus_error_set(error, ERROR_INVALID_OPTION, sentence);
}

/* Descriptors belong to the message: what outlives it is a copy. */
static int read_fd(sd_bus_message *m, const struct Option *o, RelayGo *go) {
        int *field = (int*) ((char*) go + o->fd), fd, r;

        r = sd_bus_message_read(m, "h", &fd);
        if (r < 0)
                return r;
        *field = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return *field < 0 ? -errno : 0;
}

static int read_value(sd_bus_message *m, const struct Option *o, Request *request, RelayGo *go,
                      char **reterr, sd_bus_error *error) {
        _cleanup_strv_free_ char **strings = NULL;
        const char *s;
        uint64_t t;
        uint32_t u;
        int r, b;

        if (o->set_string) {
                r = sd_bus_message_read(m, "s", &s);
                return r < 0 ? r : o->set_string(request, s, reterr);
        }
        if (o->set_strings) {
                r = bus_strings_read(m, o->name, REQUEST_WORDS_MAX, &strings, error);
                return r < 0 ? r : o->set_strings(request, strings, reterr);
        }
        if (o->set_uint64) {
                r = sd_bus_message_read(m, "t", &t);
                return r < 0 ? r : o->set_uint64(request, t, reterr);
        }
        if (o->set_uint32) {
                r = sd_bus_message_read(m, "u", &u);
                return r < 0 ? r : o->set_uint32(request, u, reterr);
        }
        if (o->set_bool) {
                r = sd_bus_message_read(m, "b", &b);
                return r < 0 ? r : o->set_bool(request, b, reterr);
        }
        if (!go)
                return refuse(error, "descriptors are of no use here");
        return read_fd(m, o, go);
}

/* What the options are read into. */
typedef struct Target {
        Request *request;
        RelayGo *go;
        uint64_t seen; /* a bit for each option */
} Target;

static int read_option(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *sentence = NULL;
        Target *target = userdata;
        int r;

        for (const struct Option *o = options; o < options + ELEMENTSOF(options); o++) {
                if (strcmp(o->name, name) != 0)
                        continue;
                if (target->seen & UINT64_C(1) << (o - options))
                        return sd_bus_error_setf(error, ERROR_INVALID_OPTION, "%s: it was given twice", name);
                target->seen |= UINT64_C(1) << (o - options);
                r = bus_option_enter(m, name, o->signature, error);
                if (r >= 0)
                        r = read_value(m, o, target->request, target->go, &sentence, error);
                if (r < 0)
                        return sentence ? refuse(error, sentence) : r;
                return sd_bus_message_exit_container(m);
        }
        return bus_refuse_option(error, name, "see org.joblet(5)");
}

static int read_all(sd_bus_message *m, Request *request, RelayGo *go, sd_bus_error *error) {
        _cleanup_strv_free_ char **command = NULL;
        _cleanup_free_ char *sentence = NULL;
        int r;

        r = bus_strings_read(m, "the command", REQUEST_WORDS_MAX, &command, error);
        if (r < 0)
                return r;
        r = request_set_command(request, command, &sentence);
        if (r < 0)
                return sentence ? refuse(error, sentence) : r;
        return bus_dictionary_read(m, read_option, &(Target) { request, go, 0 }, error);
}

int options_read(sd_bus_message *m, const RequestDefaults *defaults, Request **ret, RelayGo *ret_go,
                 sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        _cleanup_(relay_go_done) RelayGo go = RELAY_GO_NULL;
        int r;

        r = request_new(&request);
        if (r < 0)
                return r;
        r = read_all(m, request, ret_go ? &go : NULL, error);
        if (r < 0)
                return r;
        request_apply_defaults(request, defaults);
        if (ret_go && (go.download_fd >= 0) != (strv_length(request->download) > 0))
                return refuse(error, "Download and DownloadPaths belong together");
        if (ret_go && request->kill_on_exit && go.control_fd < 0)
                return refuse(error, "KillOnExit needs Control, whose other end tells that the client has gone");

        *ret = TAKE_PTR(request);
        if (ret_go) {
                *ret_go = go;
                go = RELAY_GO_NULL;
        }
        return 0;
}
