/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "record.h"
#include "strv.h"
#include "test.h"

/* A record with every field set, to something awkward where that is possible. */
static const char full[] =
        "ID=42\n"
        "OWNER=4294967294\n"
        "NAME=a-name\n"
        "COMMAND=sh\n"
        "COMMAND=-c\n"
        "COMMAND=two\\nlines = \\\\n\n"
        "COMMAND=\n"
        "RUNTIME=python:3.11-ml\n"
        "RUNTIME_DIGEST=abc\n"
        "REQUEST_ID=0123456789abcdef0123456789abcdef\n"
        "INVOCATION_ID=fedcba9876543210fedcba9876543210\n"
        "ATTACHED=1\n"
        "STOP_REQUESTED=1\n"
        "WORKDIR=/work/a b\n"
        "NETWORK=host\n"
        "MEMORY_MAX=536870912\n"
        "RECOMMENDED=7\n"
        "CPU_PERCENT=50\n"
        "CPUS=0-3\n"
        "TIMEOUT=1000000\n"
        "MOUNT=/usr\t/usr\tro\n"
        "MOUNT=\t/opt\ttmpfs\n"
        "STATE=FAILED\n"
        "RESULT=signal\n"
        "REASON=was killed by signal KILL\n"
        "EXIT_CODE=-1\n"
        "EXIT_SIGNAL=9\n"
        "SUBMITTED=1\n"
        "STARTED=2\n"
        "FINISHED=3\n"
        "CPU=4\n"
        "MEMORY_PEAK=5\n"
        "IO_READ=6\n"
        "IO_WRITE=18446744073709551614\n"
        "LOG_ENTRIES=8\n"
        "UNLOGGED=9\n"
        "END\n";

static void test_round_trip(void **state) {
        _cleanup_(record_freep) Record *r = NULL;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(record_parse(full, true, &r), 0);
        assert_int_equal(r->id, 42);
        assert_int_equal(r->owner, 4294967294);
        assert_string_equal(r->command[2], "two\nlines = \\n");
        assert_string_equal(r->command[3], "");
        assert_int_equal(strv_length(r->command), 4);
        assert_true(r->attached);
        assert_int_equal(r->stop_usec, 1);
        assert_int_equal(r->network, NETWORK_HOST);
        assert_int_equal(r->state, JOB_FAILED);
        assert_int_equal(r->result, JOB_RESULT_SIGNAL);
        assert_int_equal(r->exit_code, -1);
        assert_int_equal(r->exit_signal, 9);
        assert_int_equal(r->io_write_bytes, UINT64_MAX - 1);
        assert_int_equal(r->log_entries, 8);
        assert_int_equal(r->unlogged_bytes, 9);
        assert_int_equal(strv_length(r->mounts), 2);

        /* All of it comes out again, after the comment */
        assert_int_equal(record_format(r, &text), 0);
        assert_int_equal(text[0], '#');
        assert_string_equal(strchr(text, '\n') + 1, full);
}

static void test_defaults(void **state) {
        _cleanup_(record_freep) Record *r = NULL;

        assert_int_equal(record_parse("ID=1\nCOMMAND=x\nEND\n", false, &r), 0);
        assert_null(r->name);
        assert_null(r->reason);
        assert_int_equal(r->exit_code, -1);
        assert_int_equal(r->exit_signal, 0);
        assert_int_equal(r->memory_max, UINT64_MAX);
        assert_int_equal(r->timeout_usec, USEC_INFINITY);
        assert_int_equal(r->cpu_usec, UINT64_MAX);
        assert_int_equal(r->memory_peak, UINT64_MAX);
        assert_int_equal(r->state, JOB_INITIALIZING);
        assert_null(record_free(NULL));
}

static void test_mounts_are_left_out(void **state) {
        _cleanup_(record_freep) Record *r = NULL;

        assert_int_equal(record_parse(full, false, &r), 0);
        assert_null(r->mounts);
        assert_int_equal(r->io_read_bytes, 6);
        assert_true(r->brief);
}

/* The record of a job that goes on is written again: what was left out of memory stays on the disk. */
static void test_brief_is_saved_whole(void **state) {
        _cleanup_(record_freep) Record *r = NULL, *loaded = NULL;
        _cleanup_close_ int dir_fd = -EBADF;
        char directory[] = "/tmp/test-record.XXXXXX", word[1001];

        memset(word, 'x', 1000);
        word[1000] = 0;
        assert_non_null(mkdtemp(directory));
        dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(record_parse("ID=1\nCOMMAND=x\nMOUNT=/usr\t/usr\tro\nSTATE=INITIALIZING\nEND\n", true, &r), 0);
        assert_int_equal(strv_extend(&r->command, word), 0);
        assert_int_equal(record_save(dir_fd, r), 0);
        assert_int_equal(record_make_brief(r), 0);
        assert_true(strlen(r->command[1]) < 1000);
        r->state = JOB_RUNNING;
        assert_int_equal(record_save(dir_fd, r), 0);
        assert_int_equal(record_load(dir_fd, 1, true, &loaded), 0);
        assert_int_equal(loaded->state, JOB_RUNNING);
        assert_string_equal(loaded->command[1], word);
        assert_int_equal(strv_length(loaded->mounts), 1);

        /* Better brief than not at all */
        assert_int_equal(record_remove(dir_fd, 1), 0);
        assert_int_equal(record_save(dir_fd, r), 0);
        assert_int_equal(record_remove(dir_fd, 1), 0);
        assert_int_equal(rmdir(directory), 0);
}

static void assert_brief(char **command, const char *expected) {
        _cleanup_(record_freep) Record *r = NULL;
        _cleanup_free_ char *joined = NULL;

        assert_int_equal(record_parse("ID=1\nCOMMAND=x\nSTATE=COMPLETED\nEND\n", true, &r), 0);
        strv_free(r->command);
        r->command = NULL;
        assert_int_equal(strv_copy(command, &r->command), 0);
        assert_int_equal(record_make_brief(r), 0);
        joined = strv_join(r->command, "|");
        assert_string_equal(joined, expected);
}

static void test_brief_command(void **state) {
        char fits[200], longer[201], umlauts[203], many[2 * (RECORD_BRIEF_WORDS_MAX + 1) + 3] = "";
        _cleanup_free_ char *expected = NULL, *expected_umlauts = NULL;
        _cleanup_strv_free_ char **words = NULL;

        memset(fits, 'x', 199);
        fits[199] = 0;
        memset(longer, 'x', 200);
        longer[200] = 0;
        assert_brief((char *[]) { fits, NULL }, fits);
        assert_true(asprintf(&expected, "%s...", longer) > 0);
        assert_brief((char *[]) { longer, NULL }, expected);
        assert_brief((char *[]) { (char*) "a", (char*) "", (char*) "b", NULL }, "a||b");
        assert_brief((char *[]) { fits, (char*) "b", NULL }, (memcpy(expected, fits, 199), strcpy(expected + 199, "|..."), expected));

        /* Never half a character */
        umlauts[0] = 'x';
        for (size_t i = 1; i < 201; i += 2)
                memcpy(umlauts + i, "\xc3\xa4", 2);
        umlauts[201] = 0;
        assert_true(asprintf(&expected_umlauts, "%.199s...", umlauts) > 0);
        assert_brief((char *[]) { umlauts, NULL }, expected_umlauts);

        for (unsigned i = 0; i <= RECORD_BRIEF_WORDS_MAX; i++) {
                assert_int_equal(strv_extend(&words, "a"), 0);
                strcat(many, i < RECORD_BRIEF_WORDS_MAX ? "a|" : "...");
        }
        assert_brief(words, many);
}

/* Cut anywhere, it is no record: what comes after is not made up. */
static void test_cut_off(void **state) {
        for (size_t n = 0; n < sizeof full - 2; n++) {
                _cleanup_free_ char *text = strndup(full, n);
                Record *r = NULL;

                if (record_parse(text, true, &r) != -EBADMSG)
                        fail_msg("taken when cut after %zu bytes", n);
                assert_null(r);
        }
}

static void test_broken(void **state) {
        static const char *const broken[] = {
                "",
                "END\n",
                "ID=1\nEND\n",                          /* no command */
                "COMMAND=x\nEND\n",                     /* no id */
                "ID=0\nCOMMAND=x\nEND\n",
                "ID=\nCOMMAND=x\nEND\n",
                "ID=-1\nCOMMAND=x\nEND\n",
                "ID=+1\nCOMMAND=x\nEND\n",
                "ID= 1\nCOMMAND=x\nEND\n",
                "ID=1x\nCOMMAND=x\nEND\n",
                "ID=18446744073709551616\nCOMMAND=x\nEND\n",
                "ID=1\nCOMMAND=x\nOWNER=4294967296\nEND\n",
                "ID=1\nCOMMAND=x\nATTACHED=2\nEND\n",
                "ID=1\nCOMMAND=x\nEXIT_CODE=2147483648\nEND\n",
                "ID=1\nCOMMAND=x\nEXIT_CODE=--1\nEND\n",
                "ID=1\nCOMMAND=x\nSTATE=ASLEEP\nEND\n",
                "ID=1\nCOMMAND=x\nSTATE=\nEND\n",
                "ID=1\nCOMMAND=x\nRESULT=fine\nEND\n",
                "ID=1\nCOMMAND=x\nNETWORK=vpn\nEND\n",
                "ID=1\nCOMMAND=x\nno equals sign\nEND\n",
                "ID=1\nCOMMAND=x\nEND",
                "ID=1\nCOMMAND=x\n END\n",
                "\xff\xfe\x01\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                _cleanup_(record_freep) Record *r = NULL;
                int q = record_parse(broken[i], true, &r);

                /* A missing newline after END is no harm */
                if (strcmp(broken[i] + strlen(broken[i]) - (strlen(broken[i]) > 3 ? 3 : strlen(broken[i])),
                           "END") == 0)
                        assert_int_equal(q, 0);
                else if (q != -EBADMSG)
                        fail_msg("taken: %s", broken[i]);
        }
}

static void test_of_a_newer_version(void **state) {
        _cleanup_(record_freep) Record *r = NULL;

        assert_int_equal(record_parse("# comment\n\nID=1\nNEW=thing\nCOMMAND=x\nEND\nafter=the end\n", false, &r), 0);
        assert_int_equal(r->id, 1);
}

/* Any byte may come back from a disk. */
static void test_garbage(void **state) {
        unsigned seed = 1;

        for (unsigned round = 0; round < 2000; round++) {
                _cleanup_(record_freep) Record *r = NULL;
                _cleanup_free_ char *text = strdup(full), *again = NULL;

                for (unsigned i = 0; i < 1 + round % 4; i++)
                        text[(unsigned) rand_r(&seed) % (sizeof full - 1)] =
                                (char) (rand_r(&seed) % 255 + 1);
                if (record_parse(text, true, &r) < 0)
                        continue;
                assert_true(r->id > 0);
                assert_non_null(job_state_to_string(r->state));
                assert_non_null(job_result_to_string(r->result));
                assert_int_equal(record_format(r, &again), 0);
        }
}

static void test_tables(void **state) {
        for (int i = 0; i < _JOB_STATE_MAX; i++) {
                const char *s = job_state_to_string(i);

                assert_non_null(s);
                assert_int_equal(job_state_from_string(s), i);
        }
        for (int i = 0; i < _JOB_RESULT_MAX; i++) {
                const char *s = job_result_to_string(i);

                assert_non_null(s);
                assert_int_equal(job_result_from_string(s), i);
        }
        assert_null(job_state_to_string(_JOB_STATE_MAX));
        assert_null(job_state_to_string(_JOB_STATE_INVALID));
        assert_null(job_result_to_string(_JOB_RESULT_MAX));
        assert_int_equal(job_state_from_string("running"), _JOB_STATE_INVALID);
        assert_int_equal(job_state_from_string(NULL), _JOB_STATE_INVALID);
        assert_false(job_state_is_final(JOB_INITIALIZING));
        assert_false(job_state_is_final(JOB_RUNNING));
        assert_true(job_state_is_final(JOB_COMPLETED));
        assert_true(job_state_is_final(JOB_TIMEOUT));
}

static void test_exit_status(void **state) {
        assert_int_equal(record_exit_status(&(Record) { .state = JOB_RUNNING, .exit_code = 0 }), -1);
        assert_int_equal(record_exit_status(&(Record) { .state = JOB_INITIALIZING, .exit_code = -1 }), -1);
        assert_int_equal(record_exit_status(&(Record) { .state = JOB_COMPLETED, .exit_code = 0 }), 0);
        assert_int_equal(record_exit_status(&(Record) { .state = JOB_FAILED, .exit_code = 7 }), 7);
        assert_int_equal(record_exit_status(&(Record) { .state = JOB_FAILED, .exit_code = -1, .exit_signal = 9 }), 137);
        assert_int_equal(record_exit_status(&(Record) { .state = JOB_TIMEOUT, .exit_code = 0, .exit_signal = 15 }), 124);
        assert_int_equal(record_exit_status(&(Record) { .state = JOB_FAILED, .exit_code = -1 }), 125);
}

static void test_files(void **state) {
        _cleanup_(record_freep) Record *r = NULL, *loaded = NULL;
        _cleanup_close_ int dir_fd = -EBADF, fd = -EBADF;
        char directory[] = "/tmp/test-record.XXXXXX";
        struct stat st;

        assert_non_null(mkdtemp(directory));
        dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(dir_fd >= 0);
        assert_int_equal(record_load(dir_fd, 42, true, &loaded), -ENOENT);

        assert_int_equal(record_parse(full, true, &r), 0);
        assert_int_equal(record_save(dir_fd, r), 0);
        assert_int_equal(fstatat(dir_fd, "42", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(record_load(dir_fd, 42, true, &loaded), 0);
        assert_string_equal(loaded->reason, r->reason);
        loaded = record_free(loaded);

        /* The file of another job is not this one's */
        assert_int_equal(renameat(dir_fd, "42", dir_fd, "43"), 0);
        assert_int_equal(record_load(dir_fd, 43, true, &loaded), -EBADMSG);
        assert_int_equal(record_remove(dir_fd, 43), 0);
        assert_int_equal(record_remove(dir_fd, 43), -ENOENT);

        /* NUL bytes, as after a crash of the host on some file systems */
        fd = openat(dir_fd, "7", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, "\0\0\0\0", 4), 4);
        assert_true(record_load(dir_fd, 7, true, &loaded) < 0);
        assert_null(loaded);

        assert_int_equal(unlinkat(dir_fd, "7", 0), 0);
        assert_int_equal(rmdir(directory), 0);
}

/* However much a runtime mounts and whatever is to be escaped: what was written can be read. */
static void test_the_largest(void **state) {
        _cleanup_(record_freep) Record *r = NULL, *loaded = NULL;
        _cleanup_free_ char *path = malloc(4096), *word = malloc(RECORD_COMMAND_MAX + 1);
        PlanMount mounts[900];
        char *command[] = { word, (char*) "more", NULL };
        Plan plan = { .id = 7, .command = command, .workdir = path, .mounts = mounts, .n_mounts = ELEMENTSOF(mounts) };
        Request request = {};
        _cleanup_close_ int dir_fd = -EBADF;
        char directory[] = "/tmp/test-record.XXXXXX";

        memset(path, '\\', 4095);
        path[4095] = 0;
        memset(word, '\n', RECORD_COMMAND_MAX - 1);
        word[RECORD_COMMAND_MAX - 1] = 0;
        for (size_t i = 0; i < ELEMENTSOF(mounts); i++)
                mounts[i] = (PlanMount) { .kind = PLAN_BIND_READ_ONLY, .source = path, .target = path };

        assert_non_null(mkdtemp(directory));
        dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(record_new(&plan, &request, false, 1, &r), 0);
        assert_true(strv_length(r->mounts) > 0);
        assert_true(strv_length(r->mounts) < ELEMENTSOF(mounts));
        assert_int_equal(record_save(dir_fd, r), 0);
        assert_int_equal(record_load(dir_fd, 7, true, &loaded), 0);
        assert_string_equal(loaded->command[0], word);
        assert_string_equal(loaded->command[1], "...");
        assert_int_equal(strv_length(loaded->mounts), strv_length(r->mounts));

        /* What could not be read again is not written */
        free(r->reason);
        r->reason = malloc(1024U * 1024U + 1);
        memset(r->reason, 'x', 1024U * 1024U);
        r->reason[1024U * 1024U] = 0;
        assert_int_equal(record_save(dir_fd, r), -EFBIG);
        assert_int_equal(record_remove(dir_fd, 7), 0);
        assert_int_equal(rmdir(directory), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_mounts_are_left_out),
                cmocka_unit_test(test_brief_is_saved_whole),
                cmocka_unit_test(test_brief_command),
                cmocka_unit_test(test_cut_off),
                cmocka_unit_test(test_broken),
                cmocka_unit_test(test_of_a_newer_version),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test(test_tables),
                cmocka_unit_test(test_exit_status),
                cmocka_unit_test(test_files),
                cmocka_unit_test(test_the_largest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
