/* SPDX-License-Identifier: MIT */
/* plugin.h: a shared object with another certificate policy, for `policy.plugin` of s2sd. docs/examples/spki-policy is one. */
#ifndef MOD_S2S_EKU_PLUGIN_H
#define MOD_S2S_EKU_PLUGIN_H

#include "s2s/env.h"
#include "s2s/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The shared object exports `const s2s_policy_plugin s2s_policy_plugin_v1`, with default visibility. */
#define S2S_POLICY_PLUGIN_SYMBOL "s2s_policy_plugin_v1"
#define S2S_POLICY_PLUGIN_ABI 1u

/* No two of its functions, or of the policy's, are called at the same time. `open` and `close` are called from the main thread; the
 * policy's functions from the thread of the worker that asks, so with `workers: 1` from the main thread. They hold up the other workers'
 * questions while they run. All of it runs in the node's sandbox: it may read the directory that it is in, write no file and start no
 * program, unless the configuration says "sandbox: off". Its code stays until the node ends; a reload does not exchange it. */
typedef struct s2s_policy_plugin {
    uint32_t abi;        /* S2S_POLICY_PLUGIN_ABI */
    uint32_t policy_abi; /* S2S_POLICY_ABI that it was built with */
    const char *name;    /* for the log */
    /* Makes the policy. `file` is the path of the shared object itself: what it needs may stand beside it. `env` outlives the policy.
     * On failure `why` says what is wrong, and the node does not start. */
    s2s_err (*open)(const s2s_env *env, const char *file, s2s_policy *out, char why[S2S_TEXT_MAX]);
    void (*close)(s2s_policy policy);
} s2s_policy_plugin;

#ifdef __cplusplus
}
#endif
#endif
