/* SPDX-License-Identifier: MIT */
/* plain_text.h: text between two tags that needs no parser. Internal. */
#ifndef S2S_PLAIN_TEXT_H
#define S2S_PLAIN_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* How many bytes at `p`, which are UTF-8 from the start of a character on (the last may be cut off), are characters that
 * XML 1.0 allows in content and that are no part of markup: no <, &, ] nor control character but tab and line feed. Ends
 * between two characters. May stop early: before U+F000 to U+FFFF, where two are not allowed. */
size_t s2s__plain_text(const uint8_t *p, size_t len);

#endif
