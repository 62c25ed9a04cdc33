/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tar.h"

#define BLOCK (256U * 1024U)
/* Of a file whose size the kernel does not tell: it is read into memory, since the size comes first in the stream. */
#define UNTOLD_MAX (64U * 1024U * 1024U)

static ssize_t read_full(int fd, char *buffer, size_t size) {
        size_t n = 0;

        while (n < size) {
                ssize_t k = read(fd, buffer + n, size - n);

                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        return (ssize_t) n;
}

static int problem(const char **ret_problem, const char *why) {
        *ret_problem = why;
        return 1;
}

static int write_known(TarWriter *w, TarEntry *e, const char *data, size_t size) {
        int r;

        e->size = size;
        r = tar_writer_header(w, e);
        return r < 0 ? r : tar_writer_data(w, data, size);
}

/* n bytes of it are in the writer's block. */
static int write_untold(TarWriter *w, TarEntry *e, int fd, size_t n, const char **ret_problem) {
        _cleanup_free_ char *data = NULL;
        size_t allocated = n;
        ssize_t k;

        data = malloc(allocated);
        if (!data)
                return -ENOMEM;
        memcpy(data, w->block, n);
        do {
                char *grown = realloc(data, allocated *= 2);

                if (!grown)
                        return -ENOMEM;
                data = grown;
                k = read_full(fd, data + n, allocated - n);
                if (k < 0)
                        return problem(ret_problem, strerror((int) -k));
                n += (size_t) k;
                if (n > UNTOLD_MAX)
                        return problem(ret_problem, "the kernel does not tell its size; copy it to another file first");
        } while (n == allocated);
        return write_known(w, e, data, n);
}

/* Where the data of a file with holes is. The last extent takes what would be too many. Returns 1, 0 if there are no
 * holes or the file system does not tell them, -ENOMEM. */
static int find_extents(int fd, uint64_t size, TarExtent **ret, size_t *ret_n) {
        _cleanup_free_ TarExtent *extents = NULL;
        uint64_t position = 0;
        size_t n = 0;

        extents = calloc(TAR_EXTENTS_MAX, sizeof(*extents));
        if (!extents)
                return -ENOMEM;
        while (position < size) {
                off_t data = lseek(fd, (off_t) position, SEEK_DATA), hole;

                if (data < 0 && errno != ENXIO)
                        return 0;
                if (data < 0 || (uint64_t) data >= size) /* a hole up to the end */
                        break;
                hole = n + 1 < TAR_EXTENTS_MAX ? lseek(fd, data, SEEK_HOLE) : (off_t) size;
                if (hole <= data)
                        return 0;
                if ((uint64_t) hole > size)
                        hole = (off_t) size;
                extents[n++] = (TarExtent) { (uint64_t) data, (uint64_t) (hole - data) };
                position = (uint64_t) hole;
        }
        *ret = TAKE_PTR(extents);
        *ret_n = n;
        return 1;
}

static int write_extent(TarWriter *w, int fd, TarExtent x, const char **ret_problem) {
        while (x.size > 0) {
                ssize_t n = pread(fd, w->block, x.size < BLOCK ? (size_t) x.size : BLOCK, (off_t) x.offset);
                int r;

                if (n <= 0)
                        return problem(ret_problem, n < 0 ? strerror(errno) : "it became shorter while it was read");
                r = tar_writer_data(w, w->block, (size_t) n);
                if (r < 0)
                        return r;
                x.offset += (uint64_t) n;
                x.size -= (uint64_t) n;
        }
        return 0;
}

static int write_large(TarWriter *w, TarEntry *e, int fd, const struct stat *st, const char **ret_problem) {
        _cleanup_free_ TarExtent *extents = NULL;
        size_t n = 0;
        int r = 0;

        e->size = (uint64_t) st->st_size;
        if ((uint64_t) st->st_blocks * 512U < e->size)
                r = find_extents(fd, e->size, &extents, &n);
        if (r < 0)
                return r;
        e->sparse = r > 0;
        e->extents = extents;
        e->n_extents = n;
        r = tar_writer_header(w, e);
        if (r >= 0 && !e->sparse)
                r = write_extent(w, fd, (TarExtent) { 0, e->size }, ret_problem);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = write_extent(w, fd, extents[i], ret_problem);
        e->extents = NULL;
        e->n_extents = 0;
        return r;
}

int tar_writer_file(TarWriter *w, TarEntry *e, int fd, const char **ret_problem) {
        struct stat st;
        ssize_t n;

        if (!w->block)
                w->block = malloc(BLOCK);
        if (!w->block)
                return -ENOMEM;
        n = read_full(fd, w->block, BLOCK);
        if (n < 0)
                return problem(ret_problem, strerror((int) -n));
        if (n < (ssize_t) BLOCK)
                return write_known(w, e, w->block, (size_t) n);
        if (fstat(fd, &st) < 0)
                return problem(ret_problem, strerror(errno));
        return st.st_size > (off_t) BLOCK ? write_large(w, e, fd, &st, ret_problem) :
                                            write_untold(w, e, fd, (size_t) n, ret_problem);
}
