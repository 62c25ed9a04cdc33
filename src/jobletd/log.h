/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the daemon says about itself: one line on stderr with its priority, which journald understands
 * (sd-daemon(3)). Events that users look for have an id and fields of their own, see events.h. */

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#define log_full(prefix, ...) ((void) fprintf(stderr, prefix __VA_ARGS__), (void) fputc('\n', stderr))

#define log_error(...) log_full(SD_ERR, __VA_ARGS__)
#define log_warning(...) log_full(SD_WARNING, __VA_ARGS__)
#define log_notice(...) log_full(SD_NOTICE, __VA_ARGS__)
#define log_info(...) log_full(SD_INFO, __VA_ARGS__)
#define log_debug(...) log_full(SD_DEBUG, __VA_ARGS__)

/* Logs with %m for the negative errno, and returns it. */
#define log_full_errno(prefix, error, ...)                                                                   \
        ({                                                                                                   \
                int _error = (error);                                                                        \
                errno = -_error;                                                                             \
                log_full(prefix, __VA_ARGS__);                                                               \
                _error;                                                                                      \
        })

#define log_error_errno(error, ...) log_full_errno(SD_ERR, error, __VA_ARGS__)
#define log_warning_errno(error, ...) log_full_errno(SD_WARNING, error, __VA_ARGS__)
