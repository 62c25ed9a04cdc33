/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "table.h"
#include "text.h"

#define COLUMNS_MAX 16U
#define CELL_MAX 65536U
#define GAP 2U
#define STDOUT_BUFFER (256U * 1024U)

typedef struct Cell {
        const char *text;
        char *owned;    /* what is to be freed, or NULL */
        unsigned width; /* columns on a terminal */
        Colour colour;
} Cell;

struct Table {
        const char *const *heads;
        size_t n_columns;
        Cell *cells;
        size_t n_cells, n_allocated;
        unsigned widths[COLUMNS_MAX];
        bool right[COLUMNS_MAX];
};

/* Nearly all text is plain ASCII, and a list may have 100,000 cells. */
static bool text_is_plain(const char *s) {
        for (; *s; s++)
                if (*s < 0x20 || *s > 0x7e)
                        return false;
        return true;
}

/* Columns that the text takes; *size: bytes of it that fit into limit columns. */
static unsigned text_width(const char *s, unsigned limit, size_t *ret_size) {
        mbstate_t state = {};
        unsigned width = 0;
        const char *p = s;

        if (text_is_plain(s)) {
                size_t n = strnlen(s, limit);

                if (ret_size)
                        *ret_size = n;
                return (unsigned) n;
        }

        (void) terminal_is_utf8();
        while (*p) {
                wchar_t c;
                size_t n = mbrtowc(&c, p, strlen(p), &state);
                int w;

                if (n == (size_t) -1 || n == (size_t) -2) {
                        /* Not of this locale: UTF-8 in the C locale. Count what begins a character. */
                        state = (mbstate_t) {};
                        n = 1;
                        w = ((unsigned char) *p & 0xc0) != 0x80;
                } else {
                        w = wcwidth(c);
                        if (w < 0)
                                w = 1;
                }
                if (width + (unsigned) w > limit)
                        break;
                width += (unsigned) w;
                p += n;
        }
        if (ret_size)
                *ret_size = (size_t) (p - s);
        return width;
}

Table* table_new(const char *const *heads, size_t n_columns) {
        Table *t;

        if (n_columns > COLUMNS_MAX)
                return NULL;
        t = malloc(sizeof(*t));
        if (!t)
                return NULL;

        *t = (Table) { .heads = heads, .n_columns = n_columns };
        for (size_t i = 0; i < n_columns; i++)
                t->widths[i] = (unsigned) strlen(heads[i]);
        return t;
}

Table* table_free(Table *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_cells; i++)
                free(t->cells[i].owned);
        free(t->cells);
        free(t);
        return NULL;
}

static int cell_add(Table *t, const char *text, bool copy, Colour c) {
        unsigned *width = &t->widths[t->n_cells % t->n_columns];
        Cell cell = { .text = text && *text ? text : "-", .colour = c };
        bool plain = text_is_plain(cell.text);

        if (t->n_cells == t->n_allocated) {
                size_t n = t->n_allocated > 0 ? t->n_allocated * 2 : 64;
                Cell *cells = reallocarray(t->cells, n, sizeof(*cells));

                if (!cells)
                        return -ENOMEM;
                t->cells = cells;
                t->n_allocated = n;
        }
        if (!plain || copy) {
                cell.owned = plain ? strdup(cell.text) : text_for_message(cell.text, CELL_MAX);
                if (!cell.owned)
                        return -ENOMEM;
                cell.text = cell.owned;
        }

        cell.width = plain ? (unsigned) strlen(cell.text) : text_width(cell.text, UINT32_MAX, NULL);
        if (cell.width > *width)
                *width = cell.width;
        t->cells[t->n_cells++] = cell;
        return 0;
}

int table_add(Table *t, const char *text, Colour c) {
        return cell_add(t, text, true, c);
}

int table_add_borrowed(Table *t, const char *text, Colour c) {
        return cell_add(t, text, false, c);
}

void table_align_right(Table *t, size_t column) {
        t->right[column] = true;
}

static void spaces_print(unsigned n) {
        static const char spaces[] = "                                ";

        for (; n >= sizeof(spaces) - 1; n -= (unsigned) sizeof(spaces) - 1)
                (void) fwrite_unlocked(spaces, 1, sizeof(spaces) - 1, stdout);
        (void) fwrite_unlocked(spaces, 1, n, stdout);
}

static void cell_print(const Table *t, size_t column, const char *text, unsigned width, Colour c,
                       unsigned *left) {
        bool last = column + 1 == t->n_columns;
        unsigned pad = t->widths[column] - width;
        const char *more = "";
        size_t size = strlen(text);

        if (width > *left && *left > 3) {
                (void) text_width(text, *left - 3, &size);
                more = "...";
        }
        if (t->right[column])
                spaces_print(pad);
        if (c != COLOUR_NORMAL)
                fputs_unlocked(colour(c), stdout);
        (void) fwrite_unlocked(text, 1, size, stdout);
        fputs_unlocked(more, stdout);
        if (c != COLOUR_NORMAL)
                fputs_unlocked(colour(COLOUR_NORMAL), stdout);
        if (!last)
                spaces_print((t->right[column] ? 0 : pad) + GAP);
        else
                fputc_unlocked('\n', stdout);

        *left -= t->widths[column] + GAP < *left ? t->widths[column] + GAP : *left;
}

static void heads_print(const Table *t, bool dashes) {
        unsigned left = UINT32_MAX;

        for (size_t i = 0; i < t->n_columns; i++) {
                unsigned n = (unsigned) strlen(t->heads[i]);
                char line[64];

                if (dashes && n < sizeof(line)) {
                        memset(line, '-', n);
                        line[n] = 0;
                }
                cell_print(t, i, dashes ? line : t->heads[i], n, COLOUR_NORMAL, &left);
        }
}

void table_print(const Table *t, bool legend, bool underline, unsigned columns) {
        (void) setvbuf(stdout, NULL, _IOFBF, STDOUT_BUFFER);
        if (legend) {
                heads_print(t, false);
                if (underline)
                        heads_print(t, true);
        }

        for (size_t i = 0; i < t->n_cells;) {
                unsigned left = columns > 0 ? columns : UINT32_MAX;

                for (size_t column = 0; column < t->n_columns && i < t->n_cells; column++, i++)
                        cell_print(t, column, t->cells[i].text, t->cells[i].width, t->cells[i].colour, &left);
        }
}
