/* SPDX-License-Identifier: MIT */
/* pairs.c: authorised pairs. */
#include "protocol/session/pairs.h"

#include "s2s/addr.h"

s2s_err s2s__pairs_add(s2s__pairs *p, const s2s_env *env, s2s_str local, s2s_str remote)
{
    if (p->len == S2S_PAIRS_MAX)
        return S2S_E_LIMIT;
    s2s__pair pair = {.local = s2s__strdup(env, local), .remote = s2s__strdup(env, remote)};
    if (!pair.local || !pair.remote) {
        s2s__free(env, pair.local);
        s2s__free(env, pair.remote);
        return S2S_E_NOMEM;
    }
    p->list[p->len++] = pair;
    return S2S_OK;
}

void s2s__pairs_free(s2s__pairs *p, const s2s_env *env)
{
    for (size_t i = 0; i < p->len; i++) {
        s2s__free(env, p->list[i].local);
        s2s__free(env, p->list[i].remote);
    }
    p->len = 0;
}

s2s__pair_match s2s__pairs_match(const s2s__pairs *p, s2s_str local, s2s_str remote)
{
    s2s__pair_match match = PAIR_REMOTE_UNKNOWN;
    for (size_t i = 0; i < p->len; i++) {
        if (!s2s_domain_is(remote, s2s_str_of(p->list[i].remote)))
            continue;
        if (s2s_domain_is(local, s2s_str_of(p->list[i].local)))
            return PAIR_OK;
        match = PAIR_LOCAL_UNKNOWN;
    }
    return match;
}
