/* SPDX-License-Identifier: MIT */
/* xmpp.c: the initiating side of a stream as an observer: it goes on where a server would stop, and sends no stanza but two
 * questions to the bare domain (RFC 6120 sections 4 to 6, XEP-0178, XEP-0288). */
#include <stdio.h>
#include <string.h>

#include "probe/attempt.h"
#include "protocol/auth/sasl.h"
#include "protocol/buf.h"
#include "protocol/stream/stream.h"
#include "protocol/xml/ns.h"
#include "s2s/addr.h"

#define NOBODY     "probe.invalid" /* RFC 6761 section 6.4: who asks, where no --from says it */
#define VERSION_ID "probe-version"
#define DISCO_ID   "probe-disco"

enum { OUTPUT_MAX = 16384, QUESTIONS_MS = 5000, DISCO_MAX = 64 };

typedef enum state {
    EXPECT_TCP,
    EXPECT_HEADER_CLEAR,
    EXPECT_FEATURES_CLEAR,
    EXPECT_PROCEED,
    EXPECT_TLS,
    EXPECT_HEADER_TLS,
    EXPECT_FEATURES_TLS,
    EXPECT_SASL_RESULT,
    EXPECT_HEADER_AUTH,
    EXPECT_FEATURES_AUTH,
    EXPECT_ANSWERS,
    CLOSING,
} state;

struct conversation {
    attempt *a;
    void (*done)(void *arg);
    void *arg;
    wire *wire;
    s2s__reader *reader;
    s2s__buf out;
    state state;
    bool bidi;     /* we said so: answers may come on this stream */
    unsigned owed; /* answers that are awaited */
};

static const s2s_env *env_of(const conversation *c)
{
    return c->a->context->env;
}

/* -- the end ------------------------------------------------------------------------------------------- */

static void free_conversation(conversation *c)
{
    const s2s_env *env = env_of(c);
    s2s__reader_free(c->reader);
    s2s__buf_free(&c->out);
    s2s__free(env, c);
}

void xmpp_cancel(conversation *c)
{
    if (!c)
        return;
    wire_cancel(c->wire);
    free_conversation(c);
}

/* The answer on our certificate, if the stream ends where it is due. */
static attempt_outcome outcome_of_end(const conversation *c)
{
    const attempt *a = c->a;
    bool about_certificate = a->alert >= 0 || a->peer_text[0] != '\0';
    switch (c->state) {
    case EXPECT_TCP:
    case EXPECT_HEADER_CLEAR:
    case EXPECT_FEATURES_CLEAR:
    case EXPECT_PROCEED: return OUTCOME_NOT_REACHED;
    case EXPECT_TLS:
    case EXPECT_HEADER_TLS:
    case EXPECT_FEATURES_TLS:
    case EXPECT_SASL_RESULT:
        if (!a->ours)
            return a->tls ? OUTCOME_NO_CERTIFICATE : OUTCOME_NOT_REACHED;
        if (c->state == EXPECT_TLS)
            return a->alert >= 0 && a->request.asked ? OUTCOME_REFUSED : OUTCOME_NOT_REACHED;
        return about_certificate ? OUTCOME_REFUSED : OUTCOME_CUT;
    case EXPECT_HEADER_AUTH:
    case EXPECT_FEATURES_AUTH:
    case EXPECT_ANSWERS:
    case CLOSING: return a->outcome;
    }
    return a->outcome;
}

static void on_ended(void *user, wire_end how, const char *text)
{
    conversation *c = user;
    attempt *a = c->a;
    const s2s__pump *pump = wire_pump(c->wire);
    a->end = how;
    a->alert = pump ? s2s__pump_alert(pump) : -1;
    if (c->state == CLOSING)
        attempt_done(a, STEP_CLOSE);
    else
        attempt_failed(a, text);
    if (a->outcome == OUTCOME_NOT_REACHED)
        a->outcome = outcome_of_end(c);
    void (*done)(void *arg) = c->done;
    void *arg = c->arg;
    free_conversation(c);
    done(arg);
}

static void say(conversation *c)
{
    s2s_str text = s2s__buf_view(&c->out);
    if (c->out.failed == S2S_OK)
        wire_write(c->wire, (s2s_bytes){(const uint8_t *)text.ptr, text.len});
    s2s__buf_clear(&c->out);
}

/* All is seen: end the stream politely. */
static void finish(conversation *c)
{
    if (c->state == CLOSING)
        return;
    attempt_done(c->a, STEP_CLOSE);
    c->state = CLOSING;
    (void)s2s__stream_write_end(&c->out);
    say(c);
    wire_close(c->wire);
}

/* The peer does not do what it should: `text` says what. */
static void give_up(conversation *c, const char *text)
{
    attempt_failed(c->a, text);
    c->a->step = STEP_CLOSE;
    if (c->a->outcome == OUTCOME_NOT_REACHED)
        c->a->outcome = outcome_of_end(c);
    c->state = CLOSING;
    wire_close(c->wire);
}

/* -- the steps ----------------------------------------------------------------------------------------- */

static s2s_str ours(const conversation *c)
{
    const char *from = c->a->context->from;
    return *from ? s2s_str_of(from) : S2S_STR(NOBODY);
}

static void send_header(conversation *c)
{
    (void)s2s__stream_write_header(&c->out, NS_SERVER, ours(c), s2s_str_of(c->a->remote), S2S_STR_ABSENT);
    say(c);
}

static void start_tls(conversation *c)
{
    s2s__pump_options options = attempt_tls_options(c->a);
    c->state = EXPECT_TLS;
    s2s_err err = wire_secure(c->wire, &options); /* the handshake may fail at once, and end it all */
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
    if (c->a->endpoint.direct) {
        start_tls(c);
        return;
    }
    c->state = EXPECT_HEADER_CLEAR;
    send_header(c);
}

static void on_secured(void *user)
{
    conversation *c = user;
    attempt_read_tls(c->a, wire_pump(c->wire));
    attempt_done(c->a, STEP_FEATURES);
    if (s2s__reader_restart(c->reader, false) != S2S_OK) {
        give_up(c, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    c->state = EXPECT_HEADER_TLS;
    send_header(c);
}

static void read_features(conversation *c, const s2s__item *item, attempt_stage stage)
{
    c->a->have_features[stage] = true;
    s2s__features_read(item->tree, item->node, &c->a->features[stage]);
}

static void ask_for_tls(conversation *c, const s2s__item *item)
{
    read_features(c, item, STAGE_CLEAR);
    attempt_done(c->a, STEP_STARTTLS);
    if (!attempt_has(c->a, STAGE_CLEAR, S2S__OFFERS_STARTTLS)) {
        give_up(c, "STARTTLS is not offered");
        return;
    }
    wire_puts(c->wire, "<starttls xmlns='" NS_TLS "'/>");
    c->state = EXPECT_PROCEED;
}

static void expect_proceed(conversation *c, const s2s__item *item)
{
    if (!s2s__node_is(item->node, NS_TLS, "proceed")) {
        give_up(c, "STARTTLS was offered and then refused");
        return;
    }
    if (s2s__reader_pending(c->reader) > 0) { /* TL-05 */
        give_up(c, "plaintext came behind <proceed/>");
        return;
    }
    attempt_done(c->a, STEP_TLS);
    start_tls(c);
}

/* BD-06: only with a peer whose certificate holds. */
static bool may_use_bidi(const conversation *c)
{
    return attempt_has(c->a, STAGE_TLS, S2S__OFFERS_BIDI) && c->a->judgement.receiver.trusted;
}

static void authenticate(conversation *c, const s2s__item *item)
{
    attempt *a = c->a;
    read_features(c, item, STAGE_TLS);
    if (!a->ours || !a->sent_certificate || !attempt_has(a, STAGE_TLS, S2S__OFFERS_EXTERNAL)) {
        a->outcome = !a->ours ? OUTCOME_NO_CERTIFICATE : !a->sent_certificate ? OUTCOME_NOT_ASKED : OUTCOME_NOT_OFFERED;
        finish(c);
        return;
    }
    attempt_done(a, STEP_EXTERNAL);
    c->bidi = may_use_bidi(c);
    if (c->bidi)
        (void)s2s__buf_puts(&c->out, "<bidi xmlns='" NS_BIDI "'/>");
    (void)s2s__sasl_write_auth(&c->out, ours(c));
    c->state = EXPECT_SASL_RESULT;
    say(c);
}

static void expect_sasl_result(conversation *c, const s2s__item *item)
{
    attempt *a = c->a;
    if (s2s__node_is(item->node, NS_SASL, "challenge")) { /* SA-05 */
        wire_puts(c->wire, "<response xmlns='" NS_SASL "'>=</response>");
    } else if (s2s__node_is(item->node, NS_SASL, "success")) {
        a->outcome = OUTCOME_ACCEPTED;
        if (s2s__reader_restart(c->reader, true) != S2S_OK) {
            give_up(c, s2s_strerror(S2S_E_NOMEM));
            return;
        }
        attempt_done(a, STEP_QUESTIONS);
        c->state = EXPECT_HEADER_AUTH;
        send_header(c);
    } else if (s2s__node_is(item->node, NS_SASL, "failure")) {
        s2s__sasl_failure_text(item->tree, item->node, a->peer_text);
        a->outcome = OUTCOME_REFUSED;
        finish(c);
    } else {
        give_up(c, "an answer to <auth/> that is none");
    }
}

/* -- questions, to the bare domain only, and only where the answer comes back on this stream -------------- */

static void ask(conversation *c, const char *id, const char *ns)
{
    char request[128];
    s2s_stanza st = {.kind = S2S_IQ,
                     .from = ours(c),
                     .to = s2s_str_of(c->a->remote),
                     .id = s2s_str_of(id),
                     .type = S2S_STR("get"),
                     .attrs = S2S_STR("")};
    (void)snprintf(request, sizeof request, "<query xmlns='%s'/>", ns);
    st.inner = s2s_str_of(request);
    size_t need = s2s_stanza_write(&st, NULL, 0);
    if (s2s__buf_reserve(&c->out, need) != S2S_OK)
        return;
    (void)s2s_stanza_write(&st, (char *)c->out.data + c->out.start + c->out.len, need);
    c->out.len += need;
    c->owed++;
}

static void expect_features_auth(conversation *c, const s2s__item *item)
{
    read_features(c, item, STAGE_AUTHENTICATED);
    if (!c->bidi) {
        finish(c);
        return;
    }
    ask(c, VERSION_ID, NS_VERSION);
    ask(c, DISCO_ID, NS_DISCO_INFO);
    c->state = EXPECT_ANSWERS;
    wire_deadline(c->wire, QUESTIONS_MS);
    say(c);
}

static void read_version(attempt *a, s2s__tree *t, const s2s__node *query)
{
    const s2s__node *name = s2s__node_child(query, NS_VERSION, "name");
    const s2s__node *version = s2s__node_child(query, NS_VERSION, "version");
    char text[S2S_TEXT_MAX];
    (void)snprintf(text, sizeof text, "%.*s%s%.*s", S2S_FMT(name ? s2s__node_text(t, name) : S2S_STR("")),
                   name && version ? " " : "", S2S_FMT(version ? s2s__node_text(t, version) : S2S_STR("")));
    s2s__copy_text(a->software, s2s_str_of(text));
}

static void read_disco(attempt *a, const s2s__node *query)
{
    if (a->disco)
        return;
    a->disco = json_array();
    for (const s2s__node *n = query->first; n && json_array_size(a->disco) < DISCO_MAX; n = n->next) {
        s2s_str var = s2s__node_is(n, NS_DISCO_INFO, "feature") ? s2s__node_attr(n, "var") : S2S_STR_ABSENT;
        if (var.ptr)
            json_array_append_new(a->disco, json_stringn(var.ptr, var.len));
    }
}

static void take_stanza(conversation *c, const s2s_stanza *st)
{
    bool version = s2s__str_is(st->id, VERSION_ID), disco = s2s__str_is(st->id, DISCO_ID);
    s2s__tree *t = NULL;
    if (c->state != EXPECT_ANSWERS || st->kind != S2S_IQ || (!version && !disco) ||
        !s2s_domain_is(st->from, s2s_str_of(c->a->remote)))
        return;
    if (s2s__str_is(st->type, "result") && s2s__tree_new(env_of(c), &t) == S2S_OK &&
        s2s__tree_parse_within(t, st->attrs, st->inner, NS_SERVER) == S2S_OK) {
        const s2s__node *root = s2s__tree_root(t);
        const s2s__node *query = s2s__node_child(root, version ? NS_VERSION : NS_DISCO_INFO, "query");
        if (query && version)
            read_version(c->a, t, query);
        else if (query)
            read_disco(c->a, query);
    }
    s2s__tree_free(t);
    if (c->owed > 0 && --c->owed == 0)
        finish(c);
}

/* -- input --------------------------------------------------------------------------------------------- */

static void stream_error(conversation *c, const s2s__item *item)
{
    attempt *a = c->a;
    char text[S2S_TEXT_MAX], all[2 * S2S_TEXT_MAX];
    s2s_cond cond = s2s__stream_read_error(item->tree, item->node, text);
    (void)snprintf(all, sizeof all, "%s%s%s", s2s_cond_name(cond), *text ? ": " : "", text);
    s2s__copy_text(a->peer_text, s2s_str_of(all));
    give_up(c, "the peer ended the stream with an error");
}

static void take_nonza(conversation *c, const s2s__item *item)
{
    bool features = s2s__node_is(item->node, NS_STREAMS, "features");
    if (s2s__node_is(item->node, NS_STREAMS, "error")) {
        stream_error(c, item);
        return;
    }
    switch (c->state) {
    case EXPECT_FEATURES_CLEAR:
        if (features)
            ask_for_tls(c, item);
        return;
    case EXPECT_PROCEED: expect_proceed(c, item); return;
    case EXPECT_FEATURES_TLS:
        if (features)
            authenticate(c, item);
        return;
    case EXPECT_SASL_RESULT: expect_sasl_result(c, item); return;
    case EXPECT_FEATURES_AUTH:
        if (features)
            expect_features_auth(c, item);
        return;
    case EXPECT_TCP:
    case EXPECT_HEADER_CLEAR:
    case EXPECT_TLS:
    case EXPECT_HEADER_TLS:
    case EXPECT_HEADER_AUTH:
    case EXPECT_ANSWERS:
    case CLOSING: return;
    }
}

static void take_header(conversation *c, const s2s__header *h)
{
    switch (c->state) {
    case EXPECT_HEADER_CLEAR: c->state = EXPECT_FEATURES_CLEAR; break;
    case EXPECT_HEADER_TLS: c->state = EXPECT_FEATURES_TLS; break;
    case EXPECT_HEADER_AUTH: c->state = EXPECT_FEATURES_AUTH; break;
    case EXPECT_TCP:
    case EXPECT_FEATURES_CLEAR:
    case EXPECT_PROCEED:
    case EXPECT_TLS:
    case EXPECT_FEATURES_TLS:
    case EXPECT_SASL_RESULT:
    case EXPECT_FEATURES_AUTH:
    case EXPECT_ANSWERS:
    case CLOSING: return;
    }
    if (s2s__stream_version(h->version) < 1) /* no features will come (ST-06) */
        give_up(c, "the peer's stream header announces no XMPP 1.0: it knows neither STARTTLS nor SASL");
}

static void on_bytes(void *user, s2s_bytes in)
{
    conversation *c = user;
    s2s__item item;
    if (s2s__reader_feed(c->reader, in) != S2S_OK) {
        give_up(c, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    while (c->state != CLOSING && c->state != EXPECT_TLS) {
        switch (s2s__reader_next(c->reader, &item)) {
        case ITEM_NONE: return;
        case ITEM_OPEN: take_header(c, item.header); break;
        case ITEM_OVERSIZE: /* none: not asked for */
        case ITEM_STANZA: take_stanza(c, item.stanza); break;
        case ITEM_NONZA: take_nonza(c, &item); break;
        case ITEM_CLOSE: give_up(c, "the peer closed the stream"); break;
        case ITEM_ERROR: give_up(c, item.why); break;
        }
    }
}

s2s_err xmpp_start(attempt *a, void (*done)(void *arg), void *arg, conversation **out)
{
    static const wire_ops OPS = {on_connected, on_secured, on_bytes, on_ended};
    const s2s_env *env = a->context->env;
    conversation *c = s2s__alloc(env, sizeof *c);
    if (!c)
        return S2S_E_NOMEM;
    c->a = a;
    c->done = done;
    c->arg = arg;
    s2s__buf_init(&c->out, env, OUTPUT_MAX);
    s2s_err err = s2s__reader_new(env, NS_SERVER, &c->reader);
    if (err == S2S_OK)
        err = wire_new(env, a->context->loop, a->context->room, (const struct sockaddr *)&a->endpoint.address, &OPS, c,
                       &c->wire);
    if (err != S2S_OK) {
        free_conversation(c);
        return err;
    }
    wire_deadline(c->wire, PROBE_TCP_MS);
    *out = c;
    return S2S_OK;
}
