/* SPDX-License-Identifier: MIT */
/* features.c: reading a peer's stream features. */
#include "protocol/stream/features.h"

#include <string.h>

#include "protocol/xml/ns.h"

enum { MECHANISM_MAX = 20 }; /* RFC 4422 section 3.1 */

const char *s2s__feature_word(s2s__feature feature)
{
    switch (feature) {
#define S2S_X(name, word)                                                                          \
    case name: return word;
        S2S__FEATURES(S2S_X)
#undef S2S_X
    }
    return "other";
}

static void set(s2s__features *f, s2s__feature feature)
{
    f->bits |= UINT32_C(1) << feature;
}

/* RFC 4422 section 3.1: upper case, digits, '-' and '_'. */
static bool is_mechanism(s2s_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return name.len > 0 && name.len <= MECHANISM_MAX;
}

static void add_mechanism(s2s__features *f, s2s_str name)
{
    size_t used = strlen(f->mechanisms), space = used > 0;
    if (s2s__str_is(name, "EXTERNAL"))
        set(f, S2S__OFFERS_EXTERNAL);
    if (!is_mechanism(name) || used + space + name.len >= sizeof f->mechanisms)
        return;
    if (space)
        f->mechanisms[used++] = ' ';
    memcpy(f->mechanisms + used, name.ptr, name.len);
    f->mechanisms[used + name.len] = '\0';
}

static void read_mechanisms(s2s__tree *t, const s2s__node *list, s2s__features *f)
{
    set(f, S2S__OFFERS_SASL);
    for (const s2s__node *n = list->first; n; n = n->next) {
        if (s2s__node_is(n, NS_SASL, "mechanism"))
            add_mechanism(f, s2s__node_text(t, n));
    }
}

/* Decimal digits; 0 for anything else and for what is too large. */
static uint32_t number(s2s_str text)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
        if (value > UINT32_MAX)
            return 0;
    }
    return (uint32_t)value;
}

static uint32_t child_number(s2s__tree *t, const s2s__node *n, const char *name)
{
    const s2s__node *child = s2s__node_child(n, NS_LIMITS, name);
    return child ? number(s2s__node_text(t, child)) : 0;
}

uint32_t s2s__limits_max_bytes(s2s__tree *t, const s2s__node *parent)
{
    const s2s__node *limits = s2s__node_child(parent, NS_LIMITS, "limits");
    return limits ? child_number(t, limits, "max-bytes") : 0;
}

static void read_one(s2s__tree *t, const s2s__node *n, s2s__features *f)
{
    if (s2s__node_is(n, NS_TLS, "starttls")) {
        set(f, S2S__OFFERS_STARTTLS);
        if (s2s__node_child(n, NS_TLS, "required"))
            set(f, S2S__REQUIRES_STARTTLS);
    } else if (s2s__node_is(n, NS_SASL, "mechanisms")) {
        read_mechanisms(t, n, f);
    } else if (s2s__node_is(n, NS_DIALBACK_FEATURE, "dialback")) {
        set(f, S2S__OFFERS_DIALBACK);
        if (s2s__node_child(n, NS_DIALBACK_FEATURE, "errors"))
            set(f, S2S__OFFERS_DIALBACK_ERRORS);
    } else if (s2s__node_is(n, NS_BIDI_FEATURE, "bidi")) {
        set(f, S2S__OFFERS_BIDI);
    } else if (s2s__node_is(n, NS_SM, "sm")) {
        set(f, S2S__OFFERS_SM);
    } else if (s2s__node_is(n, NS_LIMITS, "limits")) {
        set(f, S2S__OFFERS_LIMITS);
        f->max_bytes = child_number(t, n, "max-bytes");
        f->idle_seconds = child_number(t, n, "idle-seconds");
    } else if (s2s__node_is(n, NS_CAPS, "c")) {
        set(f, S2S__OFFERS_CAPS);
    } else {
        set(f, S2S__OFFERS_OTHER);
    }
}

void s2s__features_read(s2s__tree *t, const s2s__node *features, s2s__features *out)
{
    *out = (s2s__features){0};
    for (const s2s__node *n = s2s__node_next_element(features->first); n;
         n = s2s__node_next_element(n->next))
        read_one(t, n, out);
}
