/* SPDX-License-Identifier: MIT */
/* limits.h: every maximum of the library, by name. Each says what happens when it is reached.
 * There is no buffer, queue or wait without a line here (or a constant beside it that says so). */
#ifndef S2S_LIMITS_H
#define S2S_LIMITS_H

#include "s2s/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(field, default, least, most, unit, what it bounds and what happens) */
#define S2S_LIMITS(X)                                                                              \
    X(stanza_bytes, 524288, 10000, 67108864, "bytes",                                              \
      "largest stanza accepted, from < to > (RFC 6120 13.12); a larger one bounces with policy-violation") \
    X(skip_bytes, 8388608, 0, 1073741824, "bytes",                                                 \
      "of a stanza larger than that, what is read over, so that it can bounce; beyond: stream error policy-violation") \
    X(preauth_element_bytes, 16384, 4096, 1048576, "bytes",                                        \
      "largest element before authentication; stream error policy-violation")                     \
    X(preauth_bytes, 65536, 8192, 1048576, "bytes",                                                \
      "all XML received before authentication; stream error policy-violation")                    \
    X(preauth_elements, 32, 8, 1024, "elements",                                                   \
      "first-level elements before authentication; stream error policy-violation")                \
    X(xml_depth, 100, 8, 10000, "levels", "nesting depth; stream error policy-violation")          \
    X(xml_attributes, 64, 8, 1024, "attributes",                                                   \
      "attributes of one element; stream error policy-violation")                                 \
    X(sasl_attempts, 3, 1, 5, "attempts", "failed SASL attempts; stream error policy-violation")   \
    X(stream_pairs, 64, 1, 4096, "pairs",                                                          \
      "pairs of domains on one stream (XEP-0220); a further one gets the dialback error resource-constraint") \
    X(dialback_asked, 16, 1, 1024, "pairs",                                                        \
      "of these, undecided at once; a further one gets the dialback error resource-constraint")    \
    X(dialback_calls, 256, 1, 65536, "calls",                                                      \
      "calls to authoritative servers at once; a further one is the dialback error resource-constraint") \
    X(dialback_calls_per_address, 16, 1, 65536, "calls",                                           \
      "of these, for the peers at one address; a further one is the dialback error resource-constraint") \
    X(dialback_ms, 20000, 1000, 600000, "ms",                                                      \
      "one call to an authoritative server, DNS and TLS included; the dialback error remote-server-timeout") \
    X(negotiation_ms, 30000, 1000, 600000, "ms",                                                   \
      "from the first step (DNS, or accept) to authenticated, dialback as long again; stanzas that wait bounce")  \
    X(close_ms, 5000, 100, 60000, "ms",                                                            \
      "wait for the peer's </stream:stream> after ours; then the connection is cut")              \
    X(stall_ms, 30000, 1000, 600000, "ms",                                                         \
      "no progress while bytes wait to be sent; the connection is cut, as nothing can be said on it")         \
    X(connect_ms, 10000, 500, 120000, "ms", "one TCP connection attempt; the next address is tried") \
    X(race_ms, 250, 10, 10000, "ms",                                                               \
      "head start of one address of a server over the next (RFC 8305); then both are tried")       \
    X(attempt_ms, 10000, 500, 600000, "ms",                                                        \
      "from connected to authenticated while there are other addresses; the next one is tried")    \
    X(dns_ms, 10000, 500, 120000, "ms", "one DNS question; counts as no answer")                   \
    X(dns_targets, 16, 1, 64, "targets", "SRV targets tried for one domain; the rest is ignored")  \
    X(dns_addresses, 16, 1, 64, "addresses", "addresses tried for one target; the rest is ignored") \
    X(queue_stanzas, 4096, 1, 1048576, "stanzas",                                                  \
      "stanzas that wait for one pair's stream; its senders are asked to pause at half of it, "          \
      "further ones bounce with resource-constraint")     \
    X(queue_bytes, 4194304, 65536, 1073741824, "bytes",                                            \
      "bytes that wait for one pair's stream; its senders are asked to pause at half of it, further "    \
      "stanzas bounce with resource-constraint")    \
    X(hold_ms, 2000, 100, 60000, "ms",                                                             \
      "who sends to a pair whose queue is half full is held, at most so long, and not again before the pair's stream has taken " \
      "64 kB; then stanzas without room bounce")                                                   \
    X(output_bytes, 262144, 32768, 67108864, "bytes",                                              \
      "unsent bytes of one stream; above it further stanzas wait in the pair's queue")                         \
    X(unacked_stanzas, 8192, 1, 1048576, "stanzas",                                                \
      "stanzas sent and not acknowledged on one stream (XEP-0198); further ones wait in the pair's queue") \
    X(unacked_bytes, 1048576, 16384, 67108864, "bytes",                                            \
      "bytes sent and not acknowledged on one stream (XEP-0198); further stanzas wait in the pair's queue") \
    X(reroute_ms, 60000, 0, 600000, "ms",                                                          \
      "after a stream broke, what waits or was not acknowledged is kept and a new stream tried; then it bounces") \
    X(resend_streams, 3, 1, 100, "streams",                                                        \
      "streams that broke in a row without any acknowledgement; what they carried again then bounces") \
    X(ack_ms, 60000, 1000, 600000, "ms",                                                           \
      "wait for a peer's acknowledgement once asked for; stream error connection-timeout. Also an acceptor's for <enable/>; " \
      "then it does without. stall_ms if that is less: an initiator's for <enabled/>") \
    X(liveness_ms, 300000, 0, 86400000, "ms",                                                      \
      "without a byte from the peer of an established stream it is asked for an answer (XEP-0198), else sent a " \
      "space, for TCP to notice; 0: never")                                                        \
    X(tcp_ms, 120000, 0, 2147483647, "ms",                                                         \
      "bytes that the peer's TCP has not acknowledged, or has no room for, so long end the connection (RFC 5482), and so does a " \
      "probe of a silent one; 0: the system's time")                                               \
    X(idle_ms, 3600000, 0, 2147483647, "ms",                                                       \
      "an established stream without a stanza either way for so long, or up to twice, is closed; 0: never") \
    X(rate_bytes, 0, 0, 1073741824, "bytes per second",                                            \
      "read from one remote domain, on all its established streams; beyond it and rate_burst_bytes reading waits, and " \
      "nothing is lost; 0: no limit")                                                              \
    X(rate_burst_bytes, 1048576, 1, 1073741824, "bytes",                                           \
      "beyond rate_bytes at once, saved up while less came")                                       \
    X(connections, 4096, 1, 1000000, "connections",                                                \
      "accepted connections at once; further ones are closed at TCP level")                        \
    X(connections_per_address, 1024, 1, 1000000, "connections",                                    \
      "of these, from one IPv4 address or one IPv6 network of 64 bits; further ones are closed at TCP level") \
    X(preauth_connections, 2048, 1, 1000000, "connections",                                        \
      "accepted connections that are not authenticated yet; further ones are closed at TCP level") \
    X(streams_out, 4096, 1, 1000000, "streams",                                                    \
      "pairs with an outgoing stream at once; further stanzas bounce with resource-constraint")                 \
    X(retry_ms, 5000, 0, 3600000, "ms",                                                            \
      "after a failed connection, stanzas for that pair bounce at once this long (less up to half, at " \
      "random); after each further one twice as long")                                             \
    X(retry_max_ms, 300000, 0, 86400000, "ms", "the longest such time")                            \
    X(chain_certificates, 10, 1, 100, "certificates",                                              \
      "certificates a peer may present; more are refused")                                         \
    X(chain_bytes, 65536, 4096, 1048576, "bytes",                                                  \
      "size of a TLS handshake message, so of a peer's chain; the handshake fails")               \
    X(handshakes_on_loop, 8, 0, 1000000, "handshakes",                                             \
      "TLS handshakes in flight at which each step is done on the loop; with more of them, in libuv's threads")  \
    X(handshakes_at_work, 4, 0, 1024, "handshakes",                                                \
      "of these, in libuv's threads at once, and not more than there are processors beside one; the others wait their turn; 0: all on the loop")

typedef struct s2s_limits {
#define S2S_X(field, value, least, most, unit, words) uint32_t field;
    S2S_LIMITS(S2S_X)
#undef S2S_X
} s2s_limits;

/* Fills in the defaults. */
S2S_API void s2s_limits_init(s2s_limits *limits);
/* NULL if every limit is within its range, else the name of the first that is not (static). */
S2S_API const char *s2s_limits_check(const s2s_limits *limits);

#ifdef __cplusplus
}
#endif
#endif
