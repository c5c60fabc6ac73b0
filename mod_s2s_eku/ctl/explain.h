/* SPDX-License-Identifier: MIT */
/* explain.h: what a line of somebody's log means for federation. */
#ifndef S2SCTL_EXPLAIN_H
#define S2SCTL_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { EXPLAIN_LINE_MAX = 65536 }; /* octets of a line that are looked at */

typedef struct explain_row {
    const char *program, *code; /* who writes it ("any"), and a word for scripts */
    const char *words, *also;   /* see explain_rows.inc */
    const char *means, *how;
    const char *test;
} explain_row;

/* Static. */
const explain_row *explain_rows(size_t *count);
/* The first row whose words stand in `line`; NULL: none. */
const explain_row *explain_line(const char *line);

/* Explains what `in` holds, line by line, each thing once, on `out`; returns the exit status: 0 if something was known. */
int explain_stream(FILE *in, FILE *out, bool json);

#endif
