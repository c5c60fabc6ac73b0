/* SPDX-License-Identifier: MIT */
/* fuzz_reader.c: the XML reader. The first byte: content namespace and chunk size; 0xff in the rest: a stream restart. */
#include "fuzz/fuzz.h"

#include "protocol/xml/reader.h"
#include "support/test_env.h"

enum { RESTART = 0xff };

/* What is handed out must be readable to its last byte, and a stanza must come out of the writer as it says. */
static uint8_t touch(s2s_str s)
{
    volatile uint8_t sum = 0; /* so that the reads are made */
    for (size_t i = 0; i < s.len; i++)
        sum = sum ^ (uint8_t)s.ptr[i];
    return sum;
}

static void look_at_stanza(const s2s_stanza *st)
{
    size_t need = s2s_stanza_write(st, NULL, 0);
    char *out = malloc(need ? need : 1);
    fuzz_must(out && s2s_stanza_write(st, out, need) == need);
    for (size_t i = 0; i < need; i++)
        fuzz_must(out[i] != '\0');
    (void)(touch(st->from) ^ touch(st->to) ^ touch(st->id) ^ touch(st->type) ^ touch(st->lang) ^ touch(st->attrs));
    free(out);
}

static void drain(s2s__reader *r)
{
    s2s__item item;
    for (;;) {
        switch (s2s__reader_next(r, &item)) {
        case ITEM_NONE:
        case ITEM_ERROR: return;
        case ITEM_OVERSIZE:
        case ITEM_STANZA: look_at_stanza(item.stanza); break;
        case ITEM_OPEN: (void)touch(item.header->from); break;
        case ITEM_NONZA: (void)s2s__node_is(item.node, "x", "y"); break;
        case ITEM_CLOSE: return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    test_env t;
    s2s__reader *r = NULL;
    test_env_init(&t);
    t.env.limits.stanza_bytes = 10000;
    uint8_t how = fuzz_byte(&in);
    const char *ns = how & 1 ? "jabber:server" : "jabber:component:accept";
    fuzz_must(s2s__reader_new(&t.env, ns, &r) == S2S_OK);
    s2s__reader_set_limit(r, how & 2 ? 4096 : 10000, how & 8 ? 20000 : 0);
    while (in.left > 0) {
        size_t n = 0, most = how >> 2 ? how >> 2 : in.left;
        while (n < in.left && n < most && in.at[n] != RESTART)
            n++;
        s2s_bytes chunk = fuzz_take(&in, n);
        if (s2s__reader_feed(r, chunk) != S2S_OK)
            break;
        drain(r);
        if (in.left > 0 && in.at[0] == RESTART) {
            (void)fuzz_byte(&in);
            if (s2s__reader_restart(r, (how & 4) != 0) != S2S_OK)
                break;
        }
    }
    s2s__reader_free(r);
    fuzz_must(t.live == 0);
    return 0;
}
