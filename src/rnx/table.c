/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "table.h"
#include "text.h"

#define COLUMNS_MAX 16U
#define CELL_MAX 65536U
#define GAP 2U

typedef struct Cell {
        char *text;
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

/* Columns that the text takes; *size: bytes of it that fit into limit columns. */
static unsigned text_width(const char *s, unsigned limit, size_t *ret_size) {
        mbstate_t state = {};
        unsigned width = 0;
        const char *p = s;

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
                free(t->cells[i].text);
        free(t->cells);
        free(t);
        return NULL;
}

int table_add(Table *t, const char *text, Colour c) {
        unsigned *width = &t->widths[t->n_cells % t->n_columns];
        Cell *cell;

        if (t->n_cells == t->n_allocated) {
                size_t n = t->n_allocated > 0 ? t->n_allocated * 2 : 64;
                Cell *cells = reallocarray(t->cells, n, sizeof(*cells));

                if (!cells)
                        return -ENOMEM;
                t->cells = cells;
                t->n_allocated = n;
        }

        cell = t->cells + t->n_cells;
        *cell = (Cell) { .text = text_for_message(text && *text ? text : "-", CELL_MAX), .colour = c };
        if (!cell->text)
                return -ENOMEM;
        cell->width = text_width(cell->text, UINT32_MAX, NULL);
        if (cell->width > *width)
                *width = cell->width;
        t->n_cells++;
        return 0;
}

int table_addf(Table *t, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return table_add(t, text, COLOUR_NORMAL);
}

void table_align_right(Table *t, size_t column) {
        t->right[column] = true;
}

static void cell_print(const Table *t, size_t column, const char *text, unsigned width, Colour c, unsigned *left) {
        bool last = column + 1 == t->n_columns;
        unsigned pad = t->widths[column] - width;
        size_t size = strlen(text);
        const char *more = "";

        if (width > *left && *left > 3) {
                (void) text_width(text, *left - 3, &size);
                more = "...";
        }
        if (t->right[column])
                printf("%*s", (int) pad, "");
        if (c != COLOUR_NORMAL)
                fputs(colour(c), stdout);
        (void) fwrite(text, 1, size, stdout);
        fputs(more, stdout);
        if (c != COLOUR_NORMAL)
                fputs(colour(COLOUR_NORMAL), stdout);
        if (!last)
                printf("%*s", (int) ((t->right[column] ? 0 : pad) + GAP), "");
        else
                fputc('\n', stdout);

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
