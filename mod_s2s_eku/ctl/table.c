/* SPDX-License-Identifier: MIT */
/* table.c: keeps the cells until their widths are known. */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
    size_t columns, len, room; /* cells */
    char (*cells)[TABLE_CELL_MAX];
    size_t widths[TABLE_COLUMNS_MAX]; /* characters */
    int failed;
};

/* Characters, not bytes: what begins one in UTF-8. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void add_cell(table *t, const char *text)
{
    enum { FIRST_ROOM = 64 };
    if (t->len == t->room) {
        size_t room = t->room > 0 ? 2 * t->room : FIRST_ROOM;
        void *more = realloc(t->cells, room * sizeof *t->cells);
        if (!more) {
            t->failed = 1;
            return;
        }
        t->cells = more;
        t->room = room;
    }
    char *cell = t->cells[t->len];
    (void)snprintf(cell, TABLE_CELL_MAX, "%s", text && *text ? text : "-");
    size_t width = width_of(cell), column = t->len++ % t->columns;
    t->widths[column] = width > t->widths[column] ? width : t->widths[column];
}

table *table_new(const char *const *heads)
{
    table *t = calloc(1, sizeof *t);
    while (t && heads[t->columns] && t->columns < TABLE_COLUMNS_MAX)
        t->columns++;
    if (t)
        table_add(t, heads);
    return t;
}

void table_add(table *t, const char *const *cells)
{
    for (size_t i = 0; t && i < t->columns && !t->failed; i++)
        add_cell(t, cells[i]);
}

void table_print(table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->len; i++) {
        size_t column = i % t->columns;
        (void)fputs(t->cells[i], stdout);
        if (column + 1 == t->columns) {
            (void)putchar('\n');
            continue;
        }
        for (size_t width = width_of(t->cells[i]); width < t->widths[column] + 2; width++)
            (void)putchar(' ');
    }
    if (t->failed)
        (void)fprintf(stderr, "s2sctl: out of memory, the table is not complete\n");
    free(t->cells);
    free(t);
}
