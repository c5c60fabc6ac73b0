/* SPDX-License-Identifier: MIT */
/* utf8.h: is it UTF-8? Asked before expat sees a byte: expat would take UTF-16 by its BOM, and reports bad UTF-8
 * and control characters alike. Internal. */
#ifndef S2S_UTF8_H
#define S2S_UTF8_H

#include "s2s/base.h"

/* A sequence may be split between calls. Zero is the start. */
typedef struct s2s__utf8 {
    uint8_t need;    /* continuation bytes that are still missing */
    uint8_t lo, hi;  /* range of the next one */
} s2s__utf8;

typedef enum s2s__utf8_result { UTF8_OK, UTF8_NUL, UTF8_BAD } s2s__utf8_result;

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. `*good` is how many bytes stand before
 * the first bad one (`len` if there is none). */
s2s__utf8_result s2s__utf8_check(s2s__utf8 *u, const uint8_t *bytes, size_t len, size_t *good);

#endif
