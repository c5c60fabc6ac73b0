/* SPDX-License-Identifier: MIT */
/* der.h: walking DER where GnuTLS gives no whole view: other names, public keys, scopes of CRLs. Internal. */
#ifndef EKU_DER_H
#define EKU_DER_H

#include "s2s/base.h"

enum {
    EKU__DER_BOOLEAN = 0x01,
    EKU__DER_OID = 0x06,
    EKU__DER_UTF8_STRING = 0x0c,
    EKU__DER_IA5_STRING = 0x16,
    EKU__DER_SEQUENCE = 0x30,
    EKU__DER_CONTEXT = 0x80,             /* and the number: implicit, primitive */
    EKU__DER_CONTEXT_CONSTRUCTED = 0xa0, /* and the number */
};

/* One value: its tag octet, its contents, and all of it. Lent from what it was read from. */
typedef struct eku__der {
    uint8_t tag;
    s2s_bytes body, whole;
} eku__der;

/* Takes the first value off `in`. False, with `in` untouched: there is none, it is cut short, or its length is not DER
 * (X.690 section 10.1: definite, in the fewest octets; here up to four) or its tag number is above 30. */
bool eku__der_next(s2s_bytes *in, eku__der *out);
/* The same, if the tag is `tag`. */
bool eku__der_take(s2s_bytes *in, uint8_t tag, eku__der *out);

/* The SubjectPublicKeyInfo of a certificate (RFC 5280 section 4.1), whole. False: this is no certificate. */
bool eku__der_spki(s2s_bytes certificate, s2s_bytes *out);

#endif
