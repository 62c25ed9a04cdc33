/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ownership by scope: a variable marked _cleanup_(f) is handed to f when it leaves its scope, TAKE_PTR() and
 * TAKE_FD() hand the value over to someone else. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((__cleanup__(f)))
#define _printf_(a, b) __attribute__((__format__(__printf__, a, b)))
#define _unused_ __attribute__((__unused__))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

#define TAKE_PTR(p)                                                                                          \
        ({                                                                                                   \
                typeof(p) *_pp = &(p);                                                                       \
                typeof(p) _value = *_pp;                                                                     \
                *_pp = NULL;                                                                                 \
                _value;                                                                                      \
        })

#define TAKE_FD(fd)                                                                                          \
        ({                                                                                                   \
                int *_fdp = &(fd);                                                                           \
                int _value = *_fdp;                                                                          \
                *_fdp = -EBADF;                                                                              \
                _value;                                                                                      \
        })

/* Defines name##p(), to be used with _cleanup_(), for a destructor that takes a pointer to the object. */
#define DEFINE_CLEANUP(type, name)                                                                           \
        static inline void name##p(type *p) {                                                                \
                if (*p)                                                                                      \
                        name(*p);                                                                            \
        }                                                                                                    \
        struct _cleanup_semicolon_

static inline void freep(void *p) {
        free(*(void**) p);
}

/* Closes fd if it is open, keeps errno, returns -EBADF, to be assigned back. */
static inline int safe_close(int fd) {
        int saved = errno;

        if (fd >= 0)
                (void) close(fd);
        errno = saved;
        return -EBADF;
}

static inline void closep(int *fd) {
        *fd = safe_close(*fd);
}

static inline void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

static inline void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)
