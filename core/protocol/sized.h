/* SPDX-License-Identifier: MIT */
/* sized.h: public structs that begin with their size, of programs that were built before the last fields came. Internal. */
#ifndef S2S_SIZED_H
#define S2S_SIZED_H

#include "s2s/env.h"

/* Writes `known` bytes of ours into the caller's struct of `size` bytes, or as many as it has; zeros behind them. Its first
 * field becomes `size`. */
void s2s__sized_write(void *theirs, size_t size, const void *ours, size_t known);

/* Reads the caller's struct over ours, which holds the defaults and keeps those of the fields that the caller does not know. False: it was not
 * set up, or it is larger than ours. */
bool s2s__sized_read(void *ours, size_t known, const void *theirs);

/* An env lives on with its owner and cannot be read over ours: whether it is of the layout that we know. */
bool s2s__env_known(const s2s_env *env);

#endif
