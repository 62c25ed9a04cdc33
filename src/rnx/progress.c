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
#define TEXT_COLUMNS 40 /* of label and sizes beside it, about the most */

static uint64_t monotonic_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

bool progress_wanted(void) {
        return !arg_quiet && on_tty(STDERR_FILENO);
}

/* A line that is wrapped could not be drawn over: where there is no room the numbers stand alone. */
static int bar_columns(void) {
        unsigned columns = terminal_columns_of(STDERR_FILENO);

        return columns >= TEXT_COLUMNS + BAR_COLUMNS ? BAR_COLUMNS :
               columns > TEXT_COLUMNS + BAR_COLUMNS / 6 ? (int) columns - TEXT_COLUMNS : 0;
}

void progress_update(Progress *p, uint64_t done, uint64_t total) {
        static const char full[] = "##############################";
        _cleanup_free_ char *a = NULL, *b = NULL;
        int filled, columns;
        uint64_t now;

        if (total == 0)
                return;
        now = monotonic_usec();
        if (p->started == 0)
                p->started = now;
        /* The end is drawn at once, but not again and again: the total is an estimate. */
        if (now - p->started < USEC_PER_SEC / 2 ||
            (now - p->drawn < USEC_PER_SEC / 10 && (done < total || p->finishing)) || !progress_wanted())
                return;
        if (size_format(done, &a) < 0 || size_format(total, &b) < 0)
                return;

        p->finishing = done >= total;
        columns = bar_columns();
        filled = done < total ? (int) ((double) done / (double) total * columns) : columns;
        fprintf(stderr, "\r%s ", p->label);
        if (columns > 0)
                fprintf(stderr, "[%-*.*s] ", columns, filled, full);
        fprintf(stderr, "%s%s%s\033[K", a, done < total ? " of " : ", finishing", done < total ? b : "");
        p->drawn = now;
}

void progress_clear(Progress *p) {
        if (p->drawn > 0)
                fputs("\r\033[K", stderr);
        p->drawn = 0;
}
