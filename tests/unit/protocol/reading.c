/* SPDX-License-Identifier: MIT */
/* reading.c: a reader fed in chunks, and what it said as text. */
#include "reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "s2s/session.h"

void reading_begin(reading *rd)
{
    memset(rd, 0, sizeof *rd);
    test_env_init(&rd->env);
    rd->said = calloc(1, SAID_MAX);
    cr_assert_not_null(rd->said);
}

s2s_err reading_open(reading *rd, const char *content_ns)
{
    return s2s__reader_new(&rd->env.env, content_ns, &rd->reader);
}

void reading_end(reading *rd)
{
    s2s__reader_free(rd->reader);
    free(rd->said);
    cr_expect_eq(rd->env.live, 0, "%zu blocks were not freed", rd->env.live);
}

static void say(reading *rd, const char *bytes, size_t len)
{
    cr_assert_lt(rd->said_len + len, SAID_MAX);
    memcpy(rd->said + rd->said_len, bytes, len);
    rd->said_len += len;
    rd->said[rd->said_len] = '\0';
}

static void say_part(reading *rd, const char *what, s2s_str value)
{
    if (!value.ptr)
        return;
    say(rd, what, strlen(what));
    say(rd, value.ptr, value.len);
}

static void say_stanza(reading *rd, const s2s_stanza *st)
{
    size_t len = s2s_stanza_write(st, NULL, 0);
    char *xml = malloc(len);
    cr_assert_not_null(xml);
    cr_assert_eq(s2s_stanza_write(st, xml, len), len);
    say_part(rd, "stanza ", (s2s_str){xml, len});
    free(xml);
}

static void say_item(reading *rd, const s2s__item *item)
{
    switch (item->type) {
    case ITEM_NONE: return;
    case ITEM_OPEN:
        say_part(rd, "open", S2S_STR(""));
        say_part(rd, " from=", item->header->from);
        say_part(rd, " to=", item->header->to);
        say_part(rd, " id=", item->header->id);
        say_part(rd, " version=", item->header->version);
        say_part(rd, " lang=", item->header->lang);
        if (!item->header->content_ns_ok)
            say_part(rd, " bad-namespace", S2S_STR(""));
        break;
    case ITEM_OVERSIZE: say_part(rd, "oversize", S2S_STR("")); say_stanza(rd, item->stanza); break;
    case ITEM_STANZA: say_stanza(rd, item->stanza); break;
    case ITEM_NONZA:
        say_part(rd, "nonza {", item->node->ns.ptr ? item->node->ns : S2S_STR(""));
        say_part(rd, "}", item->node->name);
        break;
    case ITEM_CLOSE: say_part(rd, "close", S2S_STR("")); break;
    case ITEM_ERROR:
        say_part(rd, "error ", s2s_str_of(s2s_cond_name(item->cond)));
        say_part(rd, ": ", s2s_str_of(item->why));
        rd->over = true;
        break;
    }
    say_part(rd, ";", S2S_STR(""));
}

bool reading_rest(s2s__reader **r)
{
    s2s__rested *rested = s2s__reader_rest(*r);
    if (!rested)
        return false;
    *r = s2s__reader_wake(rested);
    cr_assert_not_null(*r);
    return true;
}

void reading_feed(reading *rd, const char *bytes, size_t len, size_t chunk)
{
    size_t most = chunk ? chunk : S2S_FEED_MAX;
    for (size_t at = 0; at < len && !rd->over; at += most) {
        size_t n = len - at < most ? len - at : most;
        s2s__item item;
        if (s2s__reader_feed(rd->reader, (s2s_bytes){(const uint8_t *)bytes + at, n}) != S2S_OK) {
            say_part(rd, "feed failed;", S2S_STR(""));
            rd->over = true;
            return;
        }
        while (!rd->over && s2s__reader_next(rd->reader, &item) != ITEM_NONE)
            say_item(rd, &item);
        if (rd->rests)
            (void)reading_rest(&rd->reader);
    }
}

void reading_expect(reading *rd, const char *id, size_t chunk, const char *want)
{
    cr_expect_str_eq(rd->said, want, "%s, chunks of %zu\nwant %.300s\nsaid %.300s", id, chunk, want, rd->said);
    rd->said_len = 0;
    rd->said[0] = '\0';
}

void reading_check(const char *id, const char *bytes, size_t len, size_t limit, const char *want)
{
    static const size_t chunks[] = READING_CHUNKS;
    for (size_t i = 0; i < 2 * READING_CHUNKS_LEN; i++) {
        reading rd;
        reading_begin(&rd);
        rd.rests = i >= READING_CHUNKS_LEN; /* and the same again */
        cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
        if (limit)
            s2s__reader_set_limit(rd.reader, limit, 0);
        size_t chunk = chunks[i % READING_CHUNKS_LEN];
        reading_feed(&rd, bytes, len, chunk);
        reading_expect(&rd, id, chunk, want);
        reading_end(&rd);
    }
}
