/* SPDX-License-Identifier: MIT */
/* address.h: socket addresses as text, "127.0.0.1:5269" or "[::1]:5269". Internal. */
#ifndef S2S_ADDRESS_H
#define S2S_ADDRESS_H

#include <sys/socket.h>

#include "s2s/federation.h"

/* Strict: one literal, one port of 0 to 65535 without leading zeros, nothing else; an IPv6 literal stands in
 * brackets and has no zone. No name is looked up. S2S_OK or S2S_E_SYNTAX. */
s2s_err s2s__address_parse(s2s_str text, struct sockaddr_storage *out);

/* The same for the bare literal of a domainpart, "192.0.2.1" or "[2001:db8::1]". */
s2s_err s2s__address_parse_host(s2s_str host, uint16_t port, struct sockaddr_storage *out);

/* Writes "" for a family that is neither IPv4 nor IPv6. */
void s2s__address_print(const struct sockaddr *address, char out[S2S_ADDRESS_MAX]);

#endif
