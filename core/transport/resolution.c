/* SPDX-License-Identifier: MIT */
/* resolution.c: what a query has found, as a thing of its own. */
#include <netinet/in.h>
#include <string.h>

#include "protocol/buf.h"
#include "transport/address.h"
#include "transport/resolver.h"

s2s__server *s2s__server_of(const s2s_env *env, const s2s__target *target)
{
    size_t host = strlen(target->srv.target) + 1, bytes = 0;
    for (size_t i = 0; i < target->tlsa_len; i++)
        bytes += target->tlsa[i].data.len;
    s2s__server *server = s2s__alloc(env, sizeof *server + target->tlsa_len * sizeof *server->tlsa + bytes + host);
    if (!server)
        return NULL;
    *server = (s2s__server){.secure = target->srv.secure,
                            .tlsa_state = target->tlsa_state,
                            .tlsa = (s2s_tlsa *)(server + 1),
                            .tlsa_len = target->tlsa_len};
    uint8_t *at = (uint8_t *)(server->tlsa + target->tlsa_len);
    for (size_t i = 0; i < target->tlsa_len; i++) {
        server->tlsa[i] = target->tlsa[i];
        server->tlsa[i].data.ptr = at;
        memcpy(at, target->tlsa[i].data.ptr, target->tlsa[i].data.len);
        at += target->tlsa[i].data.len;
    }
    server->host = memcpy(at, target->srv.target, host);
    return server;
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
