/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <limits.h>
#include <string.h>

#include "manifest-rules.h"
#include "quantity.h"

#define VOLUME_NAME_MAX 63U

/* In the host's root the job sees the host's /usr: a mount point there would be made on the host. These are
 * the places that belong to the job's own root and that nothing else uses. */
static const char *const targets_allowed_below[] = { "/usr/local", "/opt", "/srv" };

/* Node's import finds packages only in a node_modules in or above the directory of the script, which is
 * /work. */
static const char *const targets_allowed[] = { "/node_modules" };

/* Ours: the store and what comes with it. */
static const char *const targets_reserved[] = { "/opt/joblet" };

/* In a runtime's own root it may arrange everything but what every job is promised. */
static const char *const targets_refused_in_own_root[] = {
        "/boot", "/dev", "/etc", "/home",    "/opt/joblet", "/proc",    "/root",
        "/run",  "/sys", "/tmp", "/var/run", "/var/tmp",    "/volumes", "/work",
};

/* Beside every LD_ variable but LD_LIBRARY_PATH: what makes the C library or a shell load or run foreign
 * things. */
static const char *const variables_hijacking[] = {
        "BASHOPTS", "BASH_ENV", "ENV", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "IFS", "MALLOC_TRACE",
        "PROMPT_COMMAND", "PS4", "RESOLV_HOST_CONF", "SHELLOPTS",
};

/* What systemd and Joblet tell a job. */
static const char *const variables_reserved[] = {
        "CREDENTIALS_DIRECTORY", "HOME", "INVOCATION_ID", "JOURNAL_STREAM", "LOGNAME", "MAINPID",
        "NOTIFY_SOCKET",         "USER", "WATCHDOG_PID",  "WATCHDOG_USEC",
};

/* Whether the first n bytes of s are one of the strings. */
static bool string_in(const char *s, size_t n, const char *const *table, size_t n_table) {
        for (size_t i = 0; i < n_table; i++)
                if (strlen(table[i]) == n && memcmp(s, table[i], n) == 0)
                        return true;
        return false;
}

static bool string_starts(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

char* path_normalize(const char *path) {
        char *result, *out;

        out = result = malloc(strlen(path) + 2);
        if (!result)
                return NULL;

        if (*path == '/')
                *out++ = '/';
        for (const char *p = path;;) {
                size_t n;

                p += strspn(p, "/");
                n = strcspn(p, "/");
                if (n == 0)
                        break;
                if (n != 1 || *p != '.') {
                        if (out > result && out[-1] != '/')
                                *out++ = '/';
                        out = mempcpy(out, p, n);
                }
                p += n;
        }
        if (out == result && *path)
                *out++ = '.';
        *out = 0;
        return result;
}

bool path_is_below(const char *path, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(path, prefix, n) == 0 &&
               (path[n] == 0 || path[n] == '/' || (n > 0 && prefix[n - 1] == '/'));
}

int path_compare(const char *a, const char *b) {
        for (;; a++, b++) {
                unsigned char x = (unsigned char) *a, y = (unsigned char) *b;

                if (x == y) {
                        if (x == 0)
                                return 0;
                        continue;
                }
                /* The slash sorts before every other character, so that what lies below "a" comes before
                 * "a-b". */
                if (x == 0 || y == 0)
                        return x == 0 ? -1 : 1;
                if (x == '/' || y == '/')
                        return x == '/' ? -1 : 1;
                return x < y ? -1 : 1;
        }
}

static bool path_has_parent_reference(const char *path) {
        for (const char *p = path;;) {
                size_t n;

                p += strspn(p, "/");
                n = strcspn(p, "/");
                if (n == 0)
                        return false;
                if (n == 2 && p[0] == '.' && p[1] == '.')
                        return true;
                p += n;
        }
}

static bool path_has_long_component(const char *path) {
        for (const char *p = path;;) {
                size_t n;

                p += strspn(p, "/");
                n = strcspn(p, "/");
                if (n == 0)
                        return false;
                if (n > NAME_MAX)
                        return true;
                p += n;
        }
}

const char* mount_source_problem(const char *source) {
        if (!*source)
                return "it is empty, name a path below the runtime's directory or '.' for all of it";
        if (*source == '/')
                return "it must be relative to the runtime's directory, remove the leading '/' and what leads there";
        if (path_has_parent_reference(source))
                return "it must stay in the runtime's directory, remove the '..'";
        if (strlen(source) >= PATH_MAX / 2 || path_has_long_component(source))
                return "the path is too long, shorten it";
        return NULL;
}

static const char* mount_target_problem_on_host(const char *target) {
        for (size_t i = 0; i < ELEMENTSOF(targets_reserved); i++)
                if (path_is_below(target, targets_reserved[i]))
                        return "it must not lie in /opt/joblet, which is Joblet's own, choose a directory below /usr/local";
        for (size_t i = 0; i < ELEMENTSOF(targets_allowed); i++)
                if (path_is_below(target, targets_allowed[i]))
                        return NULL;
        for (size_t i = 0; i < ELEMENTSOF(targets_allowed_below); i++)
                if (path_is_below(target, targets_allowed_below[i]) &&
                    strcmp(target, targets_allowed_below[i]) != 0)
                        return NULL;
        return "it must lie below /usr/local, /opt or /srv or be /node_modules, choose such a place or use 'base: self'";
}

const char* mount_target_problem(const char *target, RuntimeBase base) {
        if (*target != '/')
                return "it must be an absolute path, begin it with '/'";
        if (path_has_parent_reference(target))
                return "'..' is not allowed, write the path that is meant";
        if (strlen(target) >= PATH_MAX / 2 || path_has_long_component(target))
                return "the path is too long, shorten it";
        if (base == RUNTIME_BASE_HOST)
                return mount_target_problem_on_host(target);

        if (strcmp(target, "/") == 0)
                return "it must not be '/', put the files into the runtime's directory 'root'";
        for (size_t i = 0; i < ELEMENTSOF(targets_refused_in_own_root); i++)
                if (path_is_below(target, targets_refused_in_own_root[i]))
                        return "it must not lie in a place that Joblet sets up for every job (/dev, /etc, /home, /proc, "
                               "/root, /run, /sys, /tmp, /volumes, /work), choose another one";
        return NULL;
}

const char* mount_entry_problem(const char *entry) {
        if (!*entry)
                return "it is empty, name a file or directory of the source";
        if (strchr(entry, '/'))
                return "it must be a plain name without '/', use a mount of its own for what lies deeper";
        if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0)
                return "it must be the name of an entry, remove 'selective' to mount all of the source";
        if (strlen(entry) > NAME_MAX)
                return "the name is too long, shorten it";
        return NULL;
}

/* How long the name of the variable is that name sets: shorter where it ends in _PREPEND. */
static size_t environment_name_length_base(const char *name) {
        static const char suffix[] = "_PREPEND";
        size_t n = strlen(name), k = sizeof(suffix) - 1;

        return n >= k && strcmp(name + n - k, suffix) == 0 ? n - k : n;
}

const char* environment_name_problem(const char *name) {
        size_t n = environment_name_length_base(name);

        if (!environment_name_is_valid(name) || n == 0)
                return "it is no name of a variable, use letters, digits and '_' and no digit in front";

        if ((string_starts(name, "LD_") && !string_in(name, n, (const char*[]) { "LD_LIBRARY_PATH" }, 1)) ||
            string_in(name, n, variables_hijacking, ELEMENTSOF(variables_hijacking)))
                return "it would change how every program of the job is loaded, remove it and wrap the program instead";
        if (string_starts(name, "JOBLET_") || string_starts(name, "LISTEN_") ||
            string_in(name, n, variables_reserved, ELEMENTSOF(variables_reserved)))
                return "it is set by Joblet or systemd for every job, remove it";
        return NULL;
}

const char* volume_name_problem(const char *name) {
        static const char ends[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        static const char middle[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        size_t n = strlen(name);

        if (n == 0 || n > VOLUME_NAME_MAX || strspn(name, middle) != n || !strchr(ends, name[0]) ||
            !strchr(ends, name[n - 1]))
                return "it is no name of a volume, use up to 63 letters, digits, '-' and '_' that begin and end with a "
                       "letter or digit";
        return NULL;
}
