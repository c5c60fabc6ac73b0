/* SPDX-License-Identifier: MIT */
/* request.h: a TLS server's CertificateRequest: whom it wants to hear of. */
#ifndef PROBE_REQUEST_H
#define PROBE_REQUEST_H

#include "s2s/base.h"

enum { REQUEST_NAMES_MAX = 8, REQUEST_NAME_MAX = 96 };

typedef struct request_facts {
    bool asked;
    bool readable;    /* the message could be read */
    size_t cas_total; /* CAs that it names; 0: any */
    size_t cas_len;   /* of them, in words */
    char cas[REQUEST_NAMES_MAX][REQUEST_NAME_MAX];
} request_facts;

/* `message` as from s2s__pump_options.requested. Fills all of `out`. */
void request_read(bool tls13, s2s_bytes message, request_facts *out);

#endif
