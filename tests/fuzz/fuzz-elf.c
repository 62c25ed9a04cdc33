/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>
#include <string.h>

#include "elf-dynamic.h"
#include "fuzz.h"

/* Every string that is told lies in the file and has an end there. */
static int check(int64_t tag, const char *text, void *userdata) {
        const char *const *range = userdata;

        if (text < range[0] || text + strnlen(text, (size_t) (range[1] - text)) >= range[1])
                abort();
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *start = (const char*) data, *range[2] = { start, start + size };

        return elf_dynamic_strings(start, size, check, range) == 0 ? 0 : -1;
}
