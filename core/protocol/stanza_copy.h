/* SPDX-License-Identifier: MIT */
/* stanza_copy.h: a stanza with all that its slices lend, in one block. Internal. */
#ifndef S2S_STANZA_COPY_H
#define S2S_STANZA_COPY_H

#include "s2s/stanza.h"

/* Bytes that the slices lend: the room that s2s__stanza_copy() needs. */
size_t s2s__stanza_text(const s2s_stanza *stanza);
/* `*out` lends its slices from `text` then. Absent ones stay absent. */
void s2s__stanza_copy(const s2s_stanza *stanza, char *text, s2s_stanza *out);
/* One slice: copied to `*at`, which moves behind it. */
s2s_str s2s__str_copy(char **at, s2s_str s);

#endif
