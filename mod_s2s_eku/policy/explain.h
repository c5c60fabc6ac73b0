/* SPDX-License-Identifier: MIT */
/* explain.h: a ruling in words, for the operator and for the peer. Internal. */
#ifndef EKU_EXPLAIN_H
#define EKU_EXPLAIN_H

#include "policy/rules.h"

/* The words of a finding; static. */
const char *eku__finding_words(eku__finding finding);

/* Fills `reason` (with names, for the operator) and `tell` (for the peer, without any; "" if accepted). */
void eku__explain(const eku__case *c, const eku__ruling *ruling, s2s_str remote, s2s_verdict *verdict);

#endif
