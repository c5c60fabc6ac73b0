/* SPDX-License-Identifier: MIT */
/* access.c: components.accounts[].talk_to. */
#include "access.h"

#include "s2s/addr.h"

bool access_has_rules(const config *c)
{
    for (size_t i = 0; i < c->accounts_len; i++) {
        if (c->accounts[i].restricted)
            return true;
    }
    return false;
}

static bool allows(const config_account *account, s2s_str domain)
{
    if (!account || !account->restricted)
        return true;
    for (size_t i = 0; i < account->talk_to.len; i++) {
        if (s2s_pattern_matches(s2s_str_of(account->talk_to.list[i]), domain))
            return true;
    }
    return false;
}

static bool domain_of(s2s_str address, char out[S2S_DOMAIN_MAX + 1])
{
    s2s_jid jid;
    return address.ptr && s2s_jid_split(address, &jid) == S2S_OK && s2s_domain_normalise(jid.domain, out) == S2S_OK;
}

bool access_permits(const components *c, const s2s_stanza *stanza)
{
    char from[S2S_DOMAIN_MAX + 1], to[S2S_DOMAIN_MAX + 1];
    if (!domain_of(stanza->from, from) || !domain_of(stanza->to, to))
        return true;
    s2s_str sender = s2s_str_of(from), recipient = s2s_str_of(to);
    return s2s_str_eq(sender, recipient) || (allows(components_account(c, sender), recipient) &&
                                             allows(components_account(c, recipient), sender));
}
