/* SPDX-License-Identifier: MIT */
/* differential.c: the same conversation with different certificates: what the difference proves about purposes. */
#include <stdio.h>
#include <string.h>

#include "policy/refusal.h"
#include "probe/conclude.h"

typedef struct tally {
    const probe_ours *accepted_client, *accepted_server_only; /* by whether the sent chain permits clients */
    const probe_ours *refused_client, *refused_server_only;
    const attempt *said; /* a refusal whose own words are about the purpose */
} tally;

static bool speaks_of_purpose(const attempt *a)
{
    char why[S2S_TEXT_MAX];
    return eku__explain_refusal(s2s_str_of(a->peer_text), a->alert, why) && strstr(why, "purpose") != NULL &&
           strstr(why, "does not say why") == NULL && strstr(why, "gives no reason") == NULL;
}

static void count(tally *t, const attempt *a)
{
    bool client = a->ours->chain_client;
    if (a->outcome == OUTCOME_ACCEPTED) {
        *(client ? &t->accepted_client : &t->accepted_server_only) = a->ours;
        return;
    }
    *(client ? &t->refused_client : &t->refused_server_only) = a->ours;
    if (!client && speaks_of_purpose(a))
        t->said = a;
}

static json_t *answer(const char *word, const char *text)
{
    return json_pack("{s:s, s:s}", "refuses_purpose", word, "text", text);
}

json_t *differential_of(const probe_record *r)
{
    tally t = {0};
    char text[CONCLUDE_TEXT_MAX];
    for (size_t i = 0; i < r->attempts_len; i++) {
        if (was_judged(r->attempts[i]))
            count(&t, r->attempts[i]);
    }
    if (t.accepted_server_only)
        return answer("no", "a certificate that does not permit TLS clients was accepted");
    if (t.accepted_client && t.refused_server_only) {
        (void)snprintf(text, sizeof text,
                       "the certificate that permits TLS clients (%.120s) was accepted and the one that does not "
                       "(%.120s) was refused: "
                       "if they differ in nothing else, it demands clientAuth of a connecting server",
                       t.accepted_client->file, t.refused_server_only->file);
        return answer("yes", text);
    }
    if (t.said) {
        (void)snprintf(text, sizeof text, "by its own words: \"%s\"",
                       *t.said->peer_text ? t.said->peer_text : t.said->end_text);
        return answer("yes", text);
    }
    if (t.refused_client && t.refused_server_only)
        return answer("unknown",
                      "both kinds of certificate were refused: the reason is another one, or there are several");
    if (t.refused_server_only)
        return answer(
            "unknown",
            "it gives no reason; a second certificate for the domain, with clientAuth, would show whether the "
            "purpose is at fault");
    if (t.refused_client)
        return answer("unknown",
                      "a certificate that permits TLS clients was refused, so clientAuth is not what it misses there");
    if (t.accepted_client)
        return answer("unknown", "only certificates that permit TLS clients were shown");
    return answer("unknown", "none of our certificates was judged");
}
