/* SPDX-License-Identifier: MIT */
/* sasl.h: SASL EXTERNAL as servers speak it (RFC 6120 section 6, RFC 4422 appendix A, XEP-0178). Internal. */
#ifndef S2S_SASL_H
#define S2S_SASL_H

#include "protocol/xml/tree.h"

/* RFC 6120 section 6.5. SASL_OK is none of them. */
#define S2S_SASL_CONDITIONS(X)                                                                     \
    X(SASL_OK, "")                                                                                 \
    X(SASL_ABORTED, "aborted")                                                                     \
    X(SASL_ENCRYPTION_REQUIRED, "encryption-required")                                             \
    X(SASL_INCORRECT_ENCODING, "incorrect-encoding")                                               \
    X(SASL_INVALID_AUTHZID, "invalid-authzid")                                                     \
    X(SASL_INVALID_MECHANISM, "invalid-mechanism")                                                 \
    X(SASL_MALFORMED_REQUEST, "malformed-request")                                                 \
    X(SASL_NOT_AUTHORIZED, "not-authorized")                                                       \
    X(SASL_TEMPORARY_AUTH_FAILURE, "temporary-auth-failure")

typedef enum s2s__sasl {
#define S2S_X(name, wire) name,
    S2S_SASL_CONDITIONS(S2S_X)
#undef S2S_X
} s2s__sasl;

/* <auth mechanism='EXTERNAL'> with `local` as authorisation identity (SA-04). */
s2s_err s2s__sasl_write_auth(s2s__buf *out, s2s_str local);
s2s_err s2s__sasl_write_failure(s2s__buf *out, s2s__sasl condition);

/* Judges the initial response or a <response/>: it must be "=", or name `remote` (normal form). SA-02, SA-03, SA-06. */
s2s__sasl s2s__sasl_check_identity(const s2s_env *env, s2s_str text, s2s_str remote);

/* A <failure/> from the peer in words: "not-authorized: unsupported certificate purpose". */
void s2s__sasl_failure_text(s2s__tree *t, const s2s__node *failure, char out[S2S_TEXT_MAX]);

#endif
