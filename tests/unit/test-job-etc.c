/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <limits.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "job-etc.h"
#include "strv.h"
#include "test.h"

#include "directory-fixture.h"

static Fixture *fixture;
static JobEtc etc;

static int setup(void **state) {
        fixture = fixture_new();
        assert_int_equal(mkdirat(fixture->fd, "host", 0755), 0);
        etc = JOB_ETC_NULL;
        return 0;
}

static int teardown(void **state) {
        job_etc_close(&etc);
        fixture_free(fixture);
        return 0;
}

static void put(const char *name, const char *text, mode_t mode) {
        _cleanup_free_ char *path = NULL;
        FILE *f;

        assert_true(asprintf(&path, "%s/host/%s", fixture->root, name) > 0);
        f = fopen(path, "we");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static void open_etc(void) {
        _cleanup_free_ char *host = NULL;

        assert_true(asprintf(&host, "%s/host", fixture->root) > 0);
        assert_int_equal(job_etc_open(&etc, host, fixture->fd), 0);
}

static void assert_has(const char *name, const char *text) {
        _cleanup_close_ int fd = openat(etc.fd, name, O_RDONLY | O_CLOEXEC);
        char buffer[512] = {};

        assert_true(fd >= 0);
        assert_true(read(fd, buffer, sizeof(buffer) - 1) >= 0);
        assert_string_equal(buffer, text);
}

static void assert_link(const char *name, const char *target) {
        char buffer[PATH_MAX] = {};

        assert_true(readlinkat(etc.fd, name, buffer, sizeof(buffer) - 1) > 0);
        assert_string_equal(buffer, target);
}

static bool has(const char *name) {
        struct stat st;

        return fstatat(etc.fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0;
}

static void test_files(void **state) {
        put("services", "http 80/tcp\n", 0644);
        put("shadow", "root:secret\n", 0644);
        put("rpc", "not for all\n", 0640);
        put("zone", "a zone\n", 0644);
        assert_int_equal(symlinkat("../usr/lib/os-release", fixture->fd, "host/os-release"), 0); /* leads nowhere here */
        assert_int_equal(symlinkat("zone", fixture->fd, "host/localtime"), 0);
        open_etc();
        assert_has("services", "http 80/tcp\n");
        assert_has("localtime", "a zone\n");
        assert_link("passwd", "../run/joblet/user/passwd");
        assert_has("resolv.conf", "");
        assert_false(has("shadow"));
        assert_false(has("rpc"));
        assert_false(has("os-release"));
        assert_false(has("protocols"));

        /* In /usr, which jobs have, a link stays one */
        assert_int_equal(unlinkat(fixture->fd, "host/localtime", 0), 0);
        assert_int_equal(symlinkat("/usr/bin/env", fixture->fd, "host/localtime"), 0);
        job_etc_refresh(&etc);
        assert_link("localtime", "/usr/bin/env");
}

static void test_changes(void **state) {
        put("services", "a 1/tcp\n", 0644);
        put("protocols", "tcp 6\n", 0644);
        open_etc();
        put("services", "another 1/tcp\n", 0644);
        put("mime.types", "a/b c\n", 0644);
        assert_int_equal(unlinkat(fixture->fd, "host/protocols", 0), 0);
        job_etc_refresh(&etc);
        assert_has("services", "another 1/tcp\n");
        assert_has("mime.types", "a/b c\n");
        assert_false(has("protocols"));

        /* What a former daemon left is not trusted */
        job_etc_close(&etc);
        assert_int_equal(unlinkat(fixture->fd, "host/mime.types", 0), 0);
        etc = JOB_ETC_NULL;
        open_etc();
        assert_false(has("mime.types"));
        assert_has("services", "another 1/tcp\n");
}

/* What cannot be taken over is tried again when it has changed, and what a daemon that was killed left is in nobody's way. */
static void test_odd_files(void **state) {
        assert_int_equal(mkdirat(fixture->fd, "host/magic", 0755), 0);
        put("services", "a 1/tcp\n", 0644);
        open_etc();
        assert_false(has("magic"));
        for (size_t i = 0; i < JOB_ETC_FILES_MAX; i++)
                if (S_ISDIR(etc.sources[i].file.st_mode))
                        assert_true(etc.sources[i].known);

        assert_int_equal(unlinkat(fixture->fd, "host/magic", AT_REMOVEDIR), 0);
        put("magic", "0 string x\n", 0644);
        put("services", "another 1/tcp\n", 0644);
        assert_int_equal(symlinkat("/nowhere", etc.fd, ".#services"), 0);
        job_etc_refresh(&etc);
        assert_has("magic", "0 string x\n");
        assert_has("services", "another 1/tcp\n");
}

static void test_hostname(void **state) {
        _cleanup_free_ char *name = NULL, *hosts = NULL;
        struct utsname u;

        assert_int_equal(uname(&u), 0);
        open_etc();
        assert_true(asprintf(&name, "%s\n", u.nodename) > 0);
        assert_true(asprintf(&hosts, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 %s\n", u.nodename) > 0);
        assert_has("hostname", name);
        assert_has("hosts", hosts);
}

static void test_directories(void **state) {
        static const char *const made[] = { "ssl", "ssh", "java-21-openjdk", "terminfo", "pam.d", "R" };

        for (size_t i = 0; i < ELEMENTSOF(made); i++) {
                _cleanup_free_ char *path = NULL, *file = NULL;

                assert_true(asprintf(&path, "host/%s", made[i]) > 0);
                assert_int_equal(mkdirat(fixture->fd, path, 0755), 0);
                assert_true(asprintf(&file, "%s/%s", made[i], i == 3 ? "README" : "file") > 0);
                put(file, "", 0644);
        }
        put("fonts", "is no directory", 0644);
        open_etc();
        assert_int_equal(strv_length(etc.directories), 3);
        assert_true(strv_contains(etc.directories, "ssl") && strv_contains(etc.directories, "java-21-openjdk") && strv_contains(etc.directories, "R"));
        assert_true(has("ssl")); /* to be mounted to */
        assert_false(has("pam.d"));

        assert_int_equal(mkdirat(fixture->fd, "host/pki", 0755), 0);
        put("pki/file", "", 0644);
        job_etc_refresh(&etc);
        assert_int_equal(strv_length(etc.directories), 4);

        assert_int_equal(unlinkat(fixture->fd, "host/ssl/file", 0), 0);
        assert_int_equal(unlinkat(fixture->fd, "host/ssl", AT_REMOVEDIR), 0);
        job_etc_refresh(&etc);
        assert_int_equal(strv_length(etc.directories), 3);
        assert_false(has("ssl"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_files, setup, teardown),
                cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_odd_files, setup, teardown),
                cmocka_unit_test_setup_teardown(test_hostname, setup, teardown),
                cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
