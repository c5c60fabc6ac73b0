/* SPDX-License-Identifier: MIT */
/* config_value.c: single texts of a configuration: domains, addresses, secrets. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "node/config_check.h"
#include "node/listen_fd.h"
#include "s2s/addr.h"

enum { PORT_MAX = 65535, PORT_DIGITS = 5, FD_NAME_MAX = 255 };

#define UNIX_PREFIX "unix:"

void config_set_text(config_reading *r, config_node *n, const char *text)
{
    size_t len = strlen(text);
    char *copy = config_copy(r, text, len);
    if (!copy)
        return;
    explicit_bzero(n->text, n->len);
    free(n->text);
    n->text = copy;
    n->len = len;
}

/* Writes the normal form, or reports why there is none. */
static bool normalise(config_reading *r, config_node *n, const char *domain,
                      char out[S2S_DOMAIN_MAX + 1])
{
    config_quoted quoted;
    s2s_err err = s2s_domain_normalise(s2s_str_of(domain), out);
    if (err == S2S_E_NOMEM) {
        r->nomem = true;
        return false;
    }
    if (err != S2S_OK)
        config_problem_add(r, n, "%s is not a domain name", config_quote(&quoted, n->text));
    else if (s2s_domain_is_ip(s2s_str_of(out))) /* AD-06: no certificate proves it */
        config_problem_add(r, n, "%s is an IP address, not a domain name", config_quote(&quoted, n->text));
    return !n->bad;
}

static void check_domain(config_reading *r, config_node *n)
{
    char normal[S2S_DOMAIN_MAX + 1];
    if (normalise(r, n, n->text, normal))
        config_set_text(r, n, normal);
}

static void check_match(config_reading *r, config_node *n)
{
    static const char any[] = "*", below[] = "*.";
    char normal[sizeof below + S2S_DOMAIN_MAX];
    if (strcmp(n->text, any) == 0)
        return;
    size_t prefix = strncmp(n->text, below, strlen(below)) == 0 ? strlen(below) : 0;
    memcpy(normal, below, prefix);
    if (normalise(r, n, n->text + prefix, normal + prefix))
        config_set_text(r, n, normal);
}

static bool port_ok(const char *text, uint32_t least)
{
    size_t len = strlen(text);
    unsigned port = 0;
    if (len == 0 || len > PORT_DIGITS || (len > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port >= least && port <= PORT_MAX;
}

static bool literal_ok(int family, const char *text, size_t len)
{
    char literal[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    if (len >= sizeof literal)
        return false;
    memcpy(literal, text, len);
    literal[len] = '\0';
    return inet_pton(family, literal, address) == 1;
}

/* The form only; whether it is an address of this machine is seen when it is listened on. */
static bool address_ok(const char *text, uint32_t least_port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || !port_ok(colon + 1, least_port))
        return false;
    size_t len = (size_t)(colon - text);
    if (len > 2 && text[0] == '[' && text[len - 1] == ']')
        return literal_ok(AF_INET6, text + 1, len - 2);
    return literal_ok(AF_INET, text, len);
}

static bool dns_server_ok(const char *text, uint32_t least_port)
{
    const char *at = strchr(text, '@');
    size_t len = at ? (size_t)(at - text) : strlen(text);
    if (at && !port_ok(at + 1, least_port))
        return false;
    return literal_ok(AF_INET, text, len) || literal_ok(AF_INET6, text, len);
}

static void check_form(config_reading *r, config_node *n, bool ok, const char *form)
{
    config_quoted quoted;
    if (!ok)
        config_problem_add(r, n, "must be %s, not %s", form, config_quote(&quoted, n->text));
}

/* As FileDescriptorName= takes them (systemd.socket(5)); ':' separates them on the way. */
static bool fd_name_ok(const char *name)
{
    return *name && strlen(name) <= FD_NAME_MAX && !strchr(name, ':');
}

static bool passed_ok(const char *text)
{
    return strncmp(text, LISTEN_FD_PREFIX, strlen(LISTEN_FD_PREFIX)) == 0 && fd_name_ok(text + strlen(LISTEN_FD_PREFIX));
}

static void check_listen_local(config_reading *r, config_node *n, const config_key *row)
{
    if (strncmp(n->text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        config_check_socket(r, n, strlen(UNIX_PREFIX));
    else
        check_form(r, n, passed_ok(n->text) || address_ok(n->text, row->least), "ADDRESS:PORT, [IPV6]:PORT, unix:/PATH or fd:NAME");
}

static bool pin_ok(const char *text)
{
    uint8_t hash[EKU_PIN_BYTES];
    return eku_pin_decode(text, hash) == S2S_OK;
}

/* scheme ":" something, RFC 3986 section 3, without blanks. */
static bool uri_ok(const char *text)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *colon = strchr(text, ':');
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return colon && colon[1] && scheme > 0 && text + scheme == colon && strchr(LETTERS, *text) && !strpbrk(text, " <>\"");
}

static bool has_controls(const config_node *n)
{
    for (size_t i = 0; i < n->len; i++) {
        unsigned char c = (unsigned char)n->text[i];
        if (c < 0x20 || c == 0x7f)
            return true;
    }
    return false;
}

void config_check_value(config_reading *r, config_node *n, const config_key *row)
{
    if (has_controls(n)) {
        config_problem_add(r, n, "must not hold control characters");
        return;
    }
    if (n->len == 0) {
        config_problem_add(r, n, "must not be empty");
        return;
    }
    switch (row->type) {
    case CONFIG_DOMAIN: check_domain(r, n); return;
    case CONFIG_MATCH: check_match(r, n); return;
    case CONFIG_ADDRESS:
        check_form(r, n, address_ok(n->text, row->least), "ADDRESS:PORT or [IPV6]:PORT");
        return;
    case CONFIG_LISTEN:
        check_form(r, n, passed_ok(n->text) || address_ok(n->text, row->least), "ADDRESS:PORT, [IPV6]:PORT or fd:NAME");
        return;
    case CONFIG_LISTEN_LOCAL: check_listen_local(r, n, row); return;
    case CONFIG_DNS_SERVER:
        check_form(r, n, dns_server_ok(n->text, row->least), "ADDRESS or ADDRESS@PORT");
        return;
    case CONFIG_FILE: config_check_file(r, n); return;
    case CONFIG_SECRET_FILE: config_check_secret_file(r, n); return;
    case CONFIG_SOCKET: config_check_socket(r, n, 0); return;
    case CONFIG_PIN:
        check_form(r, n, pin_ok(n->text), "sha256/ and the base64 of a SHA-256 hash");
        return;
    case CONFIG_OUTPUT: config_check_output(r, n); return;
    case CONFIG_URI:
        check_form(r, n, uri_ok(n->text), "a URI such as mailto:admin@example.org");
        return;
    case CONFIG_SECRET:
    case CONFIG_TEXT:
    case CONFIG_MAPPING:
    case CONFIG_LIST:
    case CONFIG_BOOL:
    case CONFIG_NUMBER:
    case CONFIG_WORD: return;
    }
}
