/* SPDX-License-Identifier: MIT */
/* judge.h: from a question to a verdict. Internal. */
#ifndef EKU_JUDGE_H
#define EKU_JUDGE_H

#include "policy/remotes.h"

/* As s2s_policy_ops.judge, which is never pending here. S2S_OK, S2S_E_NOMEM. */
s2s_err eku__judge(const eku__remotes *remotes, const s2s_peer *peer, s2s_verdict *out);

#endif
