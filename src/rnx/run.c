/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx run: the options, and the request that they make. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "bus.h"
#include "download.h"
#include "job.h"
#include "quantity.h"
#include "rnx.h"
#include "run-advice.h"
#include "run-report.h"
#include "run.h"
#include "shell-quote.h"
#include "strv.h"

static Run arg_run = {};

/* The sentence of request_set_...() to the user. */
static int request_result(int r, char *message) {
        if (r >= 0)
                return 0;
        if (r == -ENOMEM)
                (void) log_oom();
        else
                (void) log_error(r, "%s", message ?: strerror(-r));
        free(message);
        return r;
}

/* Made by the first option, or by the command. NULL after a message. */
static Request* arg_request(void) {
        if (!arg_run.request && request_new(&arg_run.request) < 0)
                (void) log_oom();
        return arg_run.request;
}

static int set_checked(int (*set)(Request *request, const char *value, char **reterr), const char *value) {
        Request *request = arg_request();
        char *message = NULL;
        int r;

        if (!request)
                return -ENOMEM;
        r = set(request, value, &message);
        return request_result(r, message);
}

static int set_runtime(const Option *o, const char *value) {
        return set_checked(request_set_runtime, value);
}

static int set_cpu_cores(const Option *o, const char *value) {
        return set_checked(request_set_cpus, value);
}

static int set_workdir(const Option *o, const char *value) {
        return set_checked(request_set_workdir, value);
}

static int set_shell(const Option *o, const char *value) {
        return set_checked(request_set_shell, value);
}

static int set_name(const Option *o, const char *value) {
        return set_checked(request_set_name, value);
}

static int set_network(const Option *o, const char *value) {
        return set_checked(request_set_network, value);
}

static int set_max_memory(const Option *o, const char *value) {
        Request *request = arg_request();
        char *message = NULL;
        uint64_t bytes = UINT64_MAX;
        int r;

        if (!request)
                return -ENOMEM;
        r = strcmp(value, "infinity") == 0 ? 0 : size_parse(value, UINT64_C(1) << 20, &bytes);
        if (r < 0)
                return log_error(r, "--max-memory=%s: must be a size in MiB, or with a unit such as 512M or 2G, or infinity", value);
        r = request_set_memory_max(request, bytes, &message);
        return request_result(r, message);
}

static int set_max_cpu(const Option *o, const char *value) {
        Request *request = arg_request();
        char *message = NULL;
        unsigned percent = UINT32_MAX;
        int r;

        if (!request)
                return -ENOMEM;
        r = strcmp(value, "infinity") == 0 ? 0 : percent_parse(value, &percent);
        if (r < 0)
                return log_error(r, "--max-cpu=%s: must be a whole number, in percent of one core, or infinity", value);
        r = request_set_cpu_percent(request, percent, &message);
        return request_result(r, message);
}

static int set_timeout(const Option *o, const char *value) {
        Request *request = arg_request();
        char *message = NULL;
        uint64_t usec;
        int r;

        if (!request)
                return -ENOMEM;
        r = timespan_parse(value, &usec);
        if (r < 0)
                return log_error(r, "--timeout=%s: must be a time such as 90s, 10min or 2h30m, or infinity", value);
        r = request_set_timeout(request, usec, &message);
        return request_result(r, message);
}

/* where: the option, or "FILE:LINE". */
static int environment_add(const char *where, const char *entry) {
        _cleanup_free_ char *copied = NULL;
        const char *problem;

        if (!strchr(entry, '=')) {
                const char *value = environment_name_is_valid(entry) ? getenv(entry) : NULL;

                if (!environment_name_is_valid(entry))
                        return log_error(-EINVAL, "%s: '%s' is not the name of a variable", where, entry);
                if (!value)
                        return log_error(-EINVAL, "%s: the variable %s is not set here, write %s=VALUE",
                                         where, entry, entry);
                if (asprintf(&copied, "%s=%s", entry, value) < 0) {
                        copied = NULL;
                        return log_oom();
                }
                entry = copied;
        }
        problem = environment_entry_problem(entry);
        if (problem)
                return log_error(-EINVAL, "%s: '%.*s' %s", where, (int) strcspn(entry, "="), entry, problem);
        return strv_extend(&arg_run.environment, entry) < 0 ? log_oom() : 0;
}

static int add_environment(const Option *o, const char *value) {
        return environment_add("--env", value);
}

static int add_environment_file(const Option *o, const char *path) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        _cleanup_free_ char *line = NULL;
        size_t allocated = 0;
        unsigned number = 0;
        ssize_t n;

        if (!f)
                return log_error(-errno, "--env-file=%s: %s", path, strerror(errno));

        while ((n = getline(&line, &allocated, f)) >= 0) {
                _cleanup_free_ char *where = NULL;
                const char *entry = line;
                int r;

                number++;
                if (strlen(line) != (size_t) n)
                        return log_error(-EINVAL, "%s:%u: holds a NUL byte", path, number);
                line[strcspn(line, "\r\n")] = 0;
                entry += strspn(entry, " \t");
                if (!*entry || *entry == '#')
                        continue;
                if (asprintf(&where, "%s:%u", path, number) < 0) {
                        where = NULL;
                        return log_oom();
                }
                r = environment_add(where, entry);
                if (r < 0)
                        return r;
        }
        if (ferror(f))
                return log_error(-EIO, "--env-file=%s: %s", path, strerror(errno));
        return 0;
}

static int add_download(const Option *o, const char *value) {
        return download_add(&arg_run, value);
}

static int add_upload(const Option *o, const char *value) {
        return upload_add(&arg_run.uploads, "--upload", value, /* contents= */ false);
}

static int add_upload_dir(const Option *o, const char *value) {
        return upload_add(&arg_run.uploads, "--upload-dir", value, /* contents= */ true);
}

static int add_upload_ignore(const Option *o, const char *value) {
        return upload_add_ignore(&arg_run.uploads, value);
}

const Option run_options[] = {
        { 0,   "runtime",    "NAME",         "run inside this runtime (python-3.11-ml, java:17, ...)",
          set_runtime, NULL, COMPLETE_RUNTIME },
        { 0,   "max-memory", "SIZE",         "limit of memory, in MiB or with a unit (512M, 2G)", set_max_memory },
        { 0,   "max-cpu",    "PERCENT",      "limit of CPU time, in percent of one core", set_max_cpu },
        { 0,   "cpu-cores",  "LIST",         "run on these CPUs only (0-3,6)", set_cpu_cores },
        { 'e', "env",        "NAME[=VALUE]", "set a variable, or pass on the one set here",
          add_environment, NULL, COMPLETE_VARIABLE },
        { 0,   "env-file",   "FILE",         "the same, from the lines of a file", add_environment_file, NULL, COMPLETE_FILE },
        { 'w', "workdir",    "DIR",          "directory in the job to start in (/work)", set_workdir },
        { 0,   "shell",      "MODE",         "auto: a shell runs what only a shell understands; yes: it runs all; no: nothing",
          set_shell, NULL, "auto yes no" },
        { 0,   "name",       "NAME",         "a name to find the job by", set_name },
        { 0,   "timeout",    "TIME",         "end the job after this time (90s, 2h30m)", set_timeout },
        { 0,   "network",    "NAME",         "none (unless set otherwise on this host) or host", set_network, NULL, "none host" },
        { 0,   "upload",     "PATH",         "put a file or a directory into /work", add_upload, NULL, COMPLETE_FILE },
        { 0,   "upload-dir", "DIR",          "put what is in a directory into /work",
          add_upload_dir, NULL, COMPLETE_DIRECTORY },
        { 0,   "upload-ignore", "PATTERN",   "leave out what matches in uploaded directories (gitignore)",
          add_upload_ignore },
        { 0,   "follow-links", NULL,         "upload what links point to, instead of the links",
          option_set_true, &arg_run.uploads.follow_links },
        { 0,   "download",   "PATH[:DEST]",  "fetch files or directories when the job has ended (*.png, a\\:b)",
          add_download, NULL, COMPLETE_PATH_IN_JOB },
        { 'd', "detach",     NULL,           "do not wait: print the job's id", option_set_true, &arg_run.detach },
        { 0,   "kill-on-exit", NULL,         "end the job when rnx ends, however it does", option_set_true, &arg_run.kill_on_exit },
        { 0,   "verbose",    NULL,           "say the job's number on stderr", option_set_true, &arg_report.verbose },
        { 0,   "id-file",    "FILE",         "write the job's number into a file",
          option_set_output_file, &arg_report.id_file, COMPLETE_FILE },
        { 0,   "record",     "FILE|FD",      "write the job's record into a file, or to a descriptor, when it has ended",
          option_set_output_file_or_fd, &arg_report.record, COMPLETE_FILE },
        { 'n', NULL,         NULL,           "leave standard input alone", option_set_true, &arg_run.no_stdin },
        { 0,   "dry-run",    NULL,           "print the equivalent systemd-run command, run nothing",
          option_set_true, &arg_run.dry_run },
        {}
};

void run_fds_close(RunFds *fds) {
        fds->stdin_fd = safe_close(fds->stdin_fd);
        fds->stdout_fd = safe_close(fds->stdout_fd);
        fds->stderr_fd = safe_close(fds->stderr_fd);
        fds->control_fd = safe_close(fds->control_fd);
        fds->upload_fd = safe_close(fds->upload_fd);
        fds->download_fd = safe_close(fds->download_fd);
}

static int append_strv(sd_bus_message *m, const char *key, char **l) {
        int r;

        if (!l || !*l)
                return 0;
        r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, l);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_request(sd_bus_message *m, const Request *q) {
        int r = 0;

        if (q->given & REQUEST_RUNTIME)
                r = sd_bus_message_append(m, "{sv}", "Runtime", "s", q->runtime);
        if (r >= 0 && q->given & REQUEST_NAME)
                r = sd_bus_message_append(m, "{sv}", "Name", "s", q->name);
        if (r >= 0 && q->given & REQUEST_MEMORY)
                r = sd_bus_message_append(m, "{sv}", "MaxMemory", "t", q->memory_max);
        if (r >= 0 && q->given & REQUEST_CPU_PERCENT)
                r = sd_bus_message_append(m, "{sv}", "MaxCPU", "u", q->cpu_percent ?: UINT32_MAX);
        if (r >= 0 && q->given & REQUEST_CPUS)
                r = sd_bus_message_append(m, "{sv}", "CPUCores", "s", q->cpus);
        if (r >= 0 && q->given & REQUEST_SHELL)
                r = sd_bus_message_append(m, "{sv}", "Shell", "s", shell_mode_to_string(q->shell));
        if (r >= 0)
                r = append_strv(m, "Environment", q->environment);
        if (r >= 0 && q->given & REQUEST_WORKDIR)
                r = sd_bus_message_append(m, "{sv}", "WorkingDirectory", "s", q->workdir);
        if (r >= 0 && q->given & REQUEST_TIMEOUT)
                r = sd_bus_message_append(m, "{sv}", "TimeoutUSec", "t", q->timeout_usec);
        if (r >= 0 && q->given & REQUEST_NETWORK)
                r = sd_bus_message_append(m, "{sv}", "Network", "s", network_mode_to_string(q->network));
        if (r >= 0)
                r = append_strv(m, "DownloadPaths", q->download);
        return r;
}

static int append_fds(sd_bus_message *m, const RunFds *fds) {
        const struct {
                const char *key;
                int fd;
        } table[] = {
                { "StandardInput",  fds->stdin_fd    },
                { "StandardOutput", fds->stdout_fd   },
                { "StandardError",  fds->stderr_fd   },
                { "Control",        fds->control_fd  },
                { "Upload",         fds->upload_fd   },
                { "Download",       fds->download_fd },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(table) && r >= 0; i++)
                if (table[i].fd >= 0)
                        r = sd_bus_message_append(m, "{sv}", table[i].key, "h", table[i].fd);
        return r;
}

int run_message(const Run *run, const RunFds *fds, const char *member, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        sd_bus *bus;
        int r;

        r = bus_acquire(&bus);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(bus, &m, BUS_NAME, BUS_PATH, MANAGER_INTERFACE, member);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, run->request->command);
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0)
                r = append_request(m, run->request);
        if (r >= 0 && fds)
                r = append_fds(m, fds);
        if (r >= 0 && fds && run->kill_on_exit)
                r = sd_bus_message_append(m, "{sv}", "KillOnExit", "b", true);
        if (r >= 0 && run->request->request_id)
                r = sd_bus_message_append(m, "{sv}", "RequestId", "s", run->request->request_id);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

int run_error_print(const sd_bus_error *e, int error) {
        (void) bus_error_print(e, error);
        if (sd_bus_error_has_name(e, ERROR_COMMAND_NOT_FOUND))
                return EXIT_NOT_FOUND;
        if (sd_bus_error_has_name(e, ERROR_COMMAND_NOT_EXECUTABLE))
                return EXIT_NOT_EXECUTABLE;
        return error;
}

static int request_id_make(Request *request) {
        char text[33], *message = NULL;
        uint8_t random[16];
        int r;

        if (getrandom(random, sizeof(random), 0) != sizeof(random))
                return log_error(-EIO, "cannot get random bytes: %m");
        for (size_t i = 0; i < sizeof(random); i++)
                (void) snprintf(text + 2 * i, 3, "%02x", random[i]);
        r = request_set_request_id(request, text, &message);
        return request_result(r, message);
}

static int request_finish(Run *run, char **command) {
        _cleanup_strv_free_ char **paths = NULL;
        char *message = NULL;
        int r;

        if (!arg_request())
                return -ENOMEM;
        r = request_set_command(run->request, command, &message);
        r = request_result(r, message);
        if (r < 0)
                return r;
        if (run->environment) {
                r = request_set_environment(run->request, run->environment, &message);
                r = request_result(r, message);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < run->n_downloads; i++)
                if (strv_extend(&paths, run->downloads[i].pattern) < 0)
                        return log_oom();
        if (paths) {
                r = request_set_download(run->request, paths, &message);
                r = request_result(r, message);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int run_dry(const Run *run) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_strv_free_ char **words = NULL;
        _cleanup_free_ char *line = NULL;
        int r;

        r = run_message(run, NULL, "Plan", &m);
        if (r < 0)
                return bus_error_print(NULL, r);
        r = bus_call(m, &error, &reply);
        if (r < 0)
                return bus_error_print(&error, r);
        r = sd_bus_message_read_strv(reply, &words);
        if (r < 0)
                return bus_error_print(NULL, r);
        if (shell_quote(words, &line) < 0)
                return log_oom();
        printf("%s\n", line);
        return 0;
}

const char* run_name(void) {
        return arg_run.request ? arg_run.request->name : NULL;
}

bool run_is_detached(void) {
        return arg_run.detach;
}

int verb_run(int argc, char *argv[]) {
        Run *run = &arg_run;
        int r;

        r = request_finish(run, argv);
        if (r < 0)
                return r;
        if (run->detach && run->n_downloads > 0)
                return log_error(-EINVAL, "--download and --detach exclude each other: somebody must be there to receive the files");
        if (run->detach && run->kill_on_exit)
                return log_error(-EINVAL, "--kill-on-exit and --detach exclude each other: a detached job has no client to end with");
        r = upload_prepare(&run->uploads);
        if (r < 0)
                return r;
        if (run->dry_run)
                return run_dry(run);

        r = request_id_make(run->request);
        if (r < 0)
                return r;
        if (!run->detach)
                advise_before_run(run);
        r = run->detach ? run_detached(run) : run_attached(run);
        advise_after_run(run, r);
        return r;
}
