/* SPDX-License-Identifier: MIT */
/* dialback.c: <db:result/> and <db:verify/>. */
#include "protocol/auth/dialback.h"

#include "protocol/xml/ns.h"

static const char *element_of(s2s__dialback_kind kind)
{
    switch (kind) {
    case DIALBACK_RESULT: return "db:result";
    case DIALBACK_VERIFY: return "db:verify";
    }
    return "db:result";
}

static const char *type_of(s2s_dialback_outcome outcome)
{
    switch (outcome) {
    case S2S_DIALBACK_VALID: return "valid";
    case S2S_DIALBACK_INVALID: return "invalid";
    case S2S_DIALBACK_ERROR: return "error";
    }
    return "error";
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static s2s_str trim(s2s_str s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = (s2s_str){s.ptr + 1, s.len - 1};
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Any condition is accepted (DB-12, CX-7); what is unknown here is undefined-condition. */
static s2s_stanza_error read_error(const s2s__node *n)
{
    const s2s__node *error = s2s__node_child(n, NULL, "error");
    for (const s2s__node *c = error ? s2s__node_next_element(error->first) : NULL; c;
         c = s2s__node_next_element(c->next)) {
        for (s2s_stanza_error e = S2S_SE_BAD_REQUEST; e <= S2S_SE_UNDEFINED_CONDITION; e++) {
            if (s2s__node_is(c, NS_STANZA_ERRORS, s2s_stanza_error_name(e)))
                return e;
        }
    }
    return S2S_SE_UNDEFINED_CONDITION;
}

static bool read_outcome(s2s_str type, s2s_dialback_outcome *out)
{
    for (s2s_dialback_outcome o = S2S_DIALBACK_VALID; o <= S2S_DIALBACK_ERROR; o++) {
        if (s2s__str_is(type, type_of(o))) {
            *out = o;
            return true;
        }
    }
    return false;
}

static bool read_domain(const s2s__node *n, const char *name, char out[S2S_DOMAIN_MAX + 1])
{
    s2s_str value = s2s__node_attr(n, name);
    out[0] = '\0';
    return value.len > 0 && s2s_domain_normalise(value, out) == S2S_OK;
}

void s2s__dialback_read(s2s__tree *t, const s2s__node *n, s2s__dialback *out)
{
    s2s_str type = s2s__node_attr(n, "type");
    bool addressed = read_domain(n, "from", out->from);
    addressed = read_domain(n, "to", out->to) && addressed;
    out->kind = s2s__str_is(n->name, "verify") ? DIALBACK_VERIFY : DIALBACK_RESULT;
    out->id = s2s__node_attr(n, "id");
    out->key = trim(s2s__node_text(t, n));
    out->outcome = S2S_DIALBACK_ERROR;
    out->error = read_error(n);
    if (!s2s__str_is(n->name, "verify") && !s2s__str_is(n->name, "result"))
        out->form = DIALBACK_NONSENSE;
    else if (!addressed)
        out->form = DIALBACK_UNADDRESSED;
    else if (!type.ptr)
        out->form = DIALBACK_REQUEST;
    else
        out->form = read_outcome(type, &out->outcome) ? DIALBACK_ANSWER : DIALBACK_NONSENSE;
}

static void write_start(s2s__buf *out, s2s__dialback_kind kind, s2s_str from, s2s_str to, s2s_str id)
{
    s2s__buf_puts(out, "<");
    s2s__buf_puts(out, element_of(kind));
    s2s__buf_attr(out, "from", from);
    s2s__buf_attr(out, "to", to);
    s2s__buf_attr(out, "id", id);
}

static s2s_err write_end(s2s__buf *out, s2s__dialback_kind kind)
{
    s2s__buf_puts(out, "</");
    s2s__buf_puts(out, element_of(kind));
    return s2s__buf_puts(out, ">");
}

s2s_err s2s__dialback_write_request(s2s__buf *out, s2s__dialback_kind kind, s2s_str from, s2s_str to, s2s_str id,
                                    s2s_str key)
{
    write_start(out, kind, from, to, id);
    s2s__buf_puts(out, ">");
    s2s__buf_escape(out, key);
    return write_end(out, kind);
}

s2s_err s2s__dialback_write_answer(s2s__buf *out, s2s__dialback_kind kind, s2s_str from, s2s_str to, s2s_str id,
                                   s2s_dialback_outcome outcome, s2s_stanza_error error)
{
    write_start(out, kind, from, to, id);
    s2s__buf_attr(out, "type", s2s_str_of(type_of(outcome)));
    if (outcome != S2S_DIALBACK_ERROR)
        return s2s__buf_puts(out, "/>");
    s2s__buf_puts(out, "><error type='");
    s2s__buf_puts(out, s2s_stanza_error_type(error));
    s2s__buf_puts(out, "'><");
    s2s__buf_puts(out, s2s_stanza_error_name(error));
    s2s__buf_puts(out, " xmlns='" NS_STANZA_ERRORS "'/></error>");
    return write_end(out, kind);
}
