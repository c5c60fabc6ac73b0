/* SPDX-License-Identifier: MIT */
/* env.h: what the protocol part needs from outside, in one object: memory, entropy, a log, limits. */
#ifndef S2S_ENV_H
#define S2S_ENV_H

#include "s2s/base.h"
#include "s2s/limits.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum s2s_level { S2S_LOG_DEBUG, S2S_LOG_INFO, S2S_LOG_WARN, S2S_LOG_ERROR } s2s_level;
S2S_API const char *s2s_level_name(s2s_level level);

/* One named value of a log line. Never a secret, never a stanza's content. */
typedef struct s2s_field {
    const char *key;
    s2s_str value;
} s2s_field;

#define S2S_ENV_ABI 2u
#define S2S_SHA256_LEN 32
/* Called from the thread that owns the object at work. None may call back into the library. */
typedef struct s2s_env_ops {
    uint32_t abi; /* S2S_ENV_ABI */
    /* realloc's contract; size 0 frees and returns NULL. */
    void *(*resize)(void *user, void *ptr, size_t size);
    /* Fills `out` with unpredictable bytes (stream ids, RFC 6120 section 4.7.3). S2S_OK or an error. */
    s2s_err (*random)(void *user, void *out, size_t len);
    /* Takes one log line; all is lent for the call. May be NULL: silence. */
    void (*log)(void *user, s2s_level level, const char *message, const s2s_field *fields, size_t count);
    /* SHA-256 (FIPS 180-4) of `in`: what Server Dialback makes its keys with (dialback.h). May be NULL: no dialback. */
    s2s_err (*sha256)(void *user, s2s_bytes in, uint8_t out[S2S_SHA256_LEN]);
} s2s_env_ops;

/* The caller owns it; it must outlive every object made with it and is never written to. An object is only made (else
 * S2S_E_INVAL) with an env and `ops` of the layout that the library was built with. */
typedef struct s2s_env {
    size_t size; /* sizeof(s2s_env), set by _init */
    const s2s_env_ops *ops;
    void *user;
    s2s_level level; /* least level that is logged */
    s2s_limits limits;
} s2s_env;

/* Default limits, S2S_LOG_INFO, and `ops`/`user` as given (`ops` must live as long as the env). */
S2S_API void s2s_env_init(s2s_env *env, size_t size, const s2s_env_ops *ops, void *user);
#define s2s_env_init(env, ops, user) s2s_env_init((env), sizeof *(env), (ops), (user))

#ifdef __cplusplus
}
#endif
#endif
