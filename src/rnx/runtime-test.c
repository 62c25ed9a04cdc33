/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx runtime test: a real job in the runtime, in which a program for its language looks at what
 * runtime.yml promises. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "bus.h"
#include "rnx.h"
#include "runtime.h"
#include "strv.h"
#include "terminal.h"
#include "text.h"

#define SCRIPTS PKGDATADIR "/runtime-test"
#define TEST_TIMEOUT "--timeout=10min"
#define END_SIZE 32U

/* How a language is tried, and what the user may try next. */
typedef struct Probe {
        const char *language;
        const char *interpreter[3]; /* of the script SCRIPTS/language, which gets the packages as arguments */
        const char *hint;
} Probe;

#define PYTHON "exec \"$(command -v python || command -v python3 || echo python)\" ./python \"$@\""

static const Probe probes[] = {
        { "python", { "sh", "-c", PYTHON }, "python --version"          },
        { "nodejs", { "node" },             "node --version"            },
        { "java",   { "sh" },               "java -version"             },
        { "go",     { "sh" },               "go version"                },
        { "rust",   { "sh" },               "rustc --version"           },
        { "other",  { "sh" },               "echo 'Hello from runtime'" },
};

static const Probe* probe_find(const char *language) {
        if (strcmp(language, "node") == 0)
                language = "nodejs";
        for (size_t i = 0; i < ELEMENTSOF(probes) - 1; i++)
                if (strcmp(probes[i].language, language) == 0)
                        return probes + i;
        return probes + ELEMENTSOF(probes) - 1;
}

/* "rnx run" itself, so that a test is what a user would do. */
static int make_arguments(const Probe *p, json_object *runtime, const char *end, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        json_object *packages = NULL;
        int r;

        r = strv_extend(&argv, "/proc/self/exe");
        if (r >= 0)
                r = strv_extendf(&argv, "--%s", arg_ask_password ? "quiet" : "no-ask-password");
        if (r >= 0)
                r = strv_extend(&argv, "run");
        if (r >= 0)
                r = strv_extendf(&argv, "--runtime=%s/%s", runtime_string(runtime, "language"), runtime_string(runtime, "name"));
        if (r >= 0)
                r = strv_extendf(&argv, "--upload=" SCRIPTS "/%s", p->language);
        for (const char *const *w = (const char *const[]) { "-n", TEST_TIMEOUT, "--name=runtime-test", "--", NULL };
             r >= 0 && *w; w++)
                r = strv_extend(&argv, *w);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(p->interpreter) && p->interpreter[i]; i++)
                r = strv_extend(&argv, p->interpreter[i]);
        if (r >= 0)
                r = strv_extendf(&argv, "./%s", p->language);
        if (r >= 0)
                r = strv_extend(&argv, end);
        (void) json_object_object_get_ex(runtime, "packages", &packages);
        for (size_t i = 0; r >= 0 && packages && i < json_object_array_length(packages); i++)
                r = strv_extend(&argv, json_object_get_string(json_object_array_get_idx(packages, i)));
        if (r < 0)
                return log_oom();
        *ret = TAKE_PTR(argv);
        return 0;
}

typedef struct TestResult {
        int status;
        char *output, *errors;
} TestResult;

static void test_result_done(TestResult *t) {
        free(t->output);
        free(t->errors);
}

/* What nobody else can print, so that it shows that the program came to its end: whatever it loads might end it before, with
 * success. */
static int choose_end(char ret[static END_SIZE]) {
        uint64_t number;

        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
                return log_error(-errno, "no random numbers: %s", strerror(errno));
        (void) snprintf(ret, END_SIZE, "end-%016" PRIx64, number);
        return 0;
}

/* Takes the last line away; without it nothing has passed. */
static int check_end(TestResult *t, const char *end) {
        size_t n = strlen(end), size = strlen(t->output);

        if (size > n && t->output[size - 1] == '\n' && strncmp(t->output + size - 1 - n, end, n) == 0) {
                t->output[size - 1 - n] = 0;
                return 0;
        }
        if (t->status != 0)
                return 0;
        t->status = EXIT_FAILURE;
        free(t->errors);
        t->errors = strdup("it ended before its test was done, while something was loaded");
        return t->errors ? 0 : log_oom();
}

static int run_test(char *const *argv, TestResult *ret) {
        _cleanup_close_ int output = capture_new(), errors = capture_new();
        pid_t pid;
        int r;

        if (output < 0 || errors < 0)
                return output < 0 ? output : errors;
        pid = program_start(argv, -EBADF, output, errors, -EBADF);
        if (pid < 0)
                return (int) pid;
        ret->status = program_wait(pid);
        r = capture_read(output, &ret->output);
        return r < 0 ? r : capture_read(errors, &ret->errors);
}

/* The lines of text behind "PREFIX ", each below the other. */
static void lines_print(const char *prefix, char *text) {
        int width = (int) strlen(prefix);

        for (char *line; (line = strsep(&text, "\n"));) {
                _cleanup_free_ char *safe = text_for_message(line, 4096);

                if (!safe || !*safe)
                        continue;
                printf("%-*s%s\n", width, prefix, safe);
                prefix = "";
        }
}

static int result_json(const char *name, json_object *runtime, const TestResult *t) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (!o || json_add_string(o, "runtime", name) < 0 ||
            json_add(o, "passed", json_object_new_boolean(t->status == 0)) < 0 ||
            json_add(o, "exit_code", json_object_new_int(t->status)) < 0 ||
            json_add(o, "output", json_text(t->output, strlen(t->output))) < 0 ||
            json_add(o, "error", t->status == 0 ? NULL : json_text(t->errors, strlen(t->errors))) < 0 ||
            runtime_add_warnings(o, runtime) < 0)
                return log_oom();
        return json_print(stdout, o);
}

static void result_print(const char *name, const Probe *p, TestResult *t) {
        if (t->status == 0) {
                printf("%s✓ Runtime test passed%s\n", colour(COLOUR_GREEN), colour(COLOUR_NORMAL));
                lines_print("Output: ", t->output);
                printf("\nTo test the runtime in a job:\n  rnx run --runtime=%s %s\n", name, p->hint);
                return;
        }
        printf("%s✗ Runtime test failed%s\n", colour(COLOUR_RED), colour(COLOUR_NORMAL));
        lines_print("Output: ", t->output);
        lines_print("Error: ", t->errors);
        printf("Exit code: %d\n", t->status);
}

int verb_runtime_test(int argc, char *argv[]) {
        _cleanup_(test_result_done) TestResult result = {};
        _cleanup_json_ json_object *runtime = NULL;
        _cleanup_strv_free_ char **words = NULL;
        char end[END_SIZE];
        const Probe *p;
        int r;

        r = runtime_describe(argv[0], &runtime);
        if (r < 0)
                return r;
        runtime_warn(runtime);
        p = probe_find(runtime_string(runtime, "language"));
        r = choose_end(end);
        if (r >= 0)
                r = make_arguments(p, runtime, end, &words);
        if (r < 0)
                return r;
        if (arg_json == JSON_OFF)
                printf("Testing runtime: %s\n", argv[0]);
        r = run_test(words, &result);
        if (r >= 0)
                r = check_end(&result, end);
        if (r < 0)
                return r;
        if (arg_json != JSON_OFF) {
                r = result_json(argv[0], runtime, &result);
                return r < 0 ? r : result.status == 0 ? 0 : EXIT_FAILURE;
        }
        result_print(argv[0], p, &result);
        return result.status == 0 ? 0 : EXIT_FAILURE;
}
