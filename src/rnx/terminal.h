/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What depends on whether a terminal is there. */

#include <stdbool.h>

bool on_tty(int fd);

/* Columns of the terminal behind stdout (or of $COLUMNS), 0 if there is none: then nothing is cut. */
unsigned terminal_columns(void);

/* The same of the terminal that the descriptor is. */
unsigned terminal_columns_of(int fd);

typedef enum Colour {
        COLOUR_NORMAL, /* ends any of the others */
        COLOUR_RED,
        COLOUR_GREEN,
        COLOUR_YELLOW,
        COLOUR_GREY,
        COLOUR_BOLD,
        _COLOUR_MAX,
} Colour;

/* The escape sequence, "" if stdout is no terminal, or NO_COLOR or a dumb terminal say no. */
const char* colour(Colour c);

/* Whether output is UTF-8 (from the locale); sets the locale's LC_CTYPE. */
bool terminal_is_utf8(void);
