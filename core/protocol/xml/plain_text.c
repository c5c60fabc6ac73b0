/* SPDX-License-Identifier: MIT */
/* plain_text.c: a scan of sixteen bytes at a time. */
#include "protocol/xml/plain_text.h"

#include <stdbool.h>
#include <string.h>

enum { BLOCK = 16, SPACE = 0x20, FIRST_HIGH = 0x80, FIRST_LEAD = 0xc0, LEAD_3_LAST = 0xef };

/* True if text must not be passed over at this byte. Lead byte 0xef: U+F000 and above, so U+FFFE and U+FFFF. */
static bool stops(uint8_t c)
{
    return (c < SPACE && c != '\t' && c != '\n') || c == '<' || c == '&' || c == ']' || c == LEAD_3_LAST;
}

/* Sixteen bytes side by side (gcc and clang make vector instructions of it where there are any). */
typedef uint8_t block __attribute__((vector_size(BLOCK)));

/* True if one of the bytes may stop (tab and line feed are looked at more closely). */
static bool block_stops(const uint8_t *p)
{
    block b;
    uint64_t half[2];
    memcpy(&b, p, sizeof b);
    b = (block)((b < SPACE) | (b == '<') | (b == '&') | (b == ']') | (b == LEAD_3_LAST));
    memcpy(half, &b, sizeof half);
    return (half[0] | half[1]) != 0;
}

size_t s2s__plain_text(const uint8_t *p, size_t len)
{
    size_t n = 0;
    for (;;) {
        while (len - n >= BLOCK && !block_stops(p + n))
            n += BLOCK;
        size_t look = len - n < BLOCK ? len : n + BLOCK;
        while (n < look && !stops(p[n]))
            n++;
        if (n < look || n == len)
            break;
    }
    if (n < len || n == 0 || p[n - 1] < FIRST_HIGH)
        return n; /* a byte that stops begins a character */
    while (n > 0 && p[n - 1] < FIRST_LEAD)
        n--;
    return n > 0 ? n - 1 : 0; /* the last character may be incomplete */
}
