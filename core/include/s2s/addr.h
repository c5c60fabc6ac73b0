/* SPDX-License-Identifier: MIT */
/* addr.h: XMPP addresses as a server-to-server layer needs them (RFC 7622, RFC 5890). */
#ifndef S2S_ADDR_H
#define S2S_ADDR_H

#include "s2s/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define S2S_JID_PART_MAX 1023 /* octets; RFC 7622 section 3 */
#define S2S_DOMAIN_MAX 1023
#define S2S_ASCII_DOMAIN_MAX 253 /* as the DNS takes it, no trailing dot */

/* The parts of an address, slices of the string that was split; absent parts have ptr NULL. */
typedef struct s2s_jid {
    s2s_str local, domain, resource;
} s2s_jid;

/* Splits at the first '/', then at the first '@' (RFC 7622 section 3.2), and checks lengths, empty
 * parts and forbidden characters (section 3.3.1). Nothing is normalised: the owner of an account does
 * that. S2S_OK or S2S_E_SYNTAX. */
S2S_API s2s_err s2s_jid_split(s2s_str jid, s2s_jid *out);

/* A domain in its native, comparable form: U-labels, lower case, NFC, no trailing dot; an IPv6 literal
 * keeps its brackets (RFC 7622 section 3.2). Two domains are the same if and only if these are octet-equal.
 * Writes at most S2S_DOMAIN_MAX octets and a NUL. S2S_OK, S2S_E_SYNTAX, S2S_E_NOMEM. */
S2S_API s2s_err s2s_domain_normalise(s2s_str domain, char out[S2S_DOMAIN_MAX + 1]);

/* The A-label form, for DNS, SNI and certificates; takes any form. An IP literal is S2S_E_SYNTAX. */
S2S_API s2s_err s2s_domain_to_ascii(s2s_str domain, char out[S2S_ASCII_DOMAIN_MAX + 1]);

/* True if `domain` (any form) and `normal` (in normal form) name the same domain; no allocation when
 * they are octet-equal, which is the usual case. */
S2S_API bool s2s_domain_is(s2s_str domain, s2s_str normal);

/* Patterns for remote domains: "peer.example" itself, "*.peer.example" one or more labels below it, "*" any. Normalises
 * one (its domain as s2s_domain_normalise). S2S_OK, S2S_E_SYNTAX, S2S_E_NOMEM. */
S2S_API s2s_err s2s_pattern_normalise(s2s_str pattern, char out[S2S_DOMAIN_MAX + 1]);
/* Both in normal form. */
S2S_API bool s2s_pattern_matches(s2s_str pattern, s2s_str domain);

/* True for an IPv4 or bracketed IPv6 literal (AD-06). */
S2S_API bool s2s_domain_is_ip(s2s_str domain);

#ifdef __cplusplus
}
#endif
#endif
