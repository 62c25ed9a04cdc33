/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "job-pattern.h"
#include "quantity.h"
#include "request.h"
#include "runtime-name.h"
#include "string-table.h"
#include "strv.h"
#include "text.h"

static const char *const network_mode_table[_NETWORK_MODE_MAX] = {
        [NETWORK_NONE] = "none",
        [NETWORK_HOST] = "host",
};

DEFINE_STRING_TABLE(network_mode, NetworkMode);

static const char *const shell_mode_table[_SHELL_MODE_MAX] = {
        [SHELL_AUTO] = "auto",
        [SHELL_YES] = "yes",
        [SHELL_NO] = "no",
};

DEFINE_STRING_TABLE(shell_mode, ShellMode);

/* Refuses a value of the user's: "OPTION: 'VALUE' RULE", the value made fit for one line. */
static int refuse_value(char **reterr, const char *option, const char *value, const char *rule) {
        _cleanup_free_ char *safe = text_for_message(value, 64);

        if (!safe)
                return -ENOMEM;
        return message_set(reterr, -EINVAL, "%s: '%s' %s", option, safe, rule);
}

static int replace(char **field, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 0;
}

int request_new(Request **ret) {
        Request *r = malloc(sizeof *r);

        if (!r)
                return -ENOMEM;
        *r = (Request) {
                .memory_max = UINT64_MAX,
                .timeout_usec = USEC_INFINITY,
                .network = NETWORK_NONE,
                .workdir = strdup("/work"),
        };
        if (!r->workdir) {
                free(r);
                return -ENOMEM;
        }
        *ret = r;
        return 0;
}

Request* request_free(Request *r) {
        if (!r)
                return NULL;
        strv_free(r->command);
        free(r->runtime);
        free(r->name);
        free(r->cpus);
        free(r->cpu_set);
        strv_free(r->environment);
        free(r->workdir);
        strv_free(r->download);
        free(r->request_id);
        free(r);
        return NULL;
}

static int refuse_word(char **reterr, size_t size, const char *where) {
        return message_set(reterr, -EINVAL, "%s is %zu bytes long, Linux takes no word of more than %u; put long data into a file and use --upload, "
                           "or give it on standard input", where, size, REQUEST_WORD_MAX - 1);
}

int request_set_command(Request *r, char *const *command, char **reterr) {
        size_t size = 0, words = 0;
        char **copy = NULL;
        int q;

        if (!command || !command[0] || command[0][0] == 0)
                return message_set(reterr, -EINVAL, "no command to run was given");
        STRV_FOREACH(s, command) {
                size_t n = strlen(*s);

                if (!utf8_is_valid(*s, n))
                        return refuse_value(reterr, "the command", *s,
                                            "is not UTF-8; write such bytes as an escape: sh -c 'printf \"\\377\"'");
                if (n >= REQUEST_WORD_MAX)
                        return refuse_word(reterr, n, "a word of the command");
                size += n + 1;
                words++;
        }
        if (words > REQUEST_WORDS_MAX)
                return message_set(reterr, -EINVAL, "the command has %zu words, at most %u are allowed; put long data into a file and use --upload",
                                   words, REQUEST_WORDS_MAX);
        if (size > REQUEST_COMMAND_MAX)
                return message_set(reterr, -EINVAL, "the command is %zu bytes long, at most %u are allowed; put long data into a file and use --upload",
                              size, REQUEST_COMMAND_MAX);

        q = strv_copy(command, &copy);
        if (q < 0)
                return q;
        strv_free(r->command);
        r->command = copy;
        r->given |= REQUEST_COMMAND;
        return 0;
}

int request_set_shell(Request *r, const char *mode, char **reterr) {
        ShellMode m = shell_mode_from_string(mode);

        if (m < 0)
                return refuse_value(reterr, "--shell", mode, "is none of auto, yes and no");
        r->shell = m;
        r->given |= REQUEST_SHELL;
        return 0;
}

/* A single word that only a shell would understand is run by one, as `rnx run 'a && b'` promises. */
static bool wants_shell(const Request *r) {
        return r->shell == SHELL_YES ||
                (r->shell == SHELL_AUTO && !r->command[1] && strpbrk(r->command[0], " \t\n|&;<>()$`\\\"'*?[#~=%!{}"));
}

int request_command(const Request *r, char ***ret, char **reterr) {
        _cleanup_free_ char *script = NULL;

        if (!wants_shell(r))
                return strv_copy(r->command, ret);
        script = strv_join(r->command, " ");
        if (!script)
                return -ENOMEM;
        if (strlen(script) >= REQUEST_WORD_MAX)
                return refuse_word(reterr, strlen(script), "--shell: the script");
        return strv_copy((char *[]) { (char*) "sh", (char*) "-c", script, NULL }, ret);
}

int request_set_runtime(Request *r, const char *spelling, char **reterr) {
        _cleanup_free_ char *key = NULL;
        int q;

        q = runtime_name_is_full(spelling) ? 0 : runtime_name_normalize(spelling, &key);
        if (q == -EINVAL)
                return refuse_value(reterr, "--runtime", spelling,
                                    "is not the name of a runtime; see 'rnx runtime list'");
        if (q < 0)
                return q;
        r->given |= REQUEST_RUNTIME;
        return replace(&r->runtime, spelling);
}

int request_set_name(Request *r, const char *name, char **reterr) {
        size_t n = strlen(name);

        if (n == 0)
                return message_set(reterr, -EINVAL, "--name: a name cannot be empty");
        if (n > REQUEST_NAME_MAX)
                return message_set(reterr, -EINVAL, "--name: the name is %zu bytes long, at most %u are allowed", n,
                                   REQUEST_NAME_MAX);
        if (!text_is_line(name) || name[0] == '-')
                return refuse_value(reterr, "--name", name,
                                    "is not a valid name; any text in UTF-8 without control characters is, unless it begins with -");
        r->given |= REQUEST_NAME;
        return replace(&r->name, name);
}

int request_set_memory_max(Request *r, uint64_t bytes, char **reterr) {
        if (bytes < REQUEST_MEMORY_MIN)
                return message_set(reterr, -EINVAL, "--max-memory: %llu bytes are too few to start any program; the least is %u MiB",
                              (unsigned long long) bytes, (unsigned) (REQUEST_MEMORY_MIN >> 20));
        r->memory_max = bytes;
        r->given |= REQUEST_MEMORY;
        return 0;
}

int request_set_cpu_percent(Request *r, uint32_t percent, char **reterr) {
        if (percent == UINT32_MAX)
                percent = 0; /* no limit */
        else if (percent == 0 || percent > REQUEST_CPU_PERCENT_MAX)
                return message_set(reterr, -EINVAL,
                                   "--max-cpu: %u is out of range; give percent of one core, from 1 to %u",
                                   percent, REQUEST_CPU_PERCENT_MAX);
        r->cpu_percent = percent;
        r->given |= REQUEST_CPU_PERCENT;
        return 0;
}

int request_set_cpus(Request *r, const char *list, char **reterr) {
        uint8_t *set = NULL;
        size_t size = 0;
        char *text = NULL;
        int q;

        q = cpu_list_parse(list, &set, &size, &text);
        if (q == -EINVAL || q == -ERANGE)
                return refuse_value(reterr, "--cpu-cores", list,
                                    "is not a list of CPUs; write for example 0-3 or 0,2");
        if (q < 0)
                return q;
        free(r->cpu_set);
        free(r->cpus);
        r->cpu_set = set;
        r->cpu_set_size = size;
        r->cpus = text;
        r->given |= REQUEST_CPUS;
        return 0;
}

/* Names the variable only: its value may be long, or secret. */
static int refuse_variable(char **reterr, const char *assignment, const char *problem) {
        _cleanup_free_ char *name = strndup(assignment, strcspn(assignment, "="));

        return name ? refuse_value(reterr, "--env", name, problem) : -ENOMEM;
}

int request_set_environment(Request *r, char *const *assignments, char **reterr) {
        size_t size = 0, n = 0;
        char **copy = NULL;
        int q;

        STRV_FOREACH(s, assignments) {
                const char *problem = environment_entry_problem(*s);

                if (problem)
                        return refuse_variable(reterr, *s, problem);
                size += strlen(*s) + 1;
                n++;
        }
        if (n > REQUEST_VARIABLES_MAX)
                return message_set(reterr, -EINVAL, "--env: %zu variables are too many, at most %u are allowed; put long data into a file and use --upload",
                                   n, REQUEST_VARIABLES_MAX);
        if (size > REQUEST_ENVIRONMENT_MAX)
                return message_set(reterr, -EINVAL, "--env: the environment is %zu bytes long, at most %u are allowed; put long data into a file and use --upload",
                              size, REQUEST_ENVIRONMENT_MAX);
        q = strv_copy(assignments, &copy);
        if (q < 0)
                return q;
        strv_free(r->environment);
        r->environment = copy;
        r->given |= REQUEST_ENVIRONMENT;
        return 0;
}

/* Paths in a job: no control characters, no "..", not longer than the kernel takes. */
static bool job_path_is_valid(const char *path) {
        size_t n = strlen(path);

        if (n == 0 || n >= 4096)
                return false;
        for (const char *p = path; *p; p++)
                if (iscntrl((unsigned char) *p))
                        return false;
        for (const char *p = path; *p;) {
                size_t l = strcspn(p, "/");

                if (l > 255 || (l == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                p += l;
                p += strspn(p, "/");
        }
        return true;
}

int request_set_workdir(Request *r, const char *path, char **reterr) {
        char *absolute;

        if (!job_path_is_valid(path))
                return refuse_value(reterr, "--workdir", path,
                                    "is not a path in the job; give an absolute one, or one relative to /work, without '..'");
        r->given |= REQUEST_WORKDIR;
        if (path[0] == '/')
                return replace(&r->workdir, path);
        if (asprintf(&absolute, "/work/%s", path) < 0)
                return -ENOMEM;
        free(r->workdir);
        r->workdir = absolute;
        return 0;
}

int request_set_timeout(Request *r, uint64_t usec, char **reterr) {
        if (usec == 0)
                return message_set(reterr, -EINVAL, "--timeout: a job that may take no time cannot run; give a time span such as 30min or 2h");
        r->timeout_usec = usec;
        r->given |= REQUEST_TIMEOUT;
        return 0;
}

int request_set_network(Request *r, const char *mode, char **reterr) {
        NetworkMode m = network_mode_from_string(mode);

        if (m < 0)
                return refuse_value(reterr, "--network", mode, "is no network; use none or host");
        r->network = m;
        r->given |= REQUEST_NETWORK;
        return 0;
}

int request_set_download(Request *r, char *const *paths, char **reterr) {
        size_t size = 0;
        char **copy = NULL;
        int q;

        if (strv_length(paths) > REQUEST_DOWNLOADS_MAX)
                return message_set(reterr, -EINVAL, "--download: %zu paths are too many, at most %u are allowed; download a directory instead",
                              strv_length(paths), REQUEST_DOWNLOADS_MAX);
        STRV_FOREACH(s, paths) {
                if (!job_pattern_is_valid(*s))
                        return refuse_value(reterr, "--download", *s,
                                            "is not a path in the job; give an absolute one, or one relative to /work, without '..'");
                size += strlen(*s) + 1;
        }
        if (size > REQUEST_DOWNLOAD_SIZE_MAX)
                return message_set(reterr, -EINVAL, "--download: the paths are %zu bytes long, at most %u are allowed; download a directory instead",
                              size, REQUEST_DOWNLOAD_SIZE_MAX);
        q = strv_copy(paths, &copy);
        if (q < 0)
                return q;
        strv_free(r->download);
        r->download = copy;
        r->given |= REQUEST_DOWNLOAD;
        return 0;
}

int request_set_kill_on_exit(Request *r, bool value, char **reterr) {
        r->kill_on_exit = value;
        r->given |= REQUEST_KILL;
        return 0;
}

void request_apply_defaults(Request *r, const RequestDefaults *defaults) {
        if (!(r->given & REQUEST_NETWORK))
                r->network = defaults->network;
        if (!(r->given & REQUEST_MEMORY))
                r->memory_max = defaults->memory_max;
        if (!(r->given & REQUEST_CPU_PERCENT))
                r->cpu_percent = defaults->cpu_percent;
        if (!(r->given & REQUEST_TIMEOUT))
                r->timeout_usec = defaults->timeout_usec;
}

int request_set_request_id(Request *r, const char *id, char **reterr) {
        if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32)
                return refuse_value(reterr, "RequestId", id,
                                    "is not a 128-bit id of 32 lower-case hexadecimal digits");
        r->given |= REQUEST_ID;
        return replace(&r->request_id, id);
}
