/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx runtime import: a runtime out of a directory that a user has. What it makes is a copy with a runtime.yml, meant for its place
 * in /opt/joblet/runtimes: the runtime is visible there in every job, so nothing needs to be mounted. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "atomic-file.h"
#include "json.h"
#include "package-plan.h"
#include "remove-tree.h"
#include "rnx.h"
#include "runtime-name.h"
#include "runtime-relocate.h"
#include "runtime.h"
#include "strv.h"
#include "text.h"

#define FILE_SIZE_MAX 65536U

enum {
        OPTION_NAME = 1,
        OPTION_LANGUAGE,
        OPTION_VERSION,
        OPTION_OUTPUT,
        OPTION_INSTALL,
};

const Option runtime_import_options[] = {
        { OPTION_NAME,     0,   "name",     "NAME",    "the name of the new runtime"                              },
        { OPTION_LANGUAGE, 0,   "language", "NAME",    "its language, where the directory does not tell"           },
        { OPTION_VERSION,  0,   "version",  "VERSION", "its version, where the directory does not tell"            },
        { OPTION_OUTPUT,   'o', "output",   "DIR",     "make the runtime there (the directory NAME)"               },
        { OPTION_INSTALL,  0,   "install",  NULL,      "install it at once"                                       },
        {}
};

static const char *arg_name = NULL, *arg_language = NULL, *arg_version = NULL, *arg_output = NULL;
static bool arg_install = false;

int runtime_import_option(int id, const char *value) {
        switch (id) {
        case OPTION_NAME:
                arg_name = value;
                return 0;
        case OPTION_LANGUAGE:
                arg_language = value;
                return 0;
        case OPTION_VERSION:
                arg_version = value;
                return 0;
        case OPTION_OUTPUT:
                arg_output = value;
                return 0;
        case OPTION_INSTALL:
                arg_install = true;
                return 0;
        }
        return -EINVAL;
}

/* What kinds of directories are known: by a file in them, a line of which has the version. */
typedef struct Kind {
        const char *title;
        const char *file;
        const char *keys[2];
        const char *language;
        const char *home; /* variable that names the directory */
} Kind;

static const Kind kinds[] = {
        { "a virtual environment", "pyvenv.cfg", { "version_info", "version" }, "python", "VIRTUAL_ENV" },
        { "a conda environment",   "conda-meta", {},                            "python", "CONDA_PREFIX" },
        { "a JDK",                 "release",    { "JAVA_VERSION" },            "java",   "JAVA_HOME"   },
};

static const Kind* kind_find(int fd) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (faccessat(fd, kinds[i].file, F_OK, 0) >= 0)
                        return kinds + i;
        return NULL;
}

/* "KEY = VALUE" or KEY="VALUE". */
static char* config_value(const char *data, const char *key) {
        size_t n = strlen(key);

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

/* conda-meta/python-3.11.9-h955ad1f_0.json */
static char* conda_version(int fd) {
        int sub = openat(fd, "conda-meta", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *d = sub >= 0 ? fdopendir(sub) : NULL;
        struct dirent *de;

        while (d && (de = readdir(d)))
                if (strncmp(de->d_name, "python-", 7) == 0 && de->d_name[7] >= '0' && de->d_name[7] <= '9')
                        return strndup(de->d_name + 7, strcspn(de->d_name + 7, "-"));
        return NULL;
}

static char* find_version(int fd, const Kind *kind) {
        _cleanup_free_ char *data = NULL;
        char *version = NULL;

        if (arg_version)
                return strdup(arg_version);
        if (!kind)
                return NULL;
        if (!kind->keys[0])
                return conda_version(fd);
        if (file_read_at(fd, kind->file, FILE_SIZE_MAX, &data, NULL) < 0)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(kind->keys) && kind->keys[i] && !version; i++)
                version = config_value(data, kind->keys[i]);
        return version;
}

typedef struct Import {
        const char *source; /* as given */
        const Kind *kind;
        char *real, *language, *version, *home; /* home: where it will be installed */
        int source_fd;
        char **notes;
} Import;

static void import_done(Import *i) {
        free(i->real);
        free(i->language);
        free(i->version);
        free(i->home);
        strv_free(i->notes);
        safe_close(i->source_fd);
}

static int import_examine(Import *i) {
        if (!arg_name)
                return log_error(-EINVAL, "a runtime needs a name: --name=NAME");
        if (!runtime_name_is_valid(arg_name))
                return log_error(-EINVAL, "--name=%s: must be made of letters, digits, '.', '_', '+' and '-'", arg_name);
        i->real = realpath(i->source, NULL);
        i->source_fd = open(i->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (i->source_fd < 0 || !i->real)
                return log_error(-errno, "cannot open the directory '%s': %s", i->source, strerror(errno));
        if (faccessat(i->source_fd, "runtime.yml", F_OK, 0) >= 0)
                return log_error(-EEXIST, "'%s' has a runtime.yml, so it is a runtime already; install it with: rnx runtime install %s",
                                 i->source, i->source);

        i->kind = kind_find(i->source_fd);
        i->version = find_version(i->source_fd, i->kind);
        if (!i->version || !text_is_line(i->version) || strpbrk(i->version, "\"\\"))
                return log_error(-EINVAL, "'%s' does not tell its version: --version=VERSION", i->source);
        i->language = arg_language ? strdup(arg_language) : i->kind ? strdup(i->kind->language) : strndup(arg_name, strcspn(arg_name, "-"));
        if (!i->language)
                return log_oom();
        if (!runtime_name_is_valid(i->language))
                return log_error(-EINVAL, "'%s' cannot be the name of a language: --language=NAME", i->language);
        if (asprintf(&i->home, RUNTIMES_PATH "/%s/%s", i->language, arg_name) < 0) {
                i->home = NULL;
                return log_oom();
        }
        return 0;
}

static int import_copy(const Import *i, const char *to) {
        _cleanup_free_ char *from = NULL;
        pid_t pid;

        if (asprintf(&from, "%s/.", i->real) < 0) {
                from = NULL;
                return log_oom();
        }
        pid = program_start((char *const []) { (char*) "/bin/cp", (char*) "-a", (char*) "--reflink=auto", (char*) "--no-preserve=ownership",
                                               (char*) "--", from, (char*) to, NULL }, -EBADF, -EBADF, -EBADF, -EBADF);
        if (pid < 0)
                return (int) pid;
        return program_wait(pid) == 0 ? 0 : log_error(-EIO, "cannot copy '%s' to '%s'", i->source, to);
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
        fprintf(f, "# Made by rnx runtime import; what each key means: runtime.yml(5).\n"
                   "name: \"%s\"\ntype: \"system\"\nversion: \"%s\"\ndescription: \"Imported from %s\"\n\n"
                   "environment:\n  PATH_PREPEND: \"%s/bin\"\n", arg_name, i->version, i->kind ? i->kind->title : "a directory", i->home);
        if (i->kind)
                fprintf(f, "  %s: \"%s\"\n", i->kind->home, i->home);
        fprintf(f, "\nrequirements:\n  architectures: [\"%s\"]\n", u.machine);
        if (fclose(f) != 0)
                return log_oom();
        r = atomic_file_write_at(fd, "runtime.yml", text, n, 0644, false);
        return r < 0 ? log_error(r, "cannot write runtime.yml: %s", strerror(-r)) : 0;
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
        r = runtime_relocate(&(Relocation) { .dir_fd = fd, .from = i->real, .to = i->home }, &i->notes);
        if (r >= 0 && i->kind && !i->kind->keys[0] && faccessat(fd, "bin/conda-unpack", F_OK, 0) >= 0 &&
            strv_extend(&i->notes, "bin/conda-unpack: run it in the directory that is imported, before the import") < 0)
                r = log_oom();
        return r < 0 ? r : import_write_manifest(i, fd);
}

static int import_print(const Import *i, const char *to) {
        _cleanup_json_ json_object *o = NULL;
        json_object *list;

        if (arg_json == JSON_OFF) {
                if (to)
                        printf("Imported %s: %s\n", i->kind ? i->kind->title : "a directory", to);
                STRV_FOREACH(n, i->notes)
                        printf("  will not work: %s\n", *n);
                if (to)
                        printf("\nTo install it:\n  rnx runtime install %s\n", to);
                return 0;
        }
        o = json_object_new_object();
        list = json_object_new_array();
        STRV_FOREACH(n, i->notes)
                (void) json_object_array_add(list, json_text(*n, strlen(*n)));
        if (!o || !list || json_add(o, "problems", list) < 0 || json_add_string(o, "runtime", arg_name) < 0 ||
            json_add_string(o, "language", i->language) < 0 || json_add_string(o, "version", i->version) < 0 ||
            json_add_string(o, "directory", to) < 0)
                return log_oom();
        return json_print(stdout, o);
}

/* Through a package, as every installation; the copy is of no further use. */
static int import_install(Import *i, const char *directory) {
        _cleanup_fclose_ FILE *f = tmpfile();
        int r;

        if (!f)
                return log_error(-errno, "cannot create a temporary file: %s", strerror(errno));
        r = import_print(i, NULL);
        if (r >= 0)
                r = runtime_pack(&(PackRequest) { .directory = directory, .language = i->language, .name = arg_name, .store = true },
                                 fileno(f), NULL, NULL);
        return r < 0 ? r : runtime_install(fileno(f), i->source);
}

int verb_runtime_import(int argc, char *argv[]) {
        _cleanup_(import_done) Import i = { .source = argv[0], .source_fd = -EBADF };
        char temporary[] = "/var/tmp/rnx-import-XXXXXX";
        const char *to;
        int r;

        r = import_examine(&i);
        if (r < 0)
                return r;
        to = arg_output ?: arg_install ? (mkdtemp(temporary) ? temporary : NULL) : arg_name;
        if (!to)
                return log_error(-errno, "cannot create a temporary directory: %s", strerror(errno));
        if (to != temporary && mkdir(to, 0755) < 0)
                return log_error(-errno, "cannot create the directory '%s': %s", to, strerror(errno));
        r = import_make(&i, to);
        if (r >= 0)
                r = arg_install ? import_install(&i, to) : import_print(&i, to);
        if (to == temporary || r < 0)
                (void) remove_tree_at(AT_FDCWD, to);
        return r;
}
