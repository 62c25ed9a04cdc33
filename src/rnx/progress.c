/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"
#include "quantity.h"
#include "rnx.h"
#include "terminal.h"

#define BAR_COLUMNS 30

static uint64_t monotonic_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

bool progress_wanted(void) {
        return !arg_quiet && on_tty(STDERR_FILENO);
}

void progress_update(Progress *p, uint64_t done, uint64_t total) {
        static const char full[] = "##############################";
        _cleanup_free_ char *a = NULL, *b = NULL;
        uint64_t now;
        int filled;

        if (total == 0)
                return;
        now = monotonic_usec();
        if (p->started == 0)
                p->started = now;
        if (now - p->started < USEC_PER_SEC / 2 || (now - p->drawn < USEC_PER_SEC / 10 && done < total) ||
            !progress_wanted())
                return;
        if (size_format(done, &a) < 0 || size_format(total, &b) < 0)
                return;

        filled = done < total ? (int) ((double) done / (double) total * BAR_COLUMNS) : BAR_COLUMNS;
        fprintf(stderr, "\r%s [%-*.*s] %s%s%s\033[K", p->label, BAR_COLUMNS, filled, full, a,
                done < total ? " of " : ", finishing", done < total ? b : "");
        p->drawn = now;
}

void progress_clear(Progress *p) {
        if (p->drawn > 0)
                fputs("\r\033[K", stderr);
        p->drawn = 0;
}
