/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Uploads and downloads through the relay, with archives of libarchive's making. */

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "relay-fixture.h"
#include "strv.h"

#define ARCHIVE_SIZE_MAX (8U * 1024U * 1024U)
#define MTIME 1700000000
#define MTIME_NSEC 123456789

typedef struct Item {
        const char *name;
        mode_t type; /* 0: hard link */
        const char *text; /* contents, or target of a link */
        mode_t mode;
} Item;

#define FILE_ITEM(n, t) { (n), S_IFREG, (t), 0644 }
#define DIRECTORY_ITEM(n) { (n), S_IFDIR, NULL, 0755 }
#define SYMLINK_ITEM(n, t) { (n), S_IFLNK, (t), 0777 }
#define HARDLINK_ITEM(n, t) { (n), 0, (t), 0644 }

static char archive_data[ARCHIVE_SIZE_MAX];

static size_t make_archive(const Item *items, size_t n_items) {
        struct archive *a = archive_write_new();
        struct archive_entry *e = archive_entry_new();
        size_t used = 0;

        assert_non_null(a);
        assert_non_null(e);
        assert_int_equal(archive_write_set_format_pax(a), ARCHIVE_OK);
        assert_int_equal(archive_write_open_memory(a, archive_data, sizeof(archive_data), &used),
                         ARCHIVE_OK);
        for (const Item *i = items; i < items + n_items; i++) {
                archive_entry_clear(e);
                archive_entry_copy_pathname(e, i->name);
                archive_entry_set_filetype(e, i->type ?: S_IFREG);
                archive_entry_set_perm(e, i->mode);
                archive_entry_set_mtime(e, MTIME, MTIME_NSEC);
                if (i->type == S_IFREG)
                        archive_entry_set_size(e, (la_int64_t) strlen(i->text));
                else if (i->type == S_IFLNK)
                        archive_entry_copy_symlink(e, i->text);
                else if (i->type == 0)
                        archive_entry_copy_hardlink(e, i->text);
                assert_true(archive_write_header(a, e) >= ARCHIVE_WARN); /* it warns of names that are not UTF-8 */
                if (i->type == S_IFREG)
                        assert_int_equal(archive_write_data(a, i->text, strlen(i->text)), strlen(i->text));
        }
        assert_int_equal(archive_write_close(a), ARCHIVE_OK);
        archive_entry_free(e);
        archive_write_free(a);
        return used;
}

static void upload_items(RelayTest *t, const Item *items, size_t n_items, const char *script) {
        t->upload = archive_data;
        t->upload_size = make_archive(items, n_items);
        relay_run(t, WITH_CLIENT | WITH_UPLOAD, script);
}

#define LONG_DIRECTORY                                                                                       \
        "long-0123456789012345678901234567890123456789/0123456789012345678901234567890123456789"
#define LONG_NAME LONG_DIRECTORY "/0123456789012345678901234567890123456789"

static void test_upload(void **state) {
        const Item items[] = {
                { "tool", S_IFREG, "#!/bin/sh\necho here\n", 04755 },
                { "d", S_IFDIR, NULL, 0555 },
                { "d/e", S_IFDIR, NULL, 01777 },
                FILE_ITEM("d/e/empty", ""),
                SYMLINK_ITEM("d/up", "../tool"),
                SYMLINK_ITEM("d/e/around", "../../d/../tool"),
                SYMLINK_ITEM("dangling", "not/there"),
                HARDLINK_ITEM("same", "tool"),
                DIRECTORY_ITEM("nothing in it"),
                FILE_ITEM("\xc3\xa4\xff", "name of bytes"),
                FILE_ITEM(LONG_NAME, "x"),
                FILE_ITEM("./dotted//name", "x"),
        };
        RelayTest *t = *state;

        upload_items(t, items, ELEMENTSOF(items),
                     "./tool && ./d/e/around && stat -c '%n %F %a %Y %h' tool d d/e d/e/empty d/up same 'nothing in it'\n"
                     "stat -c %y d d/e/empty d/up; readlink d/up dangling; cat $(printf '\\303\\244\\377') " LONG_NAME
                     " dotted/name");
        assert_notices(t, RELAY_EXITED, 0);
        assert_non_null(strstr(t->out.data, "here\nhere\n"
                               "tool regular file 755 1700000000 2\n"
                               "d directory 555 1700000000 3\n"
                               "d/e directory 777 1700000000 2\n"
                               "d/e/empty regular empty file 644 1700000000 1\n"
                               "d/up symbolic link 777 1700000000 1\n"
                               "same regular file 755 1700000000 2\n"
                               "nothing in it directory 755 1700000000 2\n"));
        assert_non_null(strstr(t->out.data, ".123456789 "));
        assert_non_null(strstr(t->out.data, "../tool\nnot/there\nname of bytesxx"));
}

static void test_upload_directory_after_its_contents(void **state) {
        const Item items[] = { FILE_ITEM("a/b/f", "x"), { "a", S_IFDIR, NULL, 0500 } };
        RelayTest *t = *state;

        upload_items(t, items, ELEMENTSOF(items), "stat -c '%a %Y' a; stat -c %a a/b");
        assert_string_equal(t->out.data, "500 1700000000\n755\n");
}

static void assert_refused(RelayTest *t, const Item *items, size_t n_items, const char *message) {
        upload_items(t, items, n_items, "echo ran");
        assert_int_equal(t->exit_code, 125);
        assert_notices(t, RELAY_FAILED, 125);
        assert_string_equal(t->out.data, "");
        if (!strstr(t->client[0].text, message))
                fail_msg("%s, not %s", t->client[0].text, message);
        assert_non_null(strstr(t->journal.data, message));
}

/* Each in a fresh directory, which no name from the archive leaves. */
static void test_upload_hostile(void **state) {
        static const struct {
                Item items[3];
                size_t n_items;
                const char *message;
        } cases[] = {
                { { FILE_ITEM("../joblet-test-escape", "x") }, 1, "\"../joblet-test-escape\": its name contains \"..\"" },
                { { FILE_ITEM("a/../../joblet-test-escape", "x") }, 1, "contains \"..\"" },
                { { FILE_ITEM("/tmp/joblet-test-escape", "x") }, 1, "its name is absolute" },
                { { DIRECTORY_ITEM("..") }, 1, "contains \"..\"" },
                { { FILE_ITEM(".", "x") }, 1, "it has no name" },
                { { SYMLINK_ITEM("l", "/tmp"), FILE_ITEM("l/joblet-test-escape", "x") }, 2, "\"l/joblet-test-escape\": its name leads through" },
                { { SYMLINK_ITEM("l", ".."), FILE_ITEM("l/joblet-test-escape", "x") }, 2, "\"l/joblet-test-escape\": its name leads through" },
                { { SYMLINK_ITEM("l", "/tmp"), DIRECTORY_ITEM("l/joblet-test-escape") }, 2, "\"l/joblet-test-escape/\": its name leads through" },
                { { SYMLINK_ITEM("l", "/tmp"), SYMLINK_ITEM("l/joblet-test-escape", "x") }, 2, "\"l/joblet-test-escape\": its name leads through" },
                { { SYMLINK_ITEM("a", "/tmp"), SYMLINK_ITEM("b", "a"), FILE_ITEM("b/joblet-test-escape", "x") }, 3, "\"b/joblet-test-escape\": its name leads through" },
                { { SYMLINK_ITEM("l", "/tmp/joblet-test-escape"), FILE_ITEM("l", "x") }, 2, "\"l\": there is something of that name" },
                { { SYMLINK_ITEM("d", "/tmp"), { "d", S_IFDIR, NULL, 0700 } }, 2, "\"d/\": there is something of that name" },
                { { DIRECTORY_ITEM("d"), SYMLINK_ITEM("l", "d"), FILE_ITEM("l/f", "x") }, 3, "\"l/f\": its name leads through" },
                { { FILE_ITEM("f", "x"), FILE_ITEM("f/g", "x") }, 2, "\"f/g\": its name leads through" },
                { { FILE_ITEM("f", "x"), FILE_ITEM("f", "y") }, 2, "\"f\": there is something of that name already; two uploads for one name" },
                { { FILE_ITEM("f", "x"), FILE_ITEM("./f", "y") }, 2, "two uploads for one name" },
                { { DIRECTORY_ITEM("d"), DIRECTORY_ITEM("d") }, 2, "two uploads for one name" },
                { { FILE_ITEM("d/f", "x"), SYMLINK_ITEM("d", ".") }, 2, "two uploads for one name" },
                { { SYMLINK_ITEM("l", "f"), FILE_ITEM("l", "x") }, 2, "two uploads for one name" },
                { { HARDLINK_ITEM("h", "../../etc/passwd") }, 1, "\"h\": it is a hard link to what is not uploaded" },
                { { HARDLINK_ITEM("h", "/etc/passwd") }, 1, "\"h\": it is a hard link to what is not uploaded" },
                { { SYMLINK_ITEM("l", "."), HARDLINK_ITEM("h", "l/x") }, 2, "\"h\": its name leads through" },
                { { HARDLINK_ITEM("h", "nothing") }, 1, "\"h\": No such file" },
                { { { "n", S_IFCHR, NULL, 0666 } }, 1, "\"n\": only files, directories and links" },
                { { { "n", S_IFBLK, NULL, 0666 } }, 1, "\"n\": only files, directories and links" },
                { { { "n", S_IFIFO, NULL, 0666 } }, 1, "\"n\": only files, directories and links" },
                { { FILE_ITEM("../\n\x1b[2J", "x") }, 1, "\"../??[2J\"" },
        };
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                void *inner;

                assert_int_equal(relay_test_setup(&inner), 0);
                assert_refused(inner, cases[i].items, cases[i].n_items, cases[i].message);
                assert_int_equal(relay_test_teardown(&inner), 0);
                assert_int_equal(lstat("/tmp/joblet-test-escape", &st), -1);
        }
}

/* Links are the job's own affair, wherever they point. */
static void test_upload_links(void **state) {
        const Item items[] = {
                DIRECTORY_ITEM("venv/bin"), SYMLINK_ITEM("venv/bin/python3", "/usr/bin/python3"), SYMLINK_ITEM("out", "../../.."),
                SYMLINK_ITEM("bin/cli", "../bin/../pkg/cli"), FILE_ITEM("pkg/cli", "works"), SYMLINK_ITEM("to-nothing", "nothing"),
                SYMLINK_ITEM("self", "self"),
        };
        RelayTest *t = *state;

        upload_items(t, items, ELEMENTSOF(items), "readlink venv/bin/python3 out to-nothing self; cat bin/cli");
        assert_notices(t, RELAY_EXITED, 0);
        assert_string_equal(t->out.data, "/usr/bin/python3\n../../..\nnothing\nself\nworks");
}

static void test_upload_too_large(void **state) {
        const Item items[] = { FILE_ITEM("a", "12345"), FILE_ITEM("b", "12345") };
        RelayTest *t = *state;

        t->go.upload_max = 9;
        assert_refused(t, items, ELEMENTSOF(items), "\"b\": more than 9 bytes may not be uploaded");
}

static void test_upload_just_fits(void **state) {
        const Item items[] = { FILE_ITEM("a", "12345"), FILE_ITEM("b", "12345") };
        RelayTest *t = *state;

        t->go.upload_max = 10;
        upload_items(t, items, ELEMENTSOF(items), "cat a b");
        assert_string_equal(t->out.data, "1234512345");
}

/* The client dies in the middle, at whatever byte: the command is never started with half of its files. */
static void test_upload_cut_off(void **state) {
        static const Item items[] = { FILE_ITEM("a", "12345"), SYMLINK_ITEM("l", "a"),
                                      FILE_ITEM(LONG_NAME, "x") };
        size_t size = make_archive(items, ELEMENTSOF(items));

        /* The end mark is the last thing but zeros. */
        while (size > 0 && archive_data[size - 1] == 0)
                size--;
        for (size_t n = 0; n <= size; n += 499) {
                RelayTest *t;
                void *inner;

                assert_int_equal(relay_test_setup(&inner), 0);
                t = inner;
                t->upload = archive_data;
                t->upload_size = n;
                relay_run(t, WITH_CLIENT | WITH_UPLOAD, "echo ran");
                assert_notices(t, RELAY_FAILED, 125);
                assert_non_null(strstr(t->client[0].text, "the upload is no complete archive: "));
                assert_int_equal(relay_test_teardown(&inner), 0);
        }
}

static void test_upload_garbage(void **state) {
        RelayTest *t = *state;

        memset(archive_data, 'x', 4096);
        t->upload = archive_data;
        t->upload_size = 4096;
        relay_run(t, WITH_CLIENT | WITH_UPLOAD, "echo ran");
        assert_notices(t, RELAY_FAILED, 125);
        assert_string_equal(t->client[0].text,
                            "the upload is no complete archive: a header has a wrong checksum");
}

/* Ctrl-C while files are on their way. */
static void test_upload_interrupted(void **state) {
        RelayTest *t = *state;
        int fd;

        relay_spawn(t, "echo", "ran", NULL);
        relay_go(t, WITH_CLIENT | WITH_UPLOAD);
        fd = t->upload_fd; /* stays open, with nothing coming */
        t->upload_fd = -EBADF;
        assert_int_equal(relay_send(t->control_fd, "signal 2"), 0);
        relay_collect(t);
        close(fd);
        assert_notices(t, RELAY_SIGNALED, SIGINT);
        assert_int_equal(t->exit_code, 130);
        assert_string_equal(t->out.data, "");
}

static void test_upload_stopped(void **state) {
        RelayTest *t = *state;
        int fd, n;

        relay_spawn(t, "echo", "ran", NULL);
        relay_go(t, WITH_CLIENT | WITH_UPLOAD);
        fd = t->upload_fd;
        t->upload_fd = -EBADF;
        assert_int_equal(write(fd, "x", 1), 1);
        do
                assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
        while (n > 0);
        assert_int_equal(kill(t->pid, SIGTERM), 0);
        relay_collect(t);
        close(fd);
        assert_notices(t, RELAY_ENDED, 0);
        assert_true(t->outcome.terminated_usec > 0);
        assert_int_equal(t->outcome.notice.event, RELAY_FAILED);
}

/* The entries of a download as lines: "NAME TYPE MODE SIZE LINK". */
static char* list_download(const RelayTest *t) {
        struct archive *a = archive_read_new();
        struct archive_entry *e;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        int r;

        assert_non_null(f);
        assert_int_equal(archive_read_support_format_tar(a), ARCHIVE_OK);
        assert_int_equal(archive_read_open_memory(a, t->download.data, t->download.size), ARCHIVE_OK);
        while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK)
                fprintf(f, "%s %o %lld %s\n", archive_entry_pathname(e), archive_entry_mode(e),
                        (long long) archive_entry_size(e), archive_entry_symlink(e) ?: "-");
        assert_int_equal(r, ARCHIVE_EOF);
        assert_int_equal(fclose(f), 0);
        archive_read_free(a);
        return text;
}

static void test_download(void **state) {
        RelayTest *t = *state;
        _cleanup_free_ char *list = NULL;
        static const char *const paths[] = { "out/", "/etc/hostname", "missing", "out/sub/." };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                assert_int_equal(strv_extend(&t->go.download, paths[i]), 0);
        relay_run(t, WITH_CLIENT | WITH_DOWNLOAD,
                  "mkdir -p out/none out/sub/" LONG_DIRECTORY "; echo x >out/sub/" LONG_NAME
                  "; printf 123 >out/f\n"
                  "chmod 2750 out/f; ln -s /etc/passwd out/l; mkfifo out/p; cd /; exit 3");
        assert_notices(t, RELAY_EXITED, 3);
        list = list_download(t);
        assert_non_null(strstr(list, "0/out 40755 0 -\n"));
        assert_non_null(strstr(list, "0/out/f 100750 3 -\n"));
        assert_non_null(strstr(list, "0/out/l 120777 0 /etc/passwd\n"));
        assert_non_null(strstr(list, "0/out/none 40755 0 -\n"));
        assert_non_null(strstr(list, "0/out/sub/" LONG_NAME " 100644 2 -\n"));
        assert_non_null(strstr(list, "1/hostname 100"));
        assert_null(strstr(list, "\n2/"));
        assert_non_null(strstr(list, "3/sub 40755 0 -\n"));
        assert_null(strstr(list, "out/p"));
        assert_non_null(strstr(t->journal.data, "out/p: it is a FIFO\n"));
        assert_non_null(strstr(t->journal.data, "missing: No such file or directory\n"));
}

/* What one relay packs another unpacks. */
static void test_round_trip(void **state) {
        RelayTest *t = *state, *u;
        static const char digest[] = "find x -printf '%p %y %m %T@ %l\\n' | LC_ALL=C sort; find x -type f | LC_ALL=C sort | xargs sha256sum";
        static const char make[] = "mkdir -p x/d/e x/none; head -c 3000000 /dev/urandom >x/big; : >x/d/empty;"
                                   "seq 1000 >x/d/e/seq; chmod 700 x/d/e/seq; ln -s d/e/seq x/link; chmod 555 x/d/e; umask 0;";
        char script[1024];
        void *inner;

        assert_int_equal(strv_extend(&t->go.download, "x"), 0);
        (void) snprintf(script, sizeof(script), "%s%s", make, digest);
        relay_run(t, WITH_CLIENT | WITH_DOWNLOAD, script);
        assert_notices(t, RELAY_EXITED, 0);

        assert_int_equal(relay_test_setup(&inner), 0);
        u = inner;
        u->upload = t->download.data;
        u->upload_size = t->download.size;
        (void) snprintf(script, sizeof(script), "cd 0; %s", digest);
        relay_run(u, WITH_CLIENT | WITH_UPLOAD, script);
        assert_notices(u, RELAY_EXITED, 0);
        assert_string_equal(u->out.data, t->out.data);
        assert_int_equal(relay_test_teardown(&inner), 0);
}

/* The client goes while it is being sent files: the job's result does not depend on that. */
static void test_download_abandoned(void **state) {
        RelayTest *t = *state;
        int fd;

        assert_int_equal(strv_extend(&t->go.download, "big"), 0);
        relay_spawn(t, "sh", "-c", "head -c 10000000 /dev/zero >big; exit 3", NULL);
        relay_go(t, WITH_CLIENT | WITH_DOWNLOAD);
        fd = t->download_fd;
        t->download_fd = -EBADF;
        (void) usleep(300 * 1000);
        close(fd);
        relay_collect(t);
        assert_notices(t, RELAY_EXITED, 3);
        assert_int_equal(t->exit_code, 3);
}

/* A client that takes nothing of it does not keep the job from being stopped; how the command ended is
 * not touched. */
static void test_download_stopped(void **state) {
        RelayTest *t = *state;
        int fd;

        assert_int_equal(strv_extend(&t->go.download, "big"), 0);
        t->go.stop_usec = USEC_PER_SEC;
        relay_spawn(t, "sh", "-c", "head -c 10000000 /dev/zero >big; echo done; exit 3", NULL);
        relay_go(t, WITH_CLIENT | WITH_DOWNLOAD);
        fd = t->download_fd;
        t->download_fd = -EBADF;
        relay_read_until(t, strlen("done\n"));
        (void) usleep(300 * 1000);
        assert_int_equal(kill(t->pid, SIGTERM), 0);
        relay_collect(t);
        close(fd);
        assert_notices(t, RELAY_EXITED, 3);
        assert_int_equal(t->outcome.terminated_usec, 0);
        assert_non_null(strstr(t->journal.data, "the download broke off: the time between SIGTERM and SIGKILL is over"));
}

/* Ctrl-C once the command has ended: that is said of the download alone. */
static void test_download_interrupted(void **state) {
        RelayTest *t = *state;
        int fd;

        assert_int_equal(strv_extend(&t->go.download, "big"), 0);
        relay_spawn(t, "sh", "-c", "head -c 10000000 /dev/zero >big; exit 3", NULL);
        relay_go(t, WITH_CLIENT | WITH_DOWNLOAD);
        fd = t->download_fd;
        t->download_fd = -EBADF;
        while (poll(&(struct pollfd) { .fd = fd, .events = POLLIN }, 1, -1) <= 0)
                ;
        assert_int_equal(relay_send(t->control_fd, "signal 2"), 0);
        relay_collect(t);
        close(fd);
        assert_notices(t, RELAY_EXITED, 3);
        assert_non_null(strstr(t->journal.data, "the download broke off: it was interrupted"));
}

static void run_stopped(RelayTest *t, const char *script) {
        assert_int_equal(strv_extend(&t->go.download, "checkpoint"), 0);
        relay_spawn(t, "sh", "-c", script, NULL);
        relay_go(t, WITH_CLIENT | WITH_DOWNLOAD);
        relay_read_until(t, strlen("ready\n"));
        assert_int_equal(kill(t->pid, SIGTERM), 0);
}

/* As systemd does it: SIGTERM to all of the unit. */
static void terminate_command(const RelayTest *t) {
        _cleanup_free_ char *path = NULL;
        FILE *f;
        int pid;

        assert_true(asprintf(&path, "%s/pid", t->work) > 0);
        f = fopen(path, "re");
        assert_non_null(f);
        assert_int_equal(fscanf(f, "%i", &pid), 1);
        (void) fclose(f);
        assert_int_equal(kill(pid, SIGTERM), 0);
}

/* A stop, a time limit, too little memory: SIGTERM comes to all of the unit, and the files are fetched all the same. */
static void test_download_after_stop(void **state) {
        _cleanup_free_ char *list = NULL;
        RelayTest *t = *state;

        run_stopped(t, "trap 'echo 12345 >checkpoint; exit 0' TERM; echo $$ >pid; echo ready; while :; do sleep 0.1; done");
        terminate_command(t);
        relay_collect(t);
        assert_true(t->outcome.terminated_usec > 0);
        list = list_download(t);
        assert_non_null(strstr(list, "0/checkpoint "));
}

/* A command that ignores it is killed before the time is over. */
static void test_download_after_ignored_stop(void **state) {
        _cleanup_free_ char *list = NULL;
        RelayTest *t = *state;

        t->go.stop_usec = 2 * USEC_PER_SEC;
        run_stopped(t, "trap '' TERM; echo 12345 >checkpoint; echo ready; while :; do sleep 0.1; done");
        relay_collect(t);
        assert_true(t->outcome.terminated_usec > 0);
        assert_int_equal(t->outcome.notice.event, RELAY_SIGNALED);
        assert_int_equal(t->outcome.notice.code, SIGKILL);
        list = list_download(t);
        assert_non_null(strstr(list, "0/checkpoint 100644 6 -\n"));
}

/* Links that are named themselves, and patterns. */
static void test_download_patterns(void **state) {
        static const char *const paths[] = { "latest", "dir", "*.png", "o*/sub/?", "data[1].csv", "b\\:\\?\\\\", "n\\377\\012",
                                             "none*", "dangling", "same/*/a", "*/" };
        _cleanup_free_ char *list = NULL;
        RelayTest *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                assert_int_equal(strv_extend(&t->go.download, paths[i]), 0);
        relay_run(t, WITH_CLIENT | WITH_DOWNLOAD,
                  "echo weights >model-7; ln -s model-7 latest; mkdir real; echo x >real/f; ln -s real dir\n"
                  "touch b.png a.png .hidden.png a.jpg; mkdir -p out/sub; touch out/sub/x out/sub/yy\n"
                  "touch 'data[1].csv' data1.csv 'b:?\\' 'b:x\\'; f=$(printf 'n\\377\\nx'); : >\"${f%x}\"\n"
                  "ln -s nothing dangling; mkdir -p same/1 same/2; touch same/1/a same/2/a");
        assert_notices(t, RELAY_EXITED, 0);
        list = list_download(t);
        assert_non_null(strstr(list, "0/latest 100644 8 -\n"));
        assert_non_null(strstr(list, "1/dir 40755 0 -\n1/dir/f 100644 2 -\n"));
        assert_non_null(strstr(list, "2/a.png 100644 0 -\n2/b.png 100644 0 -\n3/x "));
        assert_null(strstr(list, "2/.hidden"));
        assert_null(strstr(list, "3/yy"));
        assert_non_null(strstr(list, "4/data[1].csv "));
        assert_null(strstr(list, "4/data1"));
        assert_non_null(strstr(list, "5/b:?\\ "));
        assert_null(strstr(list, "5/b:x"));
        assert_non_null(strstr(list, "6/n\377\n "));
        assert_null(strstr(list, "\n7/"));
        assert_null(strstr(list, "\n8/"));
        assert_non_null(strstr(list, "problems/8 "));
        assert_non_null(strstr(t->journal.data, "dangling: it is a link to 'nothing', which is not in the job"));
        assert_non_null(strstr(list, "9/a "));
        assert_non_null(strstr(list, "problems/9 "));
        assert_non_null(strstr(t->journal.data, "same/2/a: another one that matches has the same name"));
}

#define RELAY_UNIT_TEST(f) cmocka_unit_test_setup_teardown(f, relay_test_setup, relay_test_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                RELAY_UNIT_TEST(test_upload),
                RELAY_UNIT_TEST(test_upload_directory_after_its_contents),
                cmocka_unit_test(test_upload_hostile),
                RELAY_UNIT_TEST(test_upload_links),
                RELAY_UNIT_TEST(test_upload_too_large),
                RELAY_UNIT_TEST(test_upload_just_fits),
                cmocka_unit_test(test_upload_cut_off),
                RELAY_UNIT_TEST(test_upload_garbage),
                RELAY_UNIT_TEST(test_upload_interrupted),
                RELAY_UNIT_TEST(test_upload_stopped),
                RELAY_UNIT_TEST(test_download),
                RELAY_UNIT_TEST(test_round_trip),
                RELAY_UNIT_TEST(test_download_abandoned),
                RELAY_UNIT_TEST(test_download_stopped),
                RELAY_UNIT_TEST(test_download_interrupted),
                RELAY_UNIT_TEST(test_download_after_stop),
                RELAY_UNIT_TEST(test_download_after_ignored_stop),
                RELAY_UNIT_TEST(test_download_patterns),
        };

        (void) setlocale(LC_ALL, "C.UTF-8"); /* for libarchive's names */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
