/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <time.h>

#include "cleanup.h"
#include "clock.h"

static uint64_t now(clockid_t clock) {
        struct timespec ts;

        (void) clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000U;
}

uint64_t now_monotonic(void) {
        return now(CLOCK_MONOTONIC);
}

uint64_t now_boottime(void) {
        return now(CLOCK_BOOTTIME);
}

uint64_t now_realtime(void) {
        return now(CLOCK_REALTIME);
}

bool expired(uint64_t now, uint64_t since, uint64_t patience, uint64_t *timeout) {
        if (now - since >= patience)
                return true;
        if (patience - (now - since) < *timeout)
                *timeout = patience - (now - since);
        return false;
}
