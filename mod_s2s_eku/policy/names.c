/* SPDX-License-Identifier: MIT */
/* names.c: presented identifiers against the reference identity (RFC 9525 section 6). */
#include "policy/names.h"

#include <arpa/inet.h>
#include <string.h>

#include "s2s/addr.h"

#define SERVICE S2S_STR("_xmpp-server.")

static bool is_ascii(s2s_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

/* RFC 9525 section 6.3: `want` is the reference in A-labels; `presented` may have "*" as its whole left-most label,
 * which stands for exactly one. */
static bool domain_matches(s2s_str presented, const char *want)
{
    char have[S2S_ASCII_DOMAIN_MAX + 1];
    if (!is_ascii(presented))
        return false; /* certificates hold A-labels */
    if (presented.len > 2 && memcmp(presented.ptr, "*.", 2) == 0) {
        want = strchr(want, '.');
        if (!want)
            return false;
        want++;
        presented = (s2s_str){presented.ptr + 2, presented.len - 2};
    }
    /* What is no host name, a "*" elsewhere and an IP address among it, has no ASCII form. */
    return s2s_domain_to_ascii(presented, have) == S2S_OK && strcmp(have, want) == 0;
}

/* RFC 9525 section 6.5: service and domain together, the service without regard to case. */
static bool srv_matches(s2s_str presented, const char *want)
{
    s2s_str service = {presented.ptr, SERVICE.len};
    if (presented.len <= service.len || !s2s_str_caseeq(service, SERVICE))
        return false;
    return domain_matches((s2s_str){presented.ptr + service.len, presented.len - service.len}, want);
}

/* RFC 6120 section 13.7.1.2.2: a bare domain. */
static bool xmpp_matches(s2s_str presented, s2s_str remote)
{
    return !memchr(presented.ptr, '@', presented.len) && !memchr(presented.ptr, '/', presented.len) &&
           s2s_domain_is(presented, remote);
}

/* RFC 9525 section 6.4: octet for octet. */
static bool ip_matches(s2s_str presented, s2s_str remote)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char octets[16];
    int family = presented.len == 16 ? AF_INET6 : AF_INET;
    if (family == AF_INET6) {
        if (remote.len < 2 || remote.ptr[0] != '[')
            return false;
        remote = (s2s_str){remote.ptr + 1, remote.len - 2};
    }
    if (remote.len >= sizeof text)
        return false;
    memcpy(text, remote.ptr, remote.len);
    text[remote.len] = '\0';
    return inet_pton(family, text, octets) == 1 && memcmp(octets, presented.ptr, presented.len) == 0;
}

s2s_identity eku__names_match(const eku__name *names, size_t len, s2s_str remote, bool dns_only)
{
    char want[S2S_ASCII_DOMAIN_MAX + 1] = "";
    if (len == 0)
        return S2S_IDENTITY_ABSENT;
    bool ip = s2s_domain_is_ip(remote);
    if (!ip && s2s_domain_to_ascii(remote, want) != S2S_OK)
        return S2S_IDENTITY_MISMATCH;

    for (size_t i = 0; i < len; i++) {
        bool match = false;
        switch (names[i].type) {
        case EKU__NAME_DNS: match = !ip && domain_matches(names[i].value, want); break;
        case EKU__NAME_SRV: match = !ip && !dns_only && srv_matches(names[i].value, want); break;
        case EKU__NAME_XMPP: match = !ip && !dns_only && xmpp_matches(names[i].value, remote); break;
        case EKU__NAME_IP: match = ip && ip_matches(names[i].value, remote); break;
        }
        if (match)
            return S2S_IDENTITY_MATCH;
    }
    return S2S_IDENTITY_MISMATCH;
}
