/* SPDX-License-Identifier: MIT */
/* resolver.h: from a domain to the addresses of its XMPP server, on a libuv loop. Internal.
 *
 * RFC 6120 section 3.2: SRV first; without an SRV answer the domain's own addresses at port 5269. */
#ifndef S2S_RESOLVER_H
#define S2S_RESOLVER_H

#include <sys/socket.h>

#include <uv.h>

#include "s2s/env.h"

#define S2S__PORT 5269 /* RFC 6120 section 3.2.2 */

typedef struct s2s__resolver s2s__resolver;
typedef struct s2s__query s2s__query;

typedef enum s2s__resolved {
    S2S__RESOLVED_FOUND,       /* at least one address */
    S2S__RESOLVED_NOT_FOUND,   /* no such name, or no address */
    S2S__RESOLVED_NOT_OFFERED, /* the sole SRV target is "." (DN-02) */
    S2S__RESOLVED_BOGUS,       /* DNSSEC validation failed */
    S2S__RESOLVED_TIMEOUT,     /* no answer within limits.dns_ms */
    S2S__RESOLVED_FAILED,      /* the server could not answer, or we could not ask */
} s2s__resolved;

typedef struct s2s__endpoint {
    struct sockaddr_storage address;
    const char *target; /* the host's name, from SRV, or the domain itself */
    uint16_t priority;  /* of the SRV record, else 0 */
} s2s__endpoint;

typedef struct s2s__resolution {
    s2s__resolved status;
    const s2s__endpoint *endpoints; /* in the order to try; of one target IPv6 first */
    size_t count;                   /* not 0 if and only if FOUND */
    bool from_srv;
    const char *text; /* one sentence if not FOUND, else "" */
} s2s__resolution;

/* All of `resolution` is lent for the call. The query is over: its handle is not valid any more. Starting
 * and cancelling other queries and closing the resolver are allowed in it. */
typedef void (*s2s__resolved_cb)(void *arg, const s2s__resolution *resolution);

/* `servers`: where to ask, "127.0.0.1@5353" each; none: /etc/resolv.conf and /etc/hosts decide. `anchors`: files
 * with DS or DNSKEY records; without any, answers are taken as they come. `env` outlives it.
 * S2S_OK; S2S_E_INVAL (a server or file, named in `why`), S2S_E_NOMEM, S2S_E_DNS. `why` may be NULL. */
s2s_err s2s__resolver_new(uv_loop_t *loop, const s2s_env *env, const char *const *servers,
                          size_t servers_len, const char *const *anchors, size_t anchors_len,
                          s2s__resolver **out, char why[S2S_TEXT_MAX]);

/* Resolves a domain (A-labels, no trailing dot; or an IP literal, which stands for itself). `done` is
 * called once, from the loop, never from here. Each of the at most two rounds of questions (SRV, addresses) has
 * limits.dns_ms. S2S_OK, S2S_E_SYNTAX, S2S_E_NOMEM, S2S_E_STATE (closing). */
s2s_err s2s__resolver_query(s2s__resolver *r, const char *domain, s2s__resolved_cb done, void *arg,
                            s2s__query **out);
/* `done` will not be called; the handle is not valid any more. Takes NULL. */
void s2s__resolver_cancel(s2s__query *query);

/* Cancels all queries and gives everything back; `closed` (may be NULL) is called from the loop when the
 * resolver is gone. Takes NULL: then nothing is called. */
void s2s__resolver_close(s2s__resolver *r, void (*closed)(void *arg), void *arg);

#endif
