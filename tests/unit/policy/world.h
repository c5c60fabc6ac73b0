/* SPDX-License-Identifier: MIT */
/* world.h: one anchor, a policy that trusts it, and short ways to make and judge chains below it. */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "mod_s2s_eku/eku.h"
#include "support/pki.h"
#include "support/test_env.h"

#define DOMAIN "peer.example"

typedef struct world {
    test_env env;
    pki *pki;
    const pki_cert *root;
    const char *root_file;
    eku_policy *tolerant, *strict;
} world;

void world_begin(world *w);
void world_end(world *w); /* asserts that no memory is left */
/* A policy that trusts `file` alone, without DANE. */
eku_policy *world_policy(world *w, eku_mode mode, const char *file);

/* Options with `w`'s root as the only anchor; `*o` points into `w`. */
void world_options(world *w, eku_options *o);
eku_policy *world_make(const eku_options *o); /* asserts that it can be made */
void world_add(eku_policy *policy, const eku_remote *remote); /* asserts that it is added */
/* eku_policy_add_remote() with a mode alone. */
s2s_err world_remote(eku_policy *policy, const char *match, eku_mode mode);

/* A CA below `issuer` with those purposes (NULL ends). */
const pki_cert *world_ca(world *w, const char *cn, const pki_cert *issuer, const char *eku, const char *eku_too);
/* A leaf for DOMAIN. */
const pki_cert *world_leaf(world *w, const pki_cert *issuer, const char *eku, const char *eku_too);

/* Judges `certs` (up to the first NULL) as presented by DOMAIN, now. */
s2s_verdict world_judge(eku_policy *policy, s2s_role role, const pki_cert *const *certs);
s2s_verdict world_judge_as(eku_policy *policy, s2s_role role, const char *remote, int64_t wall,
                           const pki_cert *const *certs);

/* A question about `certs`, presented by DOMAIN now; `der` holds the chain. For tests that add to it. */
s2s_peer world_peer(s2s_role role, const pki_cert *const *certs, s2s_bytes der[PKI_CHAIN_MAX]);
s2s_verdict world_ask(eku_policy *policy, const s2s_peer *peer);

/* GnuTLS's own word on `certs` for `purpose`, with the root of `w` as the anchor. */
bool world_gnutls_accepts(const world *w, const pki_cert *const *certs, const char *purpose);

#endif
