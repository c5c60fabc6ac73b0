/* SPDX-License-Identifier: MIT */
/* base.h: the words every other header uses: errors, slices, time, roles, conditions. */
#ifndef S2S_BASE_H
#define S2S_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define S2S_API __attribute__((visibility("default")))
#define S2S_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define S2S_API
#define S2S_PRINTF(fmt, args)
#endif

/* Results. The numbers are pinned: 0 is success, errors are negative and never renumbered.
 * A function that fails leaves its outputs untouched. What makes an object refuses options, an env or a table that is NULL, not set up
 * or of another layout (S2S_E_INVAL). Elsewhere a pointer may be NULL only where the comment says so. */
#define S2S_ERRORS(X)                                                                              \
    X(S2S_OK, 0, "success")                                                                        \
    X(S2S_E_NOMEM, -1, "out of memory")                                                            \
    X(S2S_E_INVAL, -2, "invalid argument")                                                         \
    X(S2S_E_STATE, -3, "not possible in this state")                                               \
    X(S2S_E_LIMIT, -4, "a limit was reached")                                                      \
    X(S2S_E_SYNTAX, -5, "malformed input")                                                         \
    X(S2S_E_CLOSED, -6, "closed")                                                                  \
    X(S2S_E_AGAIN, -7, "try again later")                                                          \
    X(S2S_E_PENDING, -8, "the answer comes later")                                                 \
    X(S2S_E_NOTFOUND, -9, "not found")                                                             \
    X(S2S_E_EXISTS, -10, "exists already")                                                         \
    X(S2S_E_TLS, -11, "TLS failure")                                                               \
    X(S2S_E_IO, -12, "input/output failure")                                                       \
    X(S2S_E_DNS, -13, "name resolution failure")                                                   \
    X(S2S_E_TIMEOUT, -14, "timed out")                                                             \
    X(S2S_E_REFUSED, -15, "refused by policy")

typedef enum s2s_err {
#define S2S_X(name, number, words) name = number,
    S2S_ERRORS(S2S_X)
#undef S2S_X
} s2s_err;

/* The sentence for `err`; a static string, never NULL. Any thread. */
S2S_API const char *s2s_strerror(s2s_err err);

/* Text on or for the wire: UTF-8, not NUL-terminated. `ptr` is NULL for "absent"; an empty string has
 * a non-NULL `ptr` and length 0. Who owns the bytes, and for how long, is said where it is used. */
typedef struct s2s_str {
    const char *ptr;
    size_t len;
} s2s_str;

/* The same for bytes that are not text: DER, TLS records. */
typedef struct s2s_bytes {
    const uint8_t *ptr;
    size_t len;
} s2s_bytes;

/* A slice as an expression; the text must live as long as it is used. */
#ifdef __cplusplus
#define S2S_SLICE(text, length) (s2s_str{(text), (length)})
#else
#define S2S_SLICE(text, length) ((s2s_str){(text), (length)})
#endif
#define S2S_STR(literal) S2S_SLICE("" literal, sizeof(literal) - 1)
#define S2S_STR_ABSENT S2S_SLICE(NULL, 0)
/* For printf's "%.*s". */
#define S2S_FMT(s) (int)(s).len, (s).ptr ? (s).ptr : ""

/* A NUL-terminated string as a slice; NULL gives an absent one. */
S2S_API s2s_str s2s_str_of(const char *cstr);
/* Octet equality; two absent strings are equal, absent and empty are not. */
S2S_API bool s2s_str_eq(s2s_str a, s2s_str b);
/* Equality that folds ASCII letters. */
S2S_API bool s2s_str_caseeq(s2s_str a, s2s_str b);

/* A struct that a caller fills in for a call, or has filled in, begins with `size`, its sizeof in the caller's eyes, which the macros named
 * ..._init set. New fields go to the end; for a program that was built before they came, they have their defaults. A struct
 * that is larger than the library knows is refused (S2S_E_INVAL). docs/embedding.md says which structs never grow. */

/* Monotonic milliseconds, from any epoch; always an argument, never read inside the protocol part. */
typedef uint64_t s2s_time;
#define S2S_NEVER UINT64_MAX

/* RFC 6120 section 1.4: the initiating entity opens the TCP connection (and is the TLS client). */
typedef enum s2s_role { S2S_INITIATOR, S2S_ACCEPTOR } s2s_role;

/* Who ended a stream. */
typedef enum s2s_origin {
    S2S_ORIGIN_LOCAL,     /* we did */
    S2S_ORIGIN_PEER,      /* the peer said so, in XML */
    S2S_ORIGIN_TRANSPORT, /* DNS, TCP or TLS */
    S2S_ORIGIN_INTERNAL,  /* our own fault: memory, entropy */
} s2s_origin;
S2S_API const char *s2s_origin_name(s2s_origin origin);

/* Stream error conditions (RFC 6120 section 4.9.3). S2S_COND_NONE is a close without an error. */
#define S2S_CONDITIONS(X)                                                                          \
    X(S2S_COND_NONE, "")                                                                           \
    X(S2S_COND_BAD_FORMAT, "bad-format")                                                           \
    X(S2S_COND_BAD_NAMESPACE_PREFIX, "bad-namespace-prefix")                                       \
    X(S2S_COND_CONFLICT, "conflict")                                                               \
    X(S2S_COND_CONNECTION_TIMEOUT, "connection-timeout")                                           \
    X(S2S_COND_HOST_GONE, "host-gone")                                                             \
    X(S2S_COND_HOST_UNKNOWN, "host-unknown")                                                       \
    X(S2S_COND_IMPROPER_ADDRESSING, "improper-addressing")                                         \
    X(S2S_COND_INTERNAL_SERVER_ERROR, "internal-server-error")                                     \
    X(S2S_COND_INVALID_FROM, "invalid-from")                                                       \
    X(S2S_COND_INVALID_NAMESPACE, "invalid-namespace")                                             \
    X(S2S_COND_INVALID_XML, "invalid-xml")                                                         \
    X(S2S_COND_NOT_AUTHORIZED, "not-authorized")                                                   \
    X(S2S_COND_NOT_WELL_FORMED, "not-well-formed")                                                 \
    X(S2S_COND_POLICY_VIOLATION, "policy-violation")                                               \
    X(S2S_COND_REMOTE_CONNECTION_FAILED, "remote-connection-failed")                               \
    X(S2S_COND_RESET, "reset")                                                                     \
    X(S2S_COND_RESOURCE_CONSTRAINT, "resource-constraint")                                         \
    X(S2S_COND_RESTRICTED_XML, "restricted-xml")                                                   \
    X(S2S_COND_SEE_OTHER_HOST, "see-other-host")                                                   \
    X(S2S_COND_SYSTEM_SHUTDOWN, "system-shutdown")                                                 \
    X(S2S_COND_UNDEFINED_CONDITION, "undefined-condition")                                         \
    X(S2S_COND_UNSUPPORTED_ENCODING, "unsupported-encoding")                                       \
    X(S2S_COND_UNSUPPORTED_FEATURE, "unsupported-feature")                                         \
    X(S2S_COND_UNSUPPORTED_STANZA_TYPE, "unsupported-stanza-type")                                 \
    X(S2S_COND_UNSUPPORTED_VERSION, "unsupported-version")

typedef enum s2s_cond {
#define S2S_X(name, wire) name,
    S2S_CONDITIONS(S2S_X)
#undef S2S_X
} s2s_cond;
/* The element name on the wire; "" for S2S_COND_NONE. */
S2S_API const char *s2s_cond_name(s2s_cond cond);

/* Stanza error conditions (RFC 6120 section 8.3.3), each with the error type that we send it with. */
#define S2S_STANZA_ERRORS(X)                                                                       \
    X(S2S_SE_BAD_REQUEST, "bad-request", "modify")                                                 \
    X(S2S_SE_CONFLICT, "conflict", "cancel")                                                       \
    X(S2S_SE_FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", "cancel")                         \
    X(S2S_SE_FORBIDDEN, "forbidden", "auth")                                                       \
    X(S2S_SE_GONE, "gone", "cancel")                                                               \
    X(S2S_SE_INTERNAL_SERVER_ERROR, "internal-server-error", "cancel")                             \
    X(S2S_SE_ITEM_NOT_FOUND, "item-not-found", "cancel")                                           \
    X(S2S_SE_JID_MALFORMED, "jid-malformed", "modify")                                             \
    X(S2S_SE_NOT_ACCEPTABLE, "not-acceptable", "modify")                                           \
    X(S2S_SE_NOT_ALLOWED, "not-allowed", "cancel")                                                 \
    X(S2S_SE_NOT_AUTHORIZED, "not-authorized", "auth")                                             \
    X(S2S_SE_POLICY_VIOLATION, "policy-violation", "modify")                                       \
    X(S2S_SE_RECIPIENT_UNAVAILABLE, "recipient-unavailable", "wait")                               \
    X(S2S_SE_REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", "cancel")                         \
    X(S2S_SE_REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait")                               \
    X(S2S_SE_RESOURCE_CONSTRAINT, "resource-constraint", "wait")                                   \
    X(S2S_SE_SERVICE_UNAVAILABLE, "service-unavailable", "cancel")                                 \
    X(S2S_SE_UNDEFINED_CONDITION, "undefined-condition", "cancel")

typedef enum s2s_stanza_error {
#define S2S_X(name, wire, type) name,
    S2S_STANZA_ERRORS(S2S_X)
#undef S2S_X
} s2s_stanza_error;
S2S_API const char *s2s_stanza_error_name(s2s_stanza_error error);
S2S_API const char *s2s_stanza_error_type(s2s_stanza_error error);

/* How a stream (or its failure) ended. The texts are ours or the peer's, cut to fit, control
 * characters replaced, NUL-terminated. */
#define S2S_TEXT_MAX 256
typedef struct s2s_close {
    s2s_origin origin;
    s2s_cond cond;
    bool sasl_refused;            /* the peer answered SASL EXTERNAL with <failure/>, or did not offer it */
    bool dialback_invalid;        /* the peer says that our key is invalid (XEP-0220) */
    bool try_dialback;            /* the peer refused EXTERNAL and ended the stream before dialback could do, which is
                                   * allowed: a stream with options.dialback_first may be taken */
    char text[S2S_TEXT_MAX];      /* one sentence; never a stanza's content */
} s2s_close;

#ifdef __cplusplus
}
#endif
#endif
