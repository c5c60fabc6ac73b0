/* SPDX-License-Identifier: MIT */
/* component_fixture.c: a loop with components on it, and blocking-free clients beside it in the same thread. */
#include "component_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "s2s/addr.h"
#include "transport/address.h"

enum { PATIENCE_SECONDS = 20, READ_ROOM = 16384 };

static char chat_domain[] = "chat.example", news_domain[] = "news.example", secret[] = FIXTURE_SECRET;
static const config_account ACCOUNTS[] = {{.domain = chat_domain, .secret = secret},
                                          {.domain = news_domain, .secret = secret, .replace = true}};

static void remember(fixture *f, const s2s_stanza *st)
{
    size_t len = s2s_stanza_write(st, f->last, sizeof f->last - 1);
    f->last[len < sizeof f->last ? len : 0] = '\0';
}

static component_next on_stanza(void *user, const s2s_stanza *st)
{
    fixture *f = user;
    char id[32];
    (void)snprintf(id, sizeof id, "%zu", f->stanzas++);
    if (!st->id.ptr || !s2s_str_eq(st->id, s2s_str_of(id)))
        f->in_order = false;
    remember(f, st);
    s2s_jid to;
    if (f->held_for && s2s_jid_split(st->to, &to) == S2S_OK && s2s_str_eq(to.domain, s2s_str_of(f->held_for)))
        return COMPONENT_WAITS_FOR_RECIPIENT;
    return f->pause_every == 0 || f->stanzas % f->pause_every != 0 ? COMPONENT_GOES_ON : COMPONENT_WAITS_FOR_RECIPIENT;
}

static bool on_held(void *user, const char *domain, s2s_str remote)
{
    const fixture *f = user;
    cr_expect(components_attached(f->components, s2s_str_of(domain)));
    return f->held_for && s2s_str_eq(remote, s2s_str_of(f->held_for));
}

static void on_undelivered(void *user, const s2s_stanza *st)
{
    fixture *f = user;
    f->undelivered++;
    remember(f, st);
}

static void on_slow(void *user, const char *domain, bool slow)
{
    fixture *f = user;
    cr_expect_eq(components_slow(f->components, s2s_str_of(domain)), slow);
    f->drained += !slow;
    if (!slow)
        components_resume(f->components);
}

static void on_stopped(void *user)
{
    ((fixture *)user)->stopped = true;
}

static void on_drained(void *user)
{
    fixture *f = user;
    f->emptied++;
    f->undelivered_then = f->undelivered;
}

void fixture_start(fixture *f)
{
    static const components_ops OPS = {on_stanza, on_held, on_undelivered, on_slow, on_stopped, on_drained};
    memset(f, 0, sizeof *f);
    test_env_init(&f->t);
    f->in_order = true;
    cr_assert_eq(uv_loop_init(&f->loop), 0);
    cr_assert_eq(components_new(&f->t.env, &f->loop, ACCOUNTS, 2, &OPS, f, &f->components), S2S_OK);
}

void fixture_listen(fixture *f)
{
    static char any[] = "127.0.0.1:0";
    char why[S2S_TEXT_MAX] = "";
    cr_assert_eq(components_listen(f->components, any, f->address, why), S2S_OK, "%s", why);
}

static bool has_stopped(void *arg)
{
    return ((fixture *)arg)->stopped;
}

void fixture_stop(fixture *f)
{
    components_stop(f->components);
    fixture_until(f, has_stopped, f);
    components_free(f->components);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&f->loop), 0, "handles are left");
    cr_expect_eq(f->t.live, 0, "%zu blocks are left", f->t.live);
}

void fixture_turn(fixture *f)
{
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

void fixture_until(fixture *f, fixture_done *done, void *arg)
{
    uint64_t by = uv_hrtime() + PATIENCE_SECONDS * (uint64_t)1000000000;
    while (!done(arg)) {
        cr_assert(uv_hrtime() < by, "waited in vain");
        fixture_turn(f);
    }
}

void script_connect(script *s, fixture *f)
{
    struct sockaddr_storage to;
    memset(s, 0, sizeof *s);
    s->f = f;
    cr_assert_eq(s2s__address_parse(s2s_str_of(f->address), &to), S2S_OK);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(s->fd >= 0);
    cr_assert_eq(connect(s->fd, (const struct sockaddr *)&to, sizeof(struct sockaddr_in)), 0); /* the backlog takes it */
    int on = 1;
    cr_assert_eq(setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    cr_assert_eq(fcntl(s->fd, F_SETFL, O_NONBLOCK), 0);
}

void script_close(script *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

typedef struct sending {
    script *s;
    const char *text;
    size_t len;
} sending;

static bool sends(void *arg)
{
    sending *w = arg;
    ssize_t n = w->len ? send(w->s->fd, w->text, w->len, MSG_NOSIGNAL) : 0;
    if (n < 0)
        cr_assert(errno == EAGAIN, "send: %s", strerror(errno));
    else {
        w->text += n;
        w->len -= (size_t)n;
    }
    return w->len == 0;
}

void script_send(script *s, const char *text)
{
    sending w = {s, text, strlen(text)};
    fixture_until(s->f, sends, &w);
}

bool script_read(script *s)
{
    size_t room = sizeof s->text - 1 - s->len;
    ssize_t n = recv(s->fd, s->text + s->len, room < READ_ROOM ? room : READ_ROOM, 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        s->eof = true;
    if (n <= 0)
        return false;
    s->len += (size_t)n;
    s->text[s->len] = '\0';
    return true;
}

static bool has_wanted(void *arg)
{
    script *s = arg;
    if (strstr(s->text, s->wanted))
        return true;
    (void)script_read(s);
    cr_assert(!s->eof || strstr(s->text, s->wanted), "the connection ended without %s: %s", s->wanted, s->text);
    return strstr(s->text, s->wanted) != NULL;
}

void script_expect(script *s, const char *part)
{
    s->wanted = part;
    fixture_until(s->f, has_wanted, s);
    char *end = strstr(s->text, part) + strlen(part);
    s->len -= (size_t)(end - s->text);
    memmove(s->text, end, s->len + 1);
}

static bool has_ended(void *arg)
{
    script *s = arg;
    (void)script_read(s);
    return s->eof;
}

void script_expect_end(script *s)
{
    script_expect(s, "</stream:stream>");
    fixture_until(s->f, has_ended, s);
    cr_expect_eq(s->len, 0, "behind the end: %s", s->text);
}

void script_proof(const char *id, const char *key, char out[41])
{
    char text[256];
    uint8_t hash[20];
    (void)snprintf(text, sizeof text, "%s%s", id, key);
    cr_assert_eq(gnutls_hash_fast(GNUTLS_DIG_SHA1, text, strlen(text), hash), 0);
    for (size_t i = 0; i < sizeof hash; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

void script_shake(script *s, const char *header, const char *key)
{
    char id[64] = "", proof[41], text[128];
    script_send(s, header);
    script_expect(s, " id='");
    s->wanted = "'>";
    fixture_until(s->f, has_wanted, s);
    (void)snprintf(id, sizeof id, "%.*s", (int)(strchr(s->text, '\'') - s->text), s->text);
    script_proof(id, key, proof);
    (void)snprintf(text, sizeof text, "<handshake>%s</handshake>", proof);
    script_send(s, text);
}

void script_attach(script *s, fixture *f, const char *domain)
{
    script_connect(s, f);
    script_shake(s, strcmp(domain, chat_domain) == 0 ? SCRIPT_HEADER("chat.example") : SCRIPT_HEADER("news.example"),
                 FIXTURE_SECRET);
    script_expect(s, "<handshake/>");
}
