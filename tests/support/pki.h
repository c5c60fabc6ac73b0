/* SPDX-License-Identifier: MIT */
/* pki.h: certificates made at test time: anchors, intermediates and leaves of any shape. A failure to make one
 * ends the test program. */
#ifndef TEST_PKI_H
#define TEST_PKI_H

#include "s2s/base.h"

enum {
    PKI_NAMES_MAX = 6,
    PKI_EKUS_MAX = 4,
    PKI_CHAIN_MAX = 128,
    PKI_KEYS_MAX = 32, /* keys are reused after that many certificates; no matter to the tests */
};

/* Key Usage, to be combined; PKI_KU_AUTO: digitalSignature for a leaf, keyCertSign and cRLSign for a CA. */
enum { PKI_KU_AUTO = 0, PKI_KU_SIGN = 1, PKI_KU_ENCIPHER = 2, PKI_KU_CERT_SIGN = 4, PKI_KU_ABSENT = 8 };

typedef enum pki_name_type {
    PKI_NAME_END, /* ends the list */
    PKI_DNS,
    PKI_SRV,     /* otherName id-on-dnsSRV, IA5String */
    PKI_XMPP,    /* otherName id-on-xmppAddr, UTF8String */
    PKI_SRV_UTF8, /* the same OID with a wrong string type */
    PKI_IP,      /* text of an address */
    PKI_EMAIL,
} pki_name_type;

typedef struct pki_name {
    pki_name_type type;
    const char *value;
    size_t len; /* 0: strlen(value) */
} pki_name;

typedef enum pki_key { PKI_P256, PKI_RSA_1024, PKI_RSA_2048, PKI_ED25519 } pki_key;

typedef struct pki_cert pki_cert;

typedef struct pki_spec {
    const char *cn;         /* NULL: empty subject */
    const pki_cert *issuer; /* NULL: self-signed */
    bool ca;
    bool path_len_zero;     /* pathLenConstraint 0 */
    bool no_basic;          /* no basicConstraints at all */
    const char *ekus[PKI_EKUS_MAX]; /* "server", "client", "any", "email", or an OID; none: no extension */
    unsigned key_usage;     /* PKI_KU_... */
    int64_t from, until;    /* seconds from now; both 0: yesterday until in 30 days */
    pki_name names[PKI_NAMES_MAX];
    size_t more_names;      /* so many DNS names before the first of `names`, in place of the others */
    size_t padding;         /* octets of an unknown extension that is not critical */
    const char *permit_dns; /* name constraint */
    const char *crl_uri;    /* CRL distribution point */
    const char *critical_oid; /* a critical extension with the value NULL: unknown, or unreadable */
    pki_key key;
    bool sha1;
    bool forged;            /* the last octet of the signature is wrong */
} pki_spec;

typedef struct pki pki;

pki *pki_new(void);
void pki_free(pki *p); /* with all its certificates and files; takes NULL */

/* Lives as long as `p`. */
const pki_cert *pki_make(pki *p, const pki_spec *spec);
/* With the key of `same`: a cross-signed CA, a renewed leaf. The rest is from `spec`. */
const pki_cert *pki_make_again(pki *p, const pki_cert *same, const pki_spec *spec);
s2s_bytes pki_der(const pki_cert *cert);
s2s_bytes pki_keep(pki *p, s2s_bytes bytes); /* a copy that lives as long as `p` */
/* Fills `out` with the DER of `certs`, up to the first NULL; returns how many. */
size_t pki_chain(const pki_cert *const *certs, s2s_bytes out[PKI_CHAIN_MAX]);

/* Files in a directory of their own, removed by pki_free(). Path of the file; lives as long as `p`. */
const char *pki_write_chain(pki *p, const char *file, const pki_cert *const *certs); /* PEM, up to the first NULL */
const char *pki_write_key(pki *p, const char *file, const pki_cert *cert);
const char *pki_write_bytes(pki *p, const char *file, s2s_bytes bytes);
const char *pki_write_text(pki *p, const char *file, const char *text);
const char *pki_path(pki *p, const char *file); /* the path alone */

/* -- revocation; issuers and signers have P-256 keys --------------------------------------------------- */

enum { PKI_REVOKED_MAX = 8 };

typedef struct pki_crl {
    const pki_cert *issuer;
    const pki_cert *revoked[PKI_REVOKED_MAX]; /* up to the first NULL */
    size_t padding;            /* so many others are revoked too */
    int64_t from, until;       /* seconds from now; both 0: yesterday until in 7 days */
    bool no_next;              /* without nextUpdate */
    const char *uri;           /* issuingDistributionPoint: its full name; NULL: none */
    bool only_users, only_cas, some_reasons, indirect;
    s2s_bytes scope;           /* issuingDistributionPoint as it stands here; absent: as the fields above say */
    const char *critical_oid;  /* a further critical extension */
    bool number;               /* a CRL number, which is not critical */
    bool forged;
} pki_crl;
s2s_bytes pki_make_crl(pki *p, const pki_crl *spec); /* DER; lives as long as `p` */
const char *pki_write_crl(pki *p, const char *file, const pki_crl *spec); /* PEM */

typedef enum pki_ocsp_status { PKI_OCSP_GOOD, PKI_OCSP_REVOKED, PKI_OCSP_UNKNOWN } pki_ocsp_status;

typedef struct pki_ocsp {
    const pki_cert *about, *issuer;
    const pki_cert *signer; /* its certificate is in the response; NULL: the issuer, without it */
    pki_ocsp_status status;
    int64_t from, until;    /* seconds from now; both 0: an hour ago until in 7 days */
    bool no_next;
    bool forged;
} pki_ocsp;
s2s_bytes pki_make_ocsp(pki *p, const pki_ocsp *spec); /* DER; lives as long as `p` */

#endif
