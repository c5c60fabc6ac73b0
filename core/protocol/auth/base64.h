/* SPDX-License-Identifier: MIT */
/* base64.h: strict base64 (RFC 4648 section 4, RFC 6120 section 13.9.1). Internal. */
#ifndef S2S_BASE64_H
#define S2S_BASE64_H

#include "s2s/base.h"

#define S2S_BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Writes S2S_BASE64_LEN(in.len) characters, no NUL. */
void s2s__base64_encode(s2s_bytes in, char *out);
/* Writes at most in.len / 4 * 3 bytes. S2S_E_SYNTAX for a foreign character (whitespace too), misplaced '=', non-zero
 * pad bits, or a length that is not a multiple of four. */
s2s_err s2s__base64_decode(s2s_str in, uint8_t *out, size_t *len);

#endif
