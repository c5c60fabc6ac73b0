/* SPDX-License-Identifier: MIT */
/* system.h: an environment (env.h) of what the machine has, for programs that need no other: part of libs2s, not of its protocol part.
 *
 *     static const s2s_env_ops OPS = {.abi = S2S_ENV_ABI, .resize = s2s_system_resize, .random = s2s_system_random,
 *                                     .sha256 = s2s_system_sha256, .log = my_log};
 *
 * Each of them works in any thread, and takes no notice of `user`. */
#ifndef S2S_SYSTEM_H
#define S2S_SYSTEM_H

#include "s2s/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The C library's memory. */
S2S_API void *s2s_system_resize(void *user, void *ptr, size_t size);
/* GnuTLS's generator. S2S_OK, S2S_E_IO. */
S2S_API s2s_err s2s_system_random(void *user, void *out, size_t len);
/* GnuTLS's SHA-256 (FIPS 180-4). S2S_OK, S2S_E_IO. */
S2S_API s2s_err s2s_system_sha256(void *user, s2s_bytes in, uint8_t out[S2S_SHA256_LEN]);

#ifdef __cplusplus
}
#endif
#endif
