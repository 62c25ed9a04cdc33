/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A directory of its own for a test, gone after it. Included after test.h. */

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Fixture {
        char root[64];
        int fd;
} Fixture;

static inline Fixture* fixture_new(void) {
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        strcpy(f->root, "/tmp/joblet-unit-XXXXXX");
        assert_non_null(mkdtemp(f->root));
        f->fd = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(f->fd >= 0);
        return f;
}

static inline int fixture_remove_one(const char *path, const struct stat *st, int type, struct FTW *f) {
        return remove(path);
}

static inline void fixture_free(Fixture *f) {
        assert_int_equal(nftw(f->root, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
        close(f->fd);
        free(f);
}
