/* SPDX-License-Identifier: MIT */
/* fuzz.h: what every fuzz target has: libFuzzer's entry, and an environment that counts. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdlib.h>

#include "s2s/env.h"

/* One input. Always 0. A fault shows as a sanitizer's report or as abort(). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes bytes from the front of an input; zeros when it is used up. */
typedef struct fuzz_input {
    const uint8_t *at;
    size_t left;
} fuzz_input;

static inline uint8_t fuzz_byte(fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static inline s2s_bytes fuzz_take(fuzz_input *in, size_t most)
{
    s2s_bytes b = {in->at, in->left < most ? in->left : most};
    in->at += b.len;
    in->left -= b.len;
    return b;
}

/* What must hold, also without assertions compiled in. */
static inline void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

/* Called by those targets that have sessions (replay -t prints them): in state `from` this happened, and led to `to`, or to no
 * other state. */
void fuzz_note_transition(s2s_str from, const char *event, s2s_str to);

#endif
