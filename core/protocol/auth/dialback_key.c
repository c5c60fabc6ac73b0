/* SPDX-License-Identifier: MIT */
/* dialback_key.c: HMAC-SHA256 over the environment's SHA-256 (RFC 2104), and XEP-0185's keys with it. */
#include "s2s/dialback.h"

#include <string.h>

#include "protocol/buf.h"

enum { BLOCK = 64, RANDOM_SECRET = 32, IPAD = 0x36, OPAD = 0x5c };

static s2s_err sha256(const s2s_env *env, const uint8_t *in, size_t len, uint8_t out[S2S_SHA256_LEN])
{
    return env->ops->sha256 ? env->ops->sha256(env->user, (s2s_bytes){in, len}, out) : S2S_E_INVAL;
}

static void to_hex(const uint8_t in[S2S_SHA256_LEN], char out[S2S_DIALBACK_KEY_LEN + 1])
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < S2S_SHA256_LEN; i++) {
        out[2 * i] = DIGITS[in[i] >> 4];
        out[2 * i + 1] = DIGITS[in[i] & 15];
    }
    out[S2S_DIALBACK_KEY_LEN] = '\0';
}

/* The block, its bytes those of the key combined with `pad`. The key fills a block exactly: 64 digits (DK-01). */
static void put_block(uint8_t block[BLOCK], const s2s_dialback_secret *secret, uint8_t pad)
{
    _Static_assert(S2S_DIALBACK_KEY_LEN == BLOCK, "the key is one block of SHA-256");
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = (uint8_t)secret->hex[i] ^ pad;
}

s2s_err s2s_dialback_secret_make(const s2s_env *env, s2s_bytes secret, s2s_dialback_secret *out)
{
    uint8_t digest[S2S_SHA256_LEN];
    if (secret.len == 0)
        return S2S_E_INVAL;
    s2s_err err = sha256(env, secret.ptr, secret.len, digest);
    if (err == S2S_OK)
        to_hex(digest, out->hex);
    explicit_bzero(digest, sizeof digest);
    return err;
}

s2s_err s2s_dialback_secret_random(const s2s_env *env, s2s_dialback_secret *out)
{
    uint8_t raw[RANDOM_SECRET];
    s2s_err err = env->ops->random(env->user, raw, sizeof raw);
    if (err == S2S_OK)
        err = s2s_dialback_secret_make(env, (s2s_bytes){raw, sizeof raw}, out);
    explicit_bzero(raw, sizeof raw);
    return err;
}

static uint8_t *put(uint8_t *at, s2s_str s)
{
    if (s.len > 0)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

s2s_err s2s_dialback_key(const s2s_env *env, const s2s_dialback_secret *secret, s2s_str receiving,
                         s2s_str originating, s2s_str id, char out[S2S_DIALBACK_KEY_LEN + 1])
{
    size_t room = BLOCK + receiving.len + 1 + originating.len + 1 + id.len;
    uint8_t outer[BLOCK + S2S_SHA256_LEN], digest[S2S_SHA256_LEN];
    uint8_t *inner = s2s__alloc(env, room);
    if (!inner)
        return S2S_E_NOMEM;
    put_block(inner, secret, IPAD);
    uint8_t *at = put(inner + BLOCK, receiving);
    *at++ = ' ';
    at = put(at, originating);
    *at++ = ' ';
    (void)put(at, id);
    put_block(outer, secret, OPAD);
    s2s_err err = sha256(env, inner, room, outer + BLOCK);
    if (err == S2S_OK)
        err = sha256(env, outer, sizeof outer, digest);
    if (err == S2S_OK)
        to_hex(digest, out);
    explicit_bzero(inner, BLOCK);
    explicit_bzero(outer, BLOCK);
    s2s__free(env, inner);
    return err;
}

bool s2s_dialback_key_ok(const s2s_env *env, const s2s_dialback_secret *secret, s2s_str receiving,
                         s2s_str originating, s2s_str id, s2s_str key)
{
    char want[S2S_DIALBACK_KEY_LEN + 1];
    unsigned differs = 0;
    if (key.len != S2S_DIALBACK_KEY_LEN ||
        s2s_dialback_key(env, secret, receiving, originating, id, want) != S2S_OK)
        return false;
    for (size_t i = 0; i < S2S_DIALBACK_KEY_LEN; i++)
        differs |= (unsigned char)want[i] ^ (unsigned char)key.ptr[i];
    return differs == 0;
}
