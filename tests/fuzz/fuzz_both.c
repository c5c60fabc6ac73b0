/* SPDX-License-Identifier: MIT */
/* fuzz_both.c: an initiator and an acceptor back to back. The input says in which pieces bytes travel, what the callers do,
 * and which byte is hit on the way. Without a hit, what was sent arrives, in order, all of it. */
#include "fuzz/driver.h"

#include <stdio.h>
#include <string.h>

enum { PIPE_MAX = 1 << 18, ROUNDS = 400 };

typedef struct both {
    driver initiator, acceptor;
    size_t sent, came;
    bool hit, ended;
} both;

static void came(driver *d, const s2s_stanza *st)
{
    both *b = d->user;
    char id[24];
    (void)snprintf(id, sizeof id, "%zu", b->came);
    if (!b->hit)
        fuzz_must(s2s_str_eq(st->id, s2s_str_of(id)));
    b->came++;
}

static void send(both *b, fuzz_input *in)
{
    char id[24], inner[300];
    (void)snprintf(id, sizeof id, "%zu", b->sent);
    (void)snprintf(inner, sizeof inner, "<body>%.*s</body>", fuzz_byte(in),
                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    s2s_stanza st = {.kind = S2S_MESSAGE,
                     .from = S2S_STR("u@a.example"),
                     .to = S2S_STR("v@b.example"),
                     .id = s2s_str_of(id),
                     .attrs = S2S_STR(""),
                     .inner = s2s_str_of(inner)};
    if (s2s_session_send(b->initiator.s, &st) == S2S_OK)
        b->sent++;
}

/* Moves up to `most` bytes; byte `hit` of them is changed. */
static bool move(both *b, driver *from, driver *to, size_t most, int hit)
{
    const uint8_t *out;
    uint8_t piece[512];
    size_t n = s2s_session_output(from->s, &out);
    n = n < most ? n : most;
    n = n < sizeof piece ? n : sizeof piece;
    if (n == 0)
        return false;
    memcpy(piece, out, n);
    if (hit >= 0) {
        piece[(size_t)hit % n] ^= 0x15;
        b->hit = true;
    }
    s2s_session_sent(from->s, from->now, n);
    driver_pull(from);
    driver_feed(to, (s2s_bytes){piece, n});
    return true;
}

static void step(both *b, fuzz_input *in)
{
    uint8_t op = fuzz_byte(in);
    bool forth = op & 1;
    switch (op >> 1 & 7) {
    case 0: case 1: case 2:
        (void)move(b, forth ? &b->initiator : &b->acceptor, forth ? &b->acceptor : &b->initiator, 1 + (op >> 4) * 16u,
                   -1);
        return;
    case 3: send(b, in); return;
    case 4:
        (void)move(b, forth ? &b->initiator : &b->acceptor, forth ? &b->acceptor : &b->initiator, 1 + fuzz_byte(in),
                   fuzz_byte(in));
        return;
    case 5: send(b, in); return;
    case 6:
        b->ended = true;
        driver_act(forth ? &b->initiator : &b->acceptor, DRIVER_CLOSE);
        return;
    case 7: driver_tls(forth ? &b->initiator : &b->acceptor); return;
    default: return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    static both b; /* one at a time */
    memset(&b, 0, sizeof b);
    unsigned how = fuzz_byte(&in) & (DRIVER_DIRECT | DRIVER_DIALBACK | DRIVER_BIDI | DRIVER_DISTRUSTS);
    if (!(how & DRIVER_DIALBACK)) /* one proof there must be */
        how &= ~(unsigned)DRIVER_DISTRUSTS;
    driver_begin(&b.initiator, S2S_INITIATOR, how);
    driver_begin(&b.acceptor, S2S_ACCEPTOR, how);
    b.initiator.user = b.acceptor.user = &b;
    b.acceptor.stanza = came;
    while (in.left > 0)
        step(&b, &in);
    bool moved = true;
    for (int i = 0; i < ROUNDS * 100 && moved; i++) {
        moved = move(&b, &b.initiator, &b.acceptor, 512, -1);
        moved = move(&b, &b.acceptor, &b.initiator, 512, -1) || moved;
        moved = moved || b.initiator.open || b.acceptor.open;
        driver_tls(&b.initiator);
        driver_tls(&b.acceptor);
    }
    if (!b.hit) {
        fuzz_must(b.came == b.sent);
        fuzz_must(b.ended || (b.initiator.established && b.acceptor.established));
    }
    driver_end(&b.initiator);
    driver_end(&b.acceptor);
    return 0;
}
