/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runtimes lie two levels below each directory of the search path. Directories count only if they belong to root or
 * ourselves and not everybody may write to them (a group may, as with Debian's /usr/local: whom root gave that, it
 * trusts), and links below the search path are not followed: a runtime
 * is shown to jobs at its own absolute path, so that path must be the one. A broken runtime is still listed,
 * with its problem: silence would send the user looking for a spelling mistake. */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "manifest-cache.h"
#include "runtime-facts.h"
#include "runtime-name.h"
#include "store-scan.h"
#include "strv.h"
#include "text.h"

#define RUNTIMES_MAX 16384U

/* What is known about runtimes from before. */
typedef struct Source {
        int facts_fd;        /* -EBADF if nothing is kept */
        ManifestCache *old;  /* or NULL */
        ManifestCache *next; /* takes what is read now, or NULL */
} Source;

/* One pass over the search path. */
typedef struct Scan {
        bool load;    /* read the manifest of each runtime, too */
        Source source;

        Runtime **runtimes;
        size_t n_runtimes;
        size_t n_allocated;
} Scan;

static int runtime_new(const char *directory, const char *language, const char *name, Runtime **ret) {
        _cleanup_(runtime_freep) Runtime *r = NULL;
        int k;

        r = malloc(sizeof(Runtime));
        if (!r)
                return -ENOMEM;
        *r = (Runtime) {
                .language = strdup(language),
                .name = strdup(name),
                .size = UINT64_MAX,
        };
        if (!r->language || !r->name)
                return -ENOMEM;
        if (asprintf(&r->path, "%s/%s/%s", directory, language, name) < 0) {
                r->path = NULL;
                return -ENOMEM;
        }

        k = runtime_name_id(language, name, &r->id);
        if (k >= 0)
                k = runtime_name_display(language, name, &r->display_name);
        if (k < 0)
                return k;
        k = runtime_name_normalize(name, &r->key);
        if (k < 0)
                return k;

        *ret = TAKE_PTR(r);
        return 0;
}

/* Sets *ret if the file that st is of could have been changed by somebody whom root did not give that right. */
static int trust_check(const struct stat *st, const char *path, char **ret) {
        if (st->st_uid != 0 && st->st_uid != geteuid())
                return message_set(ret, 0,
                                   "%s: it belongs to user %u, make root its owner: chown -R root:root %s",
                                   path, st->st_uid, path);
        if (st->st_mode & S_IWOTH)
                return message_set(ret, 0, "%s: everyone may write to it, forbid that: chmod o-w %s", path, path);
        return 0;
}

static int trust_check_fd(int fd, const char *path, char **ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        return trust_check(&st, path, ret);
}

int store_open_facts(const char *path, bool create) {
        int fd;

        if (!path)
                return -EBADF;
        if (create)
                (void) mkdir(path, 0755);
        fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        return fd < 0 ? -EBADF : fd;
}

/* Reads runtime.yml or takes it from the cache. What is wrong with the runtime becomes its problem. */
static int runtime_load_manifest(Runtime *r, int dir_fd, const Source *source) {
        _cleanup_free_ char *file_name = NULL;
        struct stat st;
        bool regular;
        int k;

        if (asprintf(&file_name, "%s/runtime.yml", r->path) < 0) {
                file_name = NULL;
                return -ENOMEM;
        }
        regular = fstatat(dir_fd, "runtime.yml", &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISREG(st.st_mode);
        if (regular) {
                k = trust_check(&st, file_name, &r->problem);
                if (k < 0 || r->problem)
                        return k;
                r->manifest = manifest_cache_get(source->old, r->path, &st);
        }

        if (!r->manifest) {
                k = manifest_load_at(dir_fd, file_name, &r->manifest, &r->problem);
                if (k == -ENOMEM)
                        return k;
                if (k < 0)
                        return r->problem ? 0 : k;
                if (r->manifest->language && strcmp(r->manifest->language, r->language) != 0) {
                        k = strv_extendf(&r->manifest->warnings,
                                         "%s: language: it is '%s' but the directory above is '%s', which is what counts",
                                         file_name, r->manifest->language, r->language);
                        if (k < 0)
                                return k;
                }
                if (strcmp(r->manifest->name, r->name) != 0) {
                        k = strv_extendf(&r->manifest->warnings,
                                         "%s: name: it is '%s' but the directory is '%s', which is "
                                         "what counts",
                                         file_name, r->manifest->name, r->name);
                        if (k < 0)
                                return k;
                }
        }

        return regular && source->next ? manifest_cache_put(source->next, r->path, &st, r->manifest) : 0;
}

/* Reads what the directory dir_fd says about the runtime. */
static int runtime_load_at(Runtime *r, int dir_fd, const Source *source) {
        RuntimeFacts facts;
        int k;

        k = trust_check_fd(dir_fd, r->path, &r->problem);
        if (k < 0 || r->problem)
                return k;
        k = runtime_load_manifest(r, dir_fd, source);
        if (k < 0 || r->problem)
                return k;

        if (source->facts_fd < 0 || runtime_facts_read(source->facts_fd, r->path, dir_fd, &facts) < 0)
                return 0;
        r->size = facts.size;
        r->digest = facts.digest;
        return 0;
}

/* Opens the directory of a runtime for reading it. An error that says something about the runtime becomes
 * its problem, and the result -EBADF. */
static int runtime_open_at(Runtime *r, int parent_fd, const char *name, int *ret_fd) {
        int fd;

        fd = openat(parent_fd, name, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
        if (fd >= 0) {
                *ret_fd = fd;
                return 0;
        }

        *ret_fd = -EBADF;
        switch (errno) {
        case ELOOP:
        case ENOTDIR: /* what O_DIRECTORY|O_NOFOLLOW makes of a link */
                return message_set(&r->problem, 0, "%s: it is a symbolic link, put the directory itself there or use a bind "
                                   "mount", r->path);
        case EACCES:
        case ENOENT:
        case EPERM:
                return message_set(&r->problem, 0, "%s: it cannot be opened: %m", r->path);
        default:
                return -errno;
        }
}

int runtime_load(Store *store, Runtime *r) {
        _cleanup_close_ int fd = -EBADF, facts_fd = -EBADF;
        int k;

        k = runtime_open_at(r, AT_FDCWD, r->path, &fd);
        if (k < 0 || fd < 0)
                return k;
        facts_fd = store_open_facts(store->facts_path, false);
        return runtime_load_at(r, fd, &(Source) { .facts_fd = facts_fd, .old = store->cache });
}

/* Takes ownership of r, also on failure. */
static int scan_add(Scan *s, Runtime *r) {
        if (s->n_runtimes >= RUNTIMES_MAX) {
                runtime_free(r);
                return -E2BIG;
        }
        if (s->n_runtimes == s->n_allocated) {
                size_t n = s->n_allocated ? s->n_allocated * 2 : 16;
                Runtime **grown;

                grown = reallocarray(s->runtimes, n, sizeof(Runtime*));
                if (!grown) {
                        runtime_free(r);
                        return -ENOMEM;
                }
                s->runtimes = grown;
                s->n_allocated = n;
        }

        s->runtimes[s->n_runtimes++] = r;
        return 0;
}

/* problem is that of a directory above, or NULL. */
static int scan_runtime(Scan *s, const char *directory, const char *language, int language_fd,
                        const char *name, const char *problem) {
        _cleanup_(runtime_freep) Runtime *r = NULL;
        _cleanup_close_ int fd = -EBADF;
        int k;

        k = runtime_new(directory, language, name, &r);
        if (k < 0)
                return k;

        if (problem) {
                r->problem = strdup(problem);
                if (!r->problem)
                        return -ENOMEM;
        } else if (s->load) {
                k = runtime_open_at(r, language_fd, name, &fd);
                if (k >= 0 && fd >= 0)
                        k = runtime_load_at(r, fd, &s->source);
                if (k < 0)
                        return k;
        }

        return scan_add(s, TAKE_PTR(r));
}

/* Whether this may be a runtime or a language: by name and, where the file system tells, by type. */
static bool entry_is_candidate(int dir_fd, const struct dirent *de) {
        struct stat st;

        if (!runtime_name_is_valid(de->d_name))
                return false;
        if (de->d_type != DT_UNKNOWN)
                return de->d_type == DT_DIR || de->d_type == DT_LNK;
        return fstatat(dir_fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
                (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode));
}

/* Takes ownership of fd. */
static int scan_language(Scan *s, const char *directory, const char *language, int fd, const char *problem) {
        _cleanup_free_ char *path = NULL, *own_problem = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        int k;

        d = fdopendir(fd);
        if (!d) {
                k = -errno;
                safe_close(fd);
                return k;
        }
        if (asprintf(&path, "%s/%s", directory, language) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        if (!problem) {
                k = trust_check_fd(fd, path, &own_problem);
                if (k < 0)
                        return k;
                problem = own_problem;
        }

        if (!problem && faccessat(fd, "runtime.yml", F_OK, AT_SYMLINK_NOFOLLOW) >= 0) {
                /* A common slip: what lies in there is its content, not runtimes. */
                k = message_set(&own_problem, 0,
                                "%s: runtime.yml lies one level too high, move the directory to "
                                "%s/LANGUAGE/%s",
                                path, directory, language);
                return k < 0 ? k : scan_runtime(s, directory, language, fd, language, own_problem);
        }

        for (;;) {
                struct dirent *de;

                errno = 0;
                de = readdir(d);
                if (!de)
                        return -errno;
                if (!entry_is_candidate(fd, de))
                        continue;
                k = scan_runtime(s, directory, language, fd, de->d_name, problem);
                if (k < 0)
                        return k;
        }
}

static bool errno_means_absent(int error) {
        return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EACCES || error == EPERM;
}

static int scan_directory(Scan *s, const char *directory) {
        _cleanup_free_ char *problem = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        int k;

        d = opendir(directory);
        if (!d)
                return errno_means_absent(errno) ? 0 : -errno;
        k = trust_check_fd(dirfd(d), directory, &problem);
        if (k < 0)
                return k;

        for (;;) {
                struct dirent *de;
                int fd;

                errno = 0;
                de = readdir(d);
                if (!de)
                        return -errno;
                if (!entry_is_candidate(dirfd(d), de))
                        continue;

                fd = openat(dirfd(d), de->d_name, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
                if (fd < 0 && errno_means_absent(errno))
                        continue;
                if (fd < 0)
                        return -errno;
                k = scan_language(s, directory, de->d_name, fd, problem);
                if (k < 0)
                        return k;
        }
}

static int runtime_compare(const void *a, const void *b) {
        const Runtime *x = *(Runtime *const*) a, *y = *(Runtime *const*) b;
        int r;

        r = strcmp(x->language, y->language);
        if (r == 0)
                r = strverscmp(x->name, y->name);
        return r;
}

/* Sorts the new runtimes from the last directory on, and drops those that one of an earlier directory hides.
 * Both halves are sorted, so that this stays fast with many of them. */
static void scan_hide(Scan *s, size_t n_before) {
        size_t n = n_before, k = 0;

        if (s->n_runtimes == n_before)
                return;
        qsort(s->runtimes + n_before, s->n_runtimes - n_before, sizeof(Runtime*), runtime_compare);

        for (size_t i = n_before; i < s->n_runtimes; i++) {
                while (k < n_before && runtime_compare(s->runtimes + k, s->runtimes + i) < 0)
                        k++;
                if (k < n_before && runtime_compare(s->runtimes + k, s->runtimes + i) == 0)
                        runtime_free(s->runtimes[i]);
                else
                        s->runtimes[n++] = s->runtimes[i];
        }
        s->n_runtimes = n;
        qsort(s->runtimes, s->n_runtimes, sizeof(Runtime*), runtime_compare);
}

/* A spelling that is understood, and whose it is. */
typedef struct Spelling {
        char *text;
        size_t owner;
} Spelling;

static int spelling_compare(const void *a, const void *b) {
        return strcmp(((const Spelling*) a)->text, ((const Spelling*) b)->text);
}

/* The spellings of all runtimes of which one is as good as the other, see runtime_matches(): the bare names as they are,
 * behind a '/', and the keys of names with and without the language. */
static int list_spellings(const Scan *s, Spelling *ret) {
        for (size_t i = 0; i < s->n_runtimes; i++) {
                const Runtime *r = s->runtimes[i];
                _cleanup_free_ char *full = NULL;
                Spelling *of = ret + 3 * i;

                of[0].owner = of[1].owner = of[2].owner = i;
                if (asprintf(&full, "%s-%s", r->language, r->name) < 0) {
                        full = NULL;
                        return -ENOMEM;
                }
                if (asprintf(&of[0].text, "/%s", r->name) < 0) {
                        of[0].text = NULL;
                        return -ENOMEM;
                }
                of[1].text = strdup(r->key);
                if (!of[1].text)
                        return -ENOMEM;
                if (runtime_name_normalize(full, &of[2].text) < 0) {
                        of[2].text = strdup(r->key); /* too long to be one */
                        if (!of[2].text)
                                return -ENOMEM;
                }
        }
        return 0;
}

static bool is_of_several(const Spelling *spellings, size_t n, const char *text, size_t owner) {
        const Spelling wanted = { .text = (char*) text }, *found, *p;

        found = bsearch(&wanted, spellings, n, sizeof(Spelling), spelling_compare);
        for (p = found; p && p >= spellings && strcmp(p->text, text) == 0; p--)
                if (p->owner != owner)
                        return true;
        for (p = found; p && p < spellings + n && strcmp(p->text, text) == 0; p++)
                if (p->owner != owner)
                        return true;
        return false;
}

static int show_in_full(Runtime *r) {
        _cleanup_free_ char *full = NULL;

        if (asprintf(&full, "%s/%s", r->language, r->name) < 0) {
                full = NULL;
                return -ENOMEM;
        }
        free(r->display_name);
        r->display_name = TAKE_PTR(full);
        return 0;
}

/* What is shown can be typed: where it could mean another runtime, too, LANGUAGE/NAME is shown. */
static int scan_tell_apart(Scan *s) {
        size_t n = 3 * s->n_runtimes;
        Spelling *spellings;
        int k;

        spellings = calloc(n + 1, sizeof(Spelling));
        if (!spellings)
                return -ENOMEM;
        k = list_spellings(s, spellings);
        if (k >= 0)
                qsort(spellings, n, sizeof(Spelling), spelling_compare);
        for (size_t i = 0; k >= 0 && i < s->n_runtimes; i++) {
                Runtime *r = s->runtimes[i];
                _cleanup_free_ char *bare = NULL;

                if (strcmp(r->display_name, r->name) == 0 && asprintf(&bare, "/%s", r->name) < 0) {
                        bare = NULL;
                        k = -ENOMEM;
                } else if (is_of_several(spellings, n, bare ?: r->key, i))
                        k = show_in_full(r);
        }
        for (size_t i = 0; i < n; i++)
                free(spellings[i].text);
        free(spellings);
        return k;
}

/* Prepares to read manifests, each from the cache if it is still good. */
static int scan_prepare(Scan *s, Store *store, int facts_fd) {
        s->source = (Source) {
                .facts_fd = facts_fd,
                .old = store->cache,
        };
        return s->load ? manifest_cache_new(&s->source.next) : 0;
}

static int scan_all(Scan *s, char *const *search_path) {
        for (char *const *directory = search_path; directory && *directory; directory++) {
                size_t n_before = s->n_runtimes;
                int k;

                k = scan_directory(s, *directory);
                if (k < 0)
                        return k;
                scan_hide(s, n_before);
        }
        return scan_tell_apart(s);
}

int store_scan(Store *store, bool load, Runtime ***ret, size_t *ret_n) {
        _cleanup_close_ int facts_fd = -EBADF;
        Scan s = { .load = load };
        int k;

        if (load)
                facts_fd = store_open_facts(store->facts_path, false);
        k = scan_prepare(&s, store, facts_fd);
        if (k >= 0)
                k = scan_all(&s, store->search_path);
        if (k < 0) {
                manifest_cache_free(s.source.next);
                runtime_free_array(s.runtimes, s.n_runtimes);
                return k;
        }

        if (s.source.next) {
                manifest_cache_seal(s.source.next);
                manifest_cache_free(store->cache);
                store->cache = s.source.next;
        }
        *ret = s.runtimes;
        *ret_n = s.n_runtimes;
        return 0;
}
