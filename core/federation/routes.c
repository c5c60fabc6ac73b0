/* SPDX-License-Identifier: MIT */
/* routes.c: where to connect instead of asking the DNS (DN-10). */
#include "federation/routes.h"

#include <stdio.h>

#include "protocol/buf.h"
#include "s2s/addr.h"
#include "transport/address.h"

static s2s_err say(char why[S2S_TEXT_MAX], const char *what, const char *text)
{
    if (why)
        (void)snprintf(why, S2S_TEXT_MAX, "%s %s", text, what);
    return S2S_E_SYNTAX;
}

static s2s_err append(s2s__routes *r, const s2s_env *env, const s2s__route *route, s2s_str match)
{
    s2s__route *list = env->ops->resize(env->user, r->list, (r->len + 1) * sizeof *list);
    if (!list)
        return S2S_E_NOMEM;
    r->list = list;
    list[r->len] = *route;
    list[r->len].match = s2s__strdup(env, match);
    if (!list[r->len].match)
        return S2S_E_NOMEM;
    r->len++;
    return S2S_OK;
}

s2s_err s2s__routes_add(s2s__routes *r, const s2s_env *env, const char *match, const char *address,
                        s2s_tls_start tls, char why[S2S_TEXT_MAX])
{
    s2s__route route = {.tls = tls};
    char pattern[S2S_DOMAIN_MAX + 1];
    s2s_err err = s2s_pattern_normalise(s2s_str_of(match), pattern);
    if (err != S2S_OK)
        return err == S2S_E_NOMEM ? err : say(why, "is not a domain, *.domain or *", match);
    if (s2s__address_parse(s2s_str_of(address), &route.address) != S2S_OK)
        return say(why, "is not an address with a port", address);
    return append(r, env, &route, s2s_str_of(pattern));
}

s2s_err s2s__routes_copy(const s2s__routes *from, const s2s_env *env, s2s__routes *out)
{
    s2s_err err = S2S_OK;
    for (size_t i = 0; i < from->len && err == S2S_OK; i++)
        err = append(out, env, &from->list[i], s2s_str_of(from->list[i].match));
    return err;
}

const s2s__route *s2s__routes_find(const s2s__routes *r, s2s_str domain)
{
    for (size_t i = 0; i < r->len; i++) {
        if (s2s_pattern_matches(s2s_str_of(r->list[i].match), domain))
            return &r->list[i];
    }
    return NULL;
}

void s2s__routes_free(s2s__routes *r, const s2s_env *env)
{
    for (size_t i = 0; i < r->len; i++)
        s2s__free(env, r->list[i].match);
    s2s__free(env, r->list);
    *r = (s2s__routes){0};
}
