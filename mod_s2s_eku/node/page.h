/* SPDX-License-Identifier: MIT */
/* page.h: the status page, out of the same objects that the control socket gives. Internal to s2sd. */
#ifndef S2SD_PAGE_H
#define S2SD_PAGE_H

#include <jansson.h>

#include "protocol/buf.h"

/* Rows of the table of remote domains; the page says how many more there are, and where. */
#define PAGE_ROWS_MAX 500u

/* `facts`: {"status", "peers", "census", "failures"}, see status.h and census.h. A failure stays in `out`. */
void page_write(const json_t *facts, s2s__buf *out);
/* One bar of `parts`, an object of numbers by word, as SVG, with a title for those who cannot see it. */
void page_bar(s2s__buf *out, const char *id, const char *title, const json_t *parts);

extern const char page_style[];

#endif
