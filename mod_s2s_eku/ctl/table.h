/* SPDX-License-Identifier: MIT */
/* table.h: columns as wide as what stands in them. */
#ifndef S2SCTL_TABLE_H
#define S2SCTL_TABLE_H

#include <stddef.h>

#define TABLE_COLUMNS_MAX 12
#define TABLE_CELL_MAX 128 /* bytes; longer text is cut */

typedef struct table table;

/* The heads, up to a NULL. NULL: out of memory. */
table *table_new(const char *const *heads);
/* One row: as many cells as there are heads; NULL and "" are shown as "-". */
void table_add(table *t, const char *const *cells);
/* Prints all on standard output, and frees. Takes NULL. */
void table_print(table *t);

#endif
