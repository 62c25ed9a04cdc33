/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Unpacks a tar stream into a directory. The stream is hostile: nothing is made outside the directory,
 * nothing that is there is replaced or written through, and nothing but files, directories and links is made. Links may
 * point anywhere: they are the job's own, and there is nothing in it that is not. */

#include <stdint.h>

#include "tar.h"

/* bytes_max limits the contents of all files together. Returns 0, or a negative errno with a message for
 * the user (without one for -ENOMEM and for what the stream's own read function returned). */
int unpack(TarReader *reader, int dir_fd, uint64_t bytes_max, char **reterr_message);
