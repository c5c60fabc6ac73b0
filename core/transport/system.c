/* SPDX-License-Identifier: MIT */
/* system.c: memory, entropy and a hash of the machine's own. */
#include "s2s/system.h"

#include <stdlib.h>

#include <gnutls/crypto.h>

void *s2s_system_resize(void *user, void *ptr, size_t size)
{
    (void)user;
    if (size > 0)
        return realloc(ptr, size);
    free(ptr);
    return NULL;
}

s2s_err s2s_system_random(void *user, void *out, size_t len)
{
    (void)user;
    return gnutls_rnd(GNUTLS_RND_RANDOM, out, len) < 0 ? S2S_E_IO : S2S_OK;
}

s2s_err s2s_system_sha256(void *user, s2s_bytes in, uint8_t out[S2S_SHA256_LEN])
{
    (void)user;
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, in.ptr, in.len, out) < 0 ? S2S_E_IO : S2S_OK;
}
