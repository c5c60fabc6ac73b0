/* SPDX-License-Identifier: MIT */
/* refusal.h: the peer refused our certificate; what its words and its TLS alert mean. Internal. */
#ifndef EKU_REFUSAL_H
#define EKU_REFUSAL_H

#include "s2s/base.h"

/* As s2s_policy_ops.explain_refusal. Claims no more than text and alert say. */
bool eku__explain_refusal(s2s_str text, int alert, char out[S2S_TEXT_MAX]);

#endif
