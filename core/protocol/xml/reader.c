/* SPDX-License-Identifier: MIT */
/* reader.c: from bytes to first-level elements. Expat is stopped at the end of each; the element's bytes stay in our
 * buffer, so a stanza's inside is handed on without being built up and written again.
 *
 * Expat need not see everything. A stanza that can be read in one way only is taken as it stands (plain_stanza.h). Of others, most is
 * text, and two thirds of expat's time go into looking at it twice: when a handler has just said that a tag ends exactly where the bytes
 * given so far end, what follows is content, and plain characters of it (plain_text.h) are passed over. Expat alone decides where tags
 * end; where it does not confirm our guess it gets every byte. */
#include "protocol/xml/reader.h"

#include <string.h>

#include "protocol/xml/expat_config.h"
#include "protocol/xml/expat_env.h"
#include "protocol/xml/ns.h"
#include "protocol/xml/plain_stanza.h"
#include "protocol/xml/plain_text.h"
#include "protocol/xml/rested.h"
#include "protocol/xml/start_tag.h"
#include "protocol/xml/utf8.h"
#include "s2s/session.h"

enum {
    TEXT_WORTH = 48, /* less text is shown to expat: one more call costs as much */
};

struct s2s__reader {
    const s2s_env *env;
    const char *content_ns;
    XML_Parser parser;
    s2s__buf root;             /* the stream's start tag as it came; empty: there is none yet, or it is too long */
    s2s__utf8 utf8;
    s2s__utf8_result bad;      /* what follows the bytes in `buf` */
    size_t limit;              /* bytes of one element */
    size_t skip_limit;         /* bytes beyond that of a stanza, which are read over */

    s2s__buf buf;              /* bytes of the stream from offset `base` on */
    uint64_t base, given, done; /* stream offsets: buf's first byte; seen by expat; end of the last item */
    uint64_t skipped;          /* bytes before `given` that expat has not seen: its offsets are less by so much */
    uint64_t tag_end;          /* where the last tag ended, or the text passed over behind it */
    bool suspended, began;
    bool whole;                /* a guess was wrong: expat gets the rest of what is there in one piece */

    unsigned depth;
    uint32_t declared;         /* namespace declarations of the element about to start: attributes, too */
    uint64_t start, inner_start, inner_end; /* of the element at hand */
    s2s__start_tag tag;
    s2s__tree *tree;           /* of a nonza, or of a stanza's inside that must be written anew */
    s2s__buf rewritten;
    bool building;             /* the element at hand goes into `tree` */
    bool skipping;             /* it is a stanza, too large: its bytes are not kept */
    uint64_t skip_seen;        /* skipping: to where expat has told what there is */
    bool open_ready, element_ready, close_ready;

    s2s__header header;
    s2s_stanza stanza;
    s2s_cond cond;             /* the fault that ended reading; S2S_COND_NONE: none */
    const char *why;
};

static uint64_t end_of(const s2s__reader *r)
{
    return r->base + r->buf.len;
}

static void fault(s2s__reader *r, s2s_cond cond, const char *why)
{
    if (r->cond != S2S_COND_NONE)
        return;
    r->cond = cond;
    r->why = why;
}

/* From a handler: nothing more may happen. */
static void abort_parse(s2s__reader *r, s2s_cond cond, const char *why)
{
    fault(r, cond, why);
    XML_StopParser(r->parser, XML_FALSE);
}

static void check(s2s__reader *r, s2s_err err)
{
    if (err == S2S_E_LIMIT)
        abort_parse(r, S2S_COND_POLICY_VIOLATION, "element too large");
    else if (err != S2S_OK)
        abort_parse(r, S2S_COND_INTERNAL_SERVER_ERROR, "out of memory");
}

static uint64_t event_start(const s2s__reader *r)
{
    return r->skipped + (uint64_t)S2S_BYTE_INDEX(r->parser);
}

static uint64_t event_end(const s2s__reader *r)
{
    return event_start(r) + (uint64_t)S2S_BYTE_COUNT(r->parser);
}

static void XMLCALL on_text_between(void *user, const XML_Char *text, int len)
{
    s2s__reader *r = user;
    for (int i = 0; i < len; i++) {
        if (!strchr(" \t\r\n", text[i])) {
            abort_parse(r, S2S_COND_BAD_FORMAT, "text between elements");
            return;
        }
    }
    r->done = event_end(r); /* whitespace keepalive, RFC 6120 section 4.6.1 */
}

static void XMLCALL on_text_skipped(void *user, const XML_Char *text, int len)
{
    s2s__reader *r = user;
    (void)text;
    (void)len;
    r->skip_seen = event_end(r);
}

static void XMLCALL on_text_inside(void *user, const XML_Char *text, int len)
{
    s2s__reader *r = user;
    check(r, s2s__tree_text(r->tree, text, (size_t)len));
}

static void open_stream(s2s__reader *r, s2s__qname q, const char **atts)
{
    if (!s2s__str_is(q.ns, NS_STREAMS)) {
        abort_parse(r, S2S_COND_INVALID_NAMESPACE, "not a stream");
        return;
    }
    if (!s2s__str_is(q.local, "stream")) {
        abort_parse(r, S2S_COND_BAD_FORMAT, "not a stream header");
        return;
    }
    check(r, s2s__start_tag_root(&r->tag, atts));
    r->open_ready = true;
    r->done = event_end(r);
    if (r->done - event_start(r) > r->limit) {
        abort_parse(r, S2S_COND_POLICY_VIOLATION, "element too large");
        return;
    }
    size_t len = (size_t)(r->done - event_start(r));
    if (len <= S2S__ROOT_TAG_MAX)
        check(r, s2s__buf_append(&r->root, s2s__buf_bytes(&r->buf) + (event_start(r) - r->base), len));
    XML_SetCharacterDataHandler(r->parser, on_text_between);
    XML_StopParser(r->parser, XML_TRUE);
}

static void open_element(s2s__reader *r, s2s__qname q, const char *name, const char **atts)
{
    bool content = s2s__str_is(q.ns, r->content_ns);
    if (content && q.prefix.len) {
        abort_parse(r, S2S_COND_BAD_NAMESPACE_PREFIX, "prefixed stanza"); /* NS-05 */
        return;
    }
    r->building = !content || !s2s__start_tag_kind(q.local, &r->stanza.kind);
    r->start = event_start(r);
    r->inner_start = event_end(r);
    if (r->building) {
        s2s__tree_clear(r->tree);
        check(r, s2s__tree_open(r->tree, name, atts));
        XML_SetCharacterDataHandler(r->parser, on_text_inside);
    } else {
        check(r, s2s__start_tag_stanza(&r->tag, atts, (size_t)(r->inner_start - r->start)));
        XML_SetCharacterDataHandler(r->parser, NULL);
    }
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **atts)
{
    s2s__reader *r = user;
    if (r->cond != S2S_COND_NONE)
        return;
    if (++r->depth > r->env->limits.xml_depth) {
        abort_parse(r, S2S_COND_POLICY_VIOLATION, "elements nested too deep");
        return;
    }
    uint32_t attributes = r->declared + (uint32_t)XML_GetSpecifiedAttributeCount(r->parser) / 2;
    r->declared = 0;
    r->tag_end = event_end(r);
    if (attributes > r->env->limits.xml_attributes) {
        abort_parse(r, S2S_COND_POLICY_VIOLATION, "too many attributes");
        return;
    }
    s2s__qname q = s2s__qname_split(name);
    if (r->depth == 1)
        open_stream(r, q, atts);
    else if (r->depth == 2)
        open_element(r, q, name, atts);
    else if (r->building)
        check(r, s2s__tree_open(r->tree, name, atts));
    else
        s2s__start_tag_inside(&r->tag, r->depth, q, atts);
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    s2s__reader *r = user;
    (void)name;
    if (r->cond != S2S_COND_NONE)
        return;
    r->depth--;
    r->tag_end = event_end(r);
    if (r->depth == 0) {
        r->close_ready = true;
        r->done = event_end(r);
        XML_StopParser(r->parser, XML_TRUE);
        return;
    }
    if (r->building)
        s2s__tree_close(r->tree);
    else
        s2s__start_tag_inside_end(&r->tag, r->depth + 1);
    if (r->depth > 1)
        return;
    r->inner_end = event_start(r);
    r->element_ready = true;
    r->done = event_end(r);
    XML_SetCharacterDataHandler(r->parser, on_text_between);
    XML_StopParser(r->parser, XML_TRUE);
}

static void XMLCALL on_namespace(void *user, const XML_Char *prefix, const XML_Char *uri)
{
    s2s__reader *r = user;
    if (++r->declared > r->env->limits.xml_attributes) {
        abort_parse(r, S2S_COND_POLICY_VIOLATION, "too many attributes");
        return;
    }
    check(r, s2s__start_tag_declare(&r->tag, r->depth + 1, prefix, uri ? uri : ""));
}

static void XMLCALL on_comment(void *user, const XML_Char *text)
{
    (void)text;
    abort_parse(user, S2S_COND_RESTRICTED_XML, "comment");
}

static void XMLCALL on_pi(void *user, const XML_Char *target, const XML_Char *text)
{
    (void)target;
    (void)text;
    abort_parse(user, S2S_COND_RESTRICTED_XML, "processing instruction");
}

/* XM-02: at the DOCTYPE's start, before anything is declared or expanded. */
static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *sysid,
                               const XML_Char *pubid, int has_internal_subset)
{
    (void)name;
    (void)sysid;
    (void)pubid;
    (void)has_internal_subset;
    abort_parse(user, S2S_COND_RESTRICTED_XML, "document type declaration");
}

static void XMLCALL on_declaration(void *user, const XML_Char *version, const XML_Char *encoding,
                                   int standalone)
{
    s2s__reader *r = user;
    (void)standalone; /* XM-05 */
    r->done = r->tag_end = event_end(r);
    if (encoding && !s2s_str_caseeq(s2s_str_of(encoding), S2S_STR("UTF-8")))
        abort_parse(r, S2S_COND_UNSUPPORTED_ENCODING, "only UTF-8 is XMPP (RFC 6120 section 11.6)");
    else if (version && strcmp(version, "1.0") != 0)
        abort_parse(r, S2S_COND_NOT_WELL_FORMED, "XML version");
}

static void set_handlers(s2s__reader *r)
{
    XML_Parser p = r->parser;
    XML_SetUserData(p, r);
    XML_SetElementHandler(p, on_start, on_end);
    XML_SetStartNamespaceDeclHandler(p, on_namespace);
    XML_SetCommentHandler(p, on_comment);
    XML_SetProcessingInstructionHandler(p, on_pi);
    XML_SetStartDoctypeDeclHandler(p, on_doctype);
    XML_SetXmlDeclHandler(p, on_declaration);
}

static s2s_err new_parser(s2s__reader *r)
{
    XML_Parser p = s2s__expat_new(r->env);
    if (!p)
        return S2S_E_NOMEM;
    s2s__expat_free(r->env, r->parser);
    r->parser = p;
    set_handlers(r);
    return S2S_OK;
}

/* -- making and freeing -------------------------------------------------------------------------------- */

s2s_err s2s__reader_new(const s2s_env *env, const char *content_ns, s2s__reader **out)
{
    s2s_err err = S2S_E_NOMEM;
    s2s__reader *r = s2s__alloc(env, sizeof *r);
    if (!r)
        return S2S_E_NOMEM;
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
    if ((err = s2s__tree_new(env, &r->tree)) != S2S_OK || (err = new_parser(r)) != S2S_OK)
        goto fail;
    *out = r;
    return S2S_OK;
fail:
    s2s__reader_free(r);
    return err;
}

void s2s__reader_free(s2s__reader *r)
{
    if (!r)
        return;
    s2s__expat_free(r->env, r->parser);
    s2s__tree_free(r->tree);
    s2s__start_tag_free(&r->tag);
    s2s__buf_free(&r->rewritten);
    s2s__buf_free(&r->root);
    s2s__buf_free(&r->buf);
    s2s__free(r->env, r);
}

s2s_err s2s__reader_restart(s2s__reader *r, bool keep_pending)
{
    s2s_err err = new_parser(r);
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

/* What expat's error means on a stream. */
static void parse_fault(s2s__reader *r)
{
    enum XML_Error code = XML_GetErrorCode(r->parser);
    switch ((int)code) {
    case XML_ERROR_NO_MEMORY:
        fault(r, S2S_COND_INTERNAL_SERVER_ERROR, "out of memory");
        return;
    case XML_ERROR_UNDEFINED_ENTITY:
    case XML_ERROR_RECURSIVE_ENTITY_REF:
    case XML_ERROR_ASYNC_ENTITY:
    case XML_ERROR_ENTITY_DECLARED_IN_PE:
        fault(r, S2S_COND_RESTRICTED_XML, "entity reference");
        return;
    case XML_ERROR_UNKNOWN_ENCODING:
    case XML_ERROR_INCORRECT_ENCODING:
        fault(r, S2S_COND_UNSUPPORTED_ENCODING, "only UTF-8 is XMPP (RFC 6120 section 11.6)");
        return;
    default:
        fault(r, S2S_COND_NOT_WELL_FORMED, XML_ErrorString(code));
    }
}

/* Whitespace before an XML declaration is a fault to expat; peers do send a line end behind an element. */
static void skip_leading_space(s2s__reader *r)
{
    const uint8_t *p = s2s__buf_bytes(&r->buf);
    size_t n = 0;
    while (n < r->buf.len && p[n] && memchr(" \t\r\n", p[n], 4))
        n++;
    s2s__buf_drop(&r->buf, n);
    r->began = r->buf.len > 0;
}

/* Passes over plain text where expat, having been given all before it, is between two tags of a stanza. */
static void skip_text(s2s__reader *r)
{
    if (r->tag_end != r->given || r->depth < 2 || r->building)
        return;
    size_t at = (size_t)(r->given - r->base);
    size_t n = s2s__plain_text(s2s__buf_bytes(&r->buf) + at, r->buf.len - at);
    r->given += n;
    r->skipped += n;
    r->tag_end += n;
}

/* From `start` to `tag_end` stands, at the end, the end tag of a stanza. */
static bool ends_stanza(const uint8_t *start, const uint8_t *tag_end)
{
    static const s2s_str ENDS[] = {{"</message>", 10}, {"</presence>", 11}, {"</iq>", 5}};
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        if ((size_t)(tag_end - start) >= ENDS[i].len && memcmp(tag_end - ENDS[i].len, ENDS[i].ptr, ENDS[i].len) == 0)
            return true;
    }
    return false;
}

/* How much expat gets next: up to the end of a tag that text worth skipping seems to follow, or a stanza that may be plain, as
 * behind the stream's start tag; or all there is. */
static size_t next_piece(const s2s__reader *r)
{
    const uint8_t *start = s2s__buf_bytes(&r->buf) + (r->given - r->base), *end = s2s__buf_bytes(&r->buf) + r->buf.len;
    const uint8_t *tag = start;
    if (r->whole)
        return (size_t)(end - start);
    while ((tag = memchr(tag, '>', (size_t)(end - tag))) != NULL) {
        tag++;
        if (r->depth == 0 || ends_stanza(start, tag) || (end - tag >= TEXT_WORTH && !memchr(tag, '<', TEXT_WORTH)))
            return (size_t)(tag - start);
    }
    return (size_t)(end - start);
}

static enum XML_Status parse_piece(s2s__reader *r)
{
    size_t at = (size_t)(r->given - r->base), len = next_piece(r);
    r->given += len;
    return s2s__expat_parse(r->env, r->parser, (const char *)s2s__buf_bytes(&r->buf) + at, len, false);
}

/* Expat has taken a piece without a stop. If no tag ends there, it may be in the middle of one and would look at its
 * beginning again and again: once is enough. */
static void check_guess(s2s__reader *r)
{
    r->whole = r->tag_end != r->given && r->given != end_of(r);
}

/* Runs expat to the next stop. False: it has seen all there is. */
static bool run(s2s__reader *r)
{
    enum XML_Status status;
    if (r->suspended) {
        status = s2s__expat_resume(r->env, r->parser);
    } else {
        if (!r->began)
            skip_leading_space(r);
        skip_text(r);
        if (r->given == end_of(r))
            return false;
        status = parse_piece(r);
    }
    r->suspended = status == XML_STATUS_SUSPENDED;
    if (status == XML_STATUS_ERROR)
        parse_fault(r);
    else if (!r->suspended)
        check_guess(r);
    return true;
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
    fault(r, S2S_COND_POLICY_VIOLATION, "element too large");
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
        fault(r, S2S_COND_INTERNAL_SERVER_ERROR, "out of memory");
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
        fault(r, S2S_COND_POLICY_VIOLATION, "element too large");
    else if (err != S2S_OK)
        fault(r, S2S_COND_INTERNAL_SERVER_ERROR, "out of memory");
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
        r->skip_seen = r->given;
        XML_SetCharacterDataHandler(r->parser, on_text_skipped);
    }
    uint64_t seen = r->skip_seen > r->tag_end ? r->skip_seen : r->tag_end;
    if (r->given - seen > r->limit)
        fault(r, S2S_COND_POLICY_VIOLATION, "element too large");
    r->done = r->given;
    drop_done(r);
}

/* Expat has dealt with all that it was given and is between two children of the stream: it need not see a plain stanza. */
static bool take_plain(s2s__reader *r, s2s__item *item)
{
    if (r->depth != 1 || r->given != r->done || r->suspended || !r->tag.default_content)
        return false;
    s2s_str rest = slice(r, r->given, end_of(r));
    size_t n = s2s__plain_stanza((const uint8_t *)rest.ptr, rest.len, r->content_ns, &r->env->limits, &r->stanza);
    if (n == 0 || n > r->limit)
        return false;
    if (!r->stanza.lang.ptr)
        r->stanza.lang = r->header.lang;
    r->given += n;
    r->skipped += n;
    r->done = r->given;
    *item = (s2s__item){.type = ITEM_STANZA, .stanza = &r->stanza};
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
        fault(r, S2S_COND_POLICY_VIOLATION, "element too large");
    if (r->cond != S2S_COND_NONE)
        return;
    if (r->bad == UTF8_NUL && r->depth > 0)
        fault(r, S2S_COND_NOT_WELL_FORMED, "NUL byte");
    else if (r->bad != UTF8_OK)
        fault(r, S2S_COND_UNSUPPORTED_ENCODING, "not UTF-8 (RFC 6120 section 11.6)");
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
        if (!run(r)) {
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
    return (size_t)(end_of(r) - r->done) + (r->bad != UTF8_OK); /* what is not UTF-8 was not kept, but it came */
}

bool s2s__reader_at_end(const s2s__reader *r)
{
    static const char END[] = "</", ERROR[] = "<stream:error"; /* by another prefix it waits as everything does */
    s2s_str rest = slice(r, r->done, end_of(r));
    while (rest.len > 0 && *rest.ptr && strchr(" \t\r\n", *rest.ptr)) {
        rest.ptr++;
        rest.len--;
    }
    return (rest.len >= sizeof END - 1 && memcmp(rest.ptr, END, sizeof END - 1) == 0) ||
           (rest.len >= sizeof ERROR - 1 && memcmp(rest.ptr, ERROR, sizeof ERROR - 1) == 0);
}

/* -- for rested.c -------------------------------------------------------------------------------------- */

s2s_str s2s__reader_root(const s2s__reader *r)
{
    bool between = r->depth == 1 && r->buf.len == 0 && !r->suspended && !r->open_ready && !r->element_ready;
    return between && r->bad == UTF8_OK && r->cond == S2S_COND_NONE ? s2s__buf_view(&r->root) : S2S_STR("");
}

s2s__rested s2s__reader_bounds(const s2s__reader *r)
{
    return (s2s__rested){.env = r->env, .content_ns = r->content_ns, .limit = r->limit, .skip_limit = r->skip_limit};
}
