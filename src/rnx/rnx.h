/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The client: what all verbs share. A verb returns a negative errno after it has said why on stderr, or
 * the status to exit with. Data goes to stdout, everything else to stderr, each message one line that
 * begins with "rnx: ". */

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"

#include "options.h"

enum {
        EXIT_NO_SUCH_JOB = 4,   /* as systemctl status */
        EXIT_TIMEOUT = 124,     /* as timeout(1) */
        EXIT_OWN_FAILURE = 125, /* rnx run, rnx wait: not the job's own status */
        EXIT_NOT_EXECUTABLE = 126,
        EXIT_NOT_FOUND = 127,
};

typedef enum JsonMode {
        JSON_OFF,
        JSON_PRETTY,
        JSON_SHORT,
} JsonMode;

/* Options that every verb takes. */
extern JsonMode arg_json;
extern bool arg_pager;
extern bool arg_legend;
extern bool arg_ask_password;
extern bool arg_quiet;

/* "rnx: MESSAGE" on stderr; returns error. */
int log_error(int error, const char *format, ...) _printf_(2, 3);
int log_oom(void);

typedef int (*VerbFunction)(int argc, char *argv[]);

int verb_run(int argc, char *argv[]);
int verb_list(int argc, char *argv[]);
int verb_status(int argc, char *argv[]);
int verb_log(int argc, char *argv[]);
int verb_wait(int argc, char *argv[]);
int verb_stop(int argc, char *argv[]);
int verb_delete(int argc, char *argv[]);
int verb_runtime_list(int argc, char *argv[]);
int verb_runtime_info(int argc, char *argv[]);
int verb_runtime_test(int argc, char *argv[]);
int verb_runtime_install(int argc, char *argv[]);
int verb_runtime_remove(int argc, char *argv[]);
int verb_runtime_verify(int argc, char *argv[]);
int verb_runtime_pack(int argc, char *argv[]);
int verb_runtime_import(int argc, char *argv[]);

/* Exit statuses that tell own failures from those of jobs. */
int wait_end(int status);

/* The options of each verb. */
extern const Option run_options[], list_options[], status_options[], log_options[];
extern const Option runtime_list_options[], runtime_pack_options[], runtime_import_options[];
