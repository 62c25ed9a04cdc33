/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "launch.h"
#include "strv.h"

/* What is taken is written again to the same bytes, so nothing of it was left out. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(launch_done) Launch l = {};
        _cleanup_free_ char *again = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (launch_parse((const char*) data, size, &l) < 0)
                return -1;
        fd = launch_write(l.command, l.environment);
        again = malloc(size + 1);
        if (fd < 0 || !again || pread(fd, again, size + 1, 0) != (ssize_t) size || memcmp(again, data, size) != 0)
                abort();
        return 0;
}
