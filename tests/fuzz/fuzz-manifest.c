/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>

#include "fuzz.h"
#include "manifest.h"

/* Whatever comes in: a manifest or a message, never both, never neither. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_free_ char *message = NULL;
        int r;

        r = manifest_parse((const char*) data, size, "runtime.yml", &m, &message);
        if (r == -ENOMEM)
                return 0;
        if ((r == 0) != (m != NULL) || (r == 0) != (message == NULL))
                abort();
        return 0;
}
