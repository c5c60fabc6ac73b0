/* SPDX-License-Identifier: MIT */
/* test_component_starved.c: a component that attaches, sends, is sent to, and goes, with an allocation of the node that fails, each in turn. The
 * component is served or sees its stream end; what the node has taken for it arrives or comes back; nothing is left. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <criterion/criterion.h>

#include "component_fixture.h"

enum { PLENTY = 1000000, DELIVERED = 3 };

static fixture f;
static script s;

/* Sends without minding who has gone. */
static void say(const char *text)
{
    (void)send(s.fd, text, strlen(text), MSG_NOSIGNAL);
}

static bool has_or_ended(void *arg)
{
    const char *part = arg;
    (void)script_read(&s);
    return s.eof || strstr(s.text, part);
}

/* False: the stream has ended without it. */
static bool hears(const char *part)
{
    fixture_until(&f, has_or_ended, (void *)(uintptr_t)part);
    return strstr(s.text, part) != NULL;
}

static bool attaches(void)
{
    char id[64], proof[41], text[128];
    say(SCRIPT_HEADER("chat.example"));
    if (!hears(" id='"))
        return false;
    const char *at = strstr(s.text, " id='") + strlen(" id='");
    if (!hears("'>"))
        return false;
    (void)snprintf(id, sizeof id, "%.*s", (int)strcspn(at, "'"), at);
    script_proof(id, FIXTURE_SECRET, proof);
    (void)snprintf(text, sizeof text, "<handshake>%s</handshake>", proof);
    say(text);
    return hears("<handshake/>");
}

static size_t deliver_all(void)
{
    size_t taken = 0;
    for (int i = 0; i < DELIVERED; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "n%d", i);
        s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("a@b.example"), .to = S2S_STR("c@chat.example"),
                         .id = s2s_str_of(id), .attrs = S2S_STR(""), .inner = S2S_STR("<body/>")};
        taken += components_deliver(f.components, S2S_STR("chat.example"), &st) == S2S_OK;
    }
    return taken;
}

static size_t came(void)
{
    size_t count = 0;
    for (const char *at = s.text; (at = strstr(at, "id='n")); at++)
        count++;
    return count;
}

static size_t taken; /* of what was to be delivered */

static bool all_out(void *arg)
{
    (void)arg;
    (void)script_read(&s);
    return came() + f.undelivered >= taken;
}

static bool was_heard(void *arg)
{
    (void)arg;
    (void)script_read(&s);
    return f.stanzas > 0 || s.eof;
}

/* Returns how many allocations there were. */
static size_t scenario(size_t left)
{
    fixture_start(&f);
    fixture_listen(&f);
    f.t.fail_after = (long)left;
    f.t.fail_once = true;
    script_connect(&s, &f);
    if (attaches()) {
        say("<message id='0' from='c@chat.example' to='a@b.example'><body>hello</body></message>");
        fixture_until(&f, was_heard, NULL);
        taken = deliver_all();
        fixture_until(&f, all_out, NULL);
        cr_expect_eq(came() + f.undelivered, taken, "%zu: %zu came, %zu came back, of %zu", left, came(), f.undelivered, taken);
    } else {
        cr_expect(f.t.failed, "%zu: not attached: %s", left, s.text);
    }
    script_close(&s);
    size_t used = left - (size_t)(f.t.fail_after < 0 ? 0 : f.t.fail_after);
    f.t.fail_after = -1;
    fixture_stop(&f);
    return used;
}

Test(component_starved, each_allocation, .timeout = 300)
{
    size_t total = scenario(PLENTY);
    cr_assert(total > 0 && f.stanzas == 1 && came() == DELIVERED);
    for (size_t left = 0; left < total; left++)
        (void)scenario(left);
    cr_log_info("%zu runs", total);
}
