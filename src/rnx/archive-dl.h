/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* libarchive, loaded when the first file is to be packed or unpacked: with all that it pulls in it takes
 * longer to load (3 ms) than everything else that rnx does, and most jobs come without files. */

#include <archive.h>
#include <archive_entry.h>

#include "cleanup.h"

#define ARCHIVE_FUNCTIONS(X)                                                                                 \
        X(archive_entry_clear)                                                                               \
        X(archive_entry_copy_hardlink)                                                                       \
        X(archive_entry_copy_pathname)                                                                       \
        X(archive_entry_copy_stat)                                                                           \
        X(archive_entry_copy_symlink)                                                                        \
        X(archive_entry_filetype)                                                                            \
        X(archive_entry_free)                                                                                \
        X(archive_entry_hardlink)                                                                            \
        X(archive_entry_mode)                                                                                \
        X(archive_entry_new)                                                                                 \
        X(archive_entry_pathname)                                                                            \
        X(archive_entry_pathname_utf8)                                                                       \
        X(archive_entry_set_gid)                                                                             \
        X(archive_entry_set_perm)                                                                            \
        X(archive_entry_set_size)                                                                            \
        X(archive_entry_set_uid)                                                                             \
        X(archive_entry_symlink)                                                                             \
        X(archive_error_string)                                                                              \
        X(archive_read_data_block)                                                                           \
        X(archive_read_free)                                                                                 \
        X(archive_read_new)                                                                                  \
        X(archive_read_next_header)                                                                          \
        X(archive_read_open)                                                                                 \
        X(archive_set_error)                                                                                 \
        X(archive_read_support_format_empty)                                                                 \
        X(archive_read_support_format_tar)                                                                   \
        X(archive_write_close)                                                                               \
        X(archive_write_data)                                                                                \
        X(archive_write_data_block)                                                                          \
        X(archive_write_disk_new)                                                                            \
        X(archive_write_disk_set_options)                                                                    \
        X(archive_write_finish_entry)                                                                        \
        X(archive_write_free)                                                                                \
        X(archive_write_header)                                                                              \
        X(archive_write_new)                                                                                 \
        X(archive_write_open_fd)                                                                             \
        X(archive_write_set_bytes_in_last_block)                                                             \
        X(archive_write_set_bytes_per_block)                                                                 \
        X(archive_write_set_format_pax_restricted)

#define DECLARE(name) extern typeof(name) *sym_##name;
ARCHIVE_FUNCTIONS(DECLARE)
#undef DECLARE

/* 0, or a negative errno after a message. */
int archive_load(void);
