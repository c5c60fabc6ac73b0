/* SPDX-License-Identifier: MIT */
/* dialback.h: the keys of Server Dialback (XEP-0220), made as XEP-0185 says. */
#ifndef S2S_DIALBACK_H
#define S2S_DIALBACK_H

#include "s2s/env.h"

#ifdef __cplusplus
extern "C" {
#endif

#define S2S_DIALBACK_KEY_LEN 64 /* lower-case hexadecimal digits */

/* What keys are made of: the secret's SHA-256 in hexadecimal digits, NUL-terminated. As secret as the secret. */
typedef struct s2s_dialback_secret {
    char hex[S2S_DIALBACK_KEY_LEN + 1];
} s2s_dialback_secret;

/* Of a secret that all nodes of one domain share (any bytes). S2S_OK; S2S_E_INVAL: it is empty, or `env` has no sha256. */
S2S_API s2s_err s2s_dialback_secret_make(const s2s_env *env, s2s_bytes secret, s2s_dialback_secret *out);
/* Of fresh entropy: good for one process. S2S_OK; S2S_E_INVAL: `env` has no sha256; what env's `random` or `sha256` said. */
S2S_API s2s_err s2s_dialback_secret_random(const s2s_env *env, s2s_dialback_secret *out);

/* The key with which `originating` proves itself to `receiving` on the stream `id` (the receiving server's id; XEP-0185
 * section 2). Domains in normal form. Writes 64 digits and a NUL. S2S_OK, S2S_E_NOMEM, or what env->ops->sha256 said. */
S2S_API s2s_err s2s_dialback_key(const s2s_env *env, const s2s_dialback_secret *secret, s2s_str receiving,
                                 s2s_str originating, s2s_str id, char out[S2S_DIALBACK_KEY_LEN + 1]);

/* True if `key` is that key. Takes the same time for every wrong key of the right length; false on any failure. */
S2S_API bool s2s_dialback_key_ok(const s2s_env *env, const s2s_dialback_secret *secret, s2s_str receiving,
                                 s2s_str originating, s2s_str id, s2s_str key);

#ifdef __cplusplus
}
#endif
#endif
