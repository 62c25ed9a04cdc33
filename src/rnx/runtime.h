/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "json.h"

/* The properties of the runtime that name means, as JSON. 0, or a negative errno after a message. */
int runtime_describe(const char *name, json_object **ret);
/* The same of an object on the bus. */
int runtime_describe_object(const char *path, const char *name, json_object **ret);

/* Prints what the runtime.yml of such a description is warned of, a line each; standard error. */
void runtime_warn(json_object *o);
/* Adds that to a result: a list "warnings", if there are any. 0 or -ENOMEM. */
int runtime_add_warnings(json_object *result, json_object *o);

/* A string of it, "" if there is none. */
const char* runtime_string(json_object *o, const char *key);

/* A bar on the terminal, drawn by a process of its own from lines "DONE TOTAL" that are written to
 * *ret_fd; -EBADF if nobody looks. */
int progress_start(const char *label, int *ret_fd, pid_t *ret_pid);
/* The descriptor must be closed everywhere. */
void progress_end(pid_t pid);

/* A program is started with the given standard descriptors (-EBADF: ours), and progress_fd as 3. Returns
 * its process or a negative errno after a message. */
pid_t program_start(char *const *argv, int stdin_fd, int stdout_fd, int stderr_fd, int progress_fd);
/* Its exit status, 128+N for a signal. */
int program_wait(pid_t pid);

/* A file in directory without a name (O_TMPFILE), so that nothing is left of it if we are ended; where the file system cannot
 * do that, one that is called name, a template of mkstemp(3). A descriptor, or a negative errno. */
int unnamed_file(const char *directory, char *name, bool *ret_named);

/* A file without a name in $TMPDIR or /var/tmp, which is on a disk, for what may be large. A descriptor, or a negative errno
 * after a message. */
int temporary_file(void);

/* A file without a name in memory, for what a program says; and all that is in it, as text. */
int capture_new(void);
int capture_read(int fd, char **ret);

typedef struct PackRequest {
        const char *directory;
        const char *language, *name; /* NULL: as the directory says */
        bool store;                  /* do not compress */
        const char *output;          /* where the package will be, or NULL: if that lies in the directory, it is not packed */
} PackRequest;

/* Writes the package of a directory to an empty file. ret_name and ret_language may be NULL. 0, or a
 * negative errno after a message. */
int runtime_pack(const PackRequest *request, int fd, char **ret_language, char **ret_name);

/* Installs the package that is read from fd; label is for messages. 0, or a negative errno after a
 * message. */
int runtime_install(int fd, const char *label);

/* Whether path is a directory with a runtime.yml. */
bool is_runtime_directory(const char *path);
