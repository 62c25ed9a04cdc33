/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <string.h>

#include "cache-volume.h"
#include "cleanup.h"

typedef struct CacheVariable {
        const char *type;
        const char *before; /* what stands before the directory */
} CacheVariable;

/* Variables, and not files of configuration, since HOME is a new directory in every job. What is said on
 * a command line still wins. Maven reads its local repository from a property of the JVM only. */
static const CacheVariable cache_variables[] = {
        { "cargo",  "CARGO_HOME="                       },
        { "go",     "GOMODCACHE="                       },
        { "gradle", "GRADLE_USER_HOME="                 },
        { "maven",  "MAVEN_OPTS=-Dmaven.repo.local="    },
        { "npm",    "npm_config_cache="                 },
        { "pip",    "PIP_CACHE_DIR="                    },
        { "pnpm",   "npm_config_store_dir="             },
        { "uv",     "UV_CACHE_DIR="                     },
        { "yarn",   "YARN_CACHE_FOLDER="                },
};

static const CacheVariable* find(const char *type) {
        for (size_t i = 0; i < ELEMENTSOF(cache_variables); i++)
                if (strcmp(cache_variables[i].type, type) == 0)
                        return cache_variables + i;
        return NULL;
}

bool package_manager_has_cache(const char *type) {
        return find(type);
}

int package_manager_cache_assignment(const char *type, const char *directory, char **ret) {
        const CacheVariable *v = find(type);
        char *assignment = NULL;

        if (v && asprintf(&assignment, "%s%s", v->before, directory) < 0)
                return -ENOMEM;
        *ret = assignment;
        return 0;
}
