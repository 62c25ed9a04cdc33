/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/wait.h>

#include "child.h"
#include "log.h"
#include "runtime-sizes.h"

#define WAITERS_MAX 64U
#define WALKS_IN_VAIN_MAX 3U

typedef struct Waiter {
        SizesFunction function;
        void *userdata;
} Waiter;

/* Those of the walk under way, and those that came later, for the next. */
static Waiter waiters[2][WAITERS_MAX];
static size_t n_waiters[2];
static bool walking;
static unsigned n_in_vain; /* walks in a row that did not help: what is found cannot be kept */

bool runtime_sizes_missing(Runtime *const *runtimes, size_t n) {
        for (size_t i = 0; i < n && n_in_vain < WALKS_IN_VAIN_MAX; i++)
                if (!runtimes[i]->problem && runtimes[i]->size == UINT64_MAX)
                        return true;
        return false;
}

static void __attribute__((__noreturn__)) walk(Runtime *const *runtimes, size_t n) {
        bool failed = false;

        for (size_t i = 0; i < n; i++) {
                uint64_t size;

                if (!runtimes[i]->problem && runtimes[i]->size == UINT64_MAX)
                        failed |= store_runtime_size(runtimes[i]->path, &size) < 0;
        }
        _exit(failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start_walk(Manager *m);

static void answer(Manager *m) {
        size_t n = n_waiters[0];
        Waiter ready[WAITERS_MAX];

        for (size_t i = 0; i < n; i++)
                ready[i] = waiters[0][i];
        n_waiters[0] = 0;
        walking = false;
        if (n_waiters[1] > 0) {
                for (size_t i = 0; i < n_waiters[1]; i++)
                        waiters[0][i] = waiters[1][i];
                n_waiters[0] = n_waiters[1];
                n_waiters[1] = 0;
                if (start_walk(m) < 0)
                        answer(m);
        }
        for (size_t i = 0; i < n; i++)
                ready[i].function(m, ready[i].userdata);
}

static void on_walked(const siginfo_t *si, void *userdata) {
        Manager *m = userdata;
        Runtime **runtimes = NULL;
        size_t n = 0;

        if (si->si_code != CLD_EXITED || si->si_status != 0)
                log_warning("Failed to find out the sizes of all runtimes, ignoring");
        if (store_enumerate(m->store, &runtimes, &n) >= 0)
                n_in_vain = runtime_sizes_missing(runtimes, n) ? n_in_vain + 1 : 0;
        runtime_free_array(runtimes, n);
        answer(m);
}

static int start_walk(Manager *m) {
        Runtime **runtimes = NULL;
        size_t n = 0;
        int r;

        r = store_enumerate(m->store, &runtimes, &n);
        if (r < 0)
                return r;
        r = child_fork(m->event, -EBADF, on_walked, m);
        if (r == 0)
                walk(runtimes, n);
        runtime_free_array(runtimes, n);
        walking = r >= 0;
        return r;
}

int runtime_sizes_update(Manager *m, SizesFunction function, void *userdata) {
        unsigned turn = walking;
        int r;

        if (n_waiters[turn] >= WAITERS_MAX)
                return -EBUSY;
        if (!walking) {
                r = start_walk(m);
                if (r < 0)
                        return r;
        }
        waiters[turn][n_waiters[turn]++] = (Waiter) { function, userdata };
        return 0;
}
