/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "manifest.h"
#include "manifest-rules.h"
#include "strv.h"
#include "test.h"

#define CORPUS TESTS_DIR "/fuzz/corpus/manifest"

static Manifest* parse_ok(const char *text) {
        _cleanup_free_ char *message = NULL;
        Manifest *m = NULL;
        int r;

        r = manifest_parse(text, strlen(text), "runtime.yml", &m, &message);
        if (r < 0)
                fail_msg("%d: %s", r, message ?: "no message");
        assert_null(message);
        return m;
}

static char* read_file(const char *path, size_t *ret_size) {
        _cleanup_fclose_ FILE *f = NULL;
        char *data;

        f = fopen(path, "re");
        assert_non_null(f);
        data = calloc(1, 1024 * 1024);
        assert_non_null(data);
        *ret_size = fread(data, 1, 1024 * 1024 - 1, f);
        return data;
}

/* Calls f for each file of a directory of the corpus. */
static void for_corpus(const char *name, void (*f)(const char *path, const char *data, size_t size)) {
        _cleanup_closedir_ DIR *d = NULL;
        _cleanup_free_ char *directory = NULL;
        struct dirent *de;
        unsigned n = 0;

        assert_true(asprintf(&directory, "%s/%s", CORPUS, name) > 0);
        d = opendir(directory);
        assert_non_null(d);
        while ((de = readdir(d))) {
                _cleanup_free_ char *path = NULL, *data = NULL;
                size_t size;

                if (de->d_name[0] == '.')
                        continue;
                assert_true(asprintf(&path, "%s/%s", directory, de->d_name) > 0);
                data = read_file(path, &size);
                f(path, data, size);
                n++;
        }
        assert_true(n > 0);
}

static void check_valid(const char *path, const char *data, size_t size) {
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_free_ char *message = NULL;

        if (manifest_parse(data, size, path, &m, &message) < 0)
                fail_msg("%s", message);
        assert_non_null(m->name);
        assert_non_null(m->version);
        assert_non_null(m->description);
        for (size_t i = 1; i < m->n_mounts; i++)
                assert_true(path_compare(m->mounts[i - 1].target, m->mounts[i].target) <= 0);
}

/* A file may say in its first line how the message begins, after the file's name: "# expect: LINE: KEY:
 * rule". */
static void check_refused(const char *path, const char *data, size_t size) {
        static const char mark[] = "# expect: ";
        _cleanup_free_ char *message = NULL, *expected = NULL;
        Manifest *m = NULL;

        if (manifest_parse(data, size, "x", &m, &message) != -EINVAL)
                fail_msg("%s: not refused", path);
        assert_null(m);
        assert_non_null(message);
        assert_null(strchr(message, '\n'));
        assert_true(strlen(message) < 1024);

        if (strncmp(data, mark, strlen(mark)) == 0) {
                const char *e = data + strlen(mark);

                assert_true(asprintf(&expected, "x:%.*s", (int) strcspn(e, "\n"), e) > 0);
                if (strncmp(message, expected, strlen(expected)) != 0)
                        fail_msg("%s: '%s' instead of '%s'", path, message, expected);
        } else
                assert_int_equal(strncmp(message, "x:", 2), 0);
}

static void test_corpus_valid(void **state) {
        for_corpus("valid", check_valid);
}

static void test_corpus_broken(void **state) {
        for_corpus("broken", check_refused);
}

static void test_corpus_hostile(void **state) {
        for_corpus("hostile", check_refused);
}

static Manifest* load_valid(const char *name) {
        _cleanup_free_ char *path = NULL, *data = NULL;
        size_t size;

        assert_true(asprintf(&path, CORPUS "/valid/%s.yml", name) > 0);
        data = read_file(path, &size);
        return parse_ok(data);
}

/* The example of the system guide, to the last value. */
static void test_python_example(void **state) {
        _cleanup_(manifest_freep) Manifest *m = load_valid("python-3.11-ml");

        assert_string_equal(m->name, "python-3.11-ml");
        assert_int_equal(m->type, RUNTIME_SYSTEM);
        assert_int_equal(m->base, RUNTIME_BASE_HOST);
        assert_string_equal(m->version, "3.11");
        assert_string_equal(m->description, "Completely isolated Python 3.11 with ML packages");

        /* the parent comes before the child, although it is written behind it */
        assert_int_equal(m->n_mounts, 3);
        assert_string_equal(m->mounts[0].target, "/usr/local/bin");
        assert_string_equal(m->mounts[0].source, "bin");
        assert_int_equal(strv_length(m->mounts[0].selective), 5);
        assert_string_equal(m->mounts[0].selective[2], "python3.11");
        assert_string_equal(m->mounts[1].target, "/usr/local/lib");
        assert_null(m->mounts[1].selective);
        assert_string_equal(m->mounts[2].target, "/usr/local/lib/python3.11/site-packages");
        assert_string_equal(m->mounts[2].source, "ml-venv/lib/python3.11/site-packages");

        assert_int_equal(strv_length(m->environment), 4);
        assert_string_equal(m->environment[0], "PYTHON_HOME=/usr/local");
        assert_string_equal(m->environment[2], "PATH_PREPEND=/usr/local/bin");
        assert_string_equal(m->environment[3], "LD_LIBRARY_PATH=/usr/local/lib:/usr/local/lib64");

        assert_string_equal(m->package_manager, "pip");
        assert_string_equal(m->cache_volume, "pip-cache");
        assert_true(m->min_memory == UINT64_C(512) << 20);
        assert_true(m->recommended_memory == UINT64_C(2) << 30);
        assert_string_equal(m->min_memory_text, "512MB");
        assert_string_equal(m->recommended_memory_text, "2GB");
        assert_int_equal(strv_length(m->architectures), 2);
        assert_int_equal(strv_length(m->packages), 6);
        assert_string_equal(m->packages[5], "scipy>=1.11.0,<1.12");
        assert_null(m->warnings);
}

static void test_other_examples(void **state) {
        _cleanup_(manifest_freep) Manifest *node = load_valid("nodejs-18-full"),
                                           *custom = load_valid("my-custom-runtime"),
                                           *shorter = load_valid("python-3.11-ml-short");

        assert_int_equal(node->type, RUNTIME_MANAGED);
        assert_string_equal(node->cache_volume, "npm-cache");
        assert_true(node->min_memory == 0);
        assert_null(node->min_memory_text);
        assert_null(node->architectures);
        assert_null(node->warnings);
        assert_string_equal(custom->name, "my-custom-runtime");
        assert_null(custom->warnings);
        assert_int_equal(strv_length(shorter->mounts[0].selective), 3);
        assert_null(shorter->package_manager);
        assert_null(shorter->warnings);
}

static void test_defaults_and_forms(void **state) {
        _cleanup_(manifest_freep) Manifest *minimal = load_valid("minimal"), *own = load_valid("own-root");

        assert_int_equal(minimal->type, RUNTIME_SYSTEM);
        assert_string_equal(minimal->version, "1");
        assert_string_equal(minimal->description, "");
        assert_null(minimal->mounts);
        assert_null(minimal->environment);

        assert_int_equal(own->base, RUNTIME_BASE_SELF);
        assert_string_equal(own->description, "OpenJDK 21 with its own root");
        assert_int_equal(own->n_mounts, 2);
        assert_string_equal(own->mounts[0].source, ".");
        assert_string_equal(own->mounts[1].source, "extra/certs");
        assert_string_equal(own->mounts[1].target, "/usr/share/ca");
        assert_string_equal(own->environment[3], "EMPTY=");
        assert_string_equal(own->environment[4], "BOOL=true");
        assert_string_equal(own->environment[5], "NUMBER=012");
        assert_string_equal(own->environment[6], "LINES=a\nb\tc");
        assert_true(own->min_memory == UINT64_C(512) << 20); /* MiB, as of --max-memory= */
        assert_true(own->recommended_memory == UINT64_C(3) << 29);
        assert_string_equal(own->recommended_memory_text, "1.5G");
        assert_null(own->packages);
}

static void test_shared_target(void **state) {
        _cleanup_(manifest_freep) Manifest *m = load_valid("two-sources-one-place");

        assert_int_equal(m->n_mounts, 3);
        assert_string_equal(m->mounts[0].target, "/node_modules");
        assert_string_equal(m->mounts[1].source, "jdk/bin");
        assert_string_equal(m->mounts[2].source, "maven/bin");
}

static void test_warnings(void **state) {
        static const char *const expected[] = {
                "runtime.yml:3: enviroment: unknown key, ignored, did you mean 'environment'?",
                "runtime.yml:4: maintainer: unknown key, ignored",
                "runtime.yml:9: mounts[0].owner: unknown key, ignored",
                "runtime.yml:11: requirements.gpu: unknown key, ignored",
                "runtime.yml:13: requirements.recommended_memory: is below min_memory, raise it",
                "runtime.yml:16: package_manager.cache_volume: how 'conda' is told of its cache is not known, set its variable to "
                "/volumes/conda-cache in 'environment'",
        };
        _cleanup_(manifest_freep) Manifest *m = load_valid("unknown-keys"), *many = NULL;
        _cleanup_free_ char *text = NULL;
        char *p;

        assert_int_equal(strv_length(m->warnings), ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                assert_string_equal(m->warnings[i], expected[i]);

        text = malloc(64 * 1024);
        assert_non_null(text);
        p = stpcpy(text, "name: x\nversion: 1\n");
        for (unsigned i = 0; i < 900; i++)
                p += sprintf(p, "unheard-of-%u: 1\n", i);
        many = parse_ok(text);
        assert_int_equal(strv_length(many->warnings), MANIFEST_WARNINGS_MAX);
}

static void test_machine(void **state) {
        _cleanup_(manifest_freep) Manifest
                *any = parse_ok("name: x\nversion: 1\n"),
                *amd64 = parse_ok("name: x\nversion: 1\nrequirements: {architectures: [amd64]}\n"),
                *aarch64 = parse_ok("name: x\nversion: 1\nrequirements: {architectures: [aarch64, riscv64]}\n");

        assert_true(manifest_supports_machine(any, "s390x"));
        assert_true(manifest_supports_machine(amd64, "x86_64"));
        assert_true(manifest_supports_machine(amd64, "amd64"));
        assert_false(manifest_supports_machine(amd64, "aarch64"));
        assert_true(manifest_supports_machine(aarch64, "arm64"));
        assert_true(manifest_supports_machine(aarch64, "riscv64"));
        assert_false(manifest_supports_machine(aarch64, "x86_64"));
}

static void test_string_tables(void **state) {
        for (RuntimeType t = 0; t < _RUNTIME_TYPE_MAX; t++)
                assert_int_equal(runtime_type_from_string(runtime_type_to_string(t)), t);
        for (RuntimeBase b = 0; b < _RUNTIME_BASE_MAX; b++)
                assert_int_equal(runtime_base_from_string(runtime_base_to_string(b)), b);
        assert_null(runtime_type_to_string(_RUNTIME_TYPE_MAX));
        assert_null(runtime_type_to_string(_RUNTIME_TYPE_INVALID));
        assert_int_equal(runtime_type_from_string("x"), -EINVAL);
        assert_int_equal(runtime_base_from_string(NULL), -EINVAL);
}

static void test_references(void **state) {
        Manifest *m = parse_ok("name: x\nversion: 1\n"), *again;

        again = manifest_ref(m);
        assert_ptr_equal(again, m);
        assert_null(manifest_free(m));
        assert_string_equal(again->name, "x");
        assert_null(manifest_free(again));
        assert_null(manifest_free(NULL));
        assert_null(manifest_ref(NULL));
}

/* Every cut and every changed byte of a good manifest: no crash, and a message with each refusal. */
static void test_mutations(void **state) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        data = read_file(CORPUS "/valid/python-3.11-ml.yml", &size);
        for (size_t i = 0; i < size; i++)
                for (unsigned k = 0; k < 4; k++) {
                        static const char poison[] = { 0, '"', '&', '\xff' };
                        _cleanup_(manifest_freep) Manifest *m = NULL;
                        _cleanup_free_ char *message = NULL;
                        char saved = data[i];
                        int r;

                        data[i] = poison[k];
                        r = manifest_parse(data, k == 0 ? i : size, "x", &m, &message);
                        data[i] = saved;
                        assert_true(r == 0 || r == -EINVAL);
                        assert_true((r == 0) == (m != NULL));
                        assert_true((r == 0) == (message == NULL));
                }
}

static void check_normalized(const char *path, const char *expected) {
        _cleanup_free_ char *s = NULL;

        s = path_normalize(path);
        assert_string_equal(s, expected);
}

static void test_paths(void **state) {
        check_normalized("", "");
        check_normalized(".", ".");
        check_normalized("./", ".");
        check_normalized("/", "/");
        check_normalized("//", "/");
        check_normalized("/.", "/");
        check_normalized("a//b/./c/", "a/b/c");
        check_normalized("/a/../b", "/a/../b");
        check_normalized(".a/..b", ".a/..b");

        assert_true(path_is_below("/a", "/a"));
        assert_true(path_is_below("/a/b", "/a"));
        assert_false(path_is_below("/ab", "/a"));
        assert_false(path_is_below("/", "/a"));
        assert_true(path_is_below("/a", "/"));

        assert_true(path_compare("/a", "/a/b") < 0);
        assert_true(path_compare("/a/b", "/a-b") < 0);
        assert_true(path_compare("/a-b", "/a/b") > 0);
        assert_int_equal(path_compare("/a", "/a"), 0);
}

static void check_load(int dir_fd, int expected, const char *part) {
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_free_ char *message = NULL;

        assert_int_equal(manifest_load_at(dir_fd, "/store/x/runtime.yml", &m, &message), expected);
        if (!part) {
                assert_non_null(m);
                return;
        }
        assert_null(m);
        assert_non_null(message);
        assert_int_equal(strncmp(message, "/store/x/runtime.yml:", 21), 0);
        assert_non_null(strstr(message, part));
}

static void test_load(void **state) {
        static const char good[] = "name: x\nversion: 1\n", broken[] = "name: x\n";
        char directory[] = "/tmp/test-manifest-XXXXXX";
        _cleanup_close_ int fd = -EBADF;

        assert_non_null(mkdtemp(directory));
        fd = open(directory, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        assert_true(fd >= 0);

        check_load(fd, -ENOENT, "there is no such file");
        assert_int_equal(atomic_file_write_at(fd, "runtime.yml", good, strlen(good), 0644, 0), 0);
        check_load(fd, 0, NULL);
        assert_int_equal(atomic_file_write_at(fd, "runtime.yml", broken, strlen(broken), 0644, 0), 0);
        check_load(fd, -EINVAL, ":1: version: it is missing");

        assert_int_equal(unlinkat(fd, "runtime.yml", 0), 0);
        assert_int_equal(symlinkat("/etc/passwd", fd, "runtime.yml"), 0);
        check_load(fd, -EINVAL, "it is a symbolic link");
        assert_int_equal(unlinkat(fd, "runtime.yml", 0), 0);
        assert_int_equal(mkfifoat(fd, "runtime.yml", 0644), 0);
        check_load(fd, -EINVAL, "it is no regular file");
        assert_int_equal(unlinkat(fd, "runtime.yml", 0), 0);
        assert_int_equal(mkdirat(fd, "runtime.yml", 0755), 0);
        check_load(fd, -EINVAL, "it is no regular file");

        assert_int_equal(unlinkat(fd, "runtime.yml", AT_REMOVEDIR), 0);
        assert_int_equal(rmdir(directory), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_corpus_valid),
                cmocka_unit_test(test_corpus_broken),
                cmocka_unit_test(test_corpus_hostile),
                cmocka_unit_test(test_python_example),
                cmocka_unit_test(test_other_examples),
                cmocka_unit_test(test_defaults_and_forms),
                cmocka_unit_test(test_shared_target),
                cmocka_unit_test(test_warnings),
                cmocka_unit_test(test_machine),
                cmocka_unit_test(test_string_tables),
                cmocka_unit_test(test_references),
                cmocka_unit_test(test_mutations),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_load),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
