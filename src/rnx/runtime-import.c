/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx runtime import: a runtime out of a directory that a user has. What it makes is a copy with a
 * runtime.yml, meant for its place in /opt/joblet/runtimes: the runtime is visible there in every job, so
 * nothing needs to be mounted. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "atomic-file.h"
#include "environment-kind.h"
#include "json.h"
#include "manifest-rules.h"
#include "package-plan.h"
#include "relocation.h"
#include "remove-tree.h"
#include "rnx.h"
#include "runtime-name.h"
#include "runtime.h"
#include "signals.h"
#include "strv.h"
#include "text.h"
#include "tree-copy.h"

static const char *arg_name = NULL, *arg_language = NULL, *arg_version = NULL, *arg_output = NULL;
static bool arg_install = false;

const Option runtime_import_options[] = {
        { 0,   "name",     "NAME",    "the name of the new runtime", option_set_string, &arg_name },
        { 0,   "language", "NAME",    "its language, where the directory does not tell",
          option_set_string, &arg_language, "python java" },
        { 0,   "version",  "VERSION", "its version, where the directory does not tell", option_set_string, &arg_version },
        { 'o', "output",   "DIR",     "make the runtime there (the directory NAME)",
          option_set_string, &arg_output, COMPLETE_DIRECTORY },
        { 0,   "install",  NULL,      "install it at once", option_set_true, &arg_install },
        {}
};

typedef struct Import {
        const char *source; /* as given */
        const EnvironmentKind *kind;
        char *real, *language, *version, *home; /* home: where it will be installed */
        char *base_named, *base; /* the Python that a virtual environment borrows, as named there and without links */
        int source_fd;
        char **problems, **host_libraries;
} Import;

static void import_done(Import *i) {
        free(i->real);
        free(i->language);
        free(i->version);
        free(i->home);
        free(i->base_named);
        free(i->base);
        strv_free(i->problems);
        strv_free(i->host_libraries);
        safe_close(i->source_fd);
}

/* A virtual environment has no interpreter, but says where it is. That of the system cannot be brought
 * along, being strewn over /usr; any other is a directory of its own. */
static int find_base(Import *i) {
        _cleanup_free_ char *bin = environment_config_value(i->source_fd, "pyvenv.cfg", "home"),
                            *place = NULL;
        const char *slash = bin ? strrchr(bin, '/') : NULL;

        if (!slash || slash == bin || *bin != '/')
                return 0;
        i->base_named = strndup(bin, (size_t) (slash - bin));
        if (!i->base_named)
                return log_oom();
        place = realpath(i->base_named, NULL);
        if (!place)
                return strv_extendf(&i->problems, "pyvenv.cfg: there is no interpreter in %s", bin) < 0 ? log_oom() : 0;
        if (strcmp(place, "/usr") == 0 || strcmp(place, "/usr/local") == 0 || strcmp(place, "/") == 0)
                return strv_extendf(&i->problems, "pyvenv.cfg: its interpreter is that of the system, in %s, which cannot be brought "
                                    "along; make the environment with a Python of its own directory (uv python install, pyenv, "
                                    "conda), or use it on hosts that have the very same Python", bin) < 0 ? log_oom() : 0;
        if (!path_is_below(place, i->real))
                i->base = TAKE_PTR(place);
        return 0;
}

static int import_examine(Import *i) {
        if (!arg_name)
                return log_error(-EINVAL, "a runtime needs a name: --name=NAME");
        if (!runtime_name_is_valid(arg_name))
                return log_error(-EINVAL,
                                 "--name=%s: must be made of letters, digits, '.', '_', '+' and '-'",
                                 arg_name);
        i->real = realpath(i->source, NULL);
        i->source_fd = open(i->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (i->source_fd < 0 || !i->real)
                return log_error(-errno, "cannot open the directory '%s': %s", i->source, strerror(errno));
        if (faccessat(i->source_fd, "runtime.yml", F_OK, 0) >= 0)
                return log_error(-EEXIST, "'%s' has a runtime.yml, so it is a runtime already; install it with: rnx runtime install %s",
                                 i->source, i->source);

        i->kind = environment_kind(i->source_fd);
        i->version = arg_version ? strdup(arg_version) : i->kind ? i->kind->version(i->source_fd) : NULL;
        if (!i->version || !text_is_line(i->version) || strpbrk(i->version, "\"\\"))
                return log_error(-EINVAL, "'%s' does not tell its version: --version=VERSION", i->source);
        i->language = arg_language ? strdup(arg_language) : i->kind ? strdup(i->kind->language) : strndup(arg_name, strcspn(arg_name, "-"));
        if (!i->language)
                return log_oom();
        if (!runtime_name_is_valid(i->language))
                return log_error(-EINVAL, "'%s' cannot be the name of a language: --language=NAME",
                                 i->language);
        if (asprintf(&i->home, RUNTIMES_PATH "/%s/%s", i->language, arg_name) < 0) {
                i->home = NULL;
                return log_oom();
        }
        return find_base(i);
}

static int copy_tree(Import *i, const char *from, const char *to) {
        _cleanup_close_ int from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to_fd = -EBADF;
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_free_ char *message = NULL;
        int r;

        if (from_fd < 0)
                return log_error(-errno, "cannot open '%s': %s", from, strerror(errno));
        to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (to_fd < 0)
                return log_error(-errno, "cannot open '%s': %s", to, strerror(errno));
        r = file_tree_scan(from_fd, &t, &message);
        if (r < 0)
                return log_error(r, "%s: %s", from, message ?: strerror(-r));
        for (size_t k = 0; k < t->n_items; k++)
                if (t->items[k].type == FILE_SPECIAL &&
                    strv_extendf(&i->problems, "%s: a special file, which a package cannot hold",
                                 t->items[k].path) < 0)
                        return log_oom();
        return tree_copy(t, from_fd, to_fd);
}

/* Where in the runtime the interpreter of a virtual environment goes. */
#define BASE_IN_RUNTIME "base"

static int import_copy(Import *i, const char *to) {
        _cleanup_free_ char *base = NULL;
        int r;

        r = copy_tree(i, i->real, to);
        if (r < 0 || !i->base)
                return r;
        if (asprintf(&base, "%s/" BASE_IN_RUNTIME, to) < 0) {
                base = NULL;
                return log_oom();
        }
        if (mkdir(base, 0755) < 0)
                return log_error(-errno, "cannot create the directory '%s': %s", base, strerror(errno));
        return copy_tree(i, i->base, base);
}

static int import_write_manifest(const Import *i, int fd) {
        _cleanup_free_ char *text = NULL;
        struct utsname u;
        size_t n = 0;
        FILE *f;
        int r;

        if (uname(&u) < 0)
                return log_error(-errno, "uname: %s", strerror(errno));
        f = open_memstream(&text, &n);
        if (!f)
                return log_oom();
        fprintf(f,
                "# Made by rnx runtime import; what each key means: runtime.yml(5).\n"
                "name: \"%s\"\ntype: \"system\"\nversion: \"%s\"\ndescription: \"Imported from %s\"\n\n"
                "environment:\n  PATH_PREPEND: \"%s/bin\"\n",
                arg_name, i->version, i->kind ? i->kind->title : "a directory", i->home);
        if (i->kind && i->kind->home)
                fprintf(f, "  %s: \"%s\"\n", i->kind->home, i->home);
        STRV_FOREACH(l, i->host_libraries)
                fprintf(f, "%s#   %s\n",
                        l == i->host_libraries ? "\n# Needs these libraries of the host:\n" : "", *l);
        fprintf(f, "\nrequirements:\n  architectures: [\"%s\"]\n", u.machine);
        if (fclose(f) != 0)
                return log_oom();
        r = atomic_file_write_at(fd, "runtime.yml", text, n, 0644, false);
        return r < 0 ? log_error(r, "cannot write runtime.yml: %s", strerror(-r)) : 0;
}

/* One may lie in the other: the inner one is to be found first. */
static int place_compare(const void *a, const void *b) {
        size_t x = strlen(((const Place*) a)->from), y = strlen(((const Place*) b)->from);

        return (x < y) - (x > y);
}

static int import_relocate(Import *i, int fd) {
        _cleanup_free_ char *absolute = NULL;
        Place places[4] = {};
        size_t n = 0;

        if (i->base) {
                places[n++] = (Place) { i->base, BASE_IN_RUNTIME };
                if (strcmp(i->base, i->base_named) != 0)
                        places[n++] = (Place) { i->base_named, BASE_IN_RUNTIME };
        }
        places[n++] = (Place) { i->real, "" };
        if (*i->source == '/' && strcmp(i->source, i->real) != 0) {
                absolute = strndup(i->source, strlen(i->source) - (i->source[strlen(i->source) - 1] == '/'));
                if (!absolute)
                        return log_oom();
                places[n++] = (Place) { absolute, "" };
        }
        qsort(places, n, sizeof(Place), place_compare);
        return runtime_relocate(&(Relocation) { .home = i->home, .places = places, .n_places = n }, fd, &i->problems, &i->host_libraries);
}

static int import_make(Import *i, const char *to) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = import_copy(i, to);
        if (r < 0)
                return r;
        fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return log_error(-errno, "cannot open '%s': %s", to, strerror(errno));
        r = import_relocate(i, fd);
        if (r >= 0 && faccessat(fd, "bin/conda-unpack", F_OK, 0) >= 0 &&
            strv_extend(&i->problems,
                        "bin/conda-unpack: run it in the directory that is imported, before the import") < 0)
                r = log_oom();
        return r < 0 ? r : import_write_manifest(i, fd);
}

static int import_print(const Import *i, const char *to) {
        _cleanup_json_ json_object *o = NULL;

        if (arg_json == JSON_OFF) {
                if (to)
                        printf("Imported %s: %s\n", i->kind ? i->kind->title : "a directory", to);
                if (i->base)
                        printf("  its interpreter comes along: %s\n", i->base);
                STRV_FOREACH(n, i->problems) {
                        _cleanup_free_ char *safe = text_for_message(*n, 1024);

                        printf("  will not work: %s\n", safe ?: "");
                }
                if (i->host_libraries) {
                        _cleanup_free_ char *list = strv_join(i->host_libraries, " ");

                        if (!list)
                                return log_oom();
                        printf("  needs libraries of the host: %s\n", list);
                }
                if (to)
                        printf("\nTo install it:\n  rnx runtime install %s\n", to);
                return 0;
        }
        o = json_object_new_object();
        if (!o || json_add_strings(o, "problems", i->problems) < 0 ||
            json_add_strings(o, "host_libraries", i->host_libraries) < 0 ||
            json_add_string(o, "runtime", arg_name) < 0 || json_add_string(o, "language", i->language) < 0 ||
            json_add_string(o, "version", i->version) < 0 || json_add_string(o, "directory", to) < 0)
                return log_oom();
        return json_print(stdout, o);
}

/* Through a package, as every installation; the copy is of no further use. */
static int import_install(Import *i, const char *directory) {
        _cleanup_close_ int fd = temporary_file();
        int r;

        if (fd < 0)
                return fd;
        r = import_print(i, NULL);
        if (r >= 0)
                r = runtime_pack(&(PackRequest) { .directory = directory, .language = i->language,
                                                  .name = arg_name, .store = true }, fd, NULL, NULL);
        return r < 0 || signals_noted() ? r : runtime_install(fd, i->source);
}

int verb_runtime_import(int argc, char *argv[]) {
        _cleanup_(import_done) Import i = { .source = argv[0], .source_fd = -EBADF };
        char temporary[] = "/var/tmp/rnx-import-XXXXXX";
        const char *to;
        int r;

        r = import_examine(&i);
        if (r < 0)
                return r;
        signals_note();
        to = arg_output ?: arg_install ? (mkdtemp(temporary) ? temporary : NULL) : arg_name;
        if (!to)
                return log_error(-errno, "cannot create a temporary directory in /var/tmp: %s", strerror(errno));
        if (to != temporary && mkdir(to, 0755) < 0)
                return log_error(-errno, "cannot create the directory '%s': %s", to, strerror(errno));
        r = import_make(&i, to);
        if (r >= 0 && !signals_noted())
                r = arg_install ? import_install(&i, to) : import_print(&i, to);
        if (to == temporary || r < 0 || signals_noted())
                (void) remove_tree_at(AT_FDCWD, to);
        if (signals_noted())
                signals_die(signals_noted());
        return r;
}
