/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dlfcn.h>

#include "archive-dl.h"
#include "rnx.h"

#define DEFINE(name) typeof(name) *sym_##name = NULL;
ARCHIVE_FUNCTIONS(DEFINE)
#undef DEFINE

int archive_load(void) {
        static const char library[] = "libarchive.so.13";
        static void *handle = NULL;
        void *dl;

        if (handle)
                return 0;
        dl = dlopen(library, RTLD_NOW | RTLD_NODELETE);
        if (!dl)
                return log_error(-ENOENT, "files cannot be sent or fetched without libarchive: %s",
                                 dlerror());

#define LOOK_UP(name)                                                                                        \
        sym_##name = (typeof(sym_##name)) dlsym(dl, #name);                                                  \
        if (!sym_##name)                                                                                     \
                return log_error(-ELIBACC, "%s has no %s()", library, #name);
        ARCHIVE_FUNCTIONS(LOOK_UP)
#undef LOOK_UP

        handle = dl;
        return 0;
}
