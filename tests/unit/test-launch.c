/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "launch.h"
#include "strv.h"
#include "test.h"

static void test_round_trip(void **state) {
        char *command[] = { (char*) "printf", (char*) "", (char*) "a\nb", NULL }, *environment[] = { (char*) "A=", (char*) "B=c=d\n", NULL };
        _cleanup_(launch_done) Launch l = {};
        _cleanup_close_ int fd = launch_write(command, environment);

        assert_true(fd >= 0);
        assert_int_equal(launch_read(fd, &l), 0);
        assert_int_equal(strv_length(l.command), 3);
        for (size_t i = 0; i < 3; i++)
                assert_string_equal(l.command[i], command[i]);
        assert_int_equal(strv_length(l.environment), 2);
        assert_string_equal(launch_getenv(&l, "A"), "");
        assert_string_equal(launch_getenv(&l, "B"), "c=d\n");
        assert_null(launch_getenv(&l, "C"));
        assert_null(launch_getenv(&l, ""));

        /* Nobody changes it on its way */
        assert_int_equal(pwrite(fd, "x", 1, 0), -1);
        assert_int_equal(ftruncate(fd, 0), -1);
}

static void test_no_environment(void **state) {
        _cleanup_(launch_done) Launch l = {};
        _cleanup_close_ int fd = launch_write((char *[]) { (char*) "x", NULL }, NULL);

        assert_int_equal(launch_read(fd, &l), 0);
        assert_int_equal(strv_length(l.environment), 0);
}

static void test_not_written(void **state) {
        _cleanup_free_ char *large = malloc(LAUNCH_SIZE_MAX);

        memset(large, 'x', LAUNCH_SIZE_MAX);
        large[LAUNCH_SIZE_MAX - 1] = 0;
        assert_int_equal(launch_write((char *[]) { large, NULL }, NULL), -E2BIG);
        assert_int_equal(launch_write((char *[]) { NULL }, NULL), -EINVAL);
        assert_int_equal(launch_write((char *[]) { (char*) "", NULL }, NULL), -EINVAL);
        assert_int_equal(launch_write((char *[]) { (char*) "x", NULL }, (char *[]) { (char*) "A", NULL }), -EINVAL);
        assert_int_equal(launch_write((char *[]) { (char*) "x", NULL }, (char *[]) { (char*) "=A", NULL }), -EINVAL);
}

#define TEXT(s) { s, sizeof(s) - 1 }

static void test_refused(void **state) {
        static const struct {
                const char *text;
                size_t size;
        } texts[] = {
                TEXT(""), TEXT("launch"), TEXT("launch 1 0"), TEXT("launch 1 0\0"), TEXT("launch 1 0\0x"), TEXT("launch 0 0\0"),
                TEXT("launch 1 0\0\0"), TEXT("launch 1 0\0x\0y\0"), TEXT("launch 1 0\0x\0\0"), TEXT("launch 2 0\0x\0"), TEXT("launch 1 1\0x\0A\0"),
                TEXT("launch 1 1\0x\0=A\0"), TEXT("launch 1 1\0x\0A=1"), TEXT("launch 01 0\0x\0"), TEXT("launch 1  0\0x\0"), TEXT("launch 1 -0\0x\0"),
                TEXT("launch 1 0 \0x\0"), TEXT("launch +1 0\0x\0"), TEXT("launch 99999999 0\0x\0"), TEXT("launch 18446744073709551617 0\0x\0"),
                TEXT("Launch 1 0\0x\0"), TEXT("launch 1 99999999\0x\0"),
        };
        Launch l;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_int_equal(launch_parse(texts[i].text, texts[i].size, &l), -EBADMSG);
}

static void test_what_is_no_file(void **state) {
        _cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC), empty_fd = memfd_create("empty", MFD_CLOEXEC),
                            large_fd = memfd_create("large", MFD_CLOEXEC);
        Launch l;

        assert_int_equal(ftruncate(large_fd, LAUNCH_SIZE_MAX + 1L), 0);
        assert_int_equal(launch_read(null_fd, &l), -EBADMSG);
        assert_int_equal(launch_read(empty_fd, &l), -EBADMSG);
        assert_int_equal(launch_read(large_fd, &l), -EBADMSG);
        assert_int_equal(launch_read(-1, &l), -EBADF);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_no_environment),
                cmocka_unit_test(test_not_written),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_what_is_no_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
