/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "rnx.h"
#include "text.h"

#define MESSAGE_MAX 8192U

static char *newest = NULL, *name_of_error = NULL;
static bool holding = false, held = false;

void message_release(void) {
        if (held)
                fprintf(stderr, "rnx: %s\n", newest ?: "out of memory");
        held = false;
}

void message_hold(void) {
        holding = true;
}

const char* message_take(void) {
        held = false;
        return newest;
}

void message_name_error(const char *name) {
        free(name_of_error);
        name_of_error = name ? strdup(name) : NULL;
}

const char* message_error_name(void) {
        return name_of_error;
}

int log_error(int error, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0)
                text = NULL;

        message_release();
        free(newest);
        newest = text ? text_for_message(text, MESSAGE_MAX) : NULL;
        held = true;
        if (!holding)
                message_release();
        return error;
}

int log_oom(void) {
        return log_error(-ENOMEM, "out of memory");
}
