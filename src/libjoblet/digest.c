/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <nettle/sha2.h>

#include "digest.h"

#define READ_SIZE (64U * 1024U)

void sha256_finish(struct sha256_ctx *context, char ret[static SHA256_HEX_SIZE]) {
        static const char digits[] = "0123456789abcdef";
        uint8_t digest[SHA256_DIGEST_SIZE];

        sha256_digest(context, sizeof(digest), digest);
        for (size_t i = 0; i < sizeof(digest); i++) {
                ret[2 * i] = digits[digest[i] >> 4];
                ret[2 * i + 1] = digits[digest[i] & 0xf];
        }
        ret[2 * sizeof(digest)] = 0;
}

void sha256_bytes(const void *data, size_t size, char ret[static SHA256_HEX_SIZE]) {
        struct sha256_ctx context;

        sha256_init(&context);
        sha256_update(&context, size, data);
        sha256_finish(&context, ret);
}

int sha256_fd(int fd, char ret[static SHA256_HEX_SIZE]) {
        _cleanup_free_ uint8_t *buffer = NULL;
        struct sha256_ctx context;

        buffer = malloc(READ_SIZE);
        if (!buffer)
                return -ENOMEM;

        sha256_init(&context);
        for (;;) {
                ssize_t n = read(fd, buffer, READ_SIZE);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                sha256_update(&context, (size_t) n, buffer);
        }
        sha256_finish(&context, ret);
        return 0;
}
