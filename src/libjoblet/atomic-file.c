/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "atomic-file.h"
#include "cleanup.h"

#define TEMPORARY_PREFIX ".#"

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

static int write_temporary(int dir_fd, const char *name, const char *data, size_t size, mode_t mode,
                           int sync) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        /* O_TRUNC and no O_EXCL: what a killed predecessor left behind may not stop us. The directory is
         * ours alone. */
        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, mode) < 0)
                return -errno;
        r = write_all(fd, data, size);
        if (r < 0)
                return r;
        if (sync && fsync(fd) < 0)
                return -errno;
        return 0;
}

int atomic_files_sweep(int dir_fd) {
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *e;
        int fd, n = 0;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d) {
                int r = -errno;

                (void) safe_close(fd);
                return r;
        }
        while ((e = readdir(d)))
                if (strncmp(e->d_name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0) {
                        if (unlinkat(dir_fd, e->d_name, 0) < 0)
                                return -errno;
                        n++;
                }
        return n;
}

int atomic_file_write_at(int dir_fd, const char *name, const char *data, size_t size, mode_t mode,
                         int sync) {
        _cleanup_free_ char *temporary = NULL;
        int r;

        if (asprintf(&temporary, TEMPORARY_PREFIX "%s", name) < 0)
                return -ENOMEM;

        r = write_temporary(dir_fd, temporary, data, size, mode, sync);
        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir_fd, temporary, 0);
                return r;
        }
        if (sync && fsync(dir_fd) < 0)
                return -errno;
        return 0;
}

static bool is_null_device(const struct stat *st) {
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static int read_file(int fd, bool or_null_device, size_t size_max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *buffer = NULL;
        struct stat st;
        size_t n = 0;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) && !(or_null_device && is_null_device(&st)))
                return -EBADMSG;
        if ((uint64_t) st.st_size > size_max)
                return -EFBIG;

        buffer = malloc((size_t) st.st_size + 1);
        if (!buffer)
                return -ENOMEM;
        while (n < (size_t) st.st_size) {
                ssize_t k = read(fd, buffer + n, (size_t) st.st_size - n);

                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        buffer[n] = 0;
        if (memchr(buffer, 0, n))
                return -EBADMSG;
        if (ret_size)
                *ret_size = n;
        *ret = TAKE_PTR(buffer);
        return 0;
}

/* Never waits for a fifo or a terminal that lies there. */
#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

int file_read_at(int dir_fd, const char *name, size_t size_max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dir_fd, name, READ_FLAGS | O_NOFOLLOW);

        return fd < 0 ? -errno : read_file(fd, /* or_null_device= */ false, size_max, ret, ret_size);
}

int file_read_configuration(const char *path, size_t size_max, char **ret) {
        _cleanup_close_ int fd = open(path, READ_FLAGS);

        return fd < 0 ? -errno : read_file(fd, /* or_null_device= */ true, size_max, ret, NULL);
}
