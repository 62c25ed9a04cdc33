/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Small files that are there whole or not at all. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Replaces the file name below dir_fd by data: a temporary file beside it, renamed. The data reaches the
 * disk when the kernel writes it back; with sync set, before this returns. Returns 0 or a negative errno,
 * then the old file is untouched. */
int atomic_file_write_at(int dir_fd, const char *name, const char *data, size_t size, mode_t mode, int sync);

/* Removes the temporary files that writers which were killed have left below dir_fd. Returns how many, or a negative
 * errno. */
int atomic_files_sweep(int dir_fd);

/* Reads a regular file of at most size_max bytes as a string; links are not followed. Returns 0, -ENOENT,
 * -EFBIG, -EBADMSG if it holds a NUL, or another negative errno. */
int file_read_at(int dir_fd, const char *name, size_t size_max, char **ret, size_t *ret_size);

/* The same for a file of the administrator's, where a link leads where it should, and /dev/null is empty: so is
 * a file of systemd's masked. */
int file_read_configuration(const char *path, size_t size_max, char **ret);
