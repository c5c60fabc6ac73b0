/* SPDX-License-Identifier: MIT */
/* features.h: a peer's <stream:features/> as plain data. Internal. */
#ifndef S2S_FEATURES_H
#define S2S_FEATURES_H

#include "protocol/xml/tree.h"

/* X(name, word): the words are those of reports. */
#define S2S__FEATURES(X)                                                                           \
    X(S2S__OFFERS_STARTTLS, "starttls")                                                            \
    X(S2S__REQUIRES_STARTTLS, "starttls-required")                                                 \
    X(S2S__OFFERS_SASL, "sasl")                                                                    \
    X(S2S__OFFERS_EXTERNAL, "external")                                                            \
    X(S2S__OFFERS_DIALBACK, "dialback")                                                            \
    X(S2S__OFFERS_DIALBACK_ERRORS, "dialback-errors") /* XEP-0220 section 2.5 */                   \
    X(S2S__OFFERS_BIDI, "bidi")                       /* XEP-0288 */                               \
    X(S2S__OFFERS_SM, "sm")                           /* XEP-0198 */                               \
    X(S2S__OFFERS_LIMITS, "limits")                   /* XEP-0478 */                               \
    X(S2S__OFFERS_CAPS, "caps")                       /* XEP-0115 */                               \
    X(S2S__OFFERS_OTHER, "other")

/* Bit numbers of s2s__features.bits. */
typedef enum s2s__feature {
#define S2S_X(name, word) name,
    S2S__FEATURES(S2S_X)
#undef S2S_X
} s2s__feature;
const char *s2s__feature_word(s2s__feature feature);

enum { S2S__MECHANISMS_MAX = 128 };

typedef struct s2s__features {
    uint32_t bits;
    uint32_t max_bytes, idle_seconds; /* XEP-0478; 0: not said, or no number */
    char mechanisms[S2S__MECHANISMS_MAX]; /* SASL, a space between two; names that do not fit or are none are left out */
} s2s__features;

/* `features` is the element in the streams namespace. Fills all of `out`; no memory is needed beyond the tree's. */
void s2s__features_read(s2s__tree *t, const s2s__node *features, s2s__features *out);

/* <max-bytes/> of the <limits/> in `parent`, features or <bidi/>; 0: not said, or no number. */
uint32_t s2s__limits_max_bytes(s2s__tree *t, const s2s__node *parent);

static inline bool s2s__features_have(const s2s__features *f, s2s__feature feature)
{
    return (f->bits >> feature & 1) != 0;
}

#endif
