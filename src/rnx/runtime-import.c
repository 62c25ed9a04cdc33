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
#include "import.h"
#include "json.h"
#include "manifest-rules.h"
#include "package-plan.h"
#include "relocation.h"
#include "remove-tree.h"
#include "rnx.h"
#include "runtime-name.h"
#include "runtime.h"
#include "shell-quote.h"
#include "signals.h"
#include "strv.h"
#include "text.h"
#include "tree-copy.h"

#define VERSION_MAX 128U

static const char *arg_name = NULL, *arg_language = NULL, *arg_version = NULL, *arg_output = NULL;
static bool arg_install = false, arg_copy_editable = false;

const Option runtime_import_options[] = {
        { 0,   "name",     "NAME",    "the name of the new runtime", option_set_string, &arg_name },
        { 0,   "language", "NAME",    "its language, where the directory does not tell",
          option_set_string, &arg_language, "python java" },
        { 0,   "version",  "VERSION", "its version, where the directory does not tell", option_set_string, &arg_version },
        { 'o', "output",   "DIR",     "make the runtime there (the directory NAME)",
          option_set_string, &arg_output, COMPLETE_DIRECTORY },
        { 0,   "install",  NULL,      "install it at once", option_set_true, &arg_install },
        { 0,   "copy-editable", NULL, "bring along what is installed with --editable", option_set_true, &arg_copy_editable },
        {}
};

static void import_done(Import *i) {
        free(i->name);
        free(i->real);
        free(i->language);
        free(i->version);
        free(i->home);
        free(i->base_named);
        free(i->base);
        findings_done(&i->findings);
        free(i->places);
        strv_free(i->strings);
        safe_close(i->source_fd);
}

int import_add_place(Import *i, const char *from, const char *below) {
        _cleanup_free_ char *from_copy = strdup(from), *below_copy = strdup(below);
        Place place = { from_copy, below_copy }, *grown;

        if (!from_copy || !below_copy)
                return -ENOMEM;
        for (size_t k = 0; k < i->n_places; k++)
                if (strcmp(i->places[k].from, from) == 0)
                        return 0;
        grown = reallocarray(i->places, i->n_places + 1, sizeof(Place));
        if (!grown)
                return -ENOMEM;
        i->places = grown;
        if (strv_consume(&i->strings, TAKE_PTR(from_copy)) < 0 || strv_consume(&i->strings, TAKE_PTR(below_copy)) < 0)
                return -ENOMEM;
        i->places[i->n_places++] = place;
        places_sort(i->places, i->n_places);
        return 0;
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
                return strv_extendf(&i->findings.problems, "pyvenv.cfg: there is no interpreter in %s", bin) < 0 ? log_oom() : 0;
        /* A job does not see the host's /usr/local. */
        if (strcmp(place, "/usr") == 0 || strcmp(place, "/usr/local") == 0 || strcmp(place, "/") == 0)
                return strv_extendf(strcmp(place, "/usr/local") == 0 ? &i->findings.problems : &i->findings.caveats,
                                    "pyvenv.cfg: its interpreter is that of the system, in %s, which cannot be brought "
                                    "along; make the environment with a Python of its own directory (uv python install, pyenv, "
                                    "conda), or use it on hosts that have the very same Python", bin) < 0 ? log_oom() : 0;
        if (!path_is_below(place, i->real))
                i->base = TAKE_PTR(place);
        return 0;
}

/* The name may be written as lists show it, python:3.11-own. */
static int choose_name(Import *i) {
        char *colon;

        if (!arg_name)
                return log_error(-EINVAL, "a runtime needs a name: --name=NAME");
        i->name = strdup(arg_name);
        if (!i->name)
                return log_oom();
        colon = strchr(i->name, ':');
        if (colon && colon != i->name && colon[1] && !strchr("._+-", colon[1]))
                *colon = '-';
        if (!runtime_name_is_valid(i->name))
                return log_error(-EINVAL, "--name=%s: must be made of at most %u letters, digits, '.', '_', '+' and '-', and begin "
                                 "with a letter or digit", arg_name, RUNTIME_NAME_MAX);
        return 0;
}

static int choose_version(Import *i) {
        i->version = arg_version ? strdup(arg_version) : i->kind ? i->kind->version(i->source_fd) : NULL;
        if (!i->version)
                return log_error(-EINVAL, "'%s' does not tell its version: --version=VERSION", i->source);
        if (!*i->version || strlen(i->version) > VERSION_MAX || !text_is_line(i->version) || strpbrk(i->version, "\"\\"))
                return log_error(-EINVAL, "'%s' cannot be the version of a runtime, which is made of at most %u printable characters "
                                 "without quotes; give one with --version=VERSION", i->version, VERSION_MAX);
        return 0;
}

static int import_examine(Import *i) {
        int r;

        r = choose_name(i);
        if (r < 0)
                return r;
        i->real = realpath(i->source, NULL);
        i->source_fd = open(i->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (i->source_fd < 0 || !i->real)
                return log_error(-errno, "cannot open the directory '%s': %s", i->source, strerror(errno));
        if (faccessat(i->source_fd, "runtime.yml", F_OK, 0) >= 0)
                return log_error(-EEXIST, "'%s' has a runtime.yml, so it is a runtime already; install it with: rnx runtime install %s",
                                 i->source, i->source);

        i->kind = environment_kind(i->source_fd);
        r = choose_version(i);
        if (r < 0)
                return r;
        i->language = arg_language ? strdup(arg_language) : i->kind ? strdup(i->kind->language) : strndup(i->name, strcspn(i->name, "-"));
        if (!i->language)
                return log_oom();
        if (!runtime_name_is_valid(i->language))
                return log_error(-EINVAL, "'%s' cannot be the name of a language: --language=NAME",
                                 i->language);
        if (asprintf(&i->home, RUNTIMES_PATH "/%s/%s", i->language, i->name) < 0) {
                i->home = NULL;
                return log_oom();
        }
        return find_base(i);
}

static int import_copy(Import *i, const char *to) {
        _cleanup_free_ char *base = NULL;
        int r;

        r = import_copy_tree(i, i->real, to, "");
        if (r < 0 || !i->base)
                return r;
        if (asprintf(&base, "%s/" BASE_IN_RUNTIME, to) < 0) {
                base = NULL;
                return log_oom();
        }
        if (mkdir(base, 0755) < 0)
                return log_error(-errno, "cannot create the directory '%s': %s", base, strerror(errno));
        return import_copy_tree(i, i->base, base, BASE_IN_RUNTIME);
}

static void write_packages(char *const *packages, FILE *f) {
        STRV_FOREACH(p, packages)
                fprintf(f, "%s  - \"%s\"\n", p == packages ? "\npackages:\n" : "", *p);
}

static int import_write_manifest(const Import *i, int fd) {
        bool python = strcmp(i->language, "python") == 0;
        _cleanup_strv_free_ char **packages = NULL;
        _cleanup_free_ char *text = NULL;
        struct utsname u;
        size_t n = 0;
        FILE *f;
        int r;

        if (uname(&u) < 0)
                return log_error(-errno, "uname: %s", strerror(errno));
        if (python) {
                r = import_list_packages(fd, &packages);
                if (r < 0)
                        return log_error(r, "cannot find out which packages there are: %s", strerror(-r));
        }
        f = open_memstream(&text, &n);
        if (!f)
                return log_oom();
        fprintf(f,
                "# Made by rnx runtime import; what each key means: runtime.yml(5).\n"
                "name: \"%s\"\nlanguage: \"%s\"\ntype: \"system\"\nversion: \"%s\"\ndescription: \"Imported from %s\"\n\n"
                "environment:\n  PATH_PREPEND: \"%s/bin\"\n",
                i->name, i->language, i->version, i->kind ? i->kind->title : "a directory", i->home);
        if (i->kind && i->kind->home)
                fprintf(f, "  %s: \"%s\"\n", i->kind->home, i->home);
        /* What a program prints is seen at once, and not lost when it is ended. */
        if (python)
                fputs("  PYTHONUNBUFFERED: \"1\"\n", f);
        STRV_FOREACH(l, i->findings.host_libraries)
                fprintf(f, "%s#   %s\n",
                        l == i->findings.host_libraries ? "\n# Needs these libraries of the host:\n" : "", *l);
        fprintf(f, "\nrequirements:\n  architectures: [\"%s\"]\n", u.machine);
        write_packages(packages, f);
        if (fclose(f) != 0)
                return log_oom();
        r = atomic_file_write_at(fd, "runtime.yml", text, n, 0644, false);
        return r < 0 ? log_error(r, "cannot write runtime.yml: %s", strerror(-r)) : 0;
}

/* What was made is what packing and installing take, by their own rules. */
static int import_check(Import *i, int fd) {
        _cleanup_(file_tree_freep) FileTree *t = NULL;
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_free_ char *message = NULL;
        int r;

        r = manifest_load_at(fd, "runtime.yml", &m, &message);
        if (r >= 0)
                r = import_leave_out_links(i, fd, &message);
        if (r >= 0)
                r = file_tree_scan(fd, &t, &message);
        if (r >= 0)
                r = package_check_tree(t, i->language, i->name, m->base == RUNTIME_BASE_SELF, &message);
        return r < 0 ? log_error(r, "'%s' cannot be made a runtime: %s", i->source, message ?: strerror(-r)) : 0;
}

static int import_make(Import *i, const char *to) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = import_find_places(i);
        if (r < 0)
                return log_error(r, "cannot find out where '%s' is: %s", i->source, strerror(-r));
        r = import_copy(i, to);
        if (r < 0)
                return r;
        fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return log_error(-errno, "cannot open '%s': %s", to, strerror(errno));
        r = import_editable(i, fd, to, arg_copy_editable);
        if (r >= 0)
                r = runtime_relocate(&(Relocation) { .home = i->home, .places = i->places, .n_places = i->n_places }, fd, &i->findings);
        if (r >= 0 && faccessat(fd, "bin/conda-unpack", F_OK, 0) >= 0 &&
            strv_extend(&i->findings.problems,
                        "bin/conda-unpack: run it in the directory that is imported, before the import") < 0)
                r = log_oom();
        if (r >= 0 && !signals_noted())
                r = import_write_manifest(i, fd);
        return r < 0 || signals_noted() ? r : import_check(i, fd);
}

static void print_list(const char *title, char *const *list) {
        STRV_FOREACH(n, list) {
                _cleanup_free_ char *safe = text_for_message(*n, 1024);

                printf("  %s: %s\n", title, safe ?: "");
        }
}

static int import_print_text(const Import *i, const char *to) {
        const Findings *f = &i->findings;
        _cleanup_free_ char *quoted = NULL, *libraries = strv_join(f->host_libraries, " ");

        if (!libraries || (to && shell_quote((char *const []) { (char*) to, NULL }, &quoted) < 0))
                return log_oom();
        if (to)
                printf("Imported %s: %s\n", i->kind ? i->kind->title : "a directory", to);
        if (i->base)
                printf("  its interpreter comes along: %s\n", i->base);
        print_list("comes along", f->brought);
        print_list("left out", f->left_out);
        print_list("will not work", f->problems);
        print_list("may not work elsewhere", f->caveats);
        if (*libraries)
                printf("  needs libraries of the host: %s\n", libraries);
        if (to)
                printf("\nTo install it:\n  rnx runtime install %s%s\n", *to == '-' ? "./" : "", quoted);
        return 0;
}

static int import_print(const Import *i, const char *to) {
        const Findings *f = &i->findings;
        _cleanup_json_ json_object *o = NULL;

        if (arg_json == JSON_OFF)
                return import_print_text(i, to);
        o = json_object_new_object();
        if (!o || json_add_strings(o, "problems", f->problems) < 0 || json_add_strings(o, "caveats", f->caveats) < 0 ||
            json_add_strings(o, "left_out", f->left_out) < 0 || json_add_strings(o, "brought_along", f->brought) < 0 ||
            json_add_strings(o, "host_libraries", f->host_libraries) < 0 ||
            json_add_string(o, "runtime", i->name) < 0 || json_add_string(o, "language", i->language) < 0 ||
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
                                                  .name = i->name, .store = true }, fd, NULL, NULL);
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
        to = arg_output ?: arg_install ? (mkdtemp(temporary) ? temporary : NULL) : i.name;
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
