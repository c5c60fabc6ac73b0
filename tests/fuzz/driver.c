/* SPDX-License-Identifier: MIT */
/* driver.c: the caller of a session under fuzz, with what must hold whatever comes. */
#include "fuzz/driver.h"

#include <stdio.h>
#include <string.h>

static const char *event = "start"; /* what is being done to the session at hand */

/* What is called next is `what`. */
static void doing(const driver *d, const char *what)
{
    s2s_str state = s2s_str_of(s2s_session_state(d->s));
    event = what;
    fuzz_note_transition(state, event, state);
}

static void log_line(void *user, s2s_level level, const char *message, const s2s_field *fields, size_t count)
{
    (void)user;
    (void)level;
    if (strcmp(message, "stream state") == 0 && count == 3)
        fuzz_note_transition(fields[1].value, event, fields[2].value);
}

void driver_begin(driver *d, s2s_role role, unsigned how)
{
    static s2s_env_ops ops; /* the test environment's, with another log */
    s2s_session_options o;
    memset(d, 0, sizeof *d);
    test_env_init(&d->t);
    ops = *d->t.env.ops;
    ops.log = log_line;
    d->t.env.ops = &ops;
    d->t.env.limits.stanza_bytes = 10000;
    d->now = 1000;
    d->how = how;
    d->role = role;
    s2s_session_options_init(&o, role);
    fuzz_must(s2s_dialback_secret_make(&d->t.env, (s2s_bytes){(const uint8_t *)"secret", 6}, &d->secret) == S2S_OK);
    o.secret = how & DRIVER_DIALBACK ? &d->secret : NULL;
    o.bidi = (how & DRIVER_BIDI) != 0;
    if (role == S2S_INITIATOR && (how & DRIVER_ASKS)) {
        o.verify_id = S2S_STR("their-stream");
        o.verify_key = S2S_STR("00ff");
    }
    o.direct_tls = (how & DRIVER_DIRECT) != 0;
    if (role == S2S_INITIATOR) {
        o.local = S2S_STR("a.example");
        o.remote = S2S_STR("b.example");
    }
    event = "start";
    fuzz_must(s2s_session_new(&d->t.env, &o, d->now, &d->s) == S2S_OK);
    driver_pull(d);
}

void driver_end(driver *d)
{
    s2s_session_free(d->s);
    fuzz_must(d->t.live == 0);
}

static void add_pair(struct driver_pair *list, size_t *len, s2s_str local, s2s_str remote)
{
    fuzz_must(local.len <= S2S_DOMAIN_MAX && remote.len <= S2S_DOMAIN_MAX);
    if (*len == DRIVER_PAIRS)
        return;
    struct driver_pair *pair = &list[(*len)++];
    (void)snprintf(pair->local, sizeof pair->local, "%.*s", S2S_FMT(local));
    (void)snprintf(pair->remote, sizeof pair->remote, "%.*s", S2S_FMT(remote));
}

static bool has_pair(const struct driver_pair *list, size_t len, s2s_str local, s2s_str remote)
{
    for (size_t i = 0; i < len; i++) {
        if (s2s_str_eq(local, s2s_str_of(list[i].local)) && s2s_str_eq(remote, s2s_str_of(list[i].remote)))
            return true;
    }
    return len == DRIVER_PAIRS; /* not all are known then */
}

static void verdict(driver *d)
{
    s2s_verdict v;
    s2s_verdict_init(&v);
    v.trusted = !(d->how & DRIVER_DISTRUSTS);
    v.dialback = (d->how & DRIVER_DIALBACK) != 0;
    (void)snprintf(v.tell, sizeof v.tell, "because");
    d->owes_verdict = false;
    doing(d, "verdict");
    (void)s2s_session_verdict(d->s, d->now, &v);
}

static s2s_str domain_part(s2s_str jid)
{
    s2s_jid parts;
    fuzz_must(s2s_jid_split(jid, &parts) == S2S_OK);
    return parts.domain;
}

/* No stanza before authentication, none of or for others than those it was for. */
static void take_stanza(driver *d, const s2s_event *e)
{
    char from[S2S_DOMAIN_MAX + 1], to[S2S_DOMAIN_MAX + 1];
    fuzz_must(d->established);
    fuzz_must(s2s_domain_normalise(domain_part(e->stanza->from), from) == S2S_OK);
    if (e->type == S2S_EV_STANZA) { /* one that is rejected may be to no domain at all */
        fuzz_must(s2s_domain_normalise(domain_part(e->stanza->to), to) == S2S_OK);
        fuzz_must(has_pair(d->pairs, d->pairs_len, s2s_str_of(to), s2s_str_of(from)));
    }
    if (e->type == S2S_EV_STANZA && d->role == S2S_INITIATOR)
        fuzz_must(s2s_session_is_bidi(d->s));
    d->stanzas += e->type == S2S_EV_STANZA;
    d->rejected += e->type == S2S_EV_REJECTED;
    if (e->type == S2S_EV_STANZA && d->stanza)
        d->stanza(d, e->stanza);
}

/* A pair is authorised: by a certificate that we have called good, or by a key that the right side has called good. */
static void authorised(driver *d, const s2s_event *e)
{
    fuzz_must(d->tls && !(d->how & DRIVER_ASKS && d->role == S2S_INITIATOR));
    bool by_key = has_pair(d->granted, d->granted_len, e->local, e->remote) ||
                  (d->role == S2S_INITIATOR && (d->how & DRIVER_DIALBACK));
    fuzz_must(by_key || !(d->how & DRIVER_DISTRUSTS));
    fuzz_must((e->type == S2S_EV_ESTABLISHED) != d->established);
    add_pair(d->pairs, &d->pairs_len, e->local, e->remote);
    d->established = true;
}

static void judge_key(driver *d, const s2s_event *e)
{
    /* without dialback the certificate may still prove a further domain */
    bool denies = (d->how & DRIVER_DENIES) || ((d->how & DRIVER_DISTRUSTS) && !(d->how & DRIVER_DIALBACK));
    if (!denies)
        add_pair(d->granted, &d->granted_len, e->local, e->remote);
    doing(d, "dialback");
    (void)s2s_session_dialback(d->s, d->now, e->local, e->remote, denies ? S2S_DIALBACK_INVALID : S2S_DIALBACK_VALID,
                               S2S_SE_REMOTE_SERVER_NOT_FOUND);
}

static void answer_question(driver *d, const s2s_event *e)
{
    bool good = s2s_dialback_key_ok(&d->t.env, &d->secret, e->remote, e->local, e->id, e->key);
    doing(d, "verified");
    (void)s2s_session_dialback_verified(d->s, d->now, e->local, e->remote, e->id,
                                        good ? S2S_DIALBACK_VALID : S2S_DIALBACK_INVALID, S2S_SE_ITEM_NOT_FOUND);
}

static void open_stream(driver *d)
{
    doing(d, d->how & DRIVER_REFUSES ? "refuse" : "accept");
    if (d->how & DRIVER_REFUSES)
        (void)s2s_session_refuse(d->s, d->now, S2S_COND_HOST_UNKNOWN, "no");
    else
        fuzz_must(s2s_session_accept(d->s, d->now) == S2S_OK);
}

static void take_event(driver *d, const s2s_event *e)
{
    fuzz_must(!d->over);
    switch (e->type) {
    case S2S_EV_NONE: return;
    case S2S_EV_OPEN: open_stream(d); return;
    case S2S_EV_START_TLS: d->open = true; return; /* the handshake goes on: driver_tls */
    case S2S_EV_VERIFY:
        d->owes_verdict = true;
        if (!(d->how & DRIVER_LATE))
            verdict(d);
        return;
    case S2S_EV_ESTABLISHED:
    case S2S_EV_PAIR: authorised(d, e); return;
    case S2S_EV_STANZA:
    case S2S_EV_REJECTED: take_stanza(d, e); return;
    case S2S_EV_DIALBACK_RESULT: judge_key(d, e); return;
    case S2S_EV_DIALBACK_VERIFY: answer_question(d, e); return;
    case S2S_EV_DIALBACK_ANSWER: fuzz_must(d->how & DRIVER_ASKS); return;
    case S2S_EV_ACKED: return;
    case S2S_EV_CLOSED: d->over = true; return;
    }
}

void driver_pull(driver *d)
{
    s2s_event e;
    for (;;) {
        event = "bytes"; /* the reader goes on with what came */
        if (s2s_session_next_event(d->s, &e) == S2S_EV_NONE)
            return;
        take_event(d, &e);
    }
}

void driver_tls(driver *d)
{
    if (!d->open || d->over)
        return;
    d->open = false;
    d->tls = true;
    doing(d, "tls-up");
    fuzz_must(s2s_session_tls_up(d->s, d->now) == S2S_OK || d->over);
    driver_pull(d);
}

void driver_feed(driver *d, s2s_bytes in)
{
    while (in.len > 0 && !d->over) {
        size_t n = in.len < S2S_FEED_MAX ? in.len : S2S_FEED_MAX;
        driver_tls(d); /* it succeeds as soon as something comes */
        doing(d, "bytes");
        s2s_err err = s2s_session_feed(d->s, d->now, (s2s_bytes){in.ptr, n});
        if (err == S2S_E_STATE)
            doing(d, "lost");
        if (err == S2S_E_STATE)
            s2s_session_lost(d->s, d->now, "not TLS");
        driver_pull(d);
        in = (s2s_bytes){in.ptr + n, in.len - n};
    }
}

static void send(driver *d)
{
    s2s_stanza st = {.kind = S2S_MESSAGE,
                     .from = S2S_STR("u@a.example"),
                     .to = S2S_STR("v@b.example"),
                     .attrs = S2S_STR(""),
                     .inner = S2S_STR("<body>x</body>")};
    (void)s2s_session_send(d->s, &st);
}

void driver_act(driver *d, uint8_t op)
{
    const uint8_t *out;
    if (d->owes_verdict)
        verdict(d);
    driver_pull(d);
    static const char *const STEPS[DRIVER_STEPS] = {"time", "time", "close", "lost", "send", "sent"};
    doing(d, STEPS[op % DRIVER_STEPS]);
    switch (op % DRIVER_STEPS) {
    case DRIVER_WAIT: d->now += 1000; s2s_session_tick(d->s, d->now); break;
    case DRIVER_WAIT_LONG: d->now += 60000; s2s_session_tick(d->s, d->now); break;
    case DRIVER_CLOSE: s2s_session_close(d->s, d->now, S2S_COND_NONE, NULL); break;
    case DRIVER_LOSE: s2s_session_lost(d->s, d->now, "lost"); break;
    case DRIVER_SEND: send(d); break;
    case DRIVER_SENT: s2s_session_sent(d->s, d->now, s2s_session_output(d->s, &out)); break;
    default: break;
    }
    driver_pull(d);
}
