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

static int apply(Settings *s, const char *key, const char *value) {
        NetworkMode network;

        if (strcmp(key, "AcceptUnenforcedLimits") == 0)
                return parse_boolean(value, &s->accept_unenforced_limits);
        if (strcmp(key, "StopTimeoutSec") == 0)
                return timespan_parse(value, &s->stop_timeout_usec);
        if (strcmp(key, "UploadMax") == 0)
                return size_parse(value, 1, &s->upload_max);
        if (strcmp(key, "DefaultNetwork") == 0) {
                network = network_mode_from_string(value);
                if (network < 0)
                        return -EINVAL;
                s->default_network = network;
                return 0;
        }
        return -ENOENT;
}

static char* strip(char *s) {
        s += strspn(s, " \t\r");
        for (size_t n = strlen(s); n > 0 && isspace((unsigned char) s[n - 1]); n--)
                s[n - 1] = 0;
        return s;
}

static void parse(Settings *s, const char *path, char *text) {
        unsigned number = 0;
        char *line;

        while ((line = strsep(&text, "\n"))) {
                char *equals;
                int r;

                number++;
                line = strip(line);
                if (line[0] == 0 || line[0] == '#' || line[0] == ';' || strcmp(line, "[Job]") == 0)
                        continue;
                equals = strchr(line, '=');
                if (!equals) {
                        log_warning("%s:%u: '%s' is not KEY=VALUE, ignoring", path, number, line);
                        continue;
                }
                *equals = 0;
                r = apply(s, strip(line), strip(equals + 1));
                if (r == -ENOENT)
                        log_warning("%s:%u: unknown setting %s=, ignoring; see jobletd(8)", path, number,
                                    strip(line));
                else if (r < 0)
                        log_warning("%s:%u: '%s' is not a value for %s=, ignoring; see jobletd(8)", path,
                                    number, strip(equals + 1), strip(line));
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
                .default_network = NETWORK_NONE,
        };
        r = load_file(ret, directory, "jobletd.conf");
        return r < 0 ? r : load_drop_ins(ret, directory);
}
