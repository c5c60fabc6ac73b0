/* SPDX-License-Identifier: MIT */
/* libfuzzer.c: what the fuzzer's own main program leaves out. */
#include "fuzz/fuzz.h"

void fuzz_note_transition(s2s_str from, const char *event, s2s_str to)
{
    (void)from;
    (void)event;
    (void)to;
}
