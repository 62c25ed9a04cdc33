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
#define WIDTH_MIN 10U /* of a column that may be cut */
#define STDOUT_BUFFER (256U * 1024U)

typedef struct Cell {
        const char *text;
        char *owned;    /* what is to be freed, or NULL */
        unsigned width; /* columns on a terminal */
        Colour colour;
} Cell;

struct Table {
        const char *heads[COLUMNS_MAX];
        size_t n_columns;
        Cell *cells;
        size_t n_cells, n_allocated;
        unsigned widths[COLUMNS_MAX]; /* 0: left out */
        bool right[COLUMNS_MAX], whole[COLUMNS_MAX];
        size_t optional[COLUMNS_MAX], n_optional;
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

        *t = (Table) { .n_columns = n_columns };
        for (size_t i = 0; i < n_columns; i++) {
                t->heads[i] = heads[i];
                t->widths[i] = (unsigned) strlen(heads[i]);
        }
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
        t->right[column] = t->whole[column] = true;
}

void table_keep_whole(Table *t, size_t column) {
        t->whole[column] = true;
}

void table_make_optional(Table *t, size_t column) {
        t->optional[t->n_optional++] = column;
}

static unsigned width_min(const Table *t, size_t column) {
        return t->whole[column] || t->widths[column] < WIDTH_MIN ? t->widths[column] : WIDTH_MIN;
}

/* What a line takes: as it is, or at least. */
static unsigned line_width(const Table *t, bool least) {
        unsigned width = 0;

        for (size_t i = 0; i < t->n_columns; i++)
                if (t->widths[i] > 0)
                        width += (width > 0 ? GAP : 0) + (least ? width_min(t, i) : t->widths[i]);
        return width;
}

static void fit(Table *t, unsigned columns) {
        for (size_t i = 0; i < t->n_optional && line_width(t, true) > columns; i++)
                t->widths[t->optional[i]] = 0;

        for (unsigned width = line_width(t, false); width > columns; width--) {
                size_t widest = t->n_columns;

                for (size_t i = 0; i < t->n_columns; i++)
                        if (t->widths[i] > width_min(t, i) &&
                            (widest == t->n_columns || t->widths[i] >= t->widths[widest]))
                                widest = i;
                if (widest == t->n_columns)
                        return; /* lines are cut where the terminal ends */
                t->widths[widest]--;
        }
}

static void spaces_print(unsigned n) {
        static const char spaces[] = "                                ";

        for (; n >= sizeof(spaces) - 1; n -= (unsigned) sizeof(spaces) - 1)
                (void) fwrite_unlocked(spaces, 1, sizeof(spaces) - 1, stdout);
        (void) fwrite_unlocked(spaces, 1, n, stdout);
}

/* Prints what of the text fits into width columns; returns how many it took. */
static unsigned text_print(const char *text, unsigned text_columns, unsigned width) {
        const char *more = terminal_is_utf8() ? "…" : "...";
        unsigned n_more = terminal_is_utf8() ? 1 : 3, n;
        size_t size;

        if (text_columns <= width) {
                fputs_unlocked(text, stdout);
                return text_columns;
        }
        if (width <= n_more) { /* too little to say so */
                n_more = 0;
                more = "";
        }
        n = text_width(text, width - n_more, &size);
        (void) fwrite_unlocked(text, 1, size, stdout);
        fputs_unlocked(more, stdout);
        return n + n_more;
}

typedef struct Line {
        unsigned left;    /* columns up to the edge */
        unsigned pending; /* spaces, if anything follows */
} Line;

static void cell_print(const Table *t, size_t column, const char *text, unsigned text_columns, Colour c, Line *line) {
        unsigned width = t->widths[column], space, taken, pad;

        if (width == 0)
                return;
        space = line->pending + (t->right[column] && text_columns < width ? width - text_columns : 0);
        if (space >= line->left)
                return;
        spaces_print(space);
        line->left -= space;

        if (c != COLOUR_NORMAL)
                fputs_unlocked(colour(c), stdout);
        taken = text_print(text, text_columns, width < line->left ? width : line->left);
        if (c != COLOUR_NORMAL)
                fputs_unlocked(colour(COLOUR_NORMAL), stdout);
        line->left -= taken;
        pad = t->right[column] || taken >= width ? 0 : width - taken;
        line->pending = pad + GAP;
}

static void heads_print(const Table *t, bool dashes, unsigned columns) {
        Line line = { .left = columns };

        for (size_t i = 0; i < t->n_columns; i++) {
                unsigned n = (unsigned) strlen(t->heads[i]);
                char text[64];

                if (dashes && n < sizeof(text)) {
                        memset(text, '-', n);
                        text[n] = 0;
                }
                cell_print(t, i, dashes ? text : t->heads[i], n, COLOUR_NORMAL, &line);
        }
        fputc_unlocked('\n', stdout);
}

void table_print(Table *t, bool legend, bool underline, unsigned columns) {
        (void) setvbuf(stdout, NULL, _IOFBF, STDOUT_BUFFER);
        if (columns > 0)
                fit(t, columns);
        else
                columns = UINT32_MAX;
        if (legend) {
                heads_print(t, false, columns);
                if (underline)
                        heads_print(t, true, columns);
        }

        for (size_t i = 0; i < t->n_cells;) {
                Line line = { .left = columns };

                for (size_t column = 0; column < t->n_columns && i < t->n_cells; column++, i++)
                        cell_print(t, column, t->cells[i].text, t->cells[i].width, t->cells[i].colour, &line);
                fputc_unlocked('\n', stdout);
        }
}

unsigned text_print_cut(const char *text, unsigned columns) {
        return text_print(text, text_width(text, UINT32_MAX, NULL), columns > 0 ? columns : UINT32_MAX);
}
