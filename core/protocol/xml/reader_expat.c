/* SPDX-License-Identifier: MIT */
/* reader_expat.c: expat's part in reading: what it tells, and how much it is shown.
 *
 * Most of a stanza is text, and two thirds of expat's time go into looking at it twice: when a handler has just said that a tag ends
 * exactly where the bytes given so far end, what follows is content, and plain characters of it (plain_text.h) are passed over. Expat
 * alone decides where tags end; where it does not confirm our guess it gets every byte. */
#include "protocol/xml/reader_inside.h"

#include <string.h>

#include "protocol/xml/expat_config.h"
#include "protocol/xml/ns.h"
#include "protocol/xml/plain_text.h"

enum { TEXT_WORTH = 48 }; /* less text is shown to expat: one more call costs as much */

/* -- what it tells ---------------------------------------------------------------------------------------- */

/* From a handler: nothing more may happen. */
static void abort_parse(s2s__reader *r, s2s_cond cond, const char *why)
{
    s2s__reader_fault(r, cond, why);
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

/* Between elements it is no keepalive, even with nothing but whitespace in it; and who stopped to read inside one, to rest or at what
 * seems to be a stanza, would go on outside. */
static void XMLCALL on_cdata(void *user)
{
    s2s__reader *r = user;
    if (r->depth == 1)
        abort_parse(r, S2S_COND_BAD_FORMAT, "text between elements");
}

static void set_handlers(s2s__reader *r)
{
    XML_Parser p = r->parser;
    XML_SetUserData(p, r);
    XML_SetElementHandler(p, on_start, on_end);
    XML_SetStartNamespaceDeclHandler(p, on_namespace);
    XML_SetCommentHandler(p, on_comment);
    XML_SetProcessingInstructionHandler(p, on_pi);
    XML_SetStartCdataSectionHandler(p, on_cdata);
    XML_SetStartDoctypeDeclHandler(p, on_doctype);
    XML_SetXmlDeclHandler(p, on_declaration);
}

s2s_err s2s__reader_new_parser(s2s__reader *r)
{
    XML_Parser p = s2s__expat_new(r->env);
    if (!p)
        return S2S_E_NOMEM;
    s2s__expat_free(r->env, r->parser);
    r->parser = p;
    set_handlers(r);
    return S2S_OK;
}

static void XMLCALL on_start_again(void *user, const XML_Char *name, const XML_Char **atts)
{
    s2s__reader *r = user;
    (void)name;
    r->depth = 1;
    r->declared = 0;
    check(r, s2s__start_tag_root(&r->tag, atts));
}

/* A parser that knows the stream's start tag, as the one before the rest did: same namespaces, same end tag to come. It was
 * read before, so that only memory can be missing. */
static bool go_on_after_rest(s2s__reader *r)
{
    s2s_str root = r->rested->root;
    bool known = false;
    if (s2s__reader_new_parser(r) == S2S_OK) {
        r->depth = 0;
        XML_SetElementHandler(r->parser, on_start_again, NULL);
        known = s2s__expat_parse(r->env, r->parser, root.ptr, root.len, false) == XML_STATUS_OK && r->depth == 1;
        XML_SetElementHandler(r->parser, on_start, on_end);
        XML_SetCharacterDataHandler(r->parser, on_text_between);
        r->header = s2s__start_tag_header(&r->tag);
    }
    if (!known)
        s2s__reader_fault(r, S2S_COND_INTERNAL_SERVER_ERROR, "out of memory");
    return known;
}

void s2s__reader_begin_skip(s2s__reader *r)
{
    r->skip_seen = r->given;
    XML_SetCharacterDataHandler(r->parser, on_text_skipped);
}

/* What expat's error means on a stream. */
static void parse_fault(s2s__reader *r)
{
    enum XML_Error code = s2s__expat_error(r->parser);
    switch ((int)code) {
    case XML_ERROR_NO_MEMORY:
        s2s__reader_fault(r, S2S_COND_INTERNAL_SERVER_ERROR, "out of memory");
        return;
    case XML_ERROR_UNDEFINED_ENTITY:
    case XML_ERROR_RECURSIVE_ENTITY_REF:
    case XML_ERROR_ASYNC_ENTITY:
    case XML_ERROR_ENTITY_DECLARED_IN_PE:
        s2s__reader_fault(r, S2S_COND_RESTRICTED_XML, "entity reference");
        return;
    case XML_ERROR_UNKNOWN_ENCODING:
    case XML_ERROR_INCORRECT_ENCODING:
        s2s__reader_fault(r, S2S_COND_UNSUPPORTED_ENCODING, "only UTF-8 is XMPP (RFC 6120 section 11.6)");
        return;
    default:
        s2s__reader_fault(r, S2S_COND_NOT_WELL_FORMED, XML_ErrorString(code));
    }
}

/* -- how much it is shown ---------------------------------------------------------------------------------- */

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
    r->whole = r->tag_end != r->given && r->given != s2s__reader_end(r);
}

bool s2s__reader_run(s2s__reader *r)
{
    enum XML_Status status;
    if (!r->parser && r->given < s2s__reader_end(r) && !go_on_after_rest(r))
        return true;
    if (r->suspended) {
        status = s2s__expat_resume(r->env, r->parser);
    } else {
        if (!r->began)
            skip_leading_space(r);
        skip_text(r);
        if (r->given == s2s__reader_end(r))
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

