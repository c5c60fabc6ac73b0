/* SPDX-License-Identifier: MIT */
/* request.c: reading a CertificateRequest (RFC 5246 section 7.4.4, RFC 8446 sections 4.3.2 and 4.2.4). */
#include "probe/request.h"

#include <string.h>

#include <gnutls/x509.h>

#include "protocol/buf.h"

enum { CERTIFICATE_AUTHORITIES = 47 };

/* A vector with a length of `width` octets: cut from the front of `in`. False: it is not whole. */
static bool take_vector(s2s_bytes *in, size_t width, s2s_bytes *out)
{
    size_t len = 0;
    if (in->len < width)
        return false;
    for (size_t i = 0; i < width; i++)
        len = len << 8 | in->ptr[i];
    if (in->len - width < len)
        return false;
    *out = (s2s_bytes){in->ptr + width, len};
    *in = (s2s_bytes){in->ptr + width + len, in->len - width - len};
    return true;
}

static void add_name(request_facts *out, s2s_bytes der)
{
    char text[S2S_TEXT_MAX];
    gnutls_datum_t raw = {(unsigned char *)(uintptr_t)der.ptr, (unsigned)der.len}; /* only read */
    gnutls_datum_t name = {0};
    out->cas_total++;
    if (out->cas_len == REQUEST_NAMES_MAX || gnutls_x509_rdn_get2(&raw, &name, 0) < 0)
        return;
    s2s__copy_text(text, (s2s_str){(char *)name.data, name.size});
    gnutls_free(name.data);
    text[REQUEST_NAME_MAX - 1] = '\0';
    memcpy(out->cas[out->cas_len++], text, strlen(text) + 1);
}

/* DistinguishedName certificate_authorities<0..2^16-1> */
static bool read_names(s2s_bytes in, request_facts *out)
{
    s2s_bytes list, name;
    if (!take_vector(&in, 2, &list))
        return false;
    while (list.len > 0) {
        if (!take_vector(&list, 2, &name))
            return false;
        add_name(out, name);
    }
    return true;
}

static bool read_tls12(s2s_bytes in, request_facts *out)
{
    s2s_bytes ignored;
    return take_vector(&in, 1, &ignored) && take_vector(&in, 2, &ignored) && read_names(in, out);
}

static bool read_tls13(s2s_bytes in, request_facts *out)
{
    s2s_bytes ignored, extensions, body;
    if (!take_vector(&in, 1, &ignored) || !take_vector(&in, 2, &extensions))
        return false;
    while (extensions.len > 2) {
        unsigned type = (unsigned)extensions.ptr[0] << 8 | extensions.ptr[1];
        extensions = (s2s_bytes){extensions.ptr + 2, extensions.len - 2};
        if (!take_vector(&extensions, 2, &body))
            return false;
        if (type == CERTIFICATE_AUTHORITIES && !read_names(body, out))
            return false;
    }
    return extensions.len == 0;
}

void request_read(bool tls13, s2s_bytes message, request_facts *out)
{
    *out = (request_facts){.asked = true};
    out->readable = tls13 ? read_tls13(message, out) : read_tls12(message, out);
}
