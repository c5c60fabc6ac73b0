/* SPDX-License-Identifier: MIT */
/* origin.h: where connections come from: an IPv4 address, or an IPv6 network of 64 bits, which is one customer's. Internal. */
#ifndef S2S_ORIGIN_H
#define S2S_ORIGIN_H

#include <sys/socket.h>

#include "s2s/base.h"

#define S2S__ORIGIN_MAX 8

/* Its octets, and how many: 4 or 8; an IPv4 address in an IPv6 one (RFC 4291 section 2.5.5.2) counts as the former. 0: a family
 * that is neither. */
size_t s2s__origin_key(const struct sockaddr *address, uint8_t out[S2S__ORIGIN_MAX]);

#endif
