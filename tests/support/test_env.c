/* SPDX-License-Identifier: MIT */
/* test_env.c: the environment of the tests. */
#include "support/test_env.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *resize(void *user, void *ptr, size_t size)
{
    test_env *t = user;
    if (size == 0) {
        t->live -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    if (t->fail_after == 0) {
        t->fail_after = t->fail_once ? -1 : 0;
        t->failed = true;
        return NULL;
    }
    if (t->fail_after > 0)
        t->fail_after--;
    void *got = realloc(ptr, size);
    t->live += got && !ptr;
    return got;
}

static s2s_err random_bytes(void *user, void *out, size_t len)
{
    test_env *t = user;
    uint8_t *p = out;
    for (size_t i = 0; i < len; i++) {
        t->counter = t->counter * 6364136223846793005u + 1442695040888963407u;
        p[i] = (uint8_t)(t->counter >> 33);
    }
    return S2S_OK;
}

static void log_line(void *user, s2s_level level, const char *message, const s2s_field *fields,
                     size_t count)
{
    test_env *t = user;
    size_t n = (size_t)snprintf(t->last_log, sizeof t->last_log, "%s %s", s2s_level_name(level), message);
    for (size_t i = 0; i < count && n < sizeof t->last_log; i++)
        n += (size_t)snprintf(t->last_log + n, sizeof t->last_log - n, " %s=%.*s", fields[i].key,
                              S2S_FMT(fields[i].value));
}

static s2s_err sha256(void *user, s2s_bytes in, uint8_t out[S2S_SHA256_LEN])
{
    (void)user;
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, in.ptr, in.len, out) == 0 ? S2S_OK : S2S_E_IO;
}

void test_env_init(test_env *t)
{
    static const s2s_env_ops OPS = {S2S_ENV_ABI, resize, random_bytes, log_line, sha256};
    memset(t, 0, sizeof *t);
    t->fail_after = -1;
    s2s_env_init(&t->env, &OPS, t);
    t->env.level = S2S_LOG_DEBUG;
}
