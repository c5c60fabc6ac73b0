/* SPDX-License-Identifier: MIT */
/* report.h: results for humans. All of them read the result object only, so they serve results that were read back as well. */
#ifndef PROBE_REPORT_H
#define PROBE_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* One domain, all of it. */
void report_text(FILE *out, const json_t *result);
/* Many domains, a line each (results or what report_summary_of keeps of them), and the counts. */
void report_table(FILE *out, const json_t *results);
/* One self-contained page; `title` and `time` are shown. */
void report_html(FILE *out, const json_t *results, const char *title, const char *time);

/* What the table and the page need of a result: a new, small object. */
json_t *report_summary_of(const json_t *result);

/* A new array: what needs attention first, then by name. */
json_t *report_sorted(const json_t *results);

/* The string at `key`; "" if it is none. */
const char *report_word(const json_t *object, const char *key);

typedef struct report_share {
    const char *word; /* the value, as in the results */
    size_t count;
} report_share;
enum { REPORT_SHARES_MAX = 16 };
/* Counts the values of `key`, in the order of `order` (NULL-ended; values that are not in it come last). Returns how many. */
size_t report_count(const json_t *results, const char *key, const char *const *order,
                    report_share out[REPORT_SHARES_MAX]);
/* How many who are accepted now would be refused by strict. */
size_t report_would_break(const json_t *results);
bool report_breaks_under_strict(const json_t *result);

#endif
