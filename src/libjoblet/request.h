/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the caller asked for, range-checked, nothing else. Descriptors are not part of it. Whether something was asked
 * for is a bit of its own, never guessed from the value: the administrator's defaults may be other ones than ours. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

typedef enum NetworkMode {
        NETWORK_NONE, /* a namespace of its own with nothing but loopback */
        NETWORK_HOST, /* the host's network */
        _NETWORK_MODE_MAX,
        _NETWORK_MODE_INVALID = -EINVAL,
} NetworkMode;

const char* network_mode_to_string(NetworkMode m);
NetworkMode network_mode_from_string(const char *s);

/* How a shell gets into it. */
typedef enum ShellMode {
        SHELL_AUTO, /* a single word that only a shell would understand is run by one */
        SHELL_YES,  /* the words, joined by blanks, are */
        SHELL_NO,   /* the first word is a program, whatever it looks like */
        _SHELL_MODE_MAX,
        _SHELL_MODE_INVALID = -EINVAL,
} ShellMode;

const char* shell_mode_to_string(ShellMode m);
ShellMode shell_mode_from_string(const char *s);

/* The kernel takes 2 MiB of both and their pointers together, with the usual limit of the stack. */
#define REQUEST_COMMAND_MAX (2U << 20)     /* bytes of all words */
#define REQUEST_WORD_MAX (128U * 1024U)    /* of one, with its NUL: the kernel takes no longer string (MAX_ARG_STRLEN) */
#define REQUEST_ENVIRONMENT_MAX (2U << 20) /* bytes of all assignments */
#define REQUEST_WORDS_MAX (REQUEST_COMMAND_MAX / 8)       /* more pointers than these the kernel takes neither */
#define REQUEST_VARIABLES_MAX 4096U
#define REQUEST_NAME_MAX 255U /* bytes */
#define REQUEST_DOWNLOADS_MAX 64U
#define REQUEST_DOWNLOAD_SIZE_MAX (24U * 1024U) /* bytes of all paths; they become part of one packet to the relay, backslashes doubled */
#define REQUEST_MEMORY_MIN (UINT64_C(4) << 20) /* below, not even the loader fits */
#define REQUEST_CPU_PERCENT_MAX 1000000U

/* What was given. */
typedef enum RequestGiven {
        REQUEST_COMMAND     = 1 << 0,
        REQUEST_SHELL       = 1 << 1,
        REQUEST_RUNTIME     = 1 << 2,
        REQUEST_NAME        = 1 << 3,
        REQUEST_MEMORY      = 1 << 4,
        REQUEST_CPU_PERCENT = 1 << 5,
        REQUEST_CPUS        = 1 << 6,
        REQUEST_ENVIRONMENT = 1 << 7,
        REQUEST_WORKDIR     = 1 << 8,
        REQUEST_TIMEOUT     = 1 << 9,
        REQUEST_NETWORK     = 1 << 10,
        REQUEST_DOWNLOAD    = 1 << 11,
        REQUEST_KILL        = 1 << 12,
        REQUEST_ID          = 1 << 13,
} RequestGiven;

typedef struct Request {
        unsigned given;      /* RequestGiven */
        char **command;      /* as given: the shell gets into it in the plan */
        ShellMode shell;
        char *runtime;        /* as spelled, or NULL: the host's programs */
        char *name;           /* or NULL */
        uint64_t memory_max;  /* bytes, UINT64_MAX: no limit */
        uint32_t cpu_percent; /* of one core, 0: no limit */
        char *cpus;           /* list in canonical form, or NULL: all */
        uint8_t *cpu_set;     /* the same as a bitmap, as AllowedCPUs= wants it */
        size_t cpu_set_size;
        char **environment; /* NAME=VALUE, later ones win */
        char *workdir;      /* absolute in the job; /work if not given */
        uint64_t timeout_usec; /* USEC_INFINITY: none */
        NetworkMode network;
        bool kill_on_exit; /* end the job when its client goes */
        char **download;  /* paths in the job */
        char *request_id; /* 32 hexadecimal digits of the client's choice, or NULL */
} Request;

/* What takes the place of what was not given. */
typedef struct RequestDefaults {
        NetworkMode network;
        uint64_t memory_max;
        uint32_t cpu_percent;
        uint64_t timeout_usec;
} RequestDefaults;

#define REQUEST_DEFAULTS_NONE (RequestDefaults) { NETWORK_NONE, UINT64_MAX, 0, UINT64_MAX }

int request_new(Request **ret);
Request* request_free(Request *r);
DEFINE_CLEANUP(Request*, request_free);

/* Sets an option from what a user wrote or a client sent. Each returns 0, -EINVAL with a sentence in
 * *reterr that names option, value and rule, or -ENOMEM. Where no limit is a value it is UINT64_MAX, and UINT32_MAX of
 * a percentage. */
int request_set_command(Request *r, char *const *command, char **reterr);
int request_set_shell(Request *r, const char *mode, char **reterr);
int request_set_runtime(Request *r, const char *spelling, char **reterr);
int request_set_name(Request *r, const char *name, char **reterr);
int request_set_memory_max(Request *r, uint64_t bytes, char **reterr);
int request_set_cpu_percent(Request *r, uint32_t percent, char **reterr);
int request_set_cpus(Request *r, const char *list, char **reterr);
int request_set_environment(Request *r, char *const *assignments, char **reterr);
int request_set_workdir(Request *r, const char *path, char **reterr);
int request_set_timeout(Request *r, uint64_t usec, char **reterr);
int request_set_network(Request *r, const char *mode, char **reterr);
int request_set_download(Request *r, char *const *paths, char **reterr);
int request_set_kill_on_exit(Request *r, bool value, char **reterr);
int request_set_request_id(Request *r, const char *id, char **reterr);

void request_apply_defaults(Request *r, const RequestDefaults *defaults);

/* What is executed for it, with the shell where one is wanted. Returns 0, -EINVAL with a sentence, or -ENOMEM. */
int request_command(const Request *r, char ***ret, char **reterr);
