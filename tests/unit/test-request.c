/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay-protocol.h"
#include "request.h"
#include "strv.h"
#include "test.h"

static Request *request;
static char *message;

static int setup(void **state) {
        return request_new(&request);
}

static int teardown(void **state) {
        request = request_free(request);
        free(message);
        message = NULL;
        return 0;
}

/* A refusal names the option, and what was given if that is short. */
static void assert_refused(int r, const char *option, const char *value) {
        assert_int_equal(r, -EINVAL);
        assert_non_null(message);
        if (!strstr(message, option) || (value && !strstr(message, value)))
                fail_msg("'%s' names neither '%s' nor '%s'", message, option, value ?: "");
        assert_null(strchr(message, '\n'));
        free(message);
        message = NULL;
}

static void test_defaults(void **state) {
        assert_string_equal(request->workdir, "/work");
        assert_int_equal(request->network, NETWORK_NONE);
        assert_int_equal(request->memory_max, UINT64_MAX);
        assert_int_equal(request->timeout_usec, USEC_INFINITY);
        assert_int_equal(request->cpu_percent, 0);
        assert_null(request->cpus);
        assert_null(request->runtime);
        assert_null(request_free(NULL));
}

/* Given is given, also where the value is the one that would be taken otherwise. */
static void test_defaults_of_the_host(void **state) {
        const RequestDefaults defaults = { NETWORK_HOST, UINT64_C(1) << 30, 150, USEC_PER_SEC };
        Request *given = NULL;

        assert_int_equal(request_new(&given), 0);
        assert_int_equal(given->given, 0);
        request_apply_defaults(given, &defaults);
        assert_int_equal(given->network, NETWORK_HOST);
        assert_int_equal(given->memory_max, UINT64_C(1) << 30);
        assert_int_equal(given->cpu_percent, 150);
        assert_int_equal(given->timeout_usec, USEC_PER_SEC);
        assert_int_equal(given->given, 0);
        given = request_free(given);

        assert_int_equal(request_new(&given), 0);
        assert_int_equal(request_set_network(given, "none", &message), 0);
        assert_int_equal(request_set_memory_max(given, UINT64_MAX, &message), 0);
        assert_int_equal(request_set_cpu_percent(given, UINT32_MAX, &message), 0);
        assert_int_equal(request_set_timeout(given, USEC_INFINITY, &message), 0);
        assert_int_equal(request_set_workdir(given, "/work", &message), 0);
        assert_int_equal(request_set_shell(given, "auto", &message), 0);
        assert_int_equal(given->given, REQUEST_NETWORK | REQUEST_MEMORY | REQUEST_CPU_PERCENT | REQUEST_TIMEOUT |
                         REQUEST_WORKDIR | REQUEST_SHELL);
        request_apply_defaults(given, &defaults);
        assert_int_equal(given->network, NETWORK_NONE);
        assert_int_equal(given->memory_max, UINT64_MAX);
        assert_int_equal(given->cpu_percent, 0);
        assert_int_equal(given->timeout_usec, USEC_INFINITY);
        request_free(given);
}

static void check_command(const char *word, bool by_shell) {
        char *words[] = { (char*) word, NULL };
        _cleanup_strv_free_ char **command = NULL;

        assert_int_equal(request_set_command(request, words, &message), 0);
        assert_int_equal(request_command(request, &command, &message), 0);
        assert_int_equal(strv_length(command), by_shell ? 3 : 1);
        if (by_shell) {
                assert_string_equal(command[0], "sh");
                assert_string_equal(command[1], "-c");
        }
        assert_string_equal(command[by_shell ? 2 : 0], word);
}

/* n words of size bytes each, NULs included. */
static char** make_words(size_t n, size_t size) {
        char **words = calloc(n + 1, sizeof(char*));

        assert_non_null(words);
        for (size_t i = 0; i < n; i++) {
                words[i] = malloc(size);
                assert_non_null(words[i]);
                memset(words[i], 'x', size - 1);
                words[i][size - 1] = 0;
        }
        return words;
}

static void test_command(void **state) {
        static const char special[] = " \t\n|&;<>()$`\\\"'*?[#~=%!";
        char *several[] = { (char*) "echo", (char*) "a && b", NULL };
        _cleanup_strv_free_ char **most = make_words(REQUEST_COMMAND_MAX / 1024, 1024), **more = make_words(REQUEST_COMMAND_MAX / 1024 + 1, 1024),
                                 **longest = make_words(1, REQUEST_WORD_MAX), **longer = make_words(1, REQUEST_WORD_MAX + 1), **command = NULL;

        check_command("true", false);
        check_command("/usr/bin/x-y_z.1+2", false);
        check_command("a && b", true);
        for (const char *s = special; *s; s++)
                check_command((char[]) { 'a', *s, 'b', 0 }, true);

        assert_int_equal(request_set_command(request, several, &message), 0);
        assert_int_equal(request_command(request, &command, &message), 0);
        assert_int_equal(strv_length(command), 2);
        assert_string_equal(command[1], "a && b");

        assert_refused(request_set_command(request, (char *[]) { NULL }, &message), "no command", NULL);
        assert_refused(request_set_command(request, (char *[]) { (char*) "", NULL }, &message), "no command", NULL);
        assert_refused(request_set_command(request, (char *[]) { (char*) "\xff", NULL }, &message), "the command", "UTF-8");

        assert_int_equal(request_set_command(request, longest, &message), 0);
        assert_refused(request_set_command(request, longer, &message), "a word of the command is 131072 bytes long", "--upload");
        assert_int_equal(request_set_command(request, most, &message), 0);
        assert_refused(request_set_command(request, more, &message), "the command is 2098176 bytes long", "--upload");
        assert_int_equal(strv_length(request->command), strv_length(most));
}

static void test_shell_modes(void **state) {
        static const char *const good[] = { "yes", "no", "auto" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                assert_int_equal(request_set_shell(request, good[i], &message), 0);
                assert_string_equal(shell_mode_to_string(request->shell), good[i]);
        }
        assert_refused(request_set_shell(request, "bash", &message), "--shell: 'bash'", "auto, yes and no");
}

/* Each counts, however small: they are copied, recorded and sent on. */
static void test_words(void **state) {
        static char *words[REQUEST_WORDS_MAX + 2], *variables[REQUEST_VARIABLES_MAX + 2];

        for (size_t i = 0; i < REQUEST_WORDS_MAX; i++)
                words[i] = (char*) (i == 0 ? "true" : "");
        assert_int_equal(request_set_command(request, words, &message), 0);
        assert_int_equal(strv_length(request->command), REQUEST_WORDS_MAX);
        words[REQUEST_WORDS_MAX] = (char*) "";
        assert_refused(request_set_command(request, words, &message), "the command", "words");

        for (size_t i = 0; i < REQUEST_VARIABLES_MAX; i++)
                variables[i] = (char*) "A=";
        assert_int_equal(request_set_environment(request, variables, &message), 0);
        variables[REQUEST_VARIABLES_MAX] = (char*) "A=";
        assert_refused(request_set_environment(request, variables, &message), "--env", "variables");
}

static void test_name(void **state) {
        char longest[REQUEST_NAME_MAX + 2];
        const char *const good[] = { "a", "A-b_c.d+e@f:1", " two words ", "a/b", "ä", "夜間の学習 🙂", longest + 1 };
        const char *const bad[] = { "", "-a", "a\n", "a\tb", "\033[2J", "\177", "\xff", "\xc3", "\xe2\x80\xae" "abc", longest };

        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = 0;
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                assert_int_equal(request_set_name(request, good[i], &message), 0);
                assert_string_equal(request->name, good[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_refused(request_set_name(request, bad[i], &message), "--name", NULL);
        assert_string_equal(request->name, longest + 1); /* a refusal changes nothing */
}

static void test_runtime(void **state) {
        static const char *const bad[] = { "", "../x", "a/../b", "/etc", "a b", "a\x1b[2J", "-x" };

        assert_int_equal(request_set_runtime(request, "python:3.11+ml", &message), 0);
        assert_string_equal(request->runtime, "python:3.11+ml");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_refused(request_set_runtime(request, bad[i], &message), "--runtime",
                               "rnx runtime list");
}

static void test_limits(void **state) {
        assert_int_equal(request_set_memory_max(request, REQUEST_MEMORY_MIN, &message), 0);
        assert_int_equal(request->memory_max, REQUEST_MEMORY_MIN);
        assert_refused(request_set_memory_max(request, REQUEST_MEMORY_MIN - 1, &message), "--max-memory", "4 MiB");
        assert_refused(request_set_memory_max(request, 0, &message), "--max-memory", "0");

        assert_int_equal(request_set_cpu_percent(request, 1, &message), 0);
        assert_int_equal(request_set_cpu_percent(request, REQUEST_CPU_PERCENT_MAX, &message), 0);
        assert_int_equal(request->cpu_percent, REQUEST_CPU_PERCENT_MAX);
        assert_refused(request_set_cpu_percent(request, 0, &message), "--max-cpu", "0");
        assert_refused(request_set_cpu_percent(request, REQUEST_CPU_PERCENT_MAX + 1, &message), "--max-cpu",
                       "1000001");

        assert_int_equal(request_set_timeout(request, 1, &message), 0);
        assert_int_equal(request->timeout_usec, 1);
        assert_refused(request_set_timeout(request, 0, &message), "--timeout", NULL);
}

static void test_cpus(void **state) {
        static const char *const bad[] = { "", "a", "3-1", "0-", "-1", "0,,1", "99999" };

        assert_int_equal(request_set_cpus(request, "2,0-1,9", &message), 0);
        assert_string_equal(request->cpus, "0-2,9");
        assert_int_equal(request->cpu_set_size, 2);
        assert_int_equal(request->cpu_set[0], 7);
        assert_int_equal(request->cpu_set[1], 2);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_refused(request_set_cpus(request, bad[i], &message), "--cpu-cores", NULL);
        assert_string_equal(request->cpus, "0-2,9");
}

static void test_environment(void **state) {
        static const char *const bad[] = { "", "A", "=x", "1A=x", "A B=x", "A=\xff" };
        _cleanup_strv_free_ char **large = NULL;

        assert_int_equal(request_set_environment(request, (char *[]) { (char*) "A=b\n\tc", (char*) "_1=", NULL }, &message), 0);
        assert_string_equal(request->environment[0], "A=b\n\tc");
        assert_string_equal(request->environment[1], "_1=");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_refused(request_set_environment(request,
                                                       (char *[]) { (char*) "OK=1", (char*) bad[i], NULL },
                                                       &message),
                               "--env", NULL);

        for (unsigned i = 0; i < 20; i++)
                assert_int_equal(strv_extendf(&large, "A%u=%0100000d", i, 0), 0);
        assert_int_equal(request_set_environment(request, large, &message), 0);
        assert_int_equal(strv_extendf(&large, "B=%0100000d", 0), 0);
        assert_refused(request_set_environment(request, large, &message), "--env: the environment is", "--upload");

        /* For its length, not for its characters; and its value is not repeated */
        large = strv_free(large);
        assert_int_equal(strv_extendf(&large, "LONG=%0131070d", 0), 0);
        assert_int_equal(request_set_environment(request, large, &message), -EINVAL);
        assert_non_null(strstr(message, "--env: 'LONG' is too long"));
}

static void test_workdir(void **state) {
        static const char *const bad[] = { "", "..", "a/../b", "/work/..", "/a\nb", "a\x7f" };
        _cleanup_free_ char *large = malloc(5000);

        assert_int_equal(request_set_workdir(request, "/tmp", &message), 0);
        assert_string_equal(request->workdir, "/tmp");
        assert_int_equal(request_set_workdir(request, "src/..a/b..", &message), 0);
        assert_string_equal(request->workdir, "/work/src/..a/b..");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_refused(request_set_workdir(request, bad[i], &message), "--workdir", NULL);

        memset(large, 'x', 4999);
        large[256] = 0; /* one component */
        assert_refused(request_set_workdir(request, large, &message), "--workdir", NULL);
        large[255] = 0;
        assert_int_equal(request_set_workdir(request, large, &message), 0);
        for (size_t i = 0; i < 4999; i++)
                large[i] = i % 2 ? '/' : 'x';
        large[4096] = 0;
        assert_refused(request_set_workdir(request, large, &message), "--workdir", NULL);
}

static void test_network(void **state) {
        for (int i = 0; i < _NETWORK_MODE_MAX; i++) {
                const char *name = network_mode_to_string(i);

                assert_non_null(name);
                assert_int_equal(network_mode_from_string(name), i);
                assert_int_equal(request_set_network(request, name, &message), 0);
                assert_int_equal(request->network, i);
        }
        assert_null(network_mode_to_string(_NETWORK_MODE_MAX));
        assert_null(network_mode_to_string(_NETWORK_MODE_INVALID));
        assert_refused(request_set_network(request, "vpn\x1b", &message), "--network", "none or host");
        assert_refused(request_set_network(request, "", &message), "--network", NULL);
}

static void test_download(void **state) {
        _cleanup_strv_free_ char **many = NULL;

        for (unsigned i = 0; i < REQUEST_DOWNLOADS_MAX; i++)
                assert_int_equal(strv_extendf(&many, "file%u", i), 0);
        assert_int_equal(request_set_download(request, many, &message), 0);
        assert_int_equal(strv_length(request->download), REQUEST_DOWNLOADS_MAX);
        assert_int_equal(strv_extend(&many, "more"), 0);
        assert_refused(request_set_download(request, many, &message), "--download", "65");
        assert_refused(request_set_download(request, (char *[]) { (char*) "ok", (char*) "../x", NULL }, &message), "--download", "../x");
        assert_refused(request_set_download(request, (char *[]) { (char*) "\\056./x", NULL }, &message), "--download", "\\056./x");
        assert_refused(request_set_download(request, (char *[]) { (char*) "x\\", NULL }, &message), "--download", "x\\");
        assert_int_equal(request_set_download(request, (char *[]) { (char*) "*.png", (char*) "a\\:b", (char*) "\\377", NULL }, &message), 0);
}

/* Whatever is accepted fits into the packet that takes it to the relay. */
static void test_download_size(void **state) {
        _cleanup_strv_free_ char **paths = NULL, **longer = NULL;
        _cleanup_free_ char *workdir = malloc(4096);
        char path[REQUEST_DOWNLOAD_SIZE_MAX / REQUEST_DOWNLOADS_MAX];
        int fds[2];

        for (size_t i = 0; i < sizeof path - 1; i++)
                path[i] = i % 201 == 200 ? '/' : '\\'; /* in pairs */
        path[sizeof path - 1] = 0;
        for (unsigned i = 0; i < REQUEST_DOWNLOADS_MAX; i++) {
                assert_int_equal(strv_extend(&paths, path), 0);
                assert_int_equal(strv_extendf(&longer, "x%s", path), 0);
        }
        assert_refused(request_set_download(request, longer, &message), "--download", "directory");
        assert_int_equal(request_set_download(request, paths, &message), 0);

        for (size_t i = 0; i < 4095; i++)
                workdir[i] = i % 200 == 0 ? '/' : '\\';
        workdir[4095] = 0;
        assert_int_equal(request_set_workdir(request, workdir, &message), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        RelayGo go = RELAY_GO_NULL;
        go.workdir = request->workdir;
        go.download = request->download;
        assert_int_equal(relay_go_send(fds[0], &go), 0);
        close(fds[0]);
        close(fds[1]);
}

static void test_request_id(void **state) {
        static const char *const bad[] = { "", "0123456789abcdef0123456789abcde",
                                           "0123456789abcdef0123456789abcdef0",
                                           "0123456789ABCDEF0123456789abcdef",
                                           "0123456789abcdef0123456789abcdeg" };

        assert_int_equal(request_set_request_id(request, "0123456789abcdef0123456789abcdef", &message), 0);
        assert_string_equal(request->request_id, "0123456789abcdef0123456789abcdef");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_refused(request_set_request_id(request, bad[i], &message), "RequestId", NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
                cmocka_unit_test_setup_teardown(test_defaults_of_the_host, setup, teardown),
                cmocka_unit_test_setup_teardown(test_command, setup, teardown),
                cmocka_unit_test_setup_teardown(test_shell_modes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_words, setup, teardown),
                cmocka_unit_test_setup_teardown(test_name, setup, teardown),
                cmocka_unit_test_setup_teardown(test_runtime, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cpus, setup, teardown),
                cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
                cmocka_unit_test_setup_teardown(test_workdir, setup, teardown),
                cmocka_unit_test_setup_teardown(test_network, setup, teardown),
                cmocka_unit_test_setup_teardown(test_download, setup, teardown),
                cmocka_unit_test_setup_teardown(test_download_size, setup, teardown),
                cmocka_unit_test_setup_teardown(test_request_id, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
