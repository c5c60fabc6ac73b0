/* SPDX-License-Identifier: MIT */
/* resolution.c: what a query has found, as a thing of its own. */
#include <netinet/in.h>
#include <string.h>

#include "protocol/buf.h"
#include "transport/address.h"
#include "transport/resolver.h"

/* TLSA records stand in one block, their bytes behind them. */
static s2s_tlsa *copy_tlsa(const s2s_env *env, const s2s__target *target)
{
    size_t bytes = 0;
    for (size_t i = 0; i < target->tlsa_len; i++)
        bytes += target->tlsa[i].data.len;
    s2s_tlsa *copy = s2s__alloc(env, target->tlsa_len * sizeof *copy + bytes);
    uint8_t *at = copy ? (uint8_t *)(copy + target->tlsa_len) : NULL;
    for (size_t i = 0; copy && i < target->tlsa_len; i++) {
        copy[i] = target->tlsa[i];
        copy[i].data.ptr = at;
        memcpy(at, target->tlsa[i].data.ptr, target->tlsa[i].data.len);
        at += target->tlsa[i].data.len;
    }
    return copy;
}

s2s__target *s2s__target_copy(const s2s_env *env, const s2s__target *target)
{
    s2s__target *copy = s2s__alloc(env, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *target;
    if (target->tlsa_len > 0 && !(copy->tlsa = copy_tlsa(env, target))) {
        s2s__free(env, copy);
        return NULL;
    }
    return copy;
}

void s2s__target_free(const s2s_env *env, s2s__target *copy)
{
    if (copy)
        s2s__free(env, copy->tlsa);
    s2s__free(env, copy);
}

void s2s__resolution_free(s2s__resolution *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->targets_len; i++)
        s2s__free(r->env, r->targets[i].tlsa);
    s2s__free(r->env, r->targets);
    s2s__free(r->env, r->endpoints);
    s2s__free(r->env, r);
}

bool s2s__resolution_has(const s2s__resolution *r, const struct sockaddr *address)
{
    char wanted[S2S_ADDRESS_MAX], at[S2S_ADDRESS_MAX];
    s2s__address_print(address, wanted);
    for (size_t i = 0; wanted[0] && i < r->count; i++) {
        s2s__address_print((const struct sockaddr *)&r->endpoints[i].address, at);
        if (strcmp(at, wanted) == 0)
            return true;
    }
    return false;
}

s2s__resolution *s2s__resolution_fixed(const s2s_env *env, const struct sockaddr *address, bool direct)
{
    s2s__resolution *r = s2s__alloc(env, sizeof *r);
    if (!r)
        return NULL;
    r->env = env;
    r->targets = s2s__alloc(env, sizeof *r->targets);
    r->endpoints = s2s__alloc(env, sizeof *r->endpoints);
    if (!r->targets || !r->endpoints) {
        s2s__resolution_free(r);
        return NULL;
    }
    r->targets_len = r->count = 1;
    r->targets[0].srv.direct = direct;
    r->endpoints[0].target = &r->targets[0];
    memcpy(&r->endpoints[0].address, address,
           address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    return r;
}
