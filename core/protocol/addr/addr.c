/* SPDX-License-Identifier: MIT */
/* addr.c: splitting addresses, and domains in comparable form (IDNA2008 by libidn2). */
#include "s2s/addr.h"

#include <idn2.h>
#include <string.h>

enum { LABEL_MAX = 63 };

/* RFC 7622 section 3.3.1: never in a localpart are " & ' / : < > @; so too controls and space. */
static bool local_char_ok(unsigned char c)
{
    const uint64_t forbidden = UINT64_C(0x1ffffffff) | UINT64_C(1) << '"' | UINT64_C(1) << '&' | UINT64_C(1) << '\'' |
                               UINT64_C(1) << '/' | UINT64_C(1) << ':' | UINT64_C(1) << '<' | UINT64_C(1) << '>';
    return c < 64 ? !(forbidden >> c & 1) : c != '@' && c != 0x7f;
}

static bool part_ok(s2s_str s)
{
    return s.len > 0 && s.len <= S2S_JID_PART_MAX;
}

s2s_err s2s_jid_split(s2s_str jid, s2s_jid *out)
{
    if (!jid.ptr || jid.len == 0 || memchr(jid.ptr, 0, jid.len))
        return S2S_E_SYNTAX;
    s2s_jid j = {.domain = jid};
    const char *slash = memchr(jid.ptr, '/', jid.len);
    if (slash) {
        j.domain.len = (size_t)(slash - jid.ptr);
        j.resource = (s2s_str){slash + 1, jid.len - j.domain.len - 1};
        if (!part_ok(j.resource))
            return S2S_E_SYNTAX;
    }
    const char *at = memchr(j.domain.ptr, '@', j.domain.len);
    if (at) {
        j.local = (s2s_str){j.domain.ptr, (size_t)(at - j.domain.ptr)};
        j.domain = (s2s_str){at + 1, j.domain.len - j.local.len - 1};
        if (!part_ok(j.local))
            return S2S_E_SYNTAX;
        for (size_t i = 0; i < j.local.len; i++) {
            if (!local_char_ok((unsigned char)j.local.ptr[i]))
                return S2S_E_SYNTAX;
        }
    }
    if (!part_ok(j.domain) || memchr(j.domain.ptr, '@', j.domain.len))
        return S2S_E_SYNTAX;
    *out = j;
    return S2S_OK;
}

static bool is_ipv4(const char *s, size_t len)
{
    unsigned parts = 0, digits = 0, value = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && s[i] >= '0' && s[i] <= '9') {
            value = value * 10 + (unsigned)(s[i] - '0');
            if (++digits > 3 || value > 255)
                return false;
        } else if ((i == len || s[i] == '.') && digits > 0) {
            parts++;
            digits = value = 0;
        } else {
            return false;
        }
    }
    return parts == 4;
}

/* "[...]" with what an IPv6 address may hold; the resolver judges the rest. */
static bool is_ipv6(const char *s, size_t len)
{
    if (len < 4 || len > 47 || s[0] != '[' || s[len - 1] != ']')
        return false;
    size_t colons = 0;
    for (size_t i = 1; i + 1 < len; i++) {
        colons += s[i] == ':';
        if (!strchr("0123456789abcdefABCDEF:.", s[i]))
            return false;
    }
    return colons >= 2 && colons <= 7;
}

bool s2s_domain_is_ip(s2s_str domain)
{
    return domain.ptr && (is_ipv6(domain.ptr, domain.len) || is_ipv4(domain.ptr, domain.len));
}

/* RFC 5890 section 2.3.1 with the DNS's lengths; lower case already. */
static bool ldh_ok(const char *s, size_t len)
{
    if (len == 0 || len > S2S_ASCII_DOMAIN_MAX)
        return false;
    size_t label = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i == len || s[i] == '.') {
            if (label == 0 || label > LABEL_MAX || s[i - 1] == '-' || s[i - label] == '-')
                return false;
            label = 0;
            continue;
        }
        bool ok = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-';
        if (!ok)
            return false;
        label++;
    }
    return true;
}

static bool plain_label(const char *label, size_t len)
{
    return len > 0 && len <= LABEL_MAX && label[0] != '-' && label[len - 1] != '-' &&
           (len < 4 || memcmp(label, "xn--", 4) != 0);
}

/* The lower-case form of what may stand in a plain domain; 0: it may not. */
static const char PLAIN[256] = {
    ['-'] = '-', ['.'] = '.', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5',
    ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',
    ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k', ['l'] = 'l',
    ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't',
    ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z', ['A'] = 'a', ['B'] = 'b',
    ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j',
    ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r',
    ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z'};

/* What nearly every domain is: ASCII letters, digits and hyphens, nothing for IDNA to do. One pass, as each stanza asks.
 * False: it is something else, or no domain at all; `out` means nothing then. */
static bool normalise_plain(s2s_str domain, char out[S2S_DOMAIN_MAX + 1], size_t *len)
{
    size_t n = domain.len, label = 0; /* where the label began */
    if (n > 0 && domain.ptr[n - 1] == '.')
        n--;
    if (n == 0 || n > S2S_ASCII_DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = PLAIN[(unsigned char)domain.ptr[i]];
        if (c == '\0' || (c == '.' && !plain_label(out + label, i - label)))
            return false;
        out[i] = c;
        if (c == '.')
            label = i + 1;
    }
    out[n] = '\0';
    *len = n;
    return plain_label(out + label, n - label);
}

/* Copies without one trailing dot (RFC 7622 section 3.2), ASCII letters folded. `*plain`: nothing for IDNA to do. */
static s2s_err copy_folded(s2s_str domain, char out[S2S_DOMAIN_MAX + 1], size_t *len, bool *plain)
{
    size_t n = domain.len;
    if (!domain.ptr)
        return S2S_E_SYNTAX;
    if (n > 0 && domain.ptr[n - 1] == '.')
        n--;
    if (n == 0 || n > S2S_DOMAIN_MAX)
        return S2S_E_SYNTAX;
    *plain = true;
    for (size_t i = 0; i < n; i++) {
        char c = domain.ptr[i];
        if (c == '\0')
            return S2S_E_SYNTAX;
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
        if ((unsigned char)c >= 0x80)
            *plain = false;
    }
    out[n] = '\0';
    *len = n;
    for (const char *label = out; *plain && label; label = strchr(label, '.')) {
        label += *label == '.';
        if (strncmp(label, "xn--", 4) == 0)
            *plain = false;
        if (*label == '\0')
            break;
    }
    return S2S_OK;
}

static s2s_err idna_err(int rc)
{
    return rc == IDN2_MALLOC ? S2S_E_NOMEM : S2S_E_SYNTAX;
}

/* IDNA2008 lookup form of an already folded name; `*out` is libidn2's to free. */
static s2s_err idna_ascii(const char *name, char **out)
{
    char *ascii = NULL;
    int rc = idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK)
        return idna_err(rc);
    if (!ldh_ok(ascii, strlen(ascii))) {
        idn2_free(ascii);
        return S2S_E_SYNTAX;
    }
    *out = ascii;
    return S2S_OK;
}

s2s_err s2s_domain_normalise(s2s_str domain, char out[S2S_DOMAIN_MAX + 1])
{
    char folded[S2S_DOMAIN_MAX + 1];
    size_t len = 0;
    bool plain = false;
    if (domain.ptr && normalise_plain(domain, folded, &len)) {
        memcpy(out, folded, len + 1);
        return S2S_OK;
    }
    s2s_err err = copy_folded(domain, folded, &len, &plain);
    if (err != S2S_OK)
        return err;
    if (plain) {
        if (!is_ipv6(folded, len) && !ldh_ok(folded, len))
            return S2S_E_SYNTAX;
        memcpy(out, folded, len + 1);
        return S2S_OK;
    }

    char *ascii = NULL, *native = NULL;
    if ((err = idna_ascii(folded, &ascii)) != S2S_OK)
        return err;
    int rc = idn2_to_unicode_8z8z(ascii, &native, 0);
    idn2_free(ascii);
    if (rc != IDN2_OK)
        return idna_err(rc);
    len = strlen(native);
    if (len > 0 && len <= S2S_DOMAIN_MAX)
        memcpy(out, native, len + 1);
    else
        err = S2S_E_SYNTAX;
    idn2_free(native);
    return err;
}

s2s_err s2s_domain_to_ascii(s2s_str domain, char out[S2S_ASCII_DOMAIN_MAX + 1])
{
    char folded[S2S_DOMAIN_MAX + 1];
    size_t len = 0;
    bool plain = false;
    s2s_err err = copy_folded(domain, folded, &len, &plain);
    if (err != S2S_OK)
        return err;
    if (s2s_domain_is_ip((s2s_str){folded, len}))
        return S2S_E_SYNTAX;
    if (plain) {
        if (!ldh_ok(folded, len))
            return S2S_E_SYNTAX;
        memcpy(out, folded, len + 1);
        return S2S_OK;
    }
    char *ascii = NULL;
    if ((err = idna_ascii(folded, &ascii)) != S2S_OK)
        return err;
    memcpy(out, ascii, strlen(ascii) + 1); /* ldh_ok bounds it */
    idn2_free(ascii);
    return S2S_OK;
}

bool s2s_domain_is(s2s_str domain, s2s_str normal)
{
    if (s2s_str_eq(domain, normal))
        return domain.ptr != NULL;
    char out[S2S_DOMAIN_MAX + 1];
    return s2s_domain_normalise(domain, out) == S2S_OK && s2s_str_eq(s2s_str_of(out), normal);
}

s2s_err s2s_pattern_normalise(s2s_str pattern, char out[S2S_DOMAIN_MAX + 1])
{
    char domain[S2S_DOMAIN_MAX + 1];
    if (s2s_str_eq(pattern, S2S_STR("*"))) {
        memcpy(out, "*", 2);
        return S2S_OK;
    }
    bool below = pattern.len > 2 && memcmp(pattern.ptr, "*.", 2) == 0;
    if (below)
        pattern = (s2s_str){pattern.ptr + 2, pattern.len - 2};
    s2s_err err = s2s_domain_normalise(pattern, domain);
    size_t len = err == S2S_OK ? strlen(domain) : 0;
    if (err == S2S_OK && below && (len + 2 > S2S_DOMAIN_MAX || s2s_domain_is_ip((s2s_str){domain, len})))
        err = S2S_E_SYNTAX; /* nothing is below an address */
    if (err != S2S_OK)
        return err;
    if (below)
        memcpy(out, "*.", 2);
    memcpy(out + (below ? 2 : 0), domain, len + 1);
    return S2S_OK;
}

bool s2s_pattern_matches(s2s_str pattern, s2s_str domain)
{
    if (pattern.len == 0 || pattern.ptr[0] != '*')
        return s2s_str_eq(pattern, domain);
    if (pattern.len == 1)
        return true;
    s2s_str end = {pattern.ptr + 1, pattern.len - 1}; /* ".peer.example" */
    return domain.len > end.len && memcmp(domain.ptr + domain.len - end.len, end.ptr, end.len) == 0;
}
