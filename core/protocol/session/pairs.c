/* SPDX-License-Identifier: MIT */
/* pairs.c: authorised pairs, and those that are to be decided. */
#include "protocol/session/pairs.h"

#include "s2s/addr.h"

static s2s__pair *find(const s2s__pairs *p, s2s_str local, s2s_str remote)
{
    for (size_t i = 0; i < p->len; i++) {
        if (s2s_str_eq(local, s2s_str_of(p->list[i].local)) && s2s_str_eq(remote, s2s_str_of(p->list[i].remote)))
            return &p->list[i];
    }
    return NULL;
}

const s2s__pair *s2s__pairs_find(const s2s__pairs *p, s2s_str local, s2s_str remote)
{
    return find(p, local, remote);
}

size_t s2s__pairs_asked(const s2s__pairs *p)
{
    return p->len - p->proven;
}

static s2s_err list(s2s__pairs *p, const s2s_env *env, s2s_str local, s2s_str remote, s2s__pair_state state)
{
    if (p->len >= env->limits.stream_pairs)
        return S2S_E_LIMIT;
    s2s__pair *grown = env->ops->resize(env->user, p->list, (p->len + 1) * sizeof *grown);
    if (!grown)
        return S2S_E_NOMEM;
    p->list = grown;
    s2s__pair pair = {.local = s2s__strdup(env, local), .remote = s2s__strdup(env, remote), .state = state};
    if (!pair.local || !pair.remote) {
        s2s__free(env, pair.local);
        s2s__free(env, pair.remote);
        return S2S_E_NOMEM;
    }
    p->list[p->len++] = pair;
    return S2S_OK;
}

s2s_err s2s__pairs_add(s2s__pairs *p, const s2s_env *env, s2s_str local, s2s_str remote)
{
    s2s__pair *pair = find(p, local, remote);
    if (pair && pair->state == PAIR_PROVEN)
        return S2S_OK;
    s2s_err err = pair ? S2S_OK : list(p, env, local, remote, PAIR_PROVEN);
    if (pair)
        pair->state = PAIR_PROVEN;
    if (err == S2S_OK)
        p->proven++;
    return err;
}

s2s_err s2s__pairs_ask(s2s__pairs *p, const s2s_env *env, s2s_str local, s2s_str remote)
{
    if (find(p, local, remote))
        return S2S_OK;
    if (s2s__pairs_asked(p) >= env->limits.dialback_asked)
        return S2S_E_LIMIT;
    return list(p, env, local, remote, PAIR_ASKED);
}

void s2s__pairs_drop(s2s__pairs *p, const s2s_env *env, s2s_str local, s2s_str remote)
{
    s2s__pair *pair = find(p, local, remote);
    if (!pair || pair->state != PAIR_ASKED)
        return;
    s2s__free(env, pair->local);
    s2s__free(env, pair->remote);
    *pair = p->list[--p->len];
}

void s2s__pairs_free(s2s__pairs *p, const s2s_env *env)
{
    for (size_t i = 0; i < p->len; i++) {
        s2s__free(env, p->list[i].local);
        s2s__free(env, p->list[i].remote);
    }
    s2s__free(env, p->list);
    *p = (s2s__pairs){0};
}

s2s__pair_match s2s__pairs_match(const s2s__pairs *p, s2s_str local, s2s_str remote)
{
    s2s__pair_match match = PAIR_REMOTE_UNKNOWN;
    for (size_t i = 0; i < p->len; i++) {
        if (p->list[i].state != PAIR_PROVEN || !s2s_domain_is(remote, s2s_str_of(p->list[i].remote)))
            continue;
        if (s2s_domain_is(local, s2s_str_of(p->list[i].local)))
            return PAIR_OK;
        match = PAIR_LOCAL_UNKNOWN;
    }
    return match;
}
