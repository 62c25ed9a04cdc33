/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A tree that was made for one place, in another. */

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf-dynamic.h"
#include "relocation.h"
#include "test.h"

static const Place places[] = {
        { "/root/.pyenv/versions/3.11.7", "base" },
        { "/root/env", "" },
};
static const Relocation relocation = { .home = "/opt/r", .places = places, .n_places = ELEMENTSOF(places) };

static void assert_path(const char *path, const char *expected) {
        _cleanup_free_ char *got = NULL;

        assert_int_equal(relocate_absolute(&relocation, path, &got), 0);
        if (!expected)
                assert_null(got);
        else
                assert_string_equal(got, expected);
}

static void test_paths(void **state) {
        assert_path("/root/env", "/opt/r");
        assert_path("/root/env/", "/opt/r");
        assert_path("/root/env//bin/python", "/opt/r/bin/python");
        assert_path("/root/.pyenv/versions/3.11.7/bin/python3", "/opt/r/base/bin/python3");
        assert_path("/root/env2", NULL);
        assert_path("/root", NULL);
        assert_path("env", NULL);
        assert_path("", NULL);
}

static void test_origins(void **state) {
        _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;

        assert_int_equal(relocate_origin(&relocation, "bin/python", &a), 0);
        assert_string_equal(a, "/root/env/bin/python");
        assert_int_equal(relocate_origin(&relocation, "base/lib", &b), 0);
        assert_string_equal(b, "/root/.pyenv/versions/3.11.7/lib");
        assert_int_equal(relocate_origin(&relocation, "", &c), 0);
        assert_string_equal(c, "/root/env");
}

static void assert_text(const char *text, const char *expected) {
        _cleanup_free_ char *got = NULL;
        size_t n = 0;

        assert_int_equal(relocate_text(&relocation, text, strlen(text), &got, &n), 0);
        if (!expected) {
                assert_null(got);
                return;
        }
        assert_int_equal(n, strlen(expected));
        assert_memory_equal(got, expected, n);
}

static void test_text(void **state) {
        assert_text("#!/root/env/bin/python -u\nprint('/root/env')\n",
                    "#!/opt/r/bin/python -u\nprint('/opt/r')\n");
        assert_text("home = /root/.pyenv/versions/3.11.7/bin\nexecutable = /root/env/bin/python",
                    "home = /opt/r/base/bin\nexecutable = /opt/r/bin/python");
        assert_text("file:///root/env/x", "file:///opt/r/x");
        assert_text("/root/env", "/opt/r");
        assert_text("/root/env2 ~/root/env /root/env-old /root/env.d", NULL);
        assert_text("/root/en", NULL);
        assert_text("", NULL);
        assert_int_equal(relocate_count(&relocation, "/root/env\0/root/env/lib", 23), 2);
        assert_int_equal(relocate_count(&relocation, "/root/envx", 9), 1); /* no byte beyond the end is looked at */
}

static void assert_rpath(const char *path, const char *rpath, const char *expected) {
        _cleanup_free_ char *got = NULL;

        assert_int_equal(relocate_rpath(&relocation, path, rpath, &got), 0);
        assert_string_equal(got, expected);
}

static void test_rpath(void **state) {
        assert_rpath("bin/python", "/root/env/lib", "$ORIGIN/../lib");
        assert_rpath("base/bin/python3.11", "/root/.pyenv/versions/3.11.7/lib", "$ORIGIN/../lib");
        assert_rpath("lib/a/b/x.so", "/root/env/lib", "$ORIGIN/../..");
        assert_rpath("lib/x.so", "/root/env/lib:/usr/lib/x:/root/env/lib64",
                     "$ORIGIN:/usr/lib/x:$ORIGIN/../lib64");
        assert_rpath("lib/x.so", "/root/env/lib/deep/er", "$ORIGIN/deep/er");
        assert_rpath("x.so", "/root/env", "$ORIGIN");
        assert_rpath("bin/x", "/root/env", "$ORIGIN/..");
        assert_rpath("bin/x", "$ORIGIN/../lib", "$ORIGIN/../lib");
        assert_rpath("bin/x", "/elsewhere", "/elsewhere");
        assert_rpath("bin/x", "", "");
}

typedef struct Found {
        char needed[256], runpath[256];
        size_t n_needed;
} Found;

static int remember(int64_t tag, const char *text, void *userdata) {
        Found *f = userdata;

        if (tag == DT_NEEDED)
                (void) snprintf(f->needed + strlen(f->needed), sizeof(f->needed) - strlen(f->needed), "%s ", text);
        else
                (void) snprintf(f->runpath, sizeof(f->runpath), "%s", text);
        return 0;
}

static int stop_at_once(int64_t tag, const char *text, void *userdata) {
        return -ECANCELED;
}

static char* load(const char *path, size_t *ret_size) {
        _cleanup_fclose_ FILE *f = fopen(path, "r");
        char *data = malloc(1U << 20);

        assert_non_null(f);
        assert_non_null(data);
        *ret_size = fread(data, 1, 1U << 20, f);
        return data;
}

static void test_elf(void **state) {
        size_t size = 0;
        _cleanup_free_ char *data = load(TESTS_DIR "/fuzz/corpus/elf/valid/library", &size);
        Found f = {};

        assert_true(is_elf(data, size));
        assert_int_equal(elf_dynamic_strings(data, size, remember, &f), 0);
        assert_string_equal(f.needed, "libfirst.so.1 libsecond.so.2 ");
        assert_string_equal(f.runpath, "/root/env/lib:/usr/lib/extra");
        assert_int_equal(elf_dynamic_strings(data, size, stop_at_once, NULL), -ECANCELED);

        /* Every shorter file is broken, and harmless. */
        for (size_t n = 0; n < size; n++) {
                _cleanup_free_ char *shorter = malloc(n + 1);

                assert_non_null(shorter);
                memcpy(shorter, data, n);
                f = (Found) {};
                assert_int_equal(elf_dynamic_strings(shorter, n, remember, &f), 0);
                assert_string_equal(f.needed, "");
        }
        assert_false(is_elf("#!/bin/sh", 9));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_origins),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_rpath),
                cmocka_unit_test(test_elf),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
