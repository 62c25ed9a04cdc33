/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "relay-protocol.h"
#include "text.h"

static void check_notice(const char *text) {
        _cleanup_(relay_notice_done) RelayNotice n = {};
        _cleanup_free_ char *again = NULL;

        if (relay_notice_parse(text, &n) < 0)
                return;
        if (n.text && !text_is_line(n.text))
                abort();
        if (relay_notice_format(&n, &again) < 0 || strncmp(again, text, 4) != 0)
                abort();
}

/* Descriptors are taken or closed, all of them. */
static void check_go(const char *text) {
        _cleanup_(relay_go_done) RelayGo go = RELAY_GO_NULL;
        int fds[] = { -EBADF, -EBADF };

        if (relay_go_parse(text, fds, 0, &go) >= 0 && (go.stdin_fd >= 0 || go.outcome_fd >= 0 || go.command_fd >= 0))
                abort();
}

static void check_outcome(const char *text) {
        _cleanup_(relay_outcome_done) RelayOutcome o = {}, again = {};
        _cleanup_free_ char *formatted = NULL;

        if (relay_outcome_parse(text, &o) <= 0)
                return;
        if (relay_outcome_format(&o, &formatted) < 0 || relay_outcome_parse(formatted, &again) != 1 || again.notice.event != o.notice.event ||
            again.notice.code != o.notice.code)
                abort();
}

/* What a relay says and leaves behind, and what it is told: text from whoever runs as the job's user. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = malloc(size + 1);
        int signo;

        if (!text)
                abort();
        if (size > 0)
                memcpy(text, data, size);
        text[size] = 0;
        check_notice(text);
        check_go(text);
        check_outcome(text);
        if (relay_signal_parse(text, &signo) >= 0 && (signo <= 0 || signo > 64))
                abort();
        return 0;
}
