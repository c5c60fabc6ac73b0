/* SPDX-License-Identifier: MIT */
/* lines.c: SMTP and LMTP with STARTTLS, and bare TLS: does the server ask for a certificate, and what does it do with ours? */
#include <stdio.h>
#include <string.h>

#include "probe/attempt.h"
#include "protocol/buf.h"

enum {
    LINE_MAX_BYTES = 1024, /* of a reply line (RFC 5321 section 4.5.3.1.5 says 512); longer ones end the conversation */
    QUIET_MS = 2000,       /* bare TLS: this long without an alert or an end is no refusal */
    REPLY_DIGITS = 3,
};

typedef enum state {
    EXPECT_TCP,
    EXPECT_GREETING,
    EXPECT_EHLO,
    EXPECT_READY,
    EXPECT_TLS,
    EXPECT_EHLO_TLS, /* the first answer under TLS: a TLS 1.3 server's refusal comes in its place */
    EXPECT_QUIET,    /* bare TLS: the same */
    CLOSING,
} state;

struct conversation {
    attempt *a;
    void (*done)(void *arg);
    void *arg;
    wire *wire;
    state state;
    char line[LINE_MAX_BYTES];
    size_t len;
    bool starttls; /* offered */
};

static bool is_bare(const conversation *c)
{
    return c->a->context->options->protocol == PROBE_TLS;
}

void lines_cancel(conversation *c)
{
    if (!c)
        return;
    wire_cancel(c->wire);
    s2s__free(c->a->context->env, c);
}

static attempt_outcome outcome_of_end(const conversation *c)
{
    const attempt *a = c->a;
    if (c->state == EXPECT_TLS)
        return a->ours && a->request.asked && a->alert >= 0 ? OUTCOME_REFUSED : OUTCOME_NOT_REACHED;
    if (c->state != EXPECT_EHLO_TLS && c->state != EXPECT_QUIET)
        return a->tls ? a->outcome : OUTCOME_NOT_REACHED;
    if (!a->ours)
        return OUTCOME_NO_CERTIFICATE;
    if (!a->sent_certificate)
        return OUTCOME_NOT_ASKED;
    if (a->alert >= 0)
        return OUTCOME_REFUSED;
    return a->went_on ? OUTCOME_UNDECIDED : OUTCOME_CUT;
}

static void on_ended(void *user, wire_end how, const char *text)
{
    conversation *c = user;
    attempt *a = c->a;
    const s2s__pump *pump = wire_pump(c->wire);
    a->end = how;
    a->alert = pump ? s2s__pump_alert(pump) : -1;
    if (c->state == EXPECT_QUIET && how == WIRE_TIMEOUT)
        a->went_on = true;
    if (a->outcome == OUTCOME_NOT_REACHED)
        a->outcome = outcome_of_end(c);
    if (c->state == CLOSING || a->went_on)
        attempt_done(a, STEP_CLOSE);
    else
        attempt_failed(a, text);
    void (*done)(void *arg) = c->done;
    void *arg = c->arg;
    s2s__free(a->context->env, c);
    done(arg);
}

static void finish(conversation *c)
{
    attempt_done(c->a, STEP_CLOSE);
    c->state = CLOSING;
    if (!is_bare(c))
        wire_puts(c->wire, "QUIT\r\n");
    wire_close(c->wire);
}

static void give_up(conversation *c, const char *text)
{
    attempt_failed(c->a, text);
    c->a->step = STEP_CLOSE;
    c->state = CLOSING;
    wire_close(c->wire);
}

static void hello(conversation *c, state next)
{
    char line[S2S_ASCII_DOMAIN_MAX + 16];
    const char *from = *c->a->context->from ? c->a->context->from : "probe.invalid";
    (void)snprintf(line, sizeof line, "%s %.*s\r\n", c->a->context->options->protocol == PROBE_LMTP ? "LHLO" : "EHLO",
                   S2S_ASCII_DOMAIN_MAX, from);
    c->state = next;
    c->len = 0;
    wire_puts(c->wire, line);
}

static void start_tls(conversation *c)
{
    s2s__pump_options options = attempt_tls_options(c->a);
    c->state = EXPECT_TLS;
    s2s_err err = wire_secure(c->wire, &options);
    if (err != S2S_OK)
        give_up(c, s2s_strerror(err));
}

static void on_connected(void *user)
{
    conversation *c = user;
    if (!attempt_connected(c->a, c->wire)) {
        c->state = CLOSING;
        return;
    }
    c->state = EXPECT_GREETING;
    if (c->a->endpoint.direct)
        start_tls(c);
}

static void on_secured(void *user)
{
    conversation *c = user;
    attempt_read_tls(c->a, wire_pump(c->wire));
    attempt_done(c->a, STEP_FEATURES);
    if (is_bare(c)) {
        c->state = EXPECT_QUIET;
        wire_deadline(c->wire, QUIET_MS);
    } else {
        hello(c, EXPECT_EHLO_TLS);
    }
}

/* Under TLS the server speaks: in TLS 1.2 it has seen our certificate before, in TLS 1.3 it has now. Whether going on means
 * anything is known once it was tried without a certificate. */
static void answered_under_tls(conversation *c, bool positive)
{
    attempt *a = c->a;
    a->went_on = positive;
    a->outcome = !a->ours ? OUTCOME_NO_CERTIFICATE : !a->sent_certificate ? OUTCOME_NOT_ASKED : OUTCOME_UNDECIDED;
    if (!positive) {
        s2s__copy_text(a->peer_text, (s2s_str){c->line, c->len});
        if (a->ours && a->sent_certificate)
            a->outcome = OUTCOME_REFUSED;
    }
    finish(c);
}

/* The last line of a reply. */
static void take_reply(conversation *c)
{
    bool positive = c->line[0] == '2';
    switch (c->state) {
    case EXPECT_GREETING:
        s2s__copy_text(c->a->greeting, (s2s_str){c->line, c->len});
        if (!positive)
            give_up(c, c->a->greeting);
        else
            hello(c, EXPECT_EHLO);
        return;
    case EXPECT_EHLO:
        attempt_done(c->a, STEP_STARTTLS);
        if (!c->starttls) {
            give_up(c, "STARTTLS is not offered");
            return;
        }
        c->state = EXPECT_READY;
        wire_puts(c->wire, "STARTTLS\r\n");
        return;
    case EXPECT_READY:
        if (!positive) {
            give_up(c, "STARTTLS was offered and then refused");
            return;
        }
        attempt_done(c->a, STEP_TLS);
        start_tls(c);
        return;
    case EXPECT_EHLO_TLS: answered_under_tls(c, positive); return;
    case EXPECT_TCP:
    case EXPECT_TLS:
    case EXPECT_QUIET:
    case CLOSING: return;
    }
}

static void take_line(conversation *c)
{
    while (c->len > 0 && (c->line[c->len - 1] == '\r' || c->line[c->len - 1] == '\n'))
        c->len--;
    if (c->len < REPLY_DIGITS || c->line[0] < '2' || c->line[0] > '5') {
        give_up(c, "the server does not speak this protocol");
        return;
    }
    s2s_str rest = {c->line + REPLY_DIGITS, c->len - REPLY_DIGITS};
    bool more = rest.len > 0 && rest.ptr[0] == '-';
    if (rest.len > 0 && s2s_str_caseeq((s2s_str){rest.ptr + 1, rest.len - 1}, S2S_STR("STARTTLS")))
        c->starttls = true;
    if (!more)
        take_reply(c);
    c->len = 0;
}

static void on_bytes(void *user, s2s_bytes in)
{
    conversation *c = user;
    if (is_bare(c)) { /* it speaks first: what it says does not matter, it has gone on */
        if (c->state == EXPECT_QUIET) {
            answered_under_tls(c, true);
        }
        return;
    }
    for (size_t i = 0; i < in.len && c->state != CLOSING; i++) {
        bool was_ready = c->state == EXPECT_READY;
        if (c->len == sizeof c->line) {
            give_up(c, "a line longer than the protocol allows");
            return;
        }
        c->line[c->len++] = (char)in.ptr[i];
        if (in.ptr[i] != '\n')
            continue;
        take_line(c);
        if (was_ready) /* what stood behind it in the clear does not count (CVE-2011-0411) */
            return;
    }
}

s2s_err lines_start(attempt *a, void (*done)(void *arg), void *arg, conversation **out)
{
    static const wire_ops OPS = {on_connected, on_secured, on_bytes, on_ended};
    conversation *c = s2s__alloc(a->context->env, sizeof *c);
    if (!c)
        return S2S_E_NOMEM;
    c->a = a;
    c->done = done;
    c->arg = arg;
    s2s_err err = wire_new(a->context->env, a->context->loop, a->context->room,
                           (const struct sockaddr *)&a->endpoint.address, &OPS, c, &c->wire);
    if (err != S2S_OK) {
        s2s__free(a->context->env, c);
        return err;
    }
    wire_deadline(c->wire, PROBE_TCP_MS);
    *out = c;
    return S2S_OK;
}
