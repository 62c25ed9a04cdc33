/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "manifest-cache.h"
#include "runtime-facts.h"
#include "runtime-name.h"
#include "store.h"
#include "store-scan.h"
#include "strv.h"
#include "text.h"

#ifndef PKGSTATEDIR
#define PKGSTATEDIR "/var/lib/joblet"
#endif

#define FACTS_PATH PKGSTATEDIR "/sizes"
#define INSTALLED_SHOWN_MAX 10U
#define SPELLING_SHOWN_MAX 160U
#define SUGGESTION_PREFIX_MIN 3U

static const char *const search_path_builtin[] = {
        "/etc/joblet/runtimes",
        "/run/joblet/runtimes",
        "/usr/local/lib/joblet/runtimes",
        "/opt/joblet/runtimes",
        "/usr/lib/joblet/runtimes",
        NULL,
};

Runtime* runtime_free(Runtime *r) {
        if (!r)
                return NULL;

        free(r->language);
        free(r->name);
        free(r->id);
        free(r->display_name);
        free(r->key);
        free(r->path);
        manifest_free(r->manifest);
        free(r->problem);
        free(r->digest);
        free(r);
        return NULL;
}

void runtime_free_array(Runtime **runtimes, size_t n) {
        for (size_t i = 0; i < n; i++)
                runtime_free(runtimes[i]);
        free(runtimes);
}

Store* store_free(Store *s) {
        if (!s)
                return NULL;

        strv_free(s->search_path);
        free(s->facts_path);
        manifest_cache_free(s->cache);
        free(s);
        return NULL;
}

int store_new(char *const *search_path, Store **ret) {
        _cleanup_(store_freep) Store *s = NULL;
        int r;

        s = malloc(sizeof(Store));
        if (!s)
                return -ENOMEM;
        *s = (Store) { .facts_path = strdup(FACTS_PATH) };
        if (!s->facts_path)
                return -ENOMEM;

        r = strv_copy(search_path ?: (char *const*) search_path_builtin, &s->search_path);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

int store_enumerate(Store *s, Runtime ***ret, size_t *ret_n) {
        return store_scan(s, true, ret, ret_n);
}

/* How a spelling can mean a runtime, the best first. */
typedef enum Match {
        MATCH_DIRECTORY, /* the name of the directory, letter by letter, or LANGUAGE/NAME */
        MATCH_KEY,       /* another spelling of it */
        _MATCH_MAX,
} Match;

static bool runtime_matches(const Runtime *r, Match match, const char *spelling, const char *key) {
        _cleanup_free_ char *full = NULL, *full_key = NULL;
        size_t n = strlen(r->language);

        if (match == MATCH_DIRECTORY)
                return strcmp(r->name, spelling) == 0 ||
                        (strncmp(spelling, r->language, n) == 0 && spelling[n] == '/' &&
                         strcmp(spelling + n + 1, r->name) == 0);

        if (!key)
                return false;
        if (strcmp(r->key, key) == 0)
                return true;
        /* python/3.11-ml is python:3.11-ml as well. */
        if (asprintf(&full, "%s-%s", r->language, r->name) < 0) {
                full = NULL;
                return false;
        }
        return runtime_name_normalize(full, &full_key) >= 0 && strcmp(full_key, key) == 0;
}

/* Sets *ret_index to the first runtime that matches; returns how many do. */
static size_t runtimes_match(Runtime **runtimes, size_t n, Match match, const char *spelling,
                             const char *key, size_t *ret_index) {
        size_t n_matches = 0;

        for (size_t i = 0; i < n; i++)
                if (runtime_matches(runtimes[i], match, spelling, key) && n_matches++ == 0)
                        *ret_index = i;
        return n_matches;
}

static int refuse_ambiguous(Runtime **runtimes, size_t n, Match match, const char *spelling, const char *key,
                            char **reterr_message) {
        _cleanup_strv_free_ char **candidates = NULL;
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < n; i++) {
                int r;

                if (!runtime_matches(runtimes[i], match, spelling, key))
                        continue;
                r = strv_extendf(&candidates, "%s/%s", runtimes[i]->language, runtimes[i]->name);
                if (r < 0)
                        return r;
        }

        list = strv_join(candidates, ", ");
        if (!list)
                return -ENOMEM;
        return message_set(reterr_message, -ENOTUNIQ,
                           "runtime name is ambiguous: %s may be any of %s. Write one of these "
                           "instead.",
                           spelling, list);
}

static size_t common_prefix(const char *a, const char *b) {
        size_t n = 0;

        while (a[n] && a[n] == b[n])
                n++;
        return n;
}

/* The runtime that was probably meant by key, or NULL: few letters off, one the beginning of the other, or
 * at least the same language. */
static const Runtime* runtimes_closest(Runtime **runtimes, size_t n, const char *key) {
        size_t size = strlen(key), language = strcspn(key, "-") + 1, best_prefix = 0;
        const Runtime *best = NULL;
        unsigned best_distance = 0;

        for (size_t i = 0; i < n; i++) {
                const Runtime *r = runtimes[i];
                size_t prefix = common_prefix(key, r->key);
                unsigned distance = runtime_name_distance(key, r->key);

                if (prefix >= SUGGESTION_PREFIX_MIN && (!key[prefix] || !r->key[prefix]))
                        distance = distance > 1 ? 1 : distance;
                else if (distance > 2 && distance > size / 3 && prefix < language)
                        continue;
                if (best &&
                    (distance > best_distance || (distance == best_distance && prefix < best_prefix)))
                        continue;
                best = r;
                best_distance = distance;
                best_prefix = prefix;
        }
        return best;
}

static int refuse_unknown(Runtime **runtimes, size_t n, const char *spelling, const char *key,
                          char **reterr_message) {
        _cleanup_free_ char *list = NULL, *more = NULL;
        _cleanup_strv_free_ char **installed = NULL;
        const Runtime *closest;

        if (n == 0)
                return message_set(reterr_message, -ENOENT,
                                   "runtime not found: %s. No runtimes are installed; install one "
                                   "with: rnx runtime install FILE",
                                   spelling);

        for (size_t i = 0; i < n && i < INSTALLED_SHOWN_MAX; i++) {
                int r;

                r = strv_extend(&installed, runtimes[i]->display_name);
                if (r < 0)
                        return r;
        }
        list = strv_join(installed, ", ");
        if (!list)
                return -ENOMEM;
        if (n > INSTALLED_SHOWN_MAX && asprintf(&more, " and %zu more", n - INSTALLED_SHOWN_MAX) < 0) {
                more = NULL;
                return -ENOMEM;
        }

        closest = key ? runtimes_closest(runtimes, n, key) : NULL;
        return message_set(reterr_message, -ENOENT, "runtime not found: %s. Installed: %s%s.%s%s%s",
                           spelling, list, more ?: "", closest ? " Did you mean " : " See: rnx runtime list",
                           closest ? closest->display_name : "", closest ? "?" : "");
}

/* Its digest goes into the record of every job: found out once, and kept. */
static int runtime_complete(Store *s, Runtime *r) {
        _cleanup_close_ int fd = -EBADF, facts_fd = -EBADF;
        int k;

        if (r->digest)
                return 0;
        fd = open(r->path, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
        if (fd < 0)
                return -errno;
        k = runtime_digest(fd, &r->digest);
        if (k < 0)
                return k == -ENOENT ? 0 : k;

        facts_fd = store_open_facts(s->facts_path, true);
        if (facts_fd >= 0)
                (void) runtime_facts_write(facts_fd, r->path, fd, &(RuntimeFacts) { r->size, r->digest });
        return 0;
}

static int resolve_among(Runtime **runtimes, size_t n, const char *spelling, const char *key,
                         size_t *ret_index, char **reterr_message) {
        for (Match match = 0; match < _MATCH_MAX; match++) {
                size_t n_matches = runtimes_match(runtimes, n, match, spelling, key, ret_index);

                if (n_matches == 1)
                        return 0;
                if (n_matches > 1)
                        return refuse_ambiguous(runtimes, n, match, spelling, key, reterr_message);
        }
        return refuse_unknown(runtimes, n, spelling, key, reterr_message);
}

int store_find(Store *s, const char *spelling, Runtime **ret, char **reterr_message) {
        _cleanup_(runtime_freep) Runtime *runtime = NULL;
        _cleanup_free_ char *key = NULL, *shown = NULL;
        Runtime **runtimes;
        size_t n = 0, i = 0;
        int r;

        r = runtime_name_normalize(spelling, &key);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && !runtime_name_is_full(spelling)) {
                shown = text_for_message(spelling, SPELLING_SHOWN_MAX);
                if (!shown)
                        return -ENOMEM;
                return message_set(reterr_message, -EINVAL, "not a runtime name: '%s'. Write it as python-3.11-ml or "
                                   "python:3.11-ml; see: rnx runtime list", shown);
        }

        r = store_scan(s, false, &runtimes, &n);
        if (r < 0)
                return message_set(reterr_message, r, "the installed runtimes cannot be read: %s",
                                   strerror(-r));
        r = resolve_among(runtimes, n, spelling, key, &i, reterr_message);
        if (r >= 0)
                runtime = TAKE_PTR(runtimes[i]);
        runtime_free_array(runtimes, n);
        if (r < 0)
                return r;

        if (!runtime->problem) {
                r = runtime_load(s, runtime);
                if (r < 0)
                        return message_set(reterr_message, r, "%s: cannot be read: %s", runtime->path,
                                           strerror(-r));
        }

        *ret = TAKE_PTR(runtime);
        return 0;
}

int store_find_id(Store *s, const char *id, Runtime **ret) {
        _cleanup_(runtime_freep) Runtime *runtime = NULL;
        Runtime **runtimes;
        size_t n = 0;
        int r;

        r = store_scan(s, false, &runtimes, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n && !runtime; i++)
                if (strcmp(runtimes[i]->id, id) == 0)
                        runtime = TAKE_PTR(runtimes[i]);
        runtime_free_array(runtimes, n);
        if (!runtime)
                return -ENOENT;
        if (!runtime->problem) {
                r = runtime_load(s, runtime);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(runtime);
        return 0;
}

int store_resolve(Store *s, const char *spelling, Runtime **ret, char **reterr_message) {
        _cleanup_(runtime_freep) Runtime *runtime = NULL;
        int r;

        r = store_find(s, spelling, &runtime, reterr_message);
        if (r < 0)
                return r;
        if (runtime->problem)
                return message_set(reterr_message, -EINVAL, "%s", runtime->problem);
        r = runtime_complete(s, runtime);
        if (r < 0)
                return message_set(reterr_message, r, "%s: manifest.sha256 cannot be read: %s",
                                   runtime->path, strerror(-r));

        *ret = TAKE_PTR(runtime);
        return 0;
}

int store_runtime_size(const char *path, uint64_t *ret) {
        _cleanup_(runtime_facts_done) RuntimeFacts facts = { .size = UINT64_MAX };
        _cleanup_close_ int fd = -EBADF, facts_fd = -EBADF;
        int r;

        fd = open(path, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
        if (fd < 0)
                return -errno;

        facts_fd = store_open_facts(FACTS_PATH, true);
        if (facts_fd >= 0)
                (void) runtime_facts_read(facts_fd, path, fd, &facts);
        if (facts.size == UINT64_MAX) {
                r = tree_size(fd, &facts.size);
                if (r < 0)
                        return r;
                if (facts_fd >= 0)
                        (void) runtime_facts_write(facts_fd, path, fd, &facts);
        }

        *ret = facts.size;
        return 0;
}
