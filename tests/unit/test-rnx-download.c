/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a hostile job may send as a download. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test.h"

#include "directory-fixture.h"
#include "download.h"
#include "tar.h"

static int archive_write(void *userdata, const void *data, size_t size) {
        return write(*(int*) userdata, data, size) == (ssize_t) size ? 0 : -EIO;
}

typedef struct Item {
        char type;
        const char *name, *text; /* contents, or target of a link */
        mode_t mode;
} Item;

/* Unpacks the items to the directory "to" of the fixture: what "--download=a:to/a", "--download=*.png:to/" fetch. */
static int unpack(const Fixture *f, const Item *items, size_t n, bool end) {
        _cleanup_(tar_writer_done) TarWriter w = TAR_WRITER_NULL;
        _cleanup_close_ int fd = memfd_create("archive", MFD_CLOEXEC), to = openat(f->fd, "to", O_PATH | O_DIRECTORY | O_CLOEXEC);
        Download downloads[] = {
                { .shown = (char*) "a", .last = (char*) "a", .parent_fd = to, .name = (char*) "a" },
                { .shown = (char*) "*.png", .last = (char*) "*.png", .many = true, .parent_fd = to },
        };
        const Run run = { .downloads = downloads, .n_downloads = ELEMENTSOF(downloads) };
        pid_t pid;
        int status;

        assert_int_equal(tar_writer_init(&w, archive_write, &fd), 0);
        for (const Item *i = items; i < items + n; i++) {
                TarEntry e = { .type = i->type, .name = (char*) i->name, .mode = i->mode, .mtime = { 1700000000, 0 } };

                if (i->type == TAR_FILE)
                        e.size = strlen(i->text);
                else if (i->text)
                        e.link = (char*) i->text;
                assert_int_equal(tar_writer_header(&w, &e), 0);
                if (i->type == TAR_FILE)
                        assert_int_equal(tar_writer_data(&w, i->text, e.size), 0);
        }
        assert_int_equal(tar_writer_end(&w), 0);
        if (!end)
                assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 2 * (off_t) TAR_BLOCK), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) { /* as in rnx, where nothing is freed */
                (void) !freopen("/dev/null", "we", stderr);
                (void) umask(022);
                _exit(download_unpack(&run, fd) < 0 ? 1 : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WEXITSTATUS(status);
}

static bool exists(const Fixture *f, const char *path) {
        struct stat st;

        return fstatat(f->fd, path, &st, AT_SYMLINK_NOFOLLOW) >= 0;
}

static void assert_text(const Fixture *f, const char *path, const char *expected) {
        _cleanup_close_ int fd = openat(f->fd, path, O_RDONLY | O_CLOEXEC);
        char text[100] = "";

        if (fd < 0)
                fail_msg("there is no %s", path);
        assert_true(read(fd, text, sizeof(text) - 1) >= 0);
        assert_string_equal(text, expected);
}

static Fixture* prepare(void) {
        Fixture *f = fixture_new();
        int fd;

        assert_int_equal(mkdirat(f->fd, "to", 0755), 0);
        assert_int_equal(mkdirat(f->fd, "victim", 0755), 0);
        fd = openat(f->fd, "victim/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_int_equal(write(fd, "mine", 4), 4);
        close(fd);
        return f;
}

#define FILE_ITEM(n, t) { TAR_FILE, (n), (t), 0644 }
#define LINK_ITEM(n, t) { TAR_SYMBOLIC_LINK, (n), (t), 0777 }
#define HARD_LINK_ITEM(n, t) { TAR_HARD_LINK, (n), (t), 0644 }
#define DIRECTORY_ITEM(n) { TAR_DIRECTORY, (n), NULL, 0755 }

/* Whatever comes: the victim stays as it is, and nothing is beside it and the destination. */
static void test_hostile(void **state) {
        static const struct {
                Item items[4];
                size_t n;
        } cases[] = {
                { { FILE_ITEM("0/a/../../victim/file", "x") }, 1 },
                { { FILE_ITEM("../victim/file", "x") }, 1 },
                { { FILE_ITEM("/tmp/victim", "x") }, 1 },
                { { FILE_ITEM("2/a", "x") }, 1 },
                { { FILE_ITEM("problems/2", "x") }, 1 },
                { { FILE_ITEM("problems/../0/a", "x") }, 1 },
                { { FILE_ITEM("problems", "x") }, 1 },
                { { DIRECTORY_ITEM("0/a"), LINK_ITEM("0/a/l", "../../victim"), FILE_ITEM("0/a/l/file", "x") }, 3 },
                { { DIRECTORY_ITEM("0/a"), LINK_ITEM("0/a/l", "/"), FILE_ITEM("0/a/l/tmp/joblet-test-escape", "x") }, 3 },
                /* a link that stays inside, and one through it that would not */
                { { DIRECTORY_ITEM("0/a/d"), LINK_ITEM("0/a/d/up", ".."), LINK_ITEM("0/a/l", "d/up/../../victim"), FILE_ITEM("0/a/l/file", "x") }, 4 },
                { { DIRECTORY_ITEM("0/a/d/e"), LINK_ITEM("0/a/l", "d/e"), FILE_ITEM("0/a/l/../../../victim/file", "x") }, 3 },
                { { LINK_ITEM("0/a", "../victim"), FILE_ITEM("0/a/file", "x") }, 2 },
                { { LINK_ITEM("0/a", "../victim/file"), FILE_ITEM("0/a", "x") }, 2 },
                { { HARD_LINK_ITEM("0/a", "../victim/file"), FILE_ITEM("0/a", "x") }, 2 },
                { { HARD_LINK_ITEM("0/a", "0/../../victim/file") }, 1 },
                { { DIRECTORY_ITEM("0/a"), LINK_ITEM("0/a/l", ".."), HARD_LINK_ITEM("0/a/h", "0/a/l/victim/file") }, 3 },
                { { FILE_ITEM("1/.bashrc", "x") }, 1 }, /* names that the pattern does not stand for */
                { { FILE_ITEM("1/file", "x") }, 1 },
                { { FILE_ITEM("1/.x.png", "x") }, 1 },
                { { LINK_ITEM("1/x.png", "../victim"), FILE_ITEM("1/x.png/file", "x") }, 2 },
                { { { TAR_FIFO, "0/a", NULL, 0644 } }, 1 },
                { { { TAR_CHARACTER_DEVICE, "0/a", NULL, 0644 } }, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Fixture *f = prepare();

                if (unpack(f, cases[i].items, cases[i].n, true) != 1)
                        fail_msg("case %zu was not refused", i);
                assert_text(f, "victim/file", "mine");
                assert_false(exists(f, "to/.bashrc") || exists(f, "to/file") || exists(f, "to/.x.png") || exists(f, "to/l"));
                assert_false(exists(f, "victim/x"));
                assert_int_equal(access("/tmp/joblet-test-escape", F_OK), -1);
                assert_int_equal(access("/tmp/victim", F_OK), -1);
                fixture_free(f);
        }
}

static void test_good(void **state) {
        static const Item items[] = {
                { TAR_FILE, "0/a/f", "one", 04777 }, { TAR_DIRECTORY, "0/a", NULL, 0777 }, LINK_ITEM("0/a/l", "f"),
                HARD_LINK_ITEM("0/a/h", "0/a/f"), DIRECTORY_ITEM("0/a/.bin"), LINK_ITEM("0/a/.bin/cli", "../.bin/../f"),
                FILE_ITEM("1/x.png", "two"), FILE_ITEM("1/y.png", "three"),
        };
        Fixture *f = prepare();
        struct stat st;

        for (unsigned i = 0; i < 2; i++) { /* also over what is there */
                assert_int_equal(unpack(f, items, ELEMENTSOF(items), true), 0);
                assert_text(f, "to/a/f", "one");
                assert_text(f, "to/a/l", "one");
                assert_text(f, "to/a/h", "one");
                assert_text(f, "to/a/.bin/cli", "one");
                assert_text(f, "to/x.png", "two");
                assert_text(f, "to/y.png", "three");
        }
        assert_int_equal(fstatat(f->fd, "to/a/f", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_int_equal(st.st_mtim.tv_sec, 1700000000);
        assert_int_equal(st.st_nlink, 2);
        assert_int_equal(fstatat(f->fd, "to/a", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        fixture_free(f);
}

/* A link of the user's where a directory is to be; a stream without its end; two downloads for one name. */
static void test_refused(void **state) {
        static const Item directory[] = { DIRECTORY_ITEM("0/a"), FILE_ITEM("0/a/file", "x") }, file[] = { FILE_ITEM("0/a", "new") },
                          twice[] = { FILE_ITEM("0/a", "x"), FILE_ITEM("1/x.png", "first"), FILE_ITEM("0/a", "y") };
        Fixture *f = prepare();

        assert_int_equal(symlinkat("../victim", f->fd, "to/a"), 0);
        assert_int_equal(unpack(f, directory, ELEMENTSOF(directory), true), 1);
        assert_text(f, "victim/file", "mine");
        assert_int_equal(unpack(f, file, ELEMENTSOF(file), false), 1);
        assert_int_equal(unpack(f, twice, ELEMENTSOF(twice), true), 0);
        assert_text(f, "to/a", "y");
        assert_text(f, "victim/file", "mine");
        fixture_free(f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
