/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

/* 64 digits and the final NUL. */
#define SHA256_HEX_SIZE 65U

/* Ends a digest that was made with nettle's functions. */
struct sha256_ctx;
void sha256_finish(struct sha256_ctx *context, char ret[static SHA256_HEX_SIZE]);

/* SHA-256 of bytes, in small hexadecimal digits. */
void sha256_bytes(const void *data, size_t size, char ret[static SHA256_HEX_SIZE]);

/* SHA-256 of what is to be read from fd, up to its end. Returns 0 or a negative errno. */
int sha256_fd(int fd, char ret[static SHA256_HEX_SIZE]);
