/* SPDX-License-Identifier: MIT */
/* stanza_back.h: takes back a stanza that was written for the wire and did not arrive. Internal. */
#ifndef S2S_STANZA_BACK_H
#define S2S_STANZA_BACK_H

#include "s2s/stanza.h"

/* The first stanza in `bytes`, which s2s_stanza_write() has put there, whatever other elements of ours stand before it. It is cut up
 * in place: `out` points into `bytes`, which are changed and of no use for the wire any more. That needs no memory, so what is
 * taken back is not lost when there is none. False: there is none. */
bool s2s__stanza_read_back(char *bytes, size_t len, s2s_stanza *out);

#endif
