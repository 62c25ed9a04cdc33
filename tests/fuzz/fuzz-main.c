/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Feeds a fuzz target the files named as arguments, and those in directories named so. */

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "fuzz.h"

static int feed(const char *path, size_t size) {
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ uint8_t *data = NULL;

        f = fopen(path, "re");
        if (!f)
                return -errno;
        /* As large as the file, so that a sanitizer sees one byte too many. */
        data = malloc(size ?: 1);
        if (!data)
                return -ENOMEM;
        if (fread(data, 1, size, f) != size)
                return -EIO;

        (void) LLVMFuzzerTestOneInput(data, size);
        return 0;
}

int main(int argc, char *argv[]) {
        unsigned n = 0;
        FTSENT *e;
        FTS *fts;

        if (argc < 2) {
                fprintf(stderr, "No files to replay are given.\n");
                return EXIT_FAILURE;
        }

        fts = fts_open(argv + 1, FTS_PHYSICAL|FTS_NOCHDIR, NULL);
        if (!fts) {
                perror("fts_open");
                return EXIT_FAILURE;
        }
        while ((e = fts_read(fts))) {
                if (e->fts_info == FTS_D || e->fts_info == FTS_DP)
                        continue;
                if (e->fts_info != FTS_F || feed(e->fts_accpath, (size_t) e->fts_statp->st_size) < 0) {
                        fprintf(stderr, "Failed to read %s.\n", e->fts_path);
                        return EXIT_FAILURE;
                }
                n++;
        }
        (void) fts_close(fts);

        printf("%u files replayed\n", n);
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
