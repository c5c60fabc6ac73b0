/* SPDX-License-Identifier: MIT */
/* refusal.h: the peer refused our certificate; what its words and its TLS alert mean. Internal. */
#ifndef EKU_REFUSAL_H
#define EKU_REFUSAL_H

#include "s2s/policy.h"

/* As s2s_policy_ops.explain_refusal. Claims no more than text and alert say. */
bool eku__explain_refusal(s2s_str text, int alert, char out[S2S_TEXT_MAX]);

/* What our own chain permits, as far as a refusal may be about that. */
typedef struct eku__own {
    bool known;
    bool server, client;  /* the leaf; both where it has no Extended Key Usage */
    bool ca_forbids_client; /* a CA that we send above it permits no clients (the leaf would) */
} eku__own;

/* The same, with how the peer said it and what our certificate permits: "wants clientAuth; ours has serverAuth only". */
bool eku__explain_refusal_of(const s2s_refusal *refusal, const eku__own *own, char out[S2S_TEXT_MAX]);

#endif
