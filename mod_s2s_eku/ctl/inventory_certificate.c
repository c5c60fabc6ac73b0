/* SPDX-License-Identifier: MIT */
/* inventory_certificate.c: what a certificate on the disk may do, now and after its renewal. */
#include <string.h>
#include <strings.h>

#include "inventory.h"
#include "probe/judge.h"

static const struct {
    const char *word, *fate;
} ISSUERS[] = {
#define ISSUER(word, fate) {word, fate},
#define DIRECTIVE(program, ends, word, role)
#include "inventory_tables.inc"
#undef ISSUER
#undef DIRECTIVE
};

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const char *fate_of(const json_t *chain)
{
    size_t k;
    json_t *cert;
    json_array_foreach(chain, k, cert)
    {
        for (size_t i = 0; i < sizeof ISSUERS / sizeof *ISSUERS; i++) {
            if (strcasestr(word(cert, "issuer"), ISSUERS[i].word))
                return ISSUERS[i].fate;
        }
    }
    return NULL;
}

static bool permits_client(const json_t *cert)
{
    const char *eku = word(cert, "eku");
    return strcmp(eku, "none") == 0 || strcmp(eku, "client") == 0 || strcmp(eku, "both") == 0;
}

/* What the certificate is as a client's, in a word, and why. */
static const char *client_of(const json_t *chain, const char **why)
{
    size_t i;
    json_t *cert;
    const json_t *leaf = json_array_get(chain, 0);
    const char *fate = fate_of(chain);
    if (!permits_client(leaf)) {
        *why = "its extended key usage lacks clientAuth";
        return "lost";
    }
    json_array_foreach(chain, i, cert)
    {
        if (i > 0 && !permits_client(cert)) {
            *why = "a CA above it issues for servers only";
            return "lost";
        }
    }
    if (fate) {
        *why = fate;
        return "until-renewal";
    }
    if (strcmp(word(leaf, "eku"), "none") == 0) {
        *why = "it has no extended key usage: it may be used for everything";
        return "unrestricted";
    }
    *why = "it permits clients; its issuer is none of the public CAs known here: ask it whether the next one will";
    return "permitted";
}

void inventory_take_certificate(inventory *i, const char *path, const char *real, const char *text, size_t len)
{
    char fingerprint[JUDGE_FINGERPRINT_LEN + 1];
    json_t *chain = judge_pem(i->env, text, len, fingerprint);
    const json_t *leaf = json_array_get(chain, 0);
    if (!leaf || json_is_true(json_object_get(leaf, "ca"))) { /* a CA's own: chain.pem, a trust store */
        json_decref(chain);
        return;
    }
    json_object_set_new(i->places, real, json_string(fingerprint));
    const json_t *at = json_object_get(i->index, fingerprint);
    json_t *known = at ? json_array_get(i->certificates, (size_t)json_integer_value(at)) : NULL;
    if (!known) {
        const char *why, *client = client_of(chain, &why);
        known = json_pack("{s:[], s:O, s:O, s:O, s:O, s:O, s:s, s:s, s:[]}", "files", "subject",
                          json_object_get(leaf, "subject"), "issuer", json_object_get(leaf, "issuer"), "names",
                          json_object_get(leaf, "names"), "eku", json_object_get(leaf, "eku"), "not_after",
                          json_object_get(leaf, "not_after"), "client", client, "why", why, "used_by");
        json_object_set_new(i->index, fingerprint, json_integer((json_int_t)json_array_size(i->certificates)));
        json_array_append_new(i->certificates, known);
    } else if (json_array_size(chain) > 1 && strcmp(word(known, "client"), "lost") != 0) {
        const char *why, *client = client_of(chain, &why); /* the same leaf with its chain tells more */
        json_object_set_new(known, "client", json_string(client));
        json_object_set_new(known, "why", json_string(why));
    }
    json_array_append_new(json_object_get(known, "files"), json_string(path));
    json_decref(chain);
}
