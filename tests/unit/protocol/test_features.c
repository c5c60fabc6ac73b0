/* SPDX-License-Identifier: MIT */
/* test_features.c: a peer's features as plain data. */
#include "protocol/stream/features.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "protocol/xml/ns.h"
#include "support/test_env.h"

enum { WORDS_MAX = 256 };

static const struct {
    const char *name, *inner;
    const char *words;      /* of the bits */
    const char *mechanisms;
    uint32_t max_bytes, idle_seconds;
} ROWS[] = {
    {"nothing", "", "", "", 0, 0},
    {"TL-02 STARTTLS required, dialback before it",
     "<starttls xmlns='" NS_TLS "'><required/></starttls><dialback xmlns='" NS_DIALBACK_FEATURE "'/>",
     "starttls starttls-required dialback", "", 0, 0},
    {"SA-01 mechanisms",
     "<mechanisms xmlns='" NS_SASL "'><mechanism>SCRAM-SHA-1</mechanism><mechanism>EXTERNAL</mechanism></mechanisms>",
     "sasl external", "SCRAM-SHA-1 EXTERNAL", 0, 0},
    {"an empty list", "<mechanisms xmlns='" NS_SASL "'/>", "sasl", "", 0, 0},
    {"names that are none",
     "<mechanisms xmlns='" NS_SASL "'><mechanism>&lt;b&gt;</mechanism><mechanism/><mechanism>plain</mechanism>"
     "<mechanism>AAAAAAAAAAAAAAAAAAAAA</mechanism><mechanism>PLAIN</mechanism></mechanisms>",
     "sasl", "PLAIN", 0, 0},
    {"what is in another namespace does not count", "<mechanisms><mechanism>EXTERNAL</mechanism></mechanisms>",
     "other", "", 0, 0},
    {"BD-01 DB-05 bidi, dialback with errors",
     "<bidi xmlns='" NS_BIDI_FEATURE "'/><dialback xmlns='" NS_DIALBACK_FEATURE "'><errors/></dialback>",
     "dialback dialback-errors bidi", "", 0, 0},
    {"LI-01 limits", "<limits xmlns='" NS_LIMITS "'><max-bytes>10000</max-bytes><idle-seconds>900</idle-seconds></limits>",
     "limits", "", 10000, 900},
    {"LI-01 neither child", "<limits xmlns='" NS_LIMITS "'/>", "limits", "", 0, 0},
    {"LI-01 no numbers", "<limits xmlns='" NS_LIMITS "'><max-bytes>-1</max-bytes>"
     "<idle-seconds>4294967296</idle-seconds></limits>", "limits", "", 0, 0},
    {"SM-01 stream management, capabilities, and something new",
     "<sm xmlns='" NS_SM "'/><c xmlns='" NS_CAPS "'/><x xmlns='urn:x'/>", "sm caps other", "", 0, 0},
};

static void words_of(const s2s__features *f, char out[WORDS_MAX])
{
    size_t len = 0;
    out[0] = '\0';
    for (s2s__feature b = 0; b <= S2S__OFFERS_OTHER; b++) {
        if (s2s__features_have(f, b))
            len += (size_t)snprintf(out + len, WORDS_MAX - len, "%s%s", len ? " " : "", s2s__feature_word(b));
    }
}

static void read(test_env *env, const char *inner, s2s__features *out)
{
    char xml[4096];
    s2s__tree *tree;
    (void)snprintf(xml, sizeof xml, "<f:features xmlns:f='" NS_STREAMS "'>%s</f:features>", inner);
    cr_assert_eq(s2s__tree_new(&env->env, &tree), S2S_OK);
    cr_assert_eq(s2s__tree_parse(tree, s2s_str_of(xml), NS_SERVER), S2S_OK, "%s", xml);
    s2s__features_read(tree, s2s__node_child(s2s__tree_root(tree), NS_STREAMS, "features"), out);
    s2s__tree_free(tree);
}

Test(features, table)
{
    test_env env;
    test_env_init(&env);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        s2s__features f;
        char words[WORDS_MAX];
        memset(&f, 0xff, sizeof f);
        read(&env, ROWS[i].inner, &f);
        words_of(&f, words);
        cr_expect_str_eq(words, ROWS[i].words, "%s", ROWS[i].name);
        cr_expect_str_eq(f.mechanisms, ROWS[i].mechanisms, "%s", ROWS[i].name);
        cr_expect_eq(f.max_bytes, ROWS[i].max_bytes, "%s", ROWS[i].name);
        cr_expect_eq(f.idle_seconds, ROWS[i].idle_seconds, "%s", ROWS[i].name);
    }
    cr_expect_eq(env.live, 0);
}

Test(features, mechanisms_that_do_not_fit_are_left_out_but_external_counts)
{
    enum { COUNT = 20 };
    test_env env;
    s2s__features f;
    char xml[2048];
    size_t len = (size_t)snprintf(xml, sizeof xml, "<mechanisms xmlns='" NS_SASL "'>");
    test_env_init(&env);
    for (int i = 0; i < COUNT; i++)
        len += (size_t)snprintf(xml + len, sizeof xml - len, "<mechanism>MECHANISM-%02d</mechanism>", i);
    (void)snprintf(xml + len, sizeof xml - len, "<mechanism>EXTERNAL</mechanism></mechanisms>");
    read(&env, xml, &f);
    cr_expect(s2s__features_have(&f, S2S__OFFERS_EXTERNAL));
    cr_expect_lt(strlen(f.mechanisms), sizeof f.mechanisms);
    cr_expect_eq(strncmp(f.mechanisms, "MECHANISM-00 MECHANISM-01 ", 26), 0);
    cr_expect_eq(env.live, 0);
}
