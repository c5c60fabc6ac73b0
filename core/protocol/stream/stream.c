/* SPDX-License-Identifier: MIT */
/* stream.c: headers and stream errors. */
#include "protocol/stream/stream.h"

#include <string.h>

#include "protocol/auth/base64.h"
#include "protocol/xml/ns.h"

enum { STREAM_ID_BYTES = 18, VERSION_DIGITS_MAX = 4 };

s2s_err s2s__stream_id(const s2s_env *env, char out[S2S_STREAM_ID_LEN + 1])
{
    uint8_t raw[STREAM_ID_BYTES];
    s2s_err err = env->ops->random(env->user, raw, sizeof raw);
    if (err != S2S_OK)
        return err;
    s2s__base64_encode((s2s_bytes){raw, sizeof raw}, out);
    for (size_t i = 0; i < S2S_STREAM_ID_LEN; i++)
        out[i] = (char)(out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i]);
    out[S2S_STREAM_ID_LEN] = '\0';
    return S2S_OK;
}

s2s_err s2s__stream_write_header(s2s__buf *out, const char *content_ns, s2s_str from, s2s_str to,
                                 s2s_str id)
{
    bool server = strcmp(content_ns, NS_SERVER) == 0;
    s2s__buf_puts(out, "<?xml version='1.0'?><stream:stream");
    s2s__buf_attr(out, "xmlns", s2s_str_of(content_ns));
    if (server)
        s2s__buf_puts(out, " xmlns:db='" NS_DIALBACK "'"); /* peers choke on an undeclared db: */
    s2s__buf_puts(out, " xmlns:stream='" NS_STREAMS "'");
    s2s__buf_attr(out, "from", from);
    s2s__buf_attr(out, "to", to);
    s2s__buf_attr(out, "id", id);
    if (server)
        s2s__buf_puts(out, " version='1.0' xml:lang='en'");
    return s2s__buf_puts(out, ">");
}

s2s_err s2s__stream_write_error(s2s__buf *out, s2s_cond cond, const char *text, const char *detail)
{
    s2s__buf_puts(out, "<stream:error><");
    s2s__buf_puts(out, s2s_cond_name(cond));
    s2s__buf_puts(out, " xmlns='" NS_STREAM_ERRORS "'/>");
    if (text && *text) {
        s2s__buf_puts(out, "<text xmlns='" NS_STREAM_ERRORS "' xml:lang='en'>");
        s2s__buf_escape(out, s2s_str_of(text));
        s2s__buf_puts(out, "</text>");
    }
    s2s__buf_puts(out, detail ? detail : "");
    return s2s__buf_puts(out, "</stream:error>");
}

s2s_err s2s__stream_write_end(s2s__buf *out)
{
    return s2s__buf_puts(out, "</stream:stream>");
}

static s2s_cond cond_of(s2s_str name)
{
    for (s2s_cond c = S2S_COND_NONE + 1; c <= S2S_COND_UNSUPPORTED_VERSION; c++) {
        if (s2s__str_is(name, s2s_cond_name(c)))
            return c;
    }
    return S2S_COND_UNDEFINED_CONDITION;
}

s2s_cond s2s__stream_read_error(s2s__tree *t, const s2s__node *error, char text[S2S_TEXT_MAX])
{
    s2s_cond cond = S2S_COND_UNDEFINED_CONDITION;
    text[0] = '\0';
    for (const s2s__node *n = s2s__node_next_element(error->first); n;
         n = s2s__node_next_element(n->next)) {
        if (s2s__node_is(n, NS_STREAM_ERRORS, "text"))
            s2s__copy_text(text, s2s__node_text(t, n));
        else if (s2s__str_is(n->ns, NS_STREAM_ERRORS))
            cond = cond_of(n->name);
    }
    return cond;
}

unsigned s2s__stream_version(s2s_str version)
{
    unsigned major = 0;
    size_t i = 0, digits = 0;
    while (i < version.len && version.ptr[i] == '0')
        i++; /* leading zeros are ignored */
    for (; i < version.len && version.ptr[i] >= '0' && version.ptr[i] <= '9'; i++) {
        if (++digits > VERSION_DIGITS_MAX)
            return 0;
        major = major * 10 + (unsigned)(version.ptr[i] - '0');
    }
    if (i + 1 >= version.len || version.ptr[i] != '.')
        return 0;
    for (i++; i < version.len; i++) {
        if (version.ptr[i] < '0' || version.ptr[i] > '9')
            return 0;
    }
    return major;
}
