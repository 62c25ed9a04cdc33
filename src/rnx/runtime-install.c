/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx runtime install, remove, verify. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bus.h"
#include "rnx.h"
#include "runtime.h"
#include "strv.h"
#include "terminal.h"
#include "text.h"

static int install_message(int fd, int progress_fd, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = bus_call_new(BUS_PATH, MANAGER_INTERFACE, "InstallRuntime", &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "h", fd);
        if (r >= 0)
                r = progress_fd >= 0 ? sd_bus_message_append(m, "a{sv}", 1, "Progress", "h", progress_fd) : sd_bus_message_append(m, "a{sv}", 0);
        if (r < 0)
                return bus_error_print(NULL, r);
        *ret = TAKE_PTR(m);
        return 0;
}

static int installed_print(sd_bus_message *reply) {
        _cleanup_json_ json_object *o = json_object_new_object(), *runtime = NULL;
        const char *name, *path;
        int r;

        r = sd_bus_message_read(reply, "so", &name, &path);
        if (r < 0)
                return bus_error_print(NULL, r);
        /* It is installed, whatever can be read about it. */
        if (runtime_describe_object(path, name, &runtime) >= 0) {
                runtime_warn(runtime);
                if (*runtime_string(runtime, "problem"))
                        (void) log_error(0, "warning: it cannot be used here: %s", runtime_string(runtime, "problem"));
        }
        if (arg_json == JSON_OFF) {
                printf("Installed runtime: %s\n\nTo use it:\n  rnx run --runtime=%s <command>\n", name, name);
                return 0;
        }
        return !o || json_add_string(o, "installed", name) < 0 || (runtime && runtime_add_warnings(o, runtime) < 0) ?
                log_oom() : json_print(stdout, o);
}

/* Then the user wants to know which one. */
static bool is_about_package(const sd_bus_error *e) {
        return sd_bus_error_has_name(e, "org.joblet.Error.InvalidPackage") ||
                sd_bus_error_has_name(e, "org.joblet.Error.LimitsExceeded") ||
                sd_bus_error_has_name(e, SD_BUS_ERROR_FAILED);
}

int runtime_install(int fd, const char *label) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_close_ int progress_fd = -EBADF;
        pid_t pid;
        int r;

        r = progress_start("Installing", &progress_fd, &pid);
        if (r < 0)
                return r;
        r = install_message(fd, progress_fd, &m);
        if (r >= 0) {
                r = bus_call(m, &error, &reply);
                m = sd_bus_message_unref(m); /* it has a copy of the descriptor */
                progress_fd = safe_close(progress_fd);
                progress_end(pid);
                if (r < 0 && is_about_package(&error))
                        return log_error(r, "%s: %s", label ?: "standard input", error.message ?: "");
                return r < 0 ? bus_error_print(&error, r) : installed_print(reply);
        }
        progress_fd = safe_close(progress_fd);
        progress_end(pid);
        return r;
}

/* A directory goes the way of all packages, in a file without a name. */
static int install_directory(const char *path) {
        _cleanup_close_ int fd = temporary_file();
        int r;

        if (fd < 0)
                return fd;
        r = runtime_pack(&(PackRequest) { .directory = path, .store = true }, fd, NULL, NULL);
        return r < 0 ? r : runtime_install(fd, path);
}

int verb_runtime_install(int argc, char *argv[]) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (strcmp(argv[0], "-") == 0) {
                if (on_tty(STDIN_FILENO))
                        return log_error(-EINVAL, "standard input is a terminal, not a package");
                return runtime_install(STDIN_FILENO, NULL);
        }
        fd = open(argv[0], O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0)
                return log_error(-errno, "cannot open '%s': %s", argv[0], strerror(errno));
        return S_ISDIR(st.st_mode) ? install_directory(argv[0]) : runtime_install(fd, argv[0]);
}

/* A method with a name and no options. */
static int call_with_name(const char *method, const char *name, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = bus_call_new(BUS_PATH, MANAGER_INTERFACE, method, &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "sa{sv}", name, 0);
        if (r < 0)
                return log_error(r, "'%s' cannot be the name of a runtime", name);
        r = bus_call(m, &error, ret);
        return r < 0 ? bus_error_print(&error, r) : 0;
}

int verb_runtime_remove(int argc, char *argv[]) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        r = call_with_name("RemoveRuntime", argv[0], &reply);
        if (r < 0)
                return r;
        if (arg_json != JSON_OFF)
                return !o || json_add_string(o, "removed", argv[0]) < 0 ? log_oom() : json_print(stdout, o);
        printf("Removed runtime: %s\n", argv[0]);
        return 0;
}

static int verified_json(const char *name, char *const *problems) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (!o || json_add_string(o, "runtime", name) < 0 ||
            json_add(o, "intact", json_object_new_boolean(!problems || !*problems)) < 0 ||
            json_add_strings(o, "problems", problems) < 0)
                return log_oom();
        return json_print(stdout, o);
}

int verb_runtime_verify(int argc, char *argv[]) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_strv_free_ char **problems = NULL;
        int r;

        if (arg_json == JSON_OFF)
                printf("Verifying runtime: %s\n", argv[0]);
        (void) fflush(stdout);
        r = call_with_name("VerifyRuntime", argv[0], &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read_strv(reply, &problems);
        if (r < 0)
                return bus_error_print(NULL, r);
        if (arg_json != JSON_OFF) {
                r = verified_json(argv[0], problems);
                return r < 0 ? r : problems && *problems ? EXIT_FAILURE : 0;
        }
        if (!problems || !*problems) {
                printf("%s✓ Runtime is intact%s\n", colour(COLOUR_GREEN), colour(COLOUR_NORMAL));
                return 0;
        }
        printf("%s✗ Runtime is not what was installed%s\n", colour(COLOUR_RED), colour(COLOUR_NORMAL));
        STRV_FOREACH(p, problems) {
                _cleanup_free_ char *text = text_for_message(*p, 1024);

                printf("  %s\n", text ?: "");
        }
        return EXIT_FAILURE;
}
