/* SPDX-License-Identifier: MIT */
/* fuzz_reader.c: the XML reader. The first byte: content namespace and chunk size; 0xff in the rest: a stream restart.
 *
 * All is read twice, first with a rest behind each piece where that may be, then byte by byte, so that expat sees what else is read without
 * it (plain text, plain elements): what is said must be the same. Each stanza as it is handed on must be read as one. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "protocol/xml/reader.h"
#include "support/test_env.h"

enum { RESTART = 0xff, PIECE = 20, ITEMS_MAX = 512 };

/* What was said: a hash for each item. */
typedef struct said {
    uint64_t items[ITEMS_MAX];
    size_t len;
    bool over;    /* no item counts behind a fault or the end */
    bool limited; /* a limit was met: where its check falls depends on the pieces */
} said;

static uint64_t mix(uint64_t hash, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

static void say(said *s, s2s__item_type type, const char *bytes, size_t len)
{
    if (s->len < ITEMS_MAX && !s->over)
        s->items[s->len++] = mix(UINT64_C(14695981039346656037) + (uint64_t)type, bytes, len);
}

/* What is handed out must be readable to its last byte, and a stanza must come out of the writer as it says. */
static uint8_t touch(s2s_str s)
{
    volatile uint8_t sum = 0; /* so that the reads are made */
    for (size_t i = 0; i < s.len; i++)
        sum = sum ^ (uint8_t)s.ptr[i];
    return sum;
}

/* The next server or component must be able to read it, whatever its limits. */
static void must_be_readable(const s2s_stanza *st)
{
    test_env t;
    test_env_init(&t);
    t.env.limits.stanza_bytes = 1 << 20;
    t.env.limits.xml_depth *= 2;
    t.env.limits.xml_attributes *= 4; /* declarations are added */
    fuzz_must(s2s_stanza_check(&t.env, st) == S2S_OK && t.live == 0);
}

static void look_at_stanza(said *s, s2s__item_type type, const s2s_stanza *st)
{
    size_t need = s2s_stanza_write(st, NULL, 0);
    char *out = malloc(need ? need : 1);
    fuzz_must(out && s2s_stanza_write(st, out, need) == need);
    for (size_t i = 0; i < need; i++)
        fuzz_must(out[i] != '\0');
    (void)(touch(st->from) ^ touch(st->to) ^ touch(st->id) ^ touch(st->type) ^ touch(st->lang) ^ touch(st->attrs));
    say(s, type, out, need);
    must_be_readable(st);
    free(out);
}

static void drain(s2s__reader *r, said *s)
{
    s2s__item item;
    for (;;) {
        switch (s2s__reader_next(r, &item)) {
        case ITEM_NONE: return;
        case ITEM_ERROR:
            s->limited |= item.cond == S2S_COND_POLICY_VIOLATION;
            say(s, ITEM_ERROR, item.why, strlen(item.why));
            s->over = true;
            return;
        case ITEM_OVERSIZE: s->limited = true; return;
        case ITEM_STANZA: look_at_stanza(s, item.type, item.stanza); break;
        case ITEM_OPEN: say(s, item.type, item.header->from.ptr, item.header->from.len); break;
        case ITEM_NONZA: say(s, item.type, item.node->name.ptr, item.node->name.len); break;
        case ITEM_CLOSE:
            say(s, item.type, NULL, 0);
            s->over = true;
            return;
        }
    }
}

static void rest(s2s__reader **r)
{
    s2s__rested *rested = s2s__reader_rest(*r);
    if (rested)
        *r = s2s__reader_wake(rested);
    fuzz_must(*r != NULL);
}

static void read_all(fuzz_input in, uint8_t how, size_t most, bool rests, said *s)
{
    test_env t;
    s2s__reader *r = NULL;
    test_env_init(&t);
    t.env.limits.stanza_bytes = 10000;
    const char *ns = how & 1 ? "jabber:server" : "jabber:component:accept";
    fuzz_must(s2s__reader_new(&t.env, ns, &r) == S2S_OK);
    s2s__reader_set_limit(r, how & 2 ? 4096 : 10000, how & 8 ? 20000 : 0);
    while (in.left > 0 && !s->limited) {
        size_t n = 0;
        while (n < in.left && n < most && in.at[n] != RESTART)
            n++;
        s2s_bytes chunk = fuzz_take(&in, n);
        if (s2s__reader_feed(r, chunk) != S2S_OK) {
            s->limited = true;
            break;
        }
        drain(r, s);
        if (rests)
            rest(&r);
        if (in.left > 0 && in.at[0] == RESTART) {
            (void)fuzz_byte(&in);
            if (s2s__reader_restart(r, (how & 4) != 0) != S2S_OK)
                break;
        }
    }
    s2s__reader_free(r);
    fuzz_must(t.live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    uint8_t how = fuzz_byte(&in);
    said pieces = {.len = 0}, bytes = {.len = 0};
    read_all(in, how, how >> 4 ? (size_t)(how >> 4) * PIECE : SIZE_MAX, true, &pieces);
    read_all(in, how, 1, false, &bytes);
    bool limited = pieces.limited || bytes.limited;
    for (size_t i = 0; !limited && (i < pieces.len || i < bytes.len); i++)
        fuzz_must(i < pieces.len && i < bytes.len && pieces.items[i] == bytes.items[i]);
    return 0;
}
