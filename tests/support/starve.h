/* SPDX-License-Identifier: MIT */
/* starve.h: the C library's allocations fail on demand, also those that GnuTLS and other libraries make. Linked into a program,
 * starve.c stands before the C library and a sanitizer. */
#ifndef TEST_STARVE_H
#define TEST_STARVE_H

#include <stdbool.h>
#include <stddef.h>

/* From now on the allocation behind `left` others of this thread fails, and, unless `once`, all that follow. */
void starve_begin(size_t left, bool once);
/* Over. True if one has failed. */
bool starve_end(void);
/* What is left of `left`. */
size_t starve_left(void);

/* For what is not ours and dies when it gets no memory: it counts as one allocation. True: that is the one which fails. */
bool starve_one(void);
/* Until false none fails and none is counted. What it was before. */
bool starve_spare(bool spare);

/* 1, or with few runs (S2S_STARVE is not "all") more: how far apart the `left` of two runs are, if there are `total` in all. */
size_t starve_step(size_t total);

#endif
