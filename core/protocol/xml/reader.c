/* SPDX-License-Identifier: MIT */
/* reader.c: from bytes to first-level elements. Expat is stopped at the end of each; the element's bytes stay in our
 * buffer, so a stanza's inside is handed on without being built up and written again.
 *
 * Expat (reader_expat.c) need not see everything: a stanza that can be read in one way only is taken as it stands (plain_stanza.h). */
#include "protocol/xml/reader_inside.h"

#include <string.h>

#include "s2s/session.h"

/* -- making and freeing -------------------------------------------------------------------------------- */

s2s__reader *s2s__reader_make(const s2s_env *env, const char *content_ns)
{
    s2s__reader *r = s2s__alloc(env, sizeof *r);
    if (!r)
        return NULL;
    r->env = env;
    r->content_ns = content_ns;
    r->limit = env->limits.preauth_element_bytes;
    size_t element = env->limits.stanza_bytes > env->limits.preauth_element_bytes
                         ? env->limits.stanza_bytes
                         : env->limits.preauth_element_bytes;
    s2s__buf_init(&r->buf, env, element + 2 * (size_t)S2S_FEED_MAX);
    s2s__buf_init(&r->root, env, S2S__ROOT_TAG_MAX);
    s2s__buf_init(&r->rewritten, env, 8 * (size_t)env->limits.stanza_bytes);
    s2s__start_tag_init(&r->tag, env, content_ns);
    if (s2s__tree_new(env, &r->tree) == S2S_OK)
        return r;
    s2s__reader_free(r);
    return NULL;
}

s2s_err s2s__reader_new(const s2s_env *env, const char *content_ns, s2s__reader **out)
{
    s2s__reader *r = s2s__reader_make(env, content_ns);
    if (!r || s2s__reader_new_parser(r) != S2S_OK) {
        s2s__reader_free(r);
        return S2S_E_NOMEM;
    }
    *out = r;
    return S2S_OK;
}

void s2s__reader_free(s2s__reader *r)
{
    if (!r)
        return;
    s2s__expat_free(r->env, r->parser);
    s2s__rested_free(r->rested);
    s2s__tree_free(r->tree);
    s2s__start_tag_free(&r->tag);
    s2s__buf_free(&r->rewritten);
    s2s__buf_free(&r->root);
    s2s__buf_free(&r->buf);
    s2s__free(r->env, r);
}

s2s_err s2s__reader_restart(s2s__reader *r, bool keep_pending)
{
    s2s_err err = s2s__reader_new_parser(r);
    if (err != S2S_OK)
        return err;
    if (keep_pending) {
        s2s__buf_drop(&r->buf, (size_t)(r->done - r->base));
    } else {
        s2s__buf_free(&r->buf);
        r->utf8 = (s2s__utf8){0};
        r->bad = UTF8_OK;
    }
    s2s__buf_free(&r->root);
    s2s__rested_free(r->rested);
    r->rested = NULL;
    r->base = r->given = r->done = r->skipped = r->tag_end = 0;
    r->whole = false;
    r->depth = r->declared = 0;
    r->suspended = r->began = r->skipping = false;
    r->open_ready = r->element_ready = r->close_ready = false;
    s2s__start_tag_forget(&r->tag);
    return S2S_OK;
}

void s2s__reader_set_limit(s2s__reader *r, size_t element_bytes, size_t skip_bytes)
{
    r->limit = element_bytes;
    r->skip_limit = skip_bytes;
}

s2s_err s2s__reader_feed(s2s__reader *r, s2s_bytes in)
{
    size_t good = 0;
    if (r->bad != UTF8_OK || r->cond != S2S_COND_NONE)
        return S2S_OK; /* a fault waits to be told; nothing behind it counts */
    r->bad = s2s__utf8_check(&r->utf8, in.ptr, in.len, &good);
    return s2s__buf_append(&r->buf, in.ptr, good);
}

static void drop_done(s2s__reader *r)
{
    if (r->done > r->base) {
        s2s__buf_drop(&r->buf, (size_t)(r->done - r->base));
        r->base = r->done;
    }
    if (r->buf.len == 0)
        s2s__buf_emptied(&r->buf);
}

static s2s_str slice(const s2s__reader *r, uint64_t from, uint64_t to)
{
    if (to <= from)
        return S2S_STR("");
    return (s2s_str){(const char *)s2s__buf_bytes(&r->buf) + (from - r->base), (size_t)(to - from)};
}

/* NS-05, NS-07: the inside says its content namespace itself, somewhere; write it so that it does not. */
static s2s_err rewrite_inner(s2s__reader *r)
{
    s2s__buf_clear(&r->rewritten);
    s2s_str scope;
    s2s_err err = s2s__start_tag_scope(&r->tag, &scope);
    if (err != S2S_OK)
        return err;
    err = s2s__tree_parse_within(r->tree, scope, r->stanza.inner, r->content_ns);
    if (err != S2S_OK)
        return err;
    for (const s2s__node *n = s2s__tree_root(r->tree)->first; n && err == S2S_OK; n = n->next)
        err = s2s__tree_write(&r->rewritten, n, r->content_ns);
    s2s__tree_clear(r->tree);
    r->stanza.inner = s2s__buf_view(&r->rewritten);
    return err;
}

/* DO-01: from < to >. True: nothing may come of it. */
static bool far_too_large(s2s__reader *r, uint64_t len)
{
    if (len <= (uint64_t)r->limit + (r->building ? 0 : r->skip_limit))
        return false;
    s2s__reader_fault(r, S2S_COND_POLICY_VIOLATION, "element too large");
    return true;
}

/* Who sent it is in its start tag; the inside is gone. */
static void finish_oversize(s2s__reader *r, s2s__item *item)
{
    s2s_err err = s2s__start_tag_fill(&r->tag, r->header.lang, &r->stanza);
    r->stanza.inner = S2S_STR("");
    r->skipping = false;
    s2s__start_tag_done(&r->tag);
    if (err != S2S_OK)
        s2s__reader_fault(r, S2S_COND_INTERNAL_SERVER_ERROR, "out of memory");
    else
        *item = (s2s__item){.type = ITEM_OVERSIZE, .stanza = &r->stanza};
}

static void finish_element(s2s__reader *r, s2s__item *item)
{
    r->element_ready = false;
    if (far_too_large(r, r->done - r->start))
        return;
    if (r->skipping || r->done - r->start > r->limit) {
        finish_oversize(r, item);
        return;
    }
    if (r->building) {
        s2s__start_tag_done(&r->tag);
        *item = (s2s__item){.type = ITEM_NONZA, .node = s2s__tree_root(r->tree), .tree = r->tree};
        return;
    }
    s2s_err err = s2s__start_tag_fill(&r->tag, r->header.lang, &r->stanza);
    r->stanza.inner = slice(r, r->inner_start, r->inner_end);
    if (err == S2S_OK && r->tag.rewrite)
        err = rewrite_inner(r);
    s2s__start_tag_done(&r->tag);
    if (err == S2S_E_LIMIT) /* written anew it would be far larger than it came */
        s2s__reader_fault(r, S2S_COND_POLICY_VIOLATION, "element too large");
    else if (err != S2S_OK)
        s2s__reader_fault(r, S2S_COND_INTERNAL_SERVER_ERROR, "out of memory");
    else
        *item = (s2s__item){.type = ITEM_STANZA, .stanza = &r->stanza};
}

/* What a handler left to be told, oldest first. */
static void take_ready(s2s__reader *r, s2s__item *item)
{
    if (r->open_ready) {
        r->open_ready = false;
        r->header = s2s__start_tag_header(&r->tag);
        *item = (s2s__item){.type = ITEM_OPEN, .header = &r->header};
    } else if (r->element_ready) {
        finish_element(r, item);
    } else if (r->close_ready) {
        r->close_ready = false;
        *item = (s2s__item){.type = ITEM_CLOSE};
    }
}

/* A stanza is larger than may be: expat goes on counting its tags, and what it has seen is dropped. A single tag must fit into
 * the limit all the same, as expat keeps what it is in the middle of. */
static void skip(s2s__reader *r)
{
    if (!r->skipping) {
        r->skipping = true;
        s2s__reader_begin_skip(r);
    }
    uint64_t seen = r->skip_seen > r->tag_end ? r->skip_seen : r->tag_end;
    if (r->given - seen > r->limit)
        s2s__reader_fault(r, S2S_COND_POLICY_VIOLATION, "element too large");
    r->done = r->given;
    drop_done(r);
}

/* Expat does not see the next bytes. */
static void pass_over(s2s__reader *r, size_t n)
{
    r->given += n;
    r->skipped += n;
    r->done = r->given;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Expat has dealt with all that it was given, and what comes is a child of the stream, or space: it need not see what is plain. */
static bool take_plain(s2s__reader *r, s2s__item *item)
{
    if (r->depth != 1 || r->given != r->done || r->suspended)
        return false;
    const uint8_t *p = s2s__buf_bytes(&r->buf) + (r->given - r->base);
    size_t len = (size_t)(s2s__reader_end(r) - r->given), space = 0, n = 0;
    while (space < len && is_space(p[space])) /* keepalives, RFC 6120 section 4.6.1 */
        space++;
    pass_over(r, space);
    if (r->tag.default_content)
        n = s2s__plain_stanza(p + space, len - space, r->content_ns, &r->env->limits, &r->stanza);
    if (n > 0 && n <= r->limit) {
        if (!r->stanza.lang.ptr)
            r->stanza.lang = r->header.lang;
        *item = (s2s__item){.type = ITEM_STANZA, .stanza = &r->stanza};
    } else if (n == 0 && (n = s2s__plain_leaf_read(p + space, len - space, r->content_ns, &r->env->limits, &r->leaf)) > 0 && n <= r->limit) {
        *item = (s2s__item){.type = ITEM_NONZA, .node = &r->leaf.node, .tree = r->tree};
    } else {
        return false;
    }
    pass_over(r, n);
    return true;
}

/* All bytes are parsed and no item came of them. */
static void check_leftover(s2s__reader *r)
{
    bool stanza = r->depth >= 2 && !r->building;
    drop_done(r);
    if (stanza && far_too_large(r, r->given - r->start))
        return;
    if (stanza && r->skip_limit > 0 && (r->skipping || r->buf.len > r->limit))
        skip(r);
    else if (r->buf.len > r->limit)
        s2s__reader_fault(r, S2S_COND_POLICY_VIOLATION, "element too large");
    if (r->cond != S2S_COND_NONE)
        return;
    if (r->bad == UTF8_NUL && r->depth > 0)
        s2s__reader_fault(r, S2S_COND_NOT_WELL_FORMED, "NUL byte");
    else if (r->bad != UTF8_OK)
        s2s__reader_fault(r, S2S_COND_UNSUPPORTED_ENCODING, "not UTF-8 (RFC 6120 section 11.6)");
}

s2s__item_type s2s__reader_next(s2s__reader *r, s2s__item *item)
{
    *item = (s2s__item){.type = ITEM_NONE};
    if (!r->open_ready && !r->element_ready && !r->close_ready)
        drop_done(r);
    while (item->type == ITEM_NONE && r->cond == S2S_COND_NONE) {
        take_ready(r, item);
        if (item->type != ITEM_NONE || r->cond != S2S_COND_NONE || take_plain(r, item))
            break;
        if (!s2s__reader_run(r)) {
            check_leftover(r);
            break;
        }
    }
    if (r->cond != S2S_COND_NONE)
        *item = (s2s__item){.type = ITEM_ERROR, .cond = r->cond, .why = r->why};
    return item->type;
}

size_t s2s__reader_pending(const s2s__reader *r)
{
    return (size_t)(s2s__reader_end(r) - r->done) + (r->bad != UTF8_OK); /* what is not UTF-8 was not kept, but it came */
}

bool s2s__reader_at_end(const s2s__reader *r)
{
    static const char END[] = "</", ERROR[] = "<stream:error"; /* by another prefix it waits as everything does */
    s2s_str rest = slice(r, r->done, s2s__reader_end(r));
    while (rest.len > 0 && is_space((uint8_t)*rest.ptr)) {
        rest.ptr++;
        rest.len--;
    }
    return (rest.len >= sizeof END - 1 && memcmp(rest.ptr, END, sizeof END - 1) == 0) ||
           (rest.len >= sizeof ERROR - 1 && memcmp(rest.ptr, ERROR, sizeof ERROR - 1) == 0);
}
