/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "atomic-file.h"
#include "log.h"
#include "quantity.h"
#include "settings.h"

#define SETTINGS_SIZE_MAX (64U * 1024U)

static int parse_boolean(const char *value, bool *ret) {
        static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (strcasecmp(value, yes[i]) == 0)
                        return *ret = true, 0;
                if (strcasecmp(value, no[i]) == 0)
                        return *ret = false, 0;
        }
        return -EINVAL;
}

/* A number of one kind, or none. */
static int parse_limit(const char *value, int (*parse)(const char *value, uint64_t *ret), uint64_t *ret) {
        if (strcmp(value, "infinity") == 0)
                return *ret = UINT64_MAX, 0;
        return parse(value, ret);
}

static int parse_memory(const char *value, uint64_t *ret) {
        uint64_t bytes;
        int r = size_parse(value, MEMORY_UNIT, &bytes);

        if (r < 0)
                return r;
        if (bytes < REQUEST_MEMORY_MIN)
                return -ERANGE;
        *ret = bytes;
        return 0;
}

static int parse_bytes(const char *value, uint64_t *ret) {
        uint64_t bytes;
        int r = size_parse(value, 1, &bytes);

        if (r < 0)
                return r;
        if (bytes == 0) /* to tmpfs that is no limit */
                return -ERANGE;
        *ret = bytes;
        return 0;
}

static int parse_tasks(const char *value, uint64_t *ret) {
        char *end;
        unsigned long long n;

        if (value[0] < '1' || value[0] > '9')
                return -EINVAL;
        errno = 0;
        n = strtoull(value, &end, 10);
        if (errno != 0 || *end)
                return -EINVAL;
        *ret = n;
        return 0;
}

static int parse_timeout(const char *value, uint64_t *ret) {
        uint64_t usec;
        int r = timespan_parse(value, &usec);

        if (r < 0)
                return r;
        if (usec == 0)
                return -ERANGE;
        *ret = usec;
        return 0;
}

static int parse_percent(const char *value, uint32_t *ret) {
        unsigned percent;
        int r;

        if (strcmp(value, "infinity") == 0)
                return *ret = 0, 0;
        r = percent_parse(value, &percent);
        if (r < 0)
                return r;
        *ret = percent;
        return 0;
}

static int parse_network(const char *value, NetworkMode *ret) {
        NetworkMode network = network_mode_from_string(value);

        if (network < 0)
                return -EINVAL;
        *ret = network;
        return 0;
}

static int apply(Settings *s, const char *key, const char *value) {
        if (strcmp(key, "AcceptUnenforcedLimits") == 0)
                return parse_boolean(value, &s->accept_unenforced_limits);
        if (strcmp(key, "StopTimeoutSec") == 0)
                return timespan_parse(value, &s->stop_timeout_usec);
        if (strcmp(key, "UploadMax") == 0)
                return size_parse(value, 1, &s->upload_max);
        if (strcmp(key, "DefaultNetwork") == 0)
                return parse_network(value, &s->defaults.network);
        if (strcmp(key, "DefaultMaxMemory") == 0)
                return parse_limit(value, parse_memory, &s->defaults.memory_max);
        if (strcmp(key, "DefaultMaxCPU") == 0)
                return parse_percent(value, &s->defaults.cpu_percent);
        if (strcmp(key, "DefaultTimeout") == 0)
                return parse_limit(value, parse_timeout, &s->defaults.timeout_usec);
        if (strcmp(key, "DefaultMaxTasks") == 0)
                return parse_limit(value, parse_tasks, &s->bounds.tasks_max);
        if (strcmp(key, "ShmSize") == 0)
                return parse_limit(value, parse_bytes, &s->bounds.shm_size);
        return -ENOENT;
}

static char* strip(char *s) {
        s += strspn(s, " \t\r");
        for (size_t n = strlen(s); n > 0 && isspace((unsigned char) s[n - 1]); n--)
                s[n - 1] = 0;
        return s;
}

static void apply_line(Settings *s, const char *path, unsigned number, char *line) {
        char *equals = strchr(line, '='), *key, *value;
        int r;

        if (!equals) {
                log_warning("%s:%u: '%s' is not KEY=VALUE, ignoring", path, number, line);
                return;
        }
        *equals = 0;
        key = strip(line);
        value = strip(equals + 1);
        r = apply(s, key, value);
        if (r == -ENOENT)
                log_warning("%s:%u: unknown setting %s=, ignoring; see jobletd(8)", path, number, key);
        else if (r < 0)
                log_warning("%s:%u: '%s' is not a value for %s=, ignoring; see jobletd(8)", path, number, value, key);
}

static void parse(Settings *s, const char *path, char *text) {
        unsigned number = 0;
        bool ours = true;
        char *line;

        while ((line = strsep(&text, "\n"))) {
                number++;
                line = strip(line);
                if (line[0] == 0 || line[0] == '#' || line[0] == ';')
                        continue;
                if (line[0] == '[') {
                        ours = strcmp(line, "[Job]") == 0;
                        if (!ours)
                                log_warning("%s:%u: unknown section %s, ignoring all that is in it; settings of jobletd belong into [Job]",
                                            path, number, line);
                } else if (ours)
                        apply_line(s, path, number, line);
        }
}

static int load_file(Settings *s, const char *directory, const char *name) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        if (asprintf(&path, "%s/%s", directory, name) < 0)
                return -ENOMEM;
        r = file_read_configuration(path, SETTINGS_SIZE_MAX, &text);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return log_error_errno(r, "Failed to read %s: %m", path);
        parse(s, path, text);
        return 0;
}

static int is_drop_in(const struct dirent *e) {
        size_t n = strlen(e->d_name);

        return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

static int load_drop_ins(Settings *s, const char *directory) {
        _cleanup_free_ char *path = NULL;
        struct dirent **entries = NULL;
        int n, r = 0;

        if (asprintf(&path, "%s/jobletd.conf.d", directory) < 0)
                return -ENOMEM;
        n = scandir(path, &entries, is_drop_in, alphasort);
        if (n < 0)
                return errno == ENOENT ? 0 : -errno;
        for (int i = 0; i < n; i++) {
                if (r >= 0)
                        r = load_file(s, path, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return r;
}

int settings_load(const char *directory, Settings *ret) {
        int r;

        *ret = (Settings) {
                .stop_timeout_usec = 10 * USEC_PER_SEC,
                .upload_max = UINT64_C(16) << 30,
                .defaults = REQUEST_DEFAULTS_NONE,
                .bounds = JOB_BOUNDS_DEFAULT,
        };
        r = load_file(ret, directory, "jobletd.conf");
        return r < 0 ? r : load_drop_ins(ret, directory);
}
