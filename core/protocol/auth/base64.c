/* SPDX-License-Identifier: MIT */
/* base64.c: strict base64. */
#include "protocol/auth/base64.h"

#include <string.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void s2s__base64_encode(s2s_bytes in, char *out)
{
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t v = (uint32_t)in.ptr[i] << 16;
        if (n > 1)
            v |= (uint32_t)in.ptr[i + 1] << 8;
        if (n > 2)
            v |= in.ptr[i + 2];
        *out++ = ALPHABET[v >> 18];
        *out++ = ALPHABET[(v >> 12) & 63];
        *out++ = n > 1 ? ALPHABET[(v >> 6) & 63] : '=';
        *out++ = n > 2 ? ALPHABET[v & 63] : '=';
    }
}

static int value_of(char c)
{
    const char *hit = c ? strchr(ALPHABET, c) : NULL;
    return hit ? (int)(hit - ALPHABET) : -1;
}

s2s_err s2s__base64_decode(s2s_str in, uint8_t *out, size_t *len)
{
    if (in.len % 4 != 0)
        return S2S_E_SYNTAX;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i += 4) {
        bool last = i + 4 == in.len;
        unsigned pad = last && in.ptr[i + 3] == '=' ? (in.ptr[i + 2] == '=' ? 2 : 1) : 0;
        uint32_t v = 0;
        for (unsigned k = 0; k < 4; k++) {
            int six = k >= 4 - pad ? 0 : value_of(in.ptr[i + k]);
            if (six < 0)
                return S2S_E_SYNTAX;
            v = v << 6 | (uint32_t)six;
        }
        if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff)))
            return S2S_E_SYNTAX;
        out[n++] = (uint8_t)(v >> 16);
        if (pad < 2)
            out[n++] = (uint8_t)(v >> 8);
        if (pad < 1)
            out[n++] = (uint8_t)v;
    }
    *len = n;
    return S2S_OK;
}
