/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "settings.h"
#include "test.h"
#include "directory-fixture.h"

static int setup(void **state) {
        Fixture *f = fixture_new();

        assert_int_equal(mkdirat(f->fd, "jobletd.conf.d", 0755), 0);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        fixture_free(*state);
        return 0;
}

static void put(const Fixture *f, const char *name, const char *text) {
        int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

/* Loads them; *ret_log is what was said meanwhile, to be freed. */
static int load(const char *directory, Settings *ret, char **ret_log) {
        int saved = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC), r;
        _cleanup_free_ char *text = calloc(1, 65536);

        assert_true(saved >= 0 && log >= 0);
        assert_non_null(text);
        assert_true(dup2(log, STDERR_FILENO) >= 0);
        r = settings_load(directory, ret);
        assert_int_equal(fflush(stderr), 0);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        assert_true(pread(log, text, 65535, 0) >= 0);
        close(saved);
        close(log);
        *ret_log = TAKE_PTR(text);
        return r;
}

static void check(const Settings *s, bool accept, uint64_t stop_usec, uint64_t upload, NetworkMode network) {
        assert_int_equal(s->accept_unenforced_limits, accept);
        assert_int_equal(s->stop_timeout_usec, stop_usec);
        assert_int_equal(s->upload_max, upload);
        assert_int_equal(s->defaults.network, network);
}

static void check_defaults(const Settings *s) {
        check(s, false, 10 * USEC_PER_SEC, UINT64_C(16) << 30, NETWORK_NONE);
}

static void test_defaults(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *log = NULL, *none = NULL;
        Settings s;

        assert_int_equal(load(f->root, &s, &log), 0);
        check_defaults(&s);
        assert_string_equal(log, "");

        assert_int_equal(load("/nonexistent", &s, &none), 0);
        check_defaults(&s);
        assert_string_equal(none, "");
}

static void test_a_good_file(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *log = NULL;
        Settings s;

        put(f, "jobletd.conf",
            "# a comment\n; another\n\n[Job]\n"
            "AcceptUnenforcedLimits=yes\n"
            "  StopTimeoutSec =  1min 30s \r\n"
            "UploadMax=2G\n"
            "#DefaultNetwork=none\n"
            "DefaultNetwork=host"); /* and no newline */
        assert_int_equal(load(f->root, &s, &log), 0);
        check(&s, true, 90 * USEC_PER_SEC, UINT64_C(2) << 30, NETWORK_HOST);
        assert_string_equal(log, "");
}

static void test_booleans(void **state) {
        static const struct {
                const char *text;
                bool value;
        } words[] = {
                { "yes", true }, { "True", true }, { "ON", true }, { "1", true },
                { "no", false }, { "false", false }, { "Off", false }, { "0", false },
        };
        const Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                _cleanup_free_ char *log = NULL, *text = NULL;
                Settings s;

                /* the one before must not be what is seen */
                assert_true(asprintf(&text, "AcceptUnenforcedLimits=%d\nAcceptUnenforcedLimits=%s\n",
                                     !words[i].value, words[i].text) > 0);
                put(f, "jobletd.conf", text);
                assert_int_equal(load(f->root, &s, &log), 0);
                assert_int_equal(s.accept_unenforced_limits, words[i].value);
                assert_string_equal(log, "");
        }
}

static void test_limits_of_jobs(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *log = NULL, *none = NULL;
        Settings s;

        put(f, "jobletd.conf", "[Job]\nDefaultMaxMemory=2048\nDefaultMaxCPU=150%\nDefaultTimeout=1d\n"
            "DefaultMaxTasks=100\nShmSize=32M\n");
        assert_int_equal(load(f->root, &s, &log), 0);
        assert_string_equal(log, "");
        assert_int_equal(s.defaults.memory_max, UINT64_C(2048) << 20);
        assert_int_equal(s.defaults.cpu_percent, 150);
        assert_int_equal(s.defaults.timeout_usec, UINT64_C(86400) * USEC_PER_SEC);
        assert_int_equal(s.bounds.tasks_max, 100);
        assert_int_equal(s.bounds.shm_size, 32 << 20);

        put(f, "jobletd.conf.d/x.conf", "[Job]\nDefaultMaxMemory=infinity\nDefaultMaxCPU=infinity\nDefaultTimeout=infinity\n"
            "DefaultMaxTasks=infinity\n");
        assert_int_equal(load(f->root, &s, &none), 0);
        assert_string_equal(none, "");
        assert_int_equal(s.defaults.memory_max, UINT64_MAX);
        assert_int_equal(s.defaults.cpu_percent, 0);
        assert_int_equal(s.defaults.timeout_usec, USEC_INFINITY);
        assert_int_equal(s.bounds.tasks_max, UINT64_MAX);
        assert_int_equal(s.bounds.shm_size, 32 << 20);
}

/* What is in a section of somebody else's is not ours, whatever it is called. A file begins in ours. */
static void test_sections(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *log = NULL, *expected = NULL;
        Settings s;

        put(f, "jobletd.conf", "UploadMax=1M\n[Service]\nUploadMax=2M\nNonsense\n[Job]\nStopTimeoutSec=3s\n[Jobs]\nDefaultNetwork=host\n");
        put(f, "jobletd.conf.d/x.conf", "AcceptUnenforcedLimits=yes\n");
        assert_true(asprintf(&expected, "%s/jobletd.conf:2: unknown section [Service], ignoring all that is in it; settings of jobletd belong into [Job]\n"
                             "%s/jobletd.conf:7: unknown section [Jobs]", f->root, f->root) > 0);
        assert_int_equal(load(f->root, &s, &log), 0);
        check(&s, true, 3 * USEC_PER_SEC, UINT64_C(1) << 20, NETWORK_NONE);
        for (const char *line = expected; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
                _cleanup_free_ char *one = strndup(line, strcspn(line, "\n"));

                if (!strstr(log, one))
                        fail_msg("no '%s' in '%s'", one, log);
        }
        assert_null(strstr(log, "Nonsense"));
}

/* In the order of their names, after the file; what does not end in .conf, or is hidden, is none. */
static void test_drop_ins(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *log = NULL;
        Settings s;

        put(f, "jobletd.conf", "StopTimeoutSec=1s\nUploadMax=1M\nDefaultNetwork=host\n");
        put(f, "jobletd.conf.d/20-later.conf", "StopTimeoutSec=20s\n");
        put(f, "jobletd.conf.d/10-earlier.conf", "StopTimeoutSec=10s\nUploadMax=10M\n");
        put(f, "jobletd.conf.d/30-off.conf.bak", "StopTimeoutSec=30s\n");
        put(f, "jobletd.conf.d/.40-hidden.conf", "StopTimeoutSec=40s\n");
        put(f, "jobletd.conf.d/.conf", "StopTimeoutSec=50s\n");
        assert_int_equal(load(f->root, &s, &log), 0);
        check(&s, false, 20 * USEC_PER_SEC, UINT64_C(10) << 20, NETWORK_HOST);
        assert_string_equal(log, "");
}

/* A bad line is named by file and number, and the others count. */
static void test_bad_lines(void **state) {
        static const struct {
                const char *line, *words;
        } bad[] = {
                { "AcceptUnenforcedLimits=perhaps", "'perhaps' is not a value for AcceptUnenforcedLimits=, ignoring; see jobletd(8)" },
                { "AcceptUnenforcedLimits=",        "'' is not a value for AcceptUnenforcedLimits="                                  },
                { "StopTimeoutSec=soon",            "'soon' is not a value for StopTimeoutSec="                                      },
                { "StopTimeoutSec=-1",              "'-1' is not a value for StopTimeoutSec="                                        },
                { "UploadMax=16 elephants",         "'16 elephants' is not a value for UploadMax="                                   },
                { "DefaultNetwork=Host",            "'Host' is not a value for DefaultNetwork="                                      },
                { "stoptimeoutsec=1s",              "unknown setting stoptimeoutsec=, ignoring; see jobletd(8)"                      },
                { "MaxMemory = 1G",                 "unknown setting MaxMemory=, ignoring"                                           },
                { "StopTimeoutSec",                 "'StopTimeoutSec' is not KEY=VALUE, ignoring"                                    },
                { "DefaultMaxMemory=1",             "'1' is not a value for DefaultMaxMemory="                                       },
                { "DefaultTimeout=0",               "'0' is not a value for DefaultTimeout="                                         },
                { "DefaultMaxCPU=0",                "'0' is not a value for DefaultMaxCPU="                                          },
                { "DefaultMaxTasks=-1",             "'-1' is not a value for DefaultMaxTasks="                                       },
                { "ShmSize=0",                      "'0' is not a value for ShmSize="                                                },
        };
        const Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *log = NULL, *text = NULL, *expected = NULL;
                Settings s;

                assert_true(asprintf(&text, "[Job]\n# comment\n%s\nUploadMax=3M\n", bad[i].line) > 0);
                assert_true(asprintf(&expected, "%s/jobletd.conf:3: %s", f->root, bad[i].words) > 0);
                put(f, "jobletd.conf", text);
                assert_int_equal(load(f->root, &s, &log), 0);
                check(&s, false, 10 * USEC_PER_SEC, UINT64_C(3) << 20, NETWORK_NONE);
                if (!strstr(log, expected) || strchr(log, '\n') != log + strlen(log) - 1)
                        fail_msg("'%s' instead of one line with '%s'", log, expected);
        }
}

static void test_a_bad_line_of_a_drop_in(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *log = NULL, *expected = NULL;
        Settings s;

        put(f, "jobletd.conf.d/10-bad.conf", "UploadMax=4M\nNonsense=1\n");
        assert_true(asprintf(&expected,
                             "%s/jobletd.conf.d/10-bad.conf:2: unknown setting Nonsense=", f->root) > 0);
        assert_int_equal(load(f->root, &s, &log), 0);
        assert_int_equal(s.upload_max, UINT64_C(4) << 20);
        assert_non_null(strstr(log, expected));
}

/* A file may lie elsewhere, as with stow and in images; one that links to /dev/null is masked, as with systemd. */
static void test_links(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *log = NULL;
        Settings s;

        put(f, "elsewhere", "UploadMax=4M\nStopTimeoutSec=7s\n");
        assert_int_equal(symlinkat("elsewhere", f->fd, "jobletd.conf"), 0);
        assert_int_equal(symlinkat("/dev/null", f->fd, "jobletd.conf.d/10-masked.conf"), 0);
        assert_int_equal(symlinkat("missing", f->fd, "jobletd.conf.d/20-dangling.conf"), 0);
        put(f, "jobletd.conf.d/30-empty.conf", "");
        put(f, "jobletd.conf.d/40-last.conf", "UploadMax=5M\n");
        assert_int_equal(load(f->root, &s, &log), 0);
        check(&s, false, 7 * USEC_PER_SEC, UINT64_C(5) << 20, NETWORK_NONE);
        assert_string_equal(log, "");

        assert_int_equal(unlinkat(f->fd, "jobletd.conf", 0), 0);
        assert_int_equal(symlinkat("/dev/null", f->fd, "jobletd.conf"), 0);
        free(TAKE_PTR(log));
        assert_int_equal(load(f->root, &s, &log), 0);
        check(&s, false, 10 * USEC_PER_SEC, UINT64_C(5) << 20, NETWORK_NONE);
        assert_string_equal(log, "");
}

/* What cannot be read is no reason to go on with other settings than those that were meant. */
static void test_an_unreadable_file(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *log = NULL, *expected = NULL;
        Settings s;

        assert_int_equal(mkdirat(f->fd, "jobletd.conf", 0755), 0);
        assert_true(asprintf(&expected, "Failed to read %s/jobletd.conf: ", f->root) > 0);
        assert_true(load(f->root, &s, &log) < 0);
        assert_non_null(strstr(log, expected));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_good_file, setup, teardown),
                cmocka_unit_test_setup_teardown(test_booleans, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limits_of_jobs, setup, teardown),
                cmocka_unit_test_setup_teardown(test_sections, setup, teardown),
                cmocka_unit_test_setup_teardown(test_drop_ins, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bad_lines, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_bad_line_of_a_drop_in, setup, teardown),
                cmocka_unit_test_setup_teardown(test_links, setup, teardown),
                cmocka_unit_test_setup_teardown(test_an_unreadable_file, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
