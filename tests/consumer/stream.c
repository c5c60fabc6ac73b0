/* SPDX-License-Identifier: MIT */
/* stream.c: a program outside the tree with the protocol part alone: an initiator's first bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <s2s/session.h>

static void *resize(void *user, void *ptr, size_t size)
{
    (void)user;
    if (size > 0)
        return realloc(ptr, size);
    free(ptr);
    return NULL;
}

static s2s_err fill(void *user, void *out, size_t len)
{
    (void)user;
    memset(out, 7, len);
    return S2S_OK;
}

int main(void)
{
    static const s2s_env_ops OPS = {.abi = S2S_ENV_ABI, .resize = resize, .random = fill};
    s2s_env env;
    s2s_session_options options;
    s2s_session *session = NULL;
    const uint8_t *out = NULL;
    s2s_env_init(&env, &OPS, NULL);
    s2s_session_options_init(&options, S2S_INITIATOR);
    options.local = S2S_STR("a.example");
    options.remote = S2S_STR("b.example");
    if (s2s_session_new(&env, &options, 0, &session) != S2S_OK)
        return 1;
    size_t len = s2s_session_output(session, &out);
    bool good = len > 0 && memcmp(out, "<?xml", 5) == 0;
    s2s_session_free(session);
    (void)puts(good ? "stream: a header is ready" : "stream: no header");
    return good ? 0 : 1;
}
