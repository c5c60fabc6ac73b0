/* SPDX-License-Identifier: MIT */
/* names.h: does a certificate name this domain? RFC 9525 for XMPP servers. Internal. */
#ifndef EKU_NAMES_H
#define EKU_NAMES_H

#include "policy/facts.h"

/* `remote` is the reference identity, a domain in normal form (or an IP literal). Any match suffices. With `dns_only`
 * SRV-IDs and XMPP addresses prove nothing: for chains whose name constraints do not speak of them (RFC 9525
 * section 7.6). Common names never do. S2S_IDENTITY_ABSENT: there is no name at all. */
s2s_identity eku__names_match(const eku__name *names, size_t len, s2s_str remote, bool dns_only);

#endif
