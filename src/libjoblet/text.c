/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "text.h"

/* Decodes one character at s, of which size bytes are there. Returns its length, or 0 if it is not
 * well-formed. */
static size_t utf8_decode(const char *s, size_t size, uint32_t *ret) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const unsigned char *p = (const unsigned char*) s;
        uint32_t c;
        size_t n;

        if (size == 0 || p[0] == 0)
                return 0;

        if (p[0] < 0x80) {
                *ret = p[0];
                return 1;
        }

        if ((p[0] & 0xe0) == 0xc0) {
                n = 2;
                c = p[0] & 0x1f;
        } else if ((p[0] & 0xf0) == 0xe0) {
                n = 3;
                c = p[0] & 0x0f;
        } else if ((p[0] & 0xf8) == 0xf0) {
                n = 4;
                c = p[0] & 0x07;
        } else
                return 0;

        if (n > size)
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }
        if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;

        *ret = c;
        return n;
}

static bool character_is_control(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* What reorders or breaks a line of a terminal: such text may not reach a message. */
static bool character_is_layout(uint32_t c) {
        return (c >= 0x200e && c <= 0x200f) ||          /* direction marks */
                (c >= 0x2028 && c <= 0x202e) ||         /* line separators, direction overrides */
                (c >= 0x2066 && c <= 0x2069) ||         /* direction isolates */
                c == 0xfeff;
}

bool utf8_is_valid(const char *s, size_t size) {
        uint32_t c;

        for (size_t i = 0, n; i < size; i += n) {
                n = utf8_decode(s + i, size - i, &c);
                if (n == 0)
                        return false;
        }
        return true;
}

bool text_is_line(const char *s) {
        size_t size = strlen(s);
        uint32_t c;

        for (size_t i = 0, n; i < size; i += n) {
                n = utf8_decode(s + i, size - i, &c);
                if (n == 0 || character_is_control(c) || character_is_layout(c))
                        return false;
        }
        return true;
}

bool text_is_value(const char *s) {
        size_t size = strlen(s);
        uint32_t c;

        for (size_t i = 0, n; i < size; i += n) {
                n = utf8_decode(s + i, size - i, &c);
                if (n == 0 || (character_is_control(c) && c != '\t' && c != '\n'))
                        return false;
        }
        return true;
}

char* text_for_message(const char *s, size_t max) {
        size_t size = strlen(s), used = 0;
        uint32_t c;
        char *copy;

        copy = malloc((size < max ? size : max) + sizeof("..."));
        if (!copy)
                return NULL;

        for (size_t i = 0, n; i < size; i += n) {
                n = utf8_decode(s + i, size - i, &c);
                if (used + (n ?: 1) > max) {
                        memcpy(copy + used, "...", 3);
                        used += 3;
                        break;
                }
                if (n == 0 || character_is_control(c) || character_is_layout(c)) {
                        copy[used++] = '?';
                        n = n ?: 1;
                        continue;
                }
                memcpy(copy + used, s + i, n);
                used += n;
        }
        copy[used] = 0;
        return copy;
}

/* The length of the sequence at s that sets colours, "ESC [ 0 ; 31 m", or 0. */
static size_t colour_sequence(const char *s, size_t size) {
        size_t n = 2;

        if (size < 3 || s[0] != '\033' || s[1] != '[')
                return 0;
        while (n < size && ((s[n] >= '0' && s[n] <= '9') || s[n] == ';'))
                n++;
        return n < size && s[n] == 'm' ? n + 1 : 0;
}

char* text_for_terminal(const char *s, size_t size, size_t *ret_size) {
        static const char reset[] = "\033[0m";
        char *copy = malloc(size + sizeof(reset));
        bool coloured = false;
        size_t used = 0;
        uint32_t c = 0;

        if (!copy)
                return NULL;
        for (size_t i = 0, n; i < size; i += n) {
                n = colour_sequence(s + i, size - i);
                coloured = coloured || n > 0;
                if (n == 0) {
                        n = utf8_decode(s + i, size - i, &c);
                        if (n == 0 || (character_is_control(c) && c != '\t') || character_is_layout(c)) {
                                copy[used++] = '?';
                                n = n ?: 1;
                                continue;
                        }
                }
                memcpy(copy + used, s + i, n);
                used += n;
        }
        if (coloured)
                used += (size_t) (stpcpy(copy + used, reset) - (copy + used));
        copy[used] = 0;
        *ret_size = used;
        return copy;
}

int message_set(char **ret, int error, const char *format, ...) {
        char *s = NULL;
        va_list ap;
        int r;

        if (!ret)
                return error;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;

        free(*ret);
        *ret = s;
        return error;
}
