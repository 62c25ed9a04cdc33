/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus.h"
#include "job.h"
#include "json.h"
#include "rnx.h"
#include "run-advice.h"
#include "runtime.h"
#include "shell-quote.h"
#include "strv.h"
#include "terminal.h"

#define FILES_NAMED 3U
#define RUNTIMES_NAMED 3U
#define RUNTIMES_SEARCHED 64U

static bool is_wanted(void) {
        return !arg_quiet && arg_json == JSON_OFF;
}

static const char* base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

void advise_before_run(const Run *run) {
        static const char *const interactive[] = {
                "sh", "bash", "dash", "zsh", "ksh", "fish", "python", "python3", "ipython", "node", "irb", "R", "julia",
                "psql", "sqlite3", "jshell", "gdb",
        };
        char *const *command = run->request->command;

        if (!is_wanted() || run->no_stdin || command[1] || !on_tty(STDIN_FILENO) || !on_tty(STDOUT_FILENO))
                return;
        for (size_t i = 0; i < ELEMENTSOF(interactive); i++)
                if (strcmp(base_name(command[0]), interactive[i]) == 0)
                        (void) log_error(0, "a job has no terminal: %s shows no prompt, and reads what is typed up to Ctrl-D; give it "
                                            "something to run instead", command[0]);
}

/* Whether it is part of what was uploaded, under the name that it has in the job. */
static bool is_uploaded(const Run *run, const char *word) {
        if (strncmp(word, "./", 2) == 0)
                word += 2;
        for (size_t i = 0; i < run->uploads.n_sources; i++) {
                const UploadSource *s = run->uploads.sources + i;
                _cleanup_free_ char *inside = NULL, *path = strdup(s->path);
                size_t n = path ? strlen(path) : 0;

                while (n > 1 && path[n - 1] == '/')
                        path[--n] = 0;
                if (s->contents && path && asprintf(&inside, "%s/%s", path, word) < 0)
                        inside = NULL;
                if (inside && access(inside, F_OK) >= 0)
                        return true;
                if (!s->contents && path && strlen(base_name(path)) == strcspn(word, "/") &&
                    strncmp(base_name(path), word, strcspn(word, "/")) == 0)
                        return true;
        }
        return false;
}

/* A file or directory of the caller's, by the looks of it: what is part of every job is not meant. */
static bool is_left_behind(const Run *run, const char *word) {
        static const char *const common[] = { "/usr", "/bin", "/sbin", "/lib", "/etc", "/dev", "/proc", "/sys", "/opt/joblet", "/work" };
        struct stat st;

        if (*word == '-' || (!strchr(word, '.') && !strchr(word, '/')) || strspn(word, "./") == strlen(word))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(common); i++)
                if (strncmp(word, common[i], strlen(common[i])) == 0)
                        return false;
        return stat(word, &st) >= 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) && !is_uploaded(run, word);
}

/* What was typed, also where it was one word for a shell. */
static int words_of(const Run *run, char ***ret) {
        char *const *command = run->request->command;
        _cleanup_strv_free_ char **words = NULL;
        _cleanup_free_ char *copy = NULL;
        char *rest, *word;

        if (strv_length(command) != 1)
                return strv_copy(command, ret);
        copy = rest = strdup(command[0]);
        if (!copy)
                return -ENOMEM;
        while ((word = strsep(&rest, " \t\n;|&<>()\"'")))
                if (*word && strv_extend(&words, word) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(words);
        return 0;
}

/* Where it leads out of here only the file itself goes along, under its last name: "/home/a/x.py", "../x.py". */
static bool leads_out(const char *word) {
        return *word == '/' || strcmp(word, "..") == 0 || strncmp(word, "../", 3) == 0;
}

/* The option that brings it to where the command looks for it: "src/x.py" with the whole of src. */
static char* upload_option(const char *word) {
        char *option;
        size_t n;

        while (strncmp(word, "./", 2) == 0)
                word += 2;
        n = leads_out(word) ? strlen(word) : strcspn(word, "/");
        return asprintf(&option, "--upload=%.*s", (int) n, word) < 0 ? NULL : option;
}

/* The options that bring them. */
static int left_behind(const Run *run, char *const *words, char ***ret) {
        _cleanup_strv_free_ char **options = NULL;

        STRV_FOREACH(word, words) {
                _cleanup_free_ char *option = NULL;

                if (!is_left_behind(run, *word) || strv_length(options) == FILES_NAMED)
                        continue;
                option = upload_option(*word);
                if (!option)
                        return -ENOMEM;
                if (!strv_contains(options, option) && strv_extend(&options, option) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(options);
        return 0;
}

/* "rnx run [--runtime=NAME] [--upload=FILE...] COMMAND" */
static char* suggestion(const Run *run, const char *runtime, char *const *uploads) {
        _cleanup_strv_free_ char **words = NULL;
        char *line = NULL;
        int r;

        r = strv_extend(&words, "rnx");
        if (r >= 0)
                r = strv_extend(&words, "run");
        if (r >= 0 && (runtime ?: run->request->runtime))
                r = strv_extendf(&words, "--runtime=%s", runtime ?: run->request->runtime);
        STRV_FOREACH(option, uploads)
                if (r >= 0)
                        r = strv_extend(&words, *option);
        STRV_FOREACH(word, run->request->command)
                if (r >= 0)
                        r = strv_extend(&words, leads_out(*word) && is_left_behind(run, *word) ? base_name(*word) : *word);
        return r >= 0 && shell_quote(words, &line) >= 0 ? line : NULL;
}

static bool is_there(const char *directory, const char *rest, const char *command) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        if (asprintf(&path, "%s/%s/%s", directory, rest, command) < 0) {
                path = NULL;
                return false;
        }
        return lstat(path, &st) >= 0; /* its links may lead to where only the job has something */
}

/* Whether the directory, as a job in the runtime has it, holds the command. */
static bool directory_has(json_object *runtime, const char *directory, const char *command) {
        const char *path = runtime_string(runtime, "path");
        json_object *mounts;

        if (strncmp(directory, path, strlen(path)) == 0)
                return is_there(directory, "", command);
        if (!json_object_object_get_ex(runtime, "mounts", &mounts) || !json_object_is_type(mounts, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(mounts); i++) {
                json_object *mount = json_object_array_get_idx(mounts, i);
                const char *source = json_object_get_string(json_object_array_get_idx(mount, 0)),
                           *target = json_object_get_string(json_object_array_get_idx(mount, 1));
                _cleanup_free_ char *whole = NULL;
                size_t n = target ? strlen(target) : 0;

                if (!source || n == 0 || strncmp(directory, target, n) != 0 || (directory[n] && directory[n] != '/'))
                        continue;
                if (asprintf(&whole, "%s%s%s", *source == '/' ? "" : path, *source == '/' ? "" : "/", source) < 0) {
                        whole = NULL;
                        return false;
                }
                if (is_there(whole, directory + n, command))
                        return true;
        }
        return false;
}

static bool runtime_has(json_object *runtime, const char *command) {
        json_object *environment;

        if (!json_object_object_get_ex(runtime, "environment", &environment) ||
            !json_object_is_type(environment, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(environment); i++) {
                const char *entry = json_object_get_string(json_object_array_get_idx(environment, i));
                _cleanup_free_ char *copy = NULL;
                char *rest, *directory;

                if (!entry || strncmp(entry, "PATH", strlen("PATH")) != 0 || !strchr(entry, '='))
                        continue;
                copy = strdup(strchr(entry, '=') + 1);
                for (rest = copy; rest && (directory = strsep(&rest, ":"));)
                        if (*directory == '/' && directory_has(runtime, directory, command))
                                return true;
        }
        return false;
}

/* Names of installed runtimes that have the command. 0 or a negative errno. */
static int runtimes_with(const char *command, char ***ret) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_strv_free_ char **names = NULL, **found = NULL;
        const char *path, *name, *display, *version, *type, *description, *problem;
        uint64_t size;
        int r;

        r = bus_call_new(BUS_PATH, MANAGER_INTERFACE, "ListRuntimes", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "a{sv}", 0);
        if (r >= 0)
                r = bus_call(m, NULL, &reply);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(osssstss)");
        if (r < 0)
                return r;
        while (sd_bus_message_read(reply, "(osssstss)", &path, &name, &display, &version, &type, &size, &description, &problem) > 0)
                if (!*problem && strv_length(names) < RUNTIMES_SEARCHED && strv_extend(&names, name) < 0)
                        return -ENOMEM;
        STRV_FOREACH(n, names) {
                _cleanup_json_ json_object *runtime = NULL;

                if (runtime_describe(*n, &runtime) >= 0 && runtime_has(runtime, command) && strv_extend(&found, *n) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(found);
        return 0;
}

/* What a language is started with is looked for in runtimes; a mistyped command is not. */
static void advise_no_runtime(const char *command) {
        static const char *const languages[] = {
                "python", "python3", "pip", "pip3", "node", "npm", "npx", "java", "javac", "go", "cargo", "rustc",
        };
        _cleanup_free_ char *third = NULL;

        for (size_t i = 0; i < ELEMENTSOF(languages); i++)
                if (strcmp(command, languages[i]) == 0)
                        (void) log_error(0, "no installed runtime has %s; see 'rnx runtime list' and 'rnx runtime install --help'", command);
        if (asprintf(&third, "/usr/bin/%s3", command) < 0) {
                third = NULL;
                return;
        }
        if (access(third, X_OK) >= 0)
                (void) log_error(0, "this host has %s", base_name(third));
}

static void advise_runtime(const Run *run, const char *command, char *const *uploads) {
        _cleanup_strv_free_ char **found = NULL;
        _cleanup_free_ char *line = NULL, *list = NULL;
        size_t n;

        if (runtimes_with(command, &found) < 0)
                return;
        if (!found) {
                advise_no_runtime(command);
                return;
        }
        n = strv_length(found);
        line = suggestion(run, found[0], uploads);
        if (n > RUNTIMES_NAMED)
                found[RUNTIMES_NAMED] = (free(found[RUNTIMES_NAMED]), strdup("..."));
        for (size_t i = RUNTIMES_NAMED + 1; i < n; i++) {
                free(found[i]);
                found[i] = NULL;
        }
        list = strv_join(found, ", ");
        if (line && list)
                (void) log_error(0, "%s is not among the programs of %s, but in %s: %s; try: %s", command,
                                 run->request->runtime ? "that runtime" : "this host", n == 1 ? "a runtime" : "these runtimes", list,
                                 line);
}

void advise_after_run(const Run *run, int exit_status) {
        _cleanup_strv_free_ char **uploads = NULL, **words = NULL;
        _cleanup_free_ char *line = NULL;

        /* Of a limit, a signal or a failure of our own the reason has been said. */
        if (!is_wanted() || exit_status <= 0 || exit_status > 128 || exit_status == EXIT_TIMEOUT ||
            exit_status == EXIT_OWN_FAILURE || words_of(run, &words) < 0 || !words ||
            left_behind(run, words, &uploads) < 0)
                return;
        if (exit_status == EXIT_NOT_FOUND && !strchr(words[0], '/')) {
                advise_runtime(run, words[0], uploads);
                return;
        }
        if (!uploads)
                return;
        line = suggestion(run, NULL, uploads);
        if (line)
                (void) log_error(0, "%s%s here, but not in the job; to bring %s along: %s", uploads[0] + strlen("--upload="),
                                 uploads[1] ? " and others are" : " is", uploads[1] ? "them" : "it", line);
}
