/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx runtime pack: needs no jobletd but to find an installed runtime, and no privilege. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bus.h"
#include "manifest.h"
#include "quantity.h"
#include "rnx.h"
#include "runtime.h"
#include "strv.h"
#include "terminal.h"
#include "text.h"

static const char *arg_output = NULL, *arg_language = NULL;

const Option runtime_pack_options[] = {
        { 'o', "output",   "FILE", "write the package there (NAME-runtime.zip); - is standard output",
          option_set_string, &arg_output, COMPLETE_FILE },
        { 0,   "language", "NAME", "the language, where the name of the runtime does not begin with it",
          option_set_string, &arg_language },
        {}
};

/* What joblet-package says at its end: "ok" and two names, or "error N" and why; before that perhaps
 * "warning" and why. */
static int parse_report(char *report, char **ret_language, char **ret_name) {
        char *lines[8] = {};
        size_t n = 0;

        for (char *p = report, *line; n < ELEMENTSOF(lines) && (line = strsep(&p, "\n"));)
                lines[n++] = line;
        for (size_t i = 0; i + 1 < n; i++) {
                _cleanup_free_ char *text = text_for_message(lines[i + 1], 4096);

                if (strncmp(lines[i], "error ", strlen("error ")) == 0)
                        return log_error(-EIO, "%s", text ?: "");
                if (strcmp(lines[i], "warning") == 0)
                        (void) log_error(0, "warning: %s", text ?: "");
                if (strcmp(lines[i], "ok") == 0 && i + 2 < n) {
                        if (ret_language)
                                *ret_language = strdup(lines[i + 1]);
                        if (ret_name)
                                *ret_name = strdup(lines[i + 2]);
                        return (ret_language && !*ret_language) || (ret_name && !*ret_name) ? log_oom() : 0;
                }
        }
        return log_error(-EIO, "the program that packs ended early: %s", n > 0 ? lines[0] : "");
}

/* What is going to be the package may lie in the tree that is packed: the file of that name, also if the name is a link. */
static int except_output(const PackRequest *request, char ***argv) {
        struct stat directory, st;
        bool there;
        int r = 0;

        if (!request->output || stat(request->directory, &directory) < 0)
                return 0;
        there = strcmp(request->output, "-") == 0 ? fstat(STDOUT_FILENO, &st) >= 0 : stat(request->output, &st) >= 0;
        if (there && S_ISREG(st.st_mode) && st.st_dev == directory.st_dev)
                r = strv_extendf(argv, "--except=%" PRIu64, (uint64_t) st.st_ino);
        return r;
}

int runtime_pack(const PackRequest *request, int fd, char **ret_language, char **ret_name) {
        _cleanup_close_ int progress_fd = -EBADF, report_fd = -EBADF;
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *report = NULL;
        pid_t bar, pid;
        int r, status = 0;

        report_fd = capture_new();
        if (report_fd < 0)
                return report_fd;
        r = progress_start("Packing", &progress_fd, &bar);
        if (r < 0)
                return r;
        if (strv_extend(&argv, PKGLIBEXECDIR "/joblet-package") < 0 || strv_extend(&argv, "pack") < 0 ||
            strv_extend(&argv, request->directory) < 0 || strv_extend(&argv, request->language ?: "-") < 0 ||
            strv_extend(&argv, request->name ?: "-") < 0 ||
            except_output(request, &argv) < 0 || (request->store && strv_extend(&argv, "--store") < 0) ||
            (progress_fd >= 0 && strv_extend(&argv, "--progress") < 0))
                return log_oom();
        pid = program_start(argv, -EBADF, fd, report_fd, progress_fd);
        if (pid > 0)
                status = program_wait(pid);
        progress_fd = safe_close(progress_fd);
        progress_end(bar);
        if (pid < 0)
                return (int) pid;
        r = capture_read(report_fd, &report);
        if (r >= 0)
                r = parse_report(report, ret_language, ret_name);
        if (r >= 0 && status != 0)
                return log_error(-EIO, "the program that packs failed (status %i) after it had packed", status);
        return r;
}

static int packed_print(const char *path, int fd, char *const *warnings) {
        _cleanup_json_ json_object *o = json_object_new_object();
        _cleanup_free_ char *size = NULL;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return log_error(-errno, "%s: %s", path, strerror(errno));
        if (arg_json == JSON_OFF) {
                if (size_format((uint64_t) st.st_size, &size) < 0)
                        return log_oom();
                printf("Packed: %s (%s)\n", path, size);
                return 0;
        }
        if (!o || json_add_string(o, "package", path) < 0 ||
            json_add_uint(o, "size", (uint64_t) st.st_size) < 0 ||
            (warnings && json_add_strings(o, "warnings", warnings) < 0))
                return log_oom();
        return json_print(stdout, o);
}

/* Gives a file without a name one. */
static int file_name(int fd, const char *name) {
        _cleanup_free_ char *proc = NULL;

        if (asprintf(&proc, "/proc/self/fd/%d", fd) < 0) {
                proc = NULL;
                return -ENOMEM;
        }
        return linkat(AT_FDCWD, proc, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* There whole or not at all, in the place of what was there. Since linkat(2) replaces nothing, the file gets the name beside
 * for a moment if it has none yet. */
static int file_put(int fd, const char *beside, bool named, const char *path) {
        int r;

        if (fchmod(fd, 0644) < 0)
                return -errno;
        r = named ? 0 : file_name(fd, beside);
        if (r < 0)
                return r;
        if (rename(beside, path) < 0) {
                r = -errno;
                if (!named)
                        (void) unlink(beside);
        }
        return r;
}

static int pack_to_file(const PackRequest *request, char *const *warnings) {
        const char *slash = strrchr(request->output, '/');
        _cleanup_free_ char *beside = NULL, *directory = NULL;
        _cleanup_close_ int fd = -EBADF;
        bool named;
        int r;

        directory = slash ? strndup(request->output, (size_t) (slash + 1 - request->output)) : strdup("./");
        if (!directory || asprintf(&beside, "%s.rnx-pack-%d-XXXXXX", directory, (int) getpid()) < 0) {
                beside = NULL;
                return log_oom();
        }
        fd = unnamed_file(directory, beside, &named);
        if (fd < 0)
                return log_error(fd, "cannot create a file in '%s': %s", directory, strerror(-fd));
        r = runtime_pack(request, fd, NULL, NULL);
        if (r >= 0) {
                r = file_put(fd, beside, named, request->output);
                if (r < 0)
                        (void) log_error(r, "cannot create '%s': %s", request->output, strerror(-r));
        }
        if (r < 0 && named)
                (void) unlink(beside);
        return r < 0 ? r : packed_print(request->output, fd, warnings);
}

/* Standard output may be a pipe, which a package cannot be written to directly. */
static int pack_to_stdout(const PackRequest *request) {
        _cleanup_close_ int fd = -EBADF;
        char buffer[65536];
        ssize_t n;
        int r;

        if (on_tty(STDOUT_FILENO))
                return log_error(-EINVAL, "standard output is a terminal, a package does not belong there");
        fd = temporary_file();
        if (fd < 0)
                return fd;
        r = runtime_pack(request, fd, NULL, NULL);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return log_error(-errno, "cannot read the package: %s", strerror(errno));
        while ((n = read(fd, buffer, sizeof(buffer))) > 0)
                if (fwrite(buffer, 1, (size_t) n, stdout) != (size_t) n)
                        return log_error(-errno, "cannot write the package: %s", strerror(errno));
        return n < 0 ? log_error(-errno, "cannot read the package: %s", strerror(errno)) : 0;
}

/* What runtime.yml says of the name, and what is wrong with it, before the work begins. */
static int read_manifest(const char *directory, char **ret_name, char ***ret_warnings) {
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *file = NULL, *message = NULL;
        _cleanup_(manifest_freep) Manifest *m = NULL;
        size_t n = strlen(directory);
        int r;

        if (fd < 0)
                return log_error(-errno, "cannot open '%s': %s", directory, strerror(errno));
        if (asprintf(&file, "%s%sruntime.yml", directory, n > 0 && directory[n - 1] == '/' ? "" : "/") < 0) {
                file = NULL;
                return log_oom();
        }
        r = manifest_load_at(fd, file, &m, &message);
        if (r < 0)
                return log_error(r, "%s", message ?: strerror(-r));
        STRV_FOREACH(w, m->warnings) {
                _cleanup_free_ char *safe = text_for_message(*w, 4096);

                (void) log_error(0, "warning: %s", safe ?: "");
        }
        *ret_warnings = TAKE_PTR(m->warnings);
        *ret_name = TAKE_PTR(m->name);
        return 0;
}

/* A directory is written with a '/', or is "." or ".."; anything else is the name of an installed runtime. */
static int find_directory(const char *word, PackRequest *request, json_object **ret) {
        bool path = strchr(word, '/') || strcmp(word, ".") == 0 || strcmp(word, "..") == 0;
        int r;

        if (path && is_runtime_directory(word))
                return 0;
        if (path && access(word, F_OK) >= 0)
                return log_error(-ENOENT, "'%s' has no runtime.yml, so it is no runtime", word);
        r = runtime_describe(word, ret);
        if (r < 0) {
                if (is_runtime_directory(word))
                        (void) log_error(0, "there is a directory '%s' here; to pack that, write ./%s", word, word);
                return r;
        }
        request->directory = runtime_string(*ret, "path");
        request->name = runtime_string(*ret, "name");
        if (!request->language)
                request->language = runtime_string(*ret, "language");
        return 0;
}

int verb_runtime_pack(int argc, char *argv[]) {
        PackRequest request = { .directory = argv[0], .language = arg_language, .output = arg_output };
        _cleanup_free_ char *name = NULL, *output = NULL;
        _cleanup_strv_free_ char **warnings = NULL;
        _cleanup_json_ json_object *o = NULL;
        int r;

        r = find_directory(argv[0], &request, &o);
        if (r >= 0)
                r = read_manifest(request.directory, &name, &warnings);
        if (r < 0)
                return r;
        if (!request.output) {
                if (asprintf(&output, "%s-runtime.zip", request.name ?: name) < 0) {
                        output = NULL;
                        return log_oom();
                }
                request.output = output;
        }
        return strcmp(request.output, "-") == 0 ? pack_to_stdout(&request) : pack_to_file(&request, warnings);
}
