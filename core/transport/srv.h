/* SPDX-License-Identifier: MIT */
/* srv.h: SRV records (RFC 2782): reading one, and the order in which targets are tried. Internal. */
#ifndef S2S_SRV_H
#define S2S_SRV_H

#include "s2s/addr.h"
#include "s2s/env.h"

typedef struct s2s__srv {
    uint16_t priority, weight, port;
    char target[S2S_ASCII_DOMAIN_MAX + 1]; /* no trailing dot; "" is the root: "not offered" */
    bool direct; /* of _xmpps-server: TLS comes first (XEP-0368) */
    bool secure; /* validated by DNSSEC */
} s2s__srv;

/* Reads the record's data (uncompressed). A target with other octets than letters, digits, '-' and '_' is
 * no host name: S2S_E_SYNTAX, as for anything else malformed. `direct` and `secure` are false. */
s2s_err s2s__srv_parse(s2s_bytes rdata, s2s__srv *out);

/* Puts the records in the order to try: lowest priority first, within one priority at random by weight.
 * S2S_OK, or what env->ops->random said. */
s2s_err s2s__srv_order(const s2s_env *env, s2s__srv *records, size_t count);

#endif
