/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "extract.h"
#include "tar.h"
#include "test.h"

typedef struct Stream {
        char data[1024 * 1024];
        size_t size, position, chunk;
} Stream;

static int stream_write(void *userdata, const void *data, size_t size) {
        Stream *s = userdata;

        assert_true(size <= sizeof(s->data) - s->size);
        memcpy(s->data + s->size, data, size);
        s->size += size;
        return 0;
}

static ssize_t stream_read(void *userdata, void *buffer, size_t size) {
        Stream *s = userdata;
        size_t n = s->size - s->position;

        n = n < size ? n : size;
        n = n < s->chunk ? n : s->chunk;
        memcpy(buffer, s->data + s->position, n);
        s->position += n;
        return (ssize_t) n;
}

static char long_name[301];

static const TarEntry entries[] = {
        { .type = TAR_DIRECTORY, .name = (char*) "d", .mode = 0750, .mtime = { 1700000000, 5 } },
        { .type = TAR_FILE, .name = (char*) "d/f", .mode = 0644, .size = 1000, .mtime = { 0, 0 } },
        { .type = TAR_FILE, .name = long_name, .mode = 0, .size = 0, .mtime = { INT64_C(100000000000), 999999999 } },
        { .type = TAR_FILE, .name = (char*) "\xff\xfe", .mode = 0777, .size = 512 },
        { .type = TAR_SYMBOLIC_LINK, .name = (char*) "l", .link = (char*) "\xc3\xa4", .mode = 0777, .mtime = { -1, 0 } },
        { .type = TAR_FILE, .name = (char*) "a\nb", .mode = 0600, .mtime = { -86401, 750000000 } },
        { .type = TAR_FILE, .name = (char*) "A\xcc\x8a", .mode = 0600, .mtime = { -1, 999999999 } },
        { .type = TAR_HARD_LINK, .name = (char*) "h", .link = long_name, .mode = 0644 },
};

static void make_stream(Stream *s) {
        _cleanup_(tar_writer_done) TarWriter w = TAR_WRITER_NULL;
        static const char contents[1000] = "contents";

        memset(long_name, 'n', sizeof(long_name) - 1);
        *s = (Stream) { .chunk = SIZE_MAX };
        assert_int_equal(tar_writer_init(&w, stream_write, s), 0);
        for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                assert_int_equal(tar_writer_header(&w, entries + i), 0);
                /* Of the last half is missing: zeros. */
                if (entries[i].size > 0)
                        assert_int_equal(tar_writer_data(&w, contents, entries[i].size / 2), 0);
        }
        assert_int_equal(tar_writer_data(&w, contents, 1), -EINVAL);
        assert_int_equal(tar_writer_end(&w), 0);
}

static void assert_contents(TarReader *r, size_t size) {
        const char *data;
        uint64_t offset;
        size_t n, total = 0;
        int q;

        while ((q = tar_reader_data(r, &data, &n, &offset)) > 0) {
                assert_int_equal(offset, total);
                for (size_t i = 0; i < n; i++)
                        assert_int_equal(data[i], total + i < 8 ? "contents"[total + i] : 0);
                total += n;
        }
        assert_int_equal(q, 0);
        assert_int_equal(total, size);
}

static void test_round_trip(void **state) {
        static Stream s;

        for (size_t chunk = 1; chunk < 2000; chunk += 37) {
                _cleanup_(tar_reader_done) TarReader r = TAR_READER_NULL;
                const TarEntry *e;

                make_stream(&s);
                s.chunk = chunk;
                assert_int_equal(tar_reader_init(&r, stream_read, &s), 0);
                for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                        assert_int_equal(tar_reader_next(&r, &e), 1);
                        assert_int_equal(e->type, entries[i].type);
                        assert_string_equal(e->name, entries[i].name);
                        if (entries[i].link)
                                assert_string_equal(e->link, entries[i].link);
                        assert_int_equal(e->mode, entries[i].mode);
                        assert_int_equal(e->size, entries[i].size);
                        assert_int_equal(e->mtime.tv_sec, entries[i].mtime.tv_sec);
                        assert_int_equal(e->mtime.tv_nsec, entries[i].mtime.tv_nsec);
                        if (i % 2) /* else it is skipped */
                                assert_contents(&r, e->size);
                }
                assert_int_equal(tar_reader_next(&r, &e), 0);
        }
}

/* Reads all; returns how it ended. */
static int read_stream(Stream *s) {
        _cleanup_(tar_reader_done) TarReader r = TAR_READER_NULL;
        const TarEntry *e;
        int q;

        s->position = 0;
        assert_int_equal(tar_reader_init(&r, stream_read, s), 0);
        while ((q = tar_reader_next(&r, &e)) > 0)
                ;
        if (q == -EBADMSG)
                assert_non_null(r.problem);
        return q;
}

static void test_cut_off(void **state) {
        static Stream s;
        size_t end;

        make_stream(&s);
        assert_int_equal(read_stream(&s), 0);
        end = s.size - TAR_BLOCK; /* one block of zeros is an end mark, too */
        for (s.size = 0; s.size < end; s.size++)
                assert_int_equal(read_stream(&s), -EBADMSG);
        s.size = end;
        assert_int_equal(read_stream(&s), 0);
}

/* No bit of it, turned over, makes the reader crash or run on for ever. */
static void test_damaged(void **state) {
        static Stream s;

        make_stream(&s);
        for (size_t i = 0; i < s.size * 8; i += 3) {
                s.data[i / 8] ^= (char) (1 << (i % 8));
                int q = read_stream(&s);
                assert_true(q == 0 || q == -EBADMSG);
                s.data[i / 8] ^= (char) (1 << (i % 8));
        }
        assert_int_equal(read_stream(&s), 0);
}

/* A stream of one extended header, with a correct checksum. */
static void make_extended(Stream *s, const char *records, size_t size) {
        TarHeader h = { .name = "x", .type = 'x', .magic = "ustar", .version = { '0', '0' } };

        *s = (Stream) { .chunk = SIZE_MAX };
        (void) snprintf(h.size, sizeof(h.size), "%011o", (unsigned) size);
        (void) snprintf(h.checksum, sizeof(h.checksum), "%06o", tar_header_checksum(&h));
        memcpy(s->data, &h, sizeof(h));
        memcpy(s->data + sizeof(h), records, size);
        s->size = sizeof(h) + size + tar_padding(size);

        h = (TarHeader) { .name = "f", .type = TAR_FILE, .magic = "ustar", .version = { '0', '0' } };
        (void) snprintf(h.checksum, sizeof(h.checksum), "%06o", tar_header_checksum(&h));
        memcpy(s->data + s->size, &h, sizeof(h));
        s->size += sizeof(h) + 2 * TAR_BLOCK;
}

#define EXTENDED(records, expected)                                                                          \
        do {                                                                                                 \
                make_extended(&s, records, sizeof(records) - 1);                                             \
                assert_int_equal(read_stream(&s), expected);                                                 \
        } while (0)

static void test_extended(void **state) {
        static Stream s;

        EXTENDED("", 0);
        EXTENDED("12 path=abc\n", 0);
        EXTENDED("12 path=abc\n13 other=abc\n", 0);
        EXTENDED("17 mtime=-1.5000\n", 0);
        EXTENDED("12 path=abc\n1", -EBADMSG);
        EXTENDED("13 path=abc\n", -EBADMSG);
        EXTENDED("11 path=abc\n", -EBADMSG);
        EXTENDED("0 path=abc\n", -EBADMSG);
        EXTENDED("3 \n", -EBADMSG);
        EXTENDED("2 \n", -EBADMSG);
        EXTENDED("99999999999999999999 path=abc\n", -EBADMSG);
        EXTENDED("-12 path=abc\n", -EBADMSG);
        EXTENDED(" 12 path=abc\n", -EBADMSG);
        EXTENDED("12 path:abc\n", -EBADMSG);
        EXTENDED("12 path=a\0c\n", -EBADMSG);
        EXTENDED("11 size=-1\n", -EBADMSG);
        EXTENDED("11 size=1x\n", -EBADMSG);
        EXTENDED("29 size=18446744073709551615\n", -EBADMSG);
        EXTENDED("28 size=9223372036854775807\n", -EBADMSG);
        EXTENDED("14 mtime=now\n", -EBADMSG);
        EXTENDED("22 GNU.sparse.major=1\n", -EBADMSG);
        EXTENDED("22 GNU.sparse.major=0\n22 GNU.sparse.minor=1\n25 GNU.sparse.realsize=1\n", -EBADMSG);
        EXTENDED("20 GNU.sparse.map=\n", -EBADMSG);
        EXTENDED("13 other=a\0b\n", -EBADMSG);
}

static void assert_clean(const char *name, const char *expected) {
        _cleanup_free_ char *clean = NULL;
        const char *rule;

        assert_int_equal(entry_name_clean(name, &clean, &rule), expected ? 0 : -EPERM);
        if (expected)
                assert_string_equal(clean, expected);
        else
                assert_non_null(rule);
}

static void test_names(void **state) {
        assert_clean("a", "a");
        assert_clean("a/b/c", "a/b/c");
        assert_clean("./a//b/./c/", "a/b/c");
        assert_clean("...", "...");
        assert_clean("..a/b..", "..a/b..");
        assert_clean(".", "");
        assert_clean("./", "");
        assert_clean("", NULL);
        assert_clean("/", NULL);
        assert_clean("/a", NULL);
        assert_clean("..", NULL);
        assert_clean("a/..", NULL);
        assert_clean("a/../b", NULL);
        assert_clean("./../b", NULL);
}

/* A stream with one sparse file: its contents are as they are given. */
static void make_sparse(Stream *s, const char *real_size, const char *contents, size_t size) {
        TarHeader h = { .name = "f", .type = TAR_FILE, .magic = "ustar", .version = { '0', '0' } };
        char records[256];

        (void) snprintf(records, sizeof(records), "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n%zu GNU.sparse.realsize=%s\n",
                        strlen("nn GNU.sparse.realsize=\n") + strlen(real_size), real_size);
        make_extended(s, records, strlen(records));
        s->size -= 3 * TAR_BLOCK;
        (void) snprintf(h.size, sizeof(h.size), "%011o", (unsigned) size);
        (void) snprintf(h.checksum, sizeof(h.checksum), "%06o", tar_header_checksum(&h));
        memcpy(s->data + s->size, &h, sizeof(h));
        s->size += sizeof(h);
        memcpy(s->data + s->size, contents, size);
        s->size += size + tar_padding(size);
        memset(s->data + s->size, 0, 2 * TAR_BLOCK);
        s->size += 2 * TAR_BLOCK;
}

static void test_sparse_maps(void **state) {
        static const struct {
                const char *real_size, *map;
                size_t data;
                int expected;
        } table[] = {
                { "100",     "1\n10\n5\n",               5,  0 },
                { "100",     "0\n",                       0,  0 },
                { "100",     "2\n0\n5\n95\n5\n",         10, 0 },
                { "100",     "2\n0\n5\n100\n0\n",        5,  0 },
                { "9000000000000000", "1\n8999999999999999\n1\n", 1, 0 },
                { "100",     "1\n10\n5\n",               4,  -EBADMSG }, /* data that do not match the map */
                { "100",     "1\n10\n5\n",               6,  -EBADMSG },
                { "100",     "1\n96\n5\n",               5,  -EBADMSG }, /* behind the end */
                { "100",     "1\n101\n0\n",              0,  -EBADMSG },
                { "100",     "2\n10\n5\n14\n5\n",        10, -EBADMSG }, /* overlap */
                { "100",     "2\n50\n5\n10\n5\n",        10, -EBADMSG },
                { "100",     "2\n10\n5\n",               5,  -EBADMSG }, /* an entry is missing */
                { "100",     "-1\n",                      0,  -EBADMSG },
                { "100",     "8193\n",                    0,  -EBADMSG },
                { "100",     "99999999999999999999999999\n", 0, -EBADMSG },
                { "100",     "x\n",                       0,  -EBADMSG },
                { "100",     "1 10 5",                    0,  -EBADMSG },
                { "100",     "",                          0,  -EBADMSG },
                { "1",       "1\n0\n18446744073709551615\n", 0, -EBADMSG },
                { "x",       "0\n",                       0,  -EBADMSG },
        };
        static Stream s;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                size_t n = strlen(table[i].map);
                char contents[2 * TAR_BLOCK] = {};

                memcpy(contents, table[i].map, n);
                make_sparse(&s, table[i].real_size, contents, n == 0 ? 0 : TAR_BLOCK + table[i].data);
                if (read_stream(&s) != table[i].expected)
                        fail_msg("map %zu", i);
        }
}

static int contents_fd(const char *data, size_t size) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, size), size);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

/* A file goes in and comes out: contents and holes. */
static void test_files(void **state) {
        static const struct {
                uint64_t size, offset; /* of some data within */
        } table[] = {
                { 0, 0 }, { 1, 0 }, { 256 * 1024 - 1, 100 }, { 256 * 1024, 100 }, { 256 * 1024 + 1, 100 },
                { UINT64_C(20) << 30, UINT64_C(19) << 30 }, { UINT64_C(20) << 30, (UINT64_C(20) << 30) - 3 },
                { 300 << 20, 0 },
        };
        static Stream s;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(tar_writer_done) TarWriter w = TAR_WRITER_NULL;
                _cleanup_(tar_reader_done) TarReader r = TAR_READER_NULL;
                _cleanup_close_ int in = contents_fd("", 0), out = contents_fd("", 0);
                TarEntry e = { .type = TAR_FILE, .name = (char*) "f", .mode = 0640 };
                size_t n = table[i].size < 3 ? (size_t) table[i].size : 3;
                const char *problem = NULL;
                const TarEntry *got;
                Extract x = EXTRACT_NULL;
                struct stat st;
                char data[4] = "";
                int error;

                assert_int_equal(ftruncate(in, (off_t) table[i].size), 0);
                assert_int_equal(pwrite(in, "abc", n, (off_t) table[i].offset), n);
                s = (Stream) { .chunk = SIZE_MAX };
                assert_int_equal(tar_writer_init(&w, stream_write, &s), 0);
                assert_int_equal(tar_writer_file(&w, &e, in, &problem), 0);
                assert_int_equal(tar_writer_end(&w), 0);

                assert_int_equal(tar_reader_init(&r, stream_read, &s), 0);
                assert_int_equal(tar_reader_next(&r, &got), 1);
                assert_string_equal(got->name, "f");
                assert_int_equal(got->size, table[i].size);
                assert_int_equal(extract_contents(&x, &r, got, out, &error), 0);
                assert_int_equal(tar_reader_next(&r, &got), 0);
                assert_int_equal(fstat(out, &st), 0);
                assert_int_equal(st.st_size, table[i].size);
                assert_int_equal(st.st_mode & 07777, 0640);
                assert_true(st.st_blocks * 512 <= 1024 * 1024);
                assert_int_equal(pread(out, data, n, (off_t) table[i].offset), n);
                assert_memory_equal(data, "abc", n);
        }
}

static int count_bytes(void *userdata, const void *data, size_t size) {
        *(uint64_t*) userdata += size;
        return 0;
}

/* More holes than a map has room for: the rest is sent as it is. */
static void test_many_holes(void **state) {
        _cleanup_(tar_writer_done) TarWriter w = TAR_WRITER_NULL;
        _cleanup_close_ int fd = contents_fd("", 0);
        TarEntry e = { .type = TAR_FILE, .name = (char*) "f" };
        uint64_t written = 0;
        const char *problem = NULL;
        const uint64_t n = TAR_EXTENTS_MAX + 1000, step = 8192;

        for (uint64_t i = 0; i < n; i++)
                assert_int_equal(pwrite(fd, "x", 1, (off_t) (i * step)), 1);
        assert_int_equal(ftruncate(fd, (off_t) (n * step)), 0);
        assert_int_equal(tar_writer_init(&w, count_bytes, &written), 0);
        assert_int_equal(tar_writer_file(&w, &e, fd, &problem), 0);
        assert_int_equal(tar_writer_end(&w), 0);
        assert_true(written > TAR_EXTENTS_MAX * UINT64_C(4096));
        assert_true(written < n * step);
}

/* What the kernel tells of a size is not believed. */
static void test_untold_size(void **state) {
        static const char *const files[] = { "/proc/self/status", "/proc/self/smaps", "/sys/kernel/mm/transparent_hugepage/enabled" };
        static Stream s;

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_(tar_writer_done) TarWriter w = TAR_WRITER_NULL;
                TarEntry e = { .type = TAR_FILE, .name = (char*) "f" };
                _cleanup_close_ int fd = open(files[i], O_RDONLY | O_CLOEXEC);
                const char *problem = NULL;
                char first[8];

                if (fd < 0)
                        continue;
                assert_int_equal(pread(fd, first, sizeof(first), 0), sizeof(first));
                s = (Stream) { .chunk = SIZE_MAX };
                assert_int_equal(tar_writer_init(&w, stream_write, &s), 0);
                assert_int_equal(tar_writer_file(&w, &e, fd, &problem), 0);
                assert_int_equal(tar_writer_end(&w), 0);
                assert_true(e.size > 8);
                assert_memory_equal(s.data + TAR_BLOCK, first, sizeof(first));
                assert_int_equal(s.data[TAR_BLOCK + e.size - 1], '\n'); /* and not zeros that fill it up */
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_cut_off),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_extended),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_sparse_maps),
                cmocka_unit_test(test_files),
                cmocka_unit_test(test_many_holes),
                cmocka_unit_test(test_untold_size),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
