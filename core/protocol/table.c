/* SPDX-License-Identifier: MIT */
/* table.c: chained buckets, doubled when they are full; SipHash-1-3 (Aumasson and Bernstein 2012) over the key. */
#include "protocol/table.h"

#include <string.h>

#include "protocol/buf.h"

enum { ROOM_FIRST = 16, WORD = 8 };

/* -- the hash ------------------------------------------------------------------------------------------ */

typedef struct sip {
    uint64_t v0, v1, v2, v3;
} sip;

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void turn(sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 = rotate(s->v2, 32);
}

static void take_word(sip *s, uint64_t word)
{
    s->v3 ^= word;
    turn(s);
    s->v0 ^= word;
}

/* The string, and its length in a last word: two strings do not run together. */
static void take_string(sip *s, s2s_str text)
{
    size_t at = 0;
    uint64_t word;
    for (; text.len - at >= WORD; at += WORD) {
        memcpy(&word, text.ptr + at, WORD);
        take_word(s, word);
    }
    word = (uint64_t)text.len << 56;
    for (unsigned i = 0; at + i < text.len; i++)
        word |= (uint64_t)(unsigned char)text.ptr[at + i] << (8 * i);
    take_word(s, word);
}

uint64_t s2s__table_hash(const s2s__table *t, s2s_str a, s2s_str b)
{
    sip s = {t->key[0] ^ 0x736f6d6570736575, t->key[1] ^ 0x646f72616e646f6d, t->key[0] ^ 0x6c7967656e657261,
             t->key[1] ^ 0x7465646279746573};
    take_string(&s, a);
    if (b.ptr)
        take_string(&s, b);
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        turn(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* -- the table ----------------------------------------------------------------------------------------- */

s2s_err s2s__table_init(s2s__table *t, const s2s_env *env)
{
    *t = (s2s__table){.env = env};
    return env->ops->random(env->user, t->key, sizeof t->key);
}

void s2s__table_free(s2s__table *t)
{
    if (t->env)
        s2s__free(t->env, t->heads);
    *t = (s2s__table){0};
}

static s2s__slot **head_of(const s2s__table *t, uint64_t hash)
{
    return &t->heads[hash & (t->room - 1)];
}

static s2s__slot *with_hash(s2s__slot *slot, uint64_t hash)
{
    while (slot && slot->hash != hash)
        slot = slot->next;
    return slot;
}

s2s__slot *s2s__table_first(const s2s__table *t, uint64_t hash)
{
    return t->len > 0 ? with_hash(*head_of(t, hash), hash) : NULL;
}

s2s__slot *s2s__table_next(const s2s__slot *slot)
{
    return with_hash(slot->next, slot->hash);
}

/* False: out of memory; the table is as it was. */
static bool grow(s2s__table *t)
{
    s2s__table wider = *t;
    wider.room = t->room ? 2 * t->room : ROOM_FIRST;
    wider.heads = s2s__alloc(t->env, wider.room * sizeof *wider.heads);
    if (!wider.heads)
        return false;
    for (size_t i = 0; i < t->room; i++) {
        while (t->heads[i]) {
            s2s__slot *slot = t->heads[i], **head = head_of(&wider, slot->hash);
            t->heads[i] = slot->next;
            slot->next = *head;
            *head = slot;
        }
    }
    s2s__free(t->env, t->heads);
    *t = wider;
    return true;
}

s2s_err s2s__table_add(s2s__table *t, s2s__slot *slot, uint64_t hash)
{
    if (t->len == t->room && !grow(t))
        return S2S_E_NOMEM;
    s2s__slot **head = head_of(t, hash);
    *slot = (s2s__slot){.next = *head, .hash = hash};
    *head = slot;
    t->len++;
    return S2S_OK;
}

void s2s__table_remove(s2s__table *t, s2s__slot *slot)
{
    s2s__slot **at = head_of(t, slot->hash);
    while (*at != slot)
        at = &(*at)->next;
    *at = slot->next;
    t->len--;
}

void s2s__table_each(const s2s__table *t, void (*what)(s2s__slot *slot, void *arg), void *arg)
{
    s2s__slot *next;
    for (size_t i = 0; i < t->room; i++) {
        for (s2s__slot *slot = t->heads[i]; slot; slot = next) {
            next = slot->next;
            what(slot, arg);
        }
    }
}
