/* SPDX-License-Identifier: MIT */
/* address.c: socket addresses from text and back. */
#include "transport/address.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

enum { PORT_DIGITS = 5, PORT_MAX = 65535 };

static s2s_err parse_port(s2s_str text, uint16_t *out)
{
    uint32_t port = 0;
    if (text.len == 0 || text.len > PORT_DIGITS || (text.len > 1 && text.ptr[0] == '0'))
        return S2S_E_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return S2S_E_SYNTAX;
        port = port * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    if (port > PORT_MAX)
        return S2S_E_SYNTAX;
    *out = (uint16_t)port;
    return S2S_OK;
}

s2s_err s2s__address_parse_host(s2s_str host, uint16_t port, struct sockaddr_storage *out)
{
    bool v6 = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (v6)
        host = (s2s_str){host.ptr + 1, host.len - 2};

    char literal[INET6_ADDRSTRLEN];
    if (host.len == 0 || host.len >= sizeof literal || memchr(host.ptr, '\0', host.len) ||
        memchr(host.ptr, '%', host.len))
        return S2S_E_SYNTAX;
    memcpy(literal, host.ptr, host.len);
    literal[host.len] = '\0';

    struct sockaddr_storage address = {0};
    int failed = v6 ? uv_ip6_addr(literal, port, (struct sockaddr_in6 *)&address)
                    : uv_ip4_addr(literal, port, (struct sockaddr_in *)&address);
    if (failed)
        return S2S_E_SYNTAX;
    *out = address;
    return S2S_OK;
}

s2s_err s2s__address_parse(s2s_str text, struct sockaddr_storage *out)
{
    const char *colon = text.len ? memrchr(text.ptr, ':', text.len) : NULL;
    if (!colon)
        return S2S_E_SYNTAX;
    size_t host_len = (size_t)(colon - text.ptr);
    uint16_t port;
    s2s_err err = parse_port((s2s_str){colon + 1, text.len - host_len - 1}, &port);
    if (err != S2S_OK)
        return err;
    return s2s__address_parse_host((s2s_str){text.ptr, host_len}, port, out);
}

void s2s__address_print(const struct sockaddr *address, char out[S2S_ADDRESS_MAX])
{
    char literal[INET6_ADDRSTRLEN];
    out[0] = '\0';
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        if (uv_ip4_name(v4, literal, sizeof literal) == 0)
            (void)snprintf(out, S2S_ADDRESS_MAX, "%s:%u", literal, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        if (uv_ip6_name(v6, literal, sizeof literal) == 0)
            (void)snprintf(out, S2S_ADDRESS_MAX, "[%s]:%u", literal, ntohs(v6->sin6_port));
    }
}
