/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cleanup.h"
#include "pager.h"
#include "terminal.h"

bool on_tty(int fd) {
        return isatty(fd) > 0;
}

unsigned terminal_columns_of(int fd) {
        const char *e = getenv("COLUMNS");
        struct winsize size = {};
        unsigned long n;
        char *end;

        if (e && *e) {
                n = strtoul(e, &end, 10);
                if (!*end && n > 0 && n < 65536)
                        return (unsigned) n;
        }
        return ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 ? 80 : size.ws_col;
}

unsigned terminal_columns(void) {
        if (!on_tty(STDOUT_FILENO) && !pager_is_open())
                return 0;
        /* stderr stays with the terminal when a pager took stdout. */
        return terminal_columns_of(pager_is_open() ? STDERR_FILENO : STDOUT_FILENO);
}

static bool colours_wanted(void) {
        static int cached = -1;

        if (cached < 0) {
                const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

                cached = (on_tty(STDOUT_FILENO) || pager_is_open()) && !(no && *no) && term && *term &&
                        strcmp(term, "dumb") != 0;
        }
        return cached;
}

const char* colour(Colour c) {
        static const char *const table[_COLOUR_MAX] = {
                [COLOUR_NORMAL] = "\033[0m",
                [COLOUR_RED]    = "\033[0;1;31m",
                [COLOUR_GREEN]  = "\033[0;1;32m",
                [COLOUR_YELLOW] = "\033[0;1;33m",
                [COLOUR_GREY]   = "\033[0;38;5;245m",
                [COLOUR_BOLD]   = "\033[0;1;39m",
        };

        return colours_wanted() ? table[c] : "";
}

bool terminal_is_utf8(void) {
        static int cached = -1;

        if (cached < 0) {
                (void) setlocale(LC_CTYPE, "");
                cached = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
        }
        return cached;
}
