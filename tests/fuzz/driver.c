/* SPDX-License-Identifier: MIT */
/* driver.c: the caller of a session under fuzz, with what must hold whatever comes. */
#include "fuzz/driver.h"

#include <stdio.h>
#include <string.h>


static void log_line(void *user, s2s_level level, const char *message, const s2s_field *fields, size_t count)
{
    (void)user;
    (void)level;
    if (strcmp(message, "stream state") == 0 && count == 3)
        fuzz_note_transition(fields[1].value, fields[2].value);
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
    s2s_session_options_init(&o, role);
    o.direct_tls = (how & DRIVER_DIRECT) != 0;
    if (role == S2S_INITIATOR) {
        o.local = S2S_STR("a.example");
        o.remote = S2S_STR("b.example");
    }
    fuzz_must(s2s_session_new(&d->t.env, &o, d->now, &d->s) == S2S_OK);
    driver_pull(d);
}

void driver_end(driver *d)
{
    s2s_session_free(d->s);
    fuzz_must(d->t.live == 0);
}

static void keep(char out[S2S_DOMAIN_MAX + 1], s2s_str value)
{
    fuzz_must(value.len <= S2S_DOMAIN_MAX);
    if (value.len)
        memcpy(out, value.ptr, value.len);
    out[value.len] = '\0';
}

static void verdict(driver *d)
{
    s2s_verdict v;
    s2s_verdict_init(&v);
    v.trusted = !(d->how & DRIVER_DISTRUSTS);
    (void)snprintf(v.tell, sizeof v.tell, "because");
    d->owes_verdict = false;
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
    fuzz_must(d->established && !(d->how & DRIVER_DISTRUSTS));
    fuzz_must(s2s_domain_normalise(domain_part(e->stanza->from), from) == S2S_OK);
    fuzz_must(s2s_domain_normalise(domain_part(e->stanza->to), to) == S2S_OK);
    if (e->type == S2S_EV_STANZA)
        fuzz_must(strcmp(from, d->remote) == 0 && strcmp(to, d->local) == 0);
    d->stanzas += e->type == S2S_EV_STANZA;
    d->rejected += e->type == S2S_EV_REJECTED;
    if (e->type == S2S_EV_STANZA && d->stanza)
        d->stanza(d, e->stanza);
}

static void established(driver *d, const s2s_event *e)
{
    fuzz_must(d->tls && !d->established && !(d->how & DRIVER_DISTRUSTS));
    keep(d->local, e->local);
    keep(d->remote, e->remote);
    d->established = true;
}

/* Events that this driver does not know (of extensions that its options leave off) must not come. */
static void take_event(driver *d, const s2s_event *e)
{
    fuzz_must(!d->over);
    if (e->type == S2S_EV_OPEN && (d->how & DRIVER_REFUSES))
        (void)s2s_session_refuse(d->s, d->now, S2S_COND_HOST_UNKNOWN, "no");
    else if (e->type == S2S_EV_OPEN)
        fuzz_must(s2s_session_accept(d->s, d->now) == S2S_OK);
    else if (e->type == S2S_EV_VERIFY && (d->how & DRIVER_LATE))
        d->owes_verdict = true;
    else if (e->type == S2S_EV_VERIFY)
        verdict(d);
    else if (e->type == S2S_EV_ESTABLISHED)
        established(d, e);
    else if (e->type == S2S_EV_STANZA || e->type == S2S_EV_REJECTED)
        take_stanza(d, e);
    else if (e->type == S2S_EV_CLOSED)
        d->over = true;
    else if (e->type == S2S_EV_START_TLS)
        d->open = true; /* the handshake goes on: driver_act, or the next feed */
    else
        abort();
}

void driver_pull(driver *d)
{
    s2s_event e;
    while (s2s_session_next_event(d->s, &e) != S2S_EV_NONE)
        take_event(d, &e);
}

void driver_tls(driver *d)
{
    if (!d->open || d->over)
        return;
    d->open = false;
    d->tls = true;
    fuzz_must(s2s_session_tls_up(d->s, d->now) == S2S_OK || d->over);
    driver_pull(d);
}

void driver_feed(driver *d, s2s_bytes in)
{
    while (in.len > 0 && !d->over) {
        size_t n = in.len < S2S_FEED_MAX ? in.len : S2S_FEED_MAX;
        driver_tls(d); /* it succeeds as soon as something comes */
        s2s_err err = s2s_session_feed(d->s, d->now, (s2s_bytes){in.ptr, n});
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
