/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "atomic-file.h"
#include "environment-kind.h"

#define FILE_SIZE_MAX 65536U

char* environment_config_value(int fd, const char *name, const char *key) {
        _cleanup_free_ char *data = NULL;
        size_t n = strlen(key);

        if (file_read_at(fd, name, FILE_SIZE_MAX, &data, NULL) < 0)
                return NULL;
        for (const char *line = data; line; line = strchr(line, '\n')) {
                const char *value;

                line += *line == '\n';
                if (strncmp(line, key, n) != 0)
                        continue;
                value = line + n + strspn(line + n, " \t");
                if (*value != '=')
                        continue;
                value += 1 + strspn(value + 1, " \t\"");
                return strndup(value, strcspn(value, "\"\r\n"));
        }
        return NULL;
}

/* What stands behind prefix in the name of a file in the directory path, up to one of the characters in
 * end. */
static char* version_in_name(int fd, const char *path, const char *prefix, const char *end) {
        int sub = openat(fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *d = sub >= 0 ? fdopendir(sub) : NULL;
        size_t n = strlen(prefix);
        struct dirent *de;

        while (d && (de = readdir(d)))
                if (strncmp(de->d_name, prefix, n) == 0 && de->d_name[n] >= '0' && de->d_name[n] <= '9')
                        return strndup(de->d_name + n, strcspn(de->d_name + n, end));
        return NULL;
}

static char* venv_version(int fd) {
        return environment_config_value(fd, "pyvenv.cfg", "version_info") ?: environment_config_value(fd, "pyvenv.cfg", "version");
}

/* conda-meta/python-3.11.9-h955ad1f_0.json */
static char* conda_version(int fd) {
        return version_in_name(fd, "conda-meta", "python-", "-");
}

static char* jdk_version(int fd) {
        return environment_config_value(fd, "release", "JAVA_VERSION");
}

/* lib/python3.11 */
static char* python_version(int fd) {
        return version_in_name(fd, "lib", "python", "");
}

/* By a file in them. */
static const EnvironmentKind kinds[] = {
        { "a virtual environment", "pyvenv.cfg",  "python", "VIRTUAL_ENV",  venv_version   },
        { "a conda environment",   "conda-meta",  "python", "CONDA_PREFIX", conda_version  },
        { "a JDK",                 "release",     "java",   "JAVA_HOME",    jdk_version    },
        { "a Python",              "bin/python3", "python", NULL,           python_version },
};

const EnvironmentKind* environment_kind(int fd) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (faccessat(fd, kinds[i].file, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                        return kinds + i;
        return NULL;
}
