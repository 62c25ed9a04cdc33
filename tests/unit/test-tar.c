/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>
#include <sys/stat.h>

#include "tar.h"
#include "test.h"
#include "unpack.h"

typedef struct Stream {
        char data[256 * 1024];
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
        { .type = TAR_SYMBOLIC_LINK, .name = (char*) "l", .link = (char*) "\xc3\xa4", .mode = 0777 },
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
        size_t n, total = 0;
        int q;

        while ((q = tar_reader_data(r, &data, &n)) > 0) {
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
        (void) snprintf(h.size, sizeof(h.size), "%011zo", size);
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

static void test_links(void **state) {
        assert_int_equal(link_scope("l", "a"), LINK_INSIDE);
        assert_int_equal(link_scope("l", "a/b/./c"), LINK_INSIDE);
        assert_int_equal(link_scope("l", "."), LINK_INSIDE);
        assert_int_equal(link_scope("d/l", ".."), LINK_INSIDE);
        assert_int_equal(link_scope("d/l", "../x"), LINK_INSIDE);
        assert_int_equal(link_scope("d/e/l", "../../x"), LINK_INSIDE);
        assert_int_equal(link_scope("l", "a/../b"), LINK_UNCLEAR);
        assert_int_equal(link_scope("d/l", "../a/../b"), LINK_UNCLEAR);
        assert_int_equal(link_scope("l", ".."), LINK_OUTSIDE);
        assert_int_equal(link_scope("l", "a/../.."), LINK_OUTSIDE);
        assert_int_equal(link_scope("d/l", "../.."), LINK_OUTSIDE);
        assert_int_equal(link_scope("d/l", "./../../x"), LINK_OUTSIDE);
        assert_int_equal(link_scope("l", "/x"), LINK_OUTSIDE);
        assert_int_equal(link_scope("l", ""), LINK_OUTSIDE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_cut_off),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_extended),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_links),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
