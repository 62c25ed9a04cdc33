/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "shell-quote.h"
#include "strv.h"

static bool is_plain(const char *word) {
        for (const char *s = word; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr("@%+=:,./-_", *s))
                        return false;
        return *word != 0;
}

static bool has_control(const char *word) {
        for (const char *s = word; *s; s++)
                if (iscntrl((unsigned char) *s))
                        return true;
        return false;
}

/* $'...' where control characters would break the line, '...' elsewhere. */
static void quote(FILE *f, const char *word) {
        bool ansi = has_control(word);

        if (is_plain(word)) {
                fputs(word, f);
                return;
        }
        fputs(ansi ? "$'" : "'", f);
        for (const unsigned char *s = (const unsigned char*) word; *s; s++) {
                if (!ansi && *s == '\'')
                        fputs("'\\''", f);
                else if (ansi && (*s == '\'' || *s == '\\'))
                        fprintf(f, "\\%c", *s);
                else if (ansi && *s == '\n')
                        fputs("\\n", f);
                else if (ansi && *s == '\t')
                        fputs("\\t", f);
                else if (iscntrl(*s))
                        fprintf(f, "\\%03o", *s);
                else
                        fputc(*s, f);
        }
        fputc('\'', f);
}

int shell_quote(char *const *words, char **ret) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        FILE *f;

        f = open_memstream(&line, &size);
        if (!f)
                return -ENOMEM;
        STRV_FOREACH(w, words) {
                if (w != words)
                        fputc(' ', f);
                quote(f, *w);
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(line);
        return 0;
}
