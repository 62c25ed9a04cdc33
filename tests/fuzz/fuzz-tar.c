/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>
#include <string.h>

#include "extract.h"
#include "fuzz.h"
#include "tar.h"

typedef struct Input {
        const uint8_t *data;
        size_t size;
} Input;

static ssize_t input_read(void *userdata, void *buffer, size_t size) {
        Input *in = userdata;
        size_t n = size < in->size ? size : in->size;

        memcpy(buffer, in->data, n);
        in->data += n;
        in->size -= n;
        return (ssize_t) n;
}

/* What is handed out lies in the file, in its order, and is as much as was said. */
static void check_contents(TarReader *r, const TarEntry *e) {
        uint64_t offset, end = 0, total = 0;
        const char *data;
        size_t size;
        int q;

        while ((q = tar_reader_data(r, &data, &size, &offset)) > 0) {
                if (size == 0 || offset < end || offset > e->size || size > e->size - offset)
                        abort();
                end = offset + size;
                total += size;
        }
        if (q == 0 && total != tar_entry_stored(e))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(tar_reader_done) TarReader r = TAR_READER_NULL;
        Input in = { data, size };
        const TarEntry *e;
        int q;

        if (tar_reader_init(&r, input_read, &in) < 0)
                return -1;
        while ((q = tar_reader_next(&r, &e)) > 0) {
                _cleanup_free_ char *clean = NULL;
                const char *rule;

                if (!e->name || ((e->type == TAR_SYMBOLIC_LINK || e->type == TAR_HARD_LINK) && !e->link))
                        abort();
                if (entry_name_clean(e->name, &clean, &rule) >= 0 && (*clean == '/' || strcmp(clean, "..") == 0))
                        abort();
                check_contents(&r, e);
        }
        if (q == -EBADMSG && !r.problem)
                abort();
        return 0;
}
