/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Columns of text: each as wide as its widest cell, two spaces between, nothing behind the last. Where a terminal is too
 * narrow for that, columns are left out that may be, and the widest shrink: a line never wraps. */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#include "terminal.h"

typedef struct Table Table;

/* heads: names of the columns; the texts are borrowed. */
Table* table_new(const char *const *heads, size_t n_columns);
Table* table_free(Table *t);
DEFINE_CLEANUP(Table*, table_free);

/* Fills the next cell, row by row; NULL and "" are shown as "-". Control characters are replaced. 0 or
 * -ENOMEM. */
int table_add(Table *t, const char *text, Colour c);
/* The same; text must live as long as the table. */
int table_add_borrowed(Table *t, const char *text, Colour c);

/* Numbers to the right; they are not cut. */
void table_align_right(Table *t, size_t column);
/* Says the same with less: not to be cut. */
void table_keep_whole(Table *t, size_t column);
/* May be left out; the first that was called so goes first. */
void table_make_optional(Table *t, size_t column);

/* legend: print the heads; underline: a row of dashes below them; columns: of the terminal, 0 if lines may have
 * any length. */
void table_print(Table *t, bool legend, bool underline, unsigned columns);

/* Prints one line of text, cut to so many columns with an ellipsis; 0: all of it. Returns how many it took. */
unsigned text_print_cut(const char *text, unsigned columns);
