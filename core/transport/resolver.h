/* SPDX-License-Identifier: MIT */
/* resolver.h: from a domain to the addresses of its XMPP server, on a libuv loop. Internal.
 *
 * RFC 6120 section 3.2: SRV first; without an SRV answer the domain's own addresses at port 5269. The records of
 * _xmpp-server and _xmpps-server count as one set (XEP-0368). TLSA records, where they are wanted: RFC 7673. */
#ifndef S2S_RESOLVER_H
#define S2S_RESOLVER_H

#include <sys/socket.h>

#include <uv.h>

#include "s2s/policy.h"
#include "transport/srv.h"

#define S2S__PORT 5269 /* RFC 6120 section 3.2.2 */

typedef struct s2s__resolver s2s__resolver;
typedef struct s2s__query s2s__query;

typedef enum s2s__resolved {
    S2S__RESOLVED_FOUND,       /* at least one address */
    S2S__RESOLVED_NOT_FOUND,   /* no such name, or no address */
    S2S__RESOLVED_NOT_OFFERED, /* the sole SRV target is "." (DN-02, DN-07) */
    S2S__RESOLVED_BOGUS,       /* DNSSEC validation failed (DA-01) */
    S2S__RESOLVED_TIMEOUT,     /* no answer within limits.dns_ms */
    S2S__RESOLVED_FAILED,      /* the server could not answer, or we could not ask */
} s2s__resolved;

/* One host and port that serves the domain. */
typedef struct s2s__target {
    s2s__srv srv;          /* its SRV record; without SRV the domain itself, `secure` if that there is none is */
    s2s_dnssec tlsa_state; /* UNCHECKED: not wanted; INSECURE: SRV, addresses or TLSA are; SECURE */
    s2s_tlsa *tlsa;        /* only if SECURE */
    size_t tlsa_len;
} s2s__target;

/* What a stream keeps of the server that it is connected to: one block, no larger than the name and the records. */
typedef struct s2s__server {
    bool secure; /* the SRV record was, or that there is none */
    s2s_dnssec tlsa_state;
    s2s_tlsa *tlsa;
    size_t tlsa_len;
    const char *host;
} s2s__server;

s2s__server *s2s__server_of(const s2s_env *env, const s2s__target *target); /* s2s__free it. NULL: no memory */

typedef struct s2s__endpoint {
    struct sockaddr_storage address;
    const s2s__target *target;
} s2s__endpoint;

typedef struct s2s__resolution {
    const s2s_env *env;
    s2s__resolved status;
    s2s__target *targets; /* in the order to try */
    size_t targets_len;
    s2s__endpoint *endpoints; /* in the order to try; those of one target by turns IPv6 and IPv4 (RFC 8305 section 4) */
    size_t count;             /* not 0 if and only if FOUND */
    bool from_srv;
    char text[S2S_TEXT_MAX]; /* one sentence if not FOUND, else "" */
} s2s__resolution;

/* `resolution` is the callee's, to be freed with s2s__resolution_free. The query is over: its handle is not valid any more.
 * Starting and cancelling other queries and closing the resolver are allowed in it. */
typedef void (*s2s__resolved_cb)(void *arg, s2s__resolution *resolution);
void s2s__resolution_free(s2s__resolution *r); /* takes NULL */
/* True if that address and port is among the endpoints (DB-14). */
bool s2s__resolution_has(const s2s__resolution *r, const struct sockaddr *address);
/* One target at one address, nothing asked. NULL: no memory. */
s2s__resolution *s2s__resolution_fixed(const s2s_env *env, const struct sockaddr *address, bool direct);

/* `servers`: where to ask, "127.0.0.1@5353" each; none: /etc/resolv.conf and /etc/hosts decide. `anchors`: files
 * with DS or DNSKEY records; without any, answers are taken as they come. `env` outlives it.
 * S2S_OK; S2S_E_INVAL (a server or file, named in `why`), S2S_E_NOMEM, S2S_E_DNS. `why` may be NULL. */
s2s_err s2s__resolver_new(uv_loop_t *loop, const s2s_env *env, const char *const *servers,
                          size_t servers_len, const char *const *anchors, size_t anchors_len,
                          s2s__resolver **out, char why[S2S_TEXT_MAX]);

/* Resolves a domain (A-labels, no trailing dot; or an IP literal, which stands for itself), with `dane` also the TLSA records
 * of each target whose SRV record is secure. `done` is called once, from the loop, never from here. Each of the at most two
 * rounds of questions (SRV; addresses and TLSA) has limits.dns_ms. A target of which something is bogus, or whose TLSA
 * records cannot be had although all before them is secure, is left out (RFC 7673 section 3.3); a bogus SRV answer is the
 * end. S2S_OK, S2S_E_SYNTAX, S2S_E_NOMEM, S2S_E_STATE (closing), S2S_E_DNS (libunbound has failed, and is replaced when
 * nothing waits for it any more). */
s2s_err s2s__resolver_query(s2s__resolver *r, const char *domain, bool dane, s2s__resolved_cb done, void *arg,
                            s2s__query **out);
/* `done` will not be called; the handle is not valid any more. Takes NULL. */
void s2s__resolver_cancel(s2s__query *query);

/* Cancels all queries and gives everything back; `closed` (may be NULL) is called from the loop when the
 * resolver is gone. Takes NULL: then nothing is called. */
void s2s__resolver_close(s2s__resolver *r, void (*closed)(void *arg), void *arg);

#endif
