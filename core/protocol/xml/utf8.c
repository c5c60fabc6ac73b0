/* SPDX-License-Identifier: MIT */
/* utf8.c: incremental UTF-8 validation with a fast path for ASCII. */
#include "protocol/xml/utf8.h"

#include <string.h>

enum { BLOCK = 32 };

/* True if none of the BLOCK bytes is NUL or above 0x7f. A borrow runs into the next byte only from a NUL. */
static bool plain_block(const uint8_t *p)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t w[BLOCK / sizeof(uint64_t)];
    memcpy(w, p, sizeof w);
    return ((w[0] | w[1] | w[2] | w[3] | (w[0] - ones) | (w[1] - ones) | (w[2] - ones) | (w[3] - ones)) & high) == 0;
}

/* True if none of the eight bytes is NUL or above 0x7f. */
static bool plain8(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    return ((w | (w - ones)) & high) == 0;
}

/* RFC 3629 section 4: what may follow a lead byte. */
static bool lead(s2s__utf8 *u, uint8_t c)
{
    u->lo = 0x80;
    u->hi = 0xbf;
    if (c >= 0xc2 && c <= 0xdf) {
        u->need = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        u->need = 2;
        if (c == 0xe0)
            u->lo = 0xa0;
        else if (c == 0xed)
            u->hi = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
        u->need = 3;
        if (c == 0xf0)
            u->lo = 0x90;
        else if (c == 0xf4)
            u->hi = 0x8f;
    } else {
        return false;
    }
    return true;
}

s2s__utf8_result s2s__utf8_check(s2s__utf8 *u, const uint8_t *bytes, size_t len, size_t *good)
{
    size_t i = 0;
    while (i < len) {
        if (u->need == 0) {
            while (len - i >= BLOCK && plain_block(bytes + i))
                i += BLOCK;
            while (len - i >= 8 && plain8(bytes + i))
                i += 8;
            if (i == len)
                break;
        }
        uint8_t c = bytes[i];
        *good = i++;
        if (u->need) {
            if (c < u->lo || c > u->hi)
                return UTF8_BAD;
            u->lo = 0x80;
            u->hi = 0xbf;
            u->need--;
        } else if (c == 0) {
            return UTF8_NUL;
        } else if (c >= 0x80 && !lead(u, c)) {
            return UTF8_BAD;
        }
    }
    *good = len;
    return UTF8_OK;
}
