/* SPDX-License-Identifier: MIT */
/* services.h: what a domain of ours answers by itself: ping, service discovery, version, echo. Internal to s2sd. */
#ifndef S2SD_SERVICES_H
#define S2SD_SERVICES_H

#include "caps.h"
#include "config.h"
#include "s2s/addr.h"
#include "s2s/stanza.h"

/* Takes an answer; everything is lent for the call. */
typedef void services_answer(void *user, const s2s_stanza *answer);

typedef struct services {
    const s2s_env *env;
    const config_account *accounts; /* the items of service discovery */
    size_t accounts_len;
    bool os; /* the version tells the operating system */
    services_answer *answer;
    void *user;
} services;

/* A stanza for `domain` or an address at it (`to`, the parts of stanza->to). An iq of type get or set gets exactly one answer;
 * nothing is answered to an error or a result. */
void services_take(const services *s, const config_domain *domain, const s2s_jid *to, const s2s_stanza *stanza);

/* The hash of what `domain` answers to disco#info. S2S_E_NOMEM; S2S_E_STATE: GnuTLS has no SHA-1. */
s2s_err services_caps(const s2s_env *env, const config_domain *domain, char ver[CAPS_VER_MAX]);

#endif
