/* SPDX-License-Identifier: MIT */
/* der.c: tag, length, value. */
#include "policy/der.h"

enum { LONG_FORM = 0x80, LENGTH_OCTETS_MAX = 4, TAG_NUMBER = 0x1f, TBS_BEFORE_SPKI = 5 };

/* The length behind the tag; `*head` octets are tag and length. */
static bool read_length(s2s_bytes in, size_t *head, size_t *len)
{
    if (in.len < 2)
        return false;
    *head = 2;
    *len = in.ptr[1];
    if (*len < LONG_FORM)
        return true;
    size_t octets = *len - LONG_FORM;
    if (octets == 0 || octets > LENGTH_OCTETS_MAX || in.len - 2 < octets)
        return false;
    *len = 0;
    for (size_t i = 0; i < octets; i++)
        *len = *len << 8 | in.ptr[2 + i];
    *head += octets;
    return *len >= LONG_FORM && in.ptr[2] != 0; /* the fewest octets */
}

bool eku__der_next(s2s_bytes *in, eku__der *out)
{
    size_t head = 0, len = 0;
    if (!read_length(*in, &head, &len) || in->len - head < len || (in->ptr[0] & TAG_NUMBER) == TAG_NUMBER)
        return false;
    *out = (eku__der){in->ptr[0], {in->ptr + head, len}, {in->ptr, head + len}};
    *in = (s2s_bytes){in->ptr + head + len, in->len - head - len};
    return true;
}

bool eku__der_take(s2s_bytes *in, uint8_t tag, eku__der *out)
{
    s2s_bytes rest = *in;
    if (!eku__der_next(&rest, out) || out->tag != tag)
        return false;
    *in = rest;
    return true;
}

bool eku__der_spki(s2s_bytes certificate, s2s_bytes *out)
{
    eku__der value, tbs;
    if (!eku__der_take(&certificate, EKU__DER_SEQUENCE, &value) ||
        !eku__der_take(&value.body, EKU__DER_SEQUENCE, &tbs))
        return false;
    (void)eku__der_take(&tbs.body, EKU__DER_CONTEXT_CONSTRUCTED, &value); /* version, from v2 on */
    for (size_t i = 0; i < TBS_BEFORE_SPKI; i++) { /* serial, signature, issuer, validity, subject */
        if (!eku__der_next(&tbs.body, &value))
            return false;
    }
    if (!eku__der_take(&tbs.body, EKU__DER_SEQUENCE, &value))
        return false;
    *out = value.whole;
    return true;
}
