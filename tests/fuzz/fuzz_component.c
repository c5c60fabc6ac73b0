/* SPDX-License-Identifier: MIT */
/* fuzz_component.c: what a component may say on its socket (XEP-0114). The first byte: how the node behaves; the second: chunk
 * size; 0xff in the rest: the next byte is a step. */
#include <stdio.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "fuzz/wire.h"
#include "node/component.h"
#include "s2s/addr.h"
#include "support/test_env.h"

enum { STEP = 0xff, HOW_PAUSES = 1, HOW_SMALL = 2, HOW_DRAINS = 4, PATIENCE = 1 << 20 };
enum { DO_SHAKE, DO_RESUME, DO_DELIVER, DO_END, DO_AGAIN, DO_REPLACE, DO_COUNT };

static char chat_domain[] = "chat.example", news_domain[] = "news.example", secret[] = "sesame";
static const config_account ACCOUNTS[] = {{.domain = news_domain, .secret = secret, .replace = true},
                                          {.domain = chat_domain, .secret = secret}};

typedef struct room {
    test_env t;
    uv_loop_t loop;
    components *c;
    wire w;
    unsigned how;
    size_t taken, given, undelivered;
    bool stopped, drained;
} room;

/* Only from who is attached, and only in its own name. */
static component_next on_stanza(void *user, const s2s_stanza *st)
{
    room *r = user;
    s2s_jid from;
    char domain[S2S_DOMAIN_MAX + 1];
    fuzz_must(s2s_jid_split(st->from, &from) == S2S_OK && s2s_domain_normalise(from.domain, domain) == S2S_OK);
    fuzz_must(components_attached(r->c, s2s_str_of(domain)));
    r->taken++;
    if (!(r->how & HOW_PAUSES) || r->taken % 2)
        return COMPONENT_GOES_ON;
    return r->taken % 4 ? COMPONENT_WAITS_FOR_ITSELF : COMPONENT_WAITS_FOR_RECIPIENT;
}

static bool on_held(void *user, const char *domain, s2s_str remote)
{
    const room *r = user;
    fuzz_must(components_attached(r->c, s2s_str_of(domain)) && remote.ptr);
    return false;
}

static void on_undelivered(void *user, const s2s_stanza *st)
{
    room *r = user;
    fuzz_must(s2s_str_eq(st->to, S2S_STR("u@chat.example")));
    r->undelivered++;
}

static void on_slow(void *user, const char *domain, bool slow)
{
    fuzz_must(components_slow(((room *)user)->c, s2s_str_of(domain)) == slow);
}

static void on_stopped(void *user)
{
    ((room *)user)->stopped = true;
}

static void on_drained(void *user)
{
    ((room *)user)->drained = true;
}

static void open_room(room *r, unsigned how)
{
    static const components_ops OPS = {on_stanza, on_held, on_undelivered, on_slow, on_stopped, on_drained};
    char address[128], why[S2S_TEXT_MAX] = "";
    memset(&r->t, 0, sizeof r->t);
    test_env_init(&r->t);
    r->how = how;
    r->taken = r->given = r->undelivered = 0;
    r->stopped = r->drained = false;
    r->t.env.limits.close_ms = 50;
    if (how & HOW_SMALL)
        r->t.env.limits.stanza_bytes = 500;
    fuzz_must(uv_loop_init(&r->loop) == 0);
    fuzz_must(components_new(&r->t.env, &r->loop, ACCOUNTS, 2, &OPS, r, &r->c) == S2S_OK);
    (void)snprintf(address, sizeof address, "unix:%s", wire_path());
    fuzz_must(components_listen(r->c, address, NULL, why) == S2S_OK);
    fuzz_must(wire_connect_unix(&r->w, &r->loop, wire_path()));
}

/* The right proof for the last stream id that came. */
static void shake(room *r)
{
    char text[256], id[64] = "";
    uint8_t hash[20];
    for (char *at = r->w.text; (at = strstr(at, " id='")) != NULL; at += 5)
        (void)snprintf(id, sizeof id, "%.*s", (int)strcspn(at + 5, "'"), at + 5);
    (void)snprintf(text, sizeof text, "%s%s", id, secret);
    fuzz_must(gnutls_hash_fast(GNUTLS_DIG_SHA1, text, strlen(text), hash) == 0);
    size_t n = (size_t)snprintf(text, sizeof text, "<handshake>");
    for (size_t i = 0; i < sizeof hash; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%02x", hash[i]);
    n += (size_t)snprintf(text + n, sizeof text - n, "</handshake>");
    wire_send(&r->w, (s2s_bytes){(const uint8_t *)text, n});
}

static void deliver(room *r)
{
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("v@far.example"), .to = S2S_STR("u@chat.example"),
                     .attrs = S2S_STR(""), .inner = S2S_STR("<body>x</body>")};
    r->given += components_deliver(r->c, S2S_STR("chat.example"), &st) == S2S_OK;
    wire_turn(&r->w);
}

static void step(room *r, uint8_t op)
{
    switch (op % DO_COUNT) {
    case DO_SHAKE: shake(r); return;
    case DO_RESUME: components_resume(r->c); wire_turn(&r->w); return;
    case DO_DELIVER: deliver(r); return;
    case DO_END: wire_end(&r->w); return;
    case DO_AGAIN:
        wire_close(&r->w);
        fuzz_must(wire_connect_unix(&r->w, &r->loop, wire_path()));
        return;
    case DO_REPLACE: /* without chat.example, or with it again */
        (void)components_replace(r->c, ACCOUNTS, components_has(r->c, S2S_STR("chat.example")) ? 1 : 2);
        wire_turn(&r->w);
        return;
    default: return;
    }
}

static void close_room(room *r)
{
    wire_close(&r->w);
    if ((r->how & HOW_DRAINS) && components_drain(r->c)) {
        for (int i = 0; i < PATIENCE && !r->drained; i++)
            (void)uv_run(&r->loop, UV_RUN_ONCE);
        fuzz_must(r->drained);
    }
    components_stop(r->c);
    for (int i = 0; i < PATIENCE && !r->stopped; i++)
        (void)uv_run(&r->loop, UV_RUN_ONCE);
    fuzz_must(r->stopped && r->undelivered <= r->given);
    components_free(r->c);
    (void)uv_run(&r->loop, UV_RUN_DEFAULT);
    fuzz_must(uv_loop_close(&r->loop) == 0);
    fuzz_must(r->t.live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static room r; /* one at a time, and large */
    fuzz_input in = {data, size};
    unsigned how = fuzz_byte(&in);
    uint8_t chunk = fuzz_byte(&in);
    open_room(&r, how);
    while (in.left > 0) {
        size_t n = 0, most = chunk ? chunk : in.left;
        while (n < in.left && n < most && in.at[n] != STEP)
            n++;
        wire_send(&r.w, fuzz_take(&in, n));
        if (in.left > 0 && in.at[0] == STEP) {
            (void)fuzz_byte(&in);
            step(&r, fuzz_byte(&in));
        }
    }
    close_room(&r);
    return 0;
}
