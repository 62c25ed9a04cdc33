/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Columns of text: each as wide as its widest cell, two spaces between, nothing behind the last. */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#include "terminal.h"

typedef struct Table Table;

/* heads: names of the columns, borrowed. */
Table* table_new(const char *const *heads, size_t n_columns);
Table* table_free(Table *t);
DEFINE_CLEANUP(Table*, table_free);

/* Fills the next cell, row by row; NULL and "" are shown as "-". Control characters are replaced. 0 or
 * -ENOMEM. */
int table_add(Table *t, const char *text, Colour c);
/* The same; text must live as long as the table. */
int table_add_borrowed(Table *t, const char *text, Colour c);

/* Numbers to the right. */
void table_align_right(Table *t, size_t column);

/* legend: print the heads; underline: a row of dashes below them; columns: cut lines at this width, 0 not
 * at all. */
void table_print(const Table *t, bool legend, bool underline, unsigned columns);
