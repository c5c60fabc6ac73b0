/* SPDX-License-Identifier: MIT */
/* sasl.c: SASL EXTERNAL. */
#include "protocol/auth/sasl.h"

#include <stdio.h>

#include "protocol/auth/base64.h"
#include "protocol/xml/ns.h"
#include "s2s/addr.h"

static const char *condition_name(s2s__sasl condition)
{
    switch (condition) {
#define S2S_X(name, wire)                                                                          \
    case name: return wire;
        S2S_SASL_CONDITIONS(S2S_X)
#undef S2S_X
    }
    return "not-authorized";
}

static bool is_condition(s2s_str name)
{
    for (s2s__sasl c = SASL_ABORTED; c <= SASL_TEMPORARY_AUTH_FAILURE; c++) {
        if (s2s__str_is(name, condition_name(c)))
            return true;
    }
    return false;
}

s2s_err s2s__sasl_write_auth(s2s__buf *out, s2s_str local)
{
    char text[S2S_BASE64_LEN(S2S_DOMAIN_MAX)];
    s2s__base64_encode((s2s_bytes){(const uint8_t *)local.ptr, local.len}, text);
    s2s__buf_puts(out, "<auth xmlns='" NS_SASL "' mechanism='EXTERNAL'>");
    s2s__buf_append(out, text, S2S_BASE64_LEN(local.len));
    return s2s__buf_puts(out, "</auth>");
}

s2s_err s2s__sasl_write_failure(s2s__buf *out, s2s__sasl condition)
{
    s2s__buf_puts(out, "<failure xmlns='" NS_SASL "'><");
    s2s__buf_puts(out, condition_name(condition));
    return s2s__buf_puts(out, "/></failure>");
}

s2s__sasl s2s__sasl_check_identity(const s2s_env *env, s2s_str text, s2s_str remote)
{
    if (s2s__str_is(text, "="))
        return SASL_OK;
    size_t len = 0;
    uint8_t *raw = s2s__alloc(env, text.len + 1);
    if (!raw)
        return SASL_TEMPORARY_AUTH_FAILURE;
    s2s__sasl result = SASL_INVALID_AUTHZID;
    if (s2s__base64_decode(text, raw, &len) != S2S_OK)
        result = SASL_INCORRECT_ENCODING;
    else if (s2s_domain_is((s2s_str){(const char *)raw, len}, remote)) /* no '@', no '/' is a domain */
        result = SASL_OK;
    s2s__free(env, raw);
    return result;
}

void s2s__sasl_failure_text(s2s__tree *t, const s2s__node *failure, char out[S2S_TEXT_MAX])
{
    s2s_str condition = S2S_STR("not-authorized"), text = S2S_STR(""); /* SA-08 */
    for (const s2s__node *n = s2s__node_next_element(failure->first); n;
         n = s2s__node_next_element(n->next)) {
        if (s2s__node_is(n, NS_SASL, "text"))
            text = s2s__node_text(t, n);
        else if (s2s__str_is(n->ns, NS_SASL) && is_condition(n->name))
            condition = n->name;
    }
    char said[S2S_TEXT_MAX], words[2 * S2S_TEXT_MAX]; /* cut by s2s__copy_text only: between characters */
    s2s__copy_text(said, text);
    (void)snprintf(words, sizeof words, "%.*s%s%s", S2S_FMT(condition), text.len ? ": " : "", said);
    s2s__copy_text(out, s2s_str_of(words));
}
