/* SPDX-License-Identifier: MIT */
/* floor.c: the lower bound that the programs are measured against: GnuTLS and expat on loopback, and nothing else. */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/x509.h>
#include <netinet/tcp.h>

enum { PATH_BYTES = 512, BACKLOG = 1024 };

/* The library's defaults (key exchange over P-256), with the cipher that the node prefers. */
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM"

void floor_die(const char *what, int gnutls_error)
{
    (void)fprintf(stderr, "s2s-floor: %s: %s\n", what, gnutls_error ? gnutls_strerror(gnutls_error) : strerror(errno));
    exit(2);
}

void floor_tls_init(floor_tls *tls, const char *pki, const char *side)
{
    char certificate[PATH_BYTES], key[PATH_BYTES], ca[PATH_BYTES];
    (void)snprintf(certificate, sizeof certificate, "%s/%s.crt", pki, side);
    (void)snprintf(key, sizeof key, "%s/%s.key", pki, side);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", pki);
    gnutls_certificate_allocate_credentials(&tls->credentials);
    if (gnutls_certificate_set_x509_trust_file(tls->credentials, ca, GNUTLS_X509_FMT_PEM) < 1)
        floor_die(ca, GNUTLS_E_NO_CERTIFICATE_FOUND);
    int r = gnutls_certificate_set_x509_key_file(tls->credentials, certificate, key, GNUTLS_X509_FMT_PEM);
    if (r < 0 || (r = gnutls_priority_init(&tls->priority, PRIORITY, NULL)) < 0)
        floor_die(certificate, r);
}

gnutls_session_t floor_session(const floor_tls *tls, int fd, bool server, bool nonblocking)
{
    gnutls_session_t s;
    unsigned flags = (server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL;
    int r = gnutls_init(&s, flags | (nonblocking ? GNUTLS_NONBLOCK : 0));
    if (r < 0)
        floor_die("TLS", r);
    gnutls_priority_set(s, tls->priority);
    gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, tls->credentials);
    if (server)
        gnutls_certificate_server_set_request(s, GNUTLS_CERT_REQUIRE);
    else
        gnutls_server_name_set(s, GNUTLS_NAME_DNS, "b.example", strlen("b.example"));
    gnutls_transport_set_int(s, fd);
    gnutls_handshake_set_timeout(s, 0);
    return s;
}

void floor_verify(gnutls_session_t session, const char *name)
{
    gnutls_typed_vdata_st data[] = {
        {.type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)(size_t)name},
        {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(size_t)GNUTLS_KP_TLS_WWW_SERVER}};
    unsigned status = 1;
    int r = gnutls_certificate_verify_peers(session, data, 2, &status);
    if (r < 0 || status != 0)
        floor_die(name, r < 0 ? r : GNUTLS_E_CERTIFICATE_ERROR);
}

static struct sockaddr_in parse(const char *text)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strrchr(text, ':');
    (void)snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - text) : 0, text);
    errno = EINVAL;
    if (!colon || inet_pton(AF_INET, host, &at.sin_addr) != 1)
        floor_die(text, 0);
    at.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return at;
}

static int no_delay(int fd)
{
    int one = 1;
    if (fd < 0)
        floor_die("connection", 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int floor_listen(const char *address)
{
    struct sockaddr_in at = parse(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BACKLOG) < 0)
        floor_die(address, 0);
    return fd;
}

int floor_connect(const char *address)
{
    struct sockaddr_in at = parse(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        floor_die(address, 0);
    return no_delay(fd);
}

int floor_accept(int listener)
{
    return no_delay(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

int main(int argc, char **argv)
{
    static const char USAGE[] =
        "Usage: s2s-floor relay-a|relay-b PKI COMPONENT-ADDRESS TLS-ADDRESS\n"
        "       s2s-floor streams PKI COUNT keep|close\n"
        "       s2s-floor pki DIR COUNT [RSA_BITS]\n"
        "\n"
        "  relay    the least that a pair of servers can be: components in, TLS between them, no check, no routing\n"
        "  streams  COUNT whole set-ups one after the other (STARTTLS, mutual certificates, EXTERNAL): CPU and memory\n"
        "  pki      the certificates: one per side, and COUNT more of which each is for one name\n";
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 5 && strcmp(argv[1], "streams") == 0)
        floor_streams(argv[2], strtol(argv[3], NULL, 10), strcmp(argv[4], "keep") == 0);
    else if ((argc == 4 || argc == 5) && strcmp(argv[1], "pki") == 0)
        floor_pki(argv[2], strtol(argv[3], NULL, 10), argc == 5 ? (unsigned)strtoul(argv[4], NULL, 10) : 0);
    else if (argc == 5 && strncmp(argv[1], "relay-", 6) == 0)
        floor_relay(argv[2], argv[3], argv[4], argv[1][6] == 'b');
    else
        return fputs(USAGE, stderr), 2;
    return 0;
}
