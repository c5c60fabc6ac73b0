/* SPDX-License-Identifier: MIT */
/* test_config_check.c: keys, types and ranges, as the table of keys has them. */
#include "config_rows.h"
#include "node/config_tree.h"

TestSuite(config_check, .init = config_fixture_make, .fini = config_fixture_remove);

Test(config_check, names_unknown_keys_and_the_nearest_known_one)
{
    static const config_row row[] = {
        {DOMAINS "polcy: {}\n", AT(2, 1) "polcy: unknown key; did you mean \"policy\"?\n"},
        {DOMAINS "policy: {ekus: strict}\n", AT(2, 10) "policy.ekus: unknown key; did you mean \"eku\"?\n"},
        {DOMAINS "trust: {ca-files: [ca.pem]}\n",
         AT(2, 9) "trust.ca-files: unknown key; did you mean \"ca_files\"?\n"},
        {DOMAINS "dns: {sevrers: []}\n", AT(2, 7) "dns.sevrers: unknown key; did you mean \"servers\"?\n"},
        {DOMAINS "limits: {xml_dept: 9}\n",
         AT(2, 10) "limits.xml_dept: unknown key; did you mean \"xml_depth\"?\n"},
        {DOMAINS "colour: blue\n", AT(2, 1) "colour: unknown key\n"},
        {DOMAINS "remotes: []\n", AT(2, 1) "remotes: unknown key\n"},
        {DOMAINS "policy: {'remotes[].match': x}\n", AT(2, 10) "policy.remotes[].match: unknown key\n"},
        {DOMAINS "policy.eku: strict\n", AT(2, 1) "policy.eku: unknown key\n"},
        {DOMAINS "\"\": 1\n", AT(2, 1) "\"\": unknown key\n"},
        {DOMAINS "Control: /run/c\n", AT(2, 1) "Control: unknown key; did you mean \"control\"?\n"},
        {DOMAINS "\"control\\0\": /run/c\n",
         AT(2, 1) "control?: unknown key; did you mean \"control\"?\n"},
        {DOMAINS "\"a\\nb\": 1\n", AT(2, 1) "a?b: unknown key\n"},
        {"domains:\n  - name: a.example\n    certificate: a.pem\n    key: a.key\n    service: [echo]\n",
         AT(5, 5) "domains[0].service: unknown key; did you mean \"services\"?\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_check, refuses_duplicate_keys)
{
    static const config_row row[] = {
        {DOMAINS "log: {level: info}\nlog: {level: wrong}\n", AT(3, 1) "log: given twice; first in line 2\n"},
        {DOMAINS "log: {level: info, 'level': warn}\n",
         AT(2, 20) "log.level: given twice; first in line 2\n"},
        {DOMAINS DOMAINS DOMAINS, AT(2, 1) "domains: given twice; first in line 1\n"
                                  AT(3, 1) "domains: given twice; first in line 1\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_check, refuses_wrong_types)
{
    static const config_row row[] = {
        {DOMAINS "trust: {system: flase}\n",
         AT(2, 17) "trust.system: must be true or false, not \"flase\"\n"},
        {DOMAINS "trust: {system: yes}\n", AT(2, 17) "trust.system: must be true or false, not \"yes\"\n"},
        {DOMAINS "trust: {system: True}\n", AT(2, 17) "trust.system: must be true or false, not \"True\"\n"},
        {DOMAINS "trust: {system: \"true\"}\n",
         AT(2, 17) "trust.system: must be true or false, not \"true\" (in quotes)\n"},
        {DOMAINS "trust: {system: [true]}\n", AT(2, 17) "trust.system: must be true or false, not a list\n"},
        {DOMAINS "trust: {system: }\n", AT(2, 17) "trust.system: must be true or false, not nothing\n"},
        {DOMAINS "limits: {stanza_bytes: 64k}\n",
         AT(2, 24) "limits.stanza_bytes: must be a whole number, not \"64k\"\n"},
        {DOMAINS "limits: {stanza_bytes: \"20000\"}\n",
         AT(2, 24) "limits.stanza_bytes: must be a whole number, not \"20000\" (in quotes)\n"},
        {DOMAINS "limits: {stanza_bytes: 2e4}\n",
         AT(2, 24) "limits.stanza_bytes: must be a whole number, not \"2e4\"\n"},
        {DOMAINS "limits: {xml_depth: 010}\n", /* 8 in YAML 1.1, 10 in YAML 1.2 */
         AT(2, 21) "limits.xml_depth: must be a whole number, not \"010\"\n"},
        {DOMAINS "limits: {xml_depth: -9}\n",
         AT(2, 21) "limits.xml_depth: must be a whole number, not \"-9\"\n"},
        {DOMAINS "limits: {xml_depth: {}}\n",
         AT(2, 21) "limits.xml_depth: must be a whole number, not a mapping\n"},
        {DOMAINS "limits: {xml_depth: 9999999999999999999999}\n",
         AT(2, 21) "limits.xml_depth: must be a whole number, not \"9999999999999999999999\"\n"},
        {DOMAINS "policy: {eku: Strict}\n",
         AT(2, 15) "policy.eku: must be tolerant or strict, not \"Strict\"\n"},
        {DOMAINS "policy: {eku: \"strict\\0\"}\n",
         AT(2, 15) "policy.eku: must be tolerant or strict, not \"strict\"\n"},
        {DOMAINS "log: {level: trace}\n",
         AT(2, 14) "log.level: must be debug, info, warn or error, not \"trace\"\n"},
        {DOMAINS "log: [level, info]\n", AT(2, 6) "log: must be a mapping, not a list\n"},
        {DOMAINS "log: info\n", AT(2, 6) "log: must be a mapping, not text\n"},
        {DOMAINS "log:\n", AT(2, 5) "log: must be a mapping, not nothing\n"},
        {DOMAINS "listen: {address: '1.2.3.4:1'}\n", AT(2, 9) "listen: must be a list, not a mapping\n"},
        {DOMAINS "listen: '1.2.3.4:1'\n", AT(2, 9) "listen: must be a list, not text\n"},
        {DOMAINS "listen: ['1.2.3.4:1']\n", AT(2, 10) "listen[0]: must be a mapping, not text\n"},
        {DOMAINS "trust: {ca_files: ca.pem}\n", AT(2, 19) "trust.ca_files: must be a list, not text\n"},
        {DOMAINS "trust: {ca_files: [[ca.pem]]}\n", AT(2, 20) "trust.ca_files[0]: must be text, not a list\n"},
        {DOMAINS "components: {listen: {}}\n", AT(2, 22) "components.listen: must be a list, not a mapping\n"},
        {DOMAINS "control: ~\n", AT(2, 10) "control: must be text, not nothing\n"},
        {"domains: [{name: null, certificate: a.pem, key: a.key}]\n",
         AT(1, 18) "domains[0].name: must be text, not nothing\n"},
        {"domains: [{name: a.example, certificate: a.pem, key: a.key, services: [echo, ping]}]\n",
         AT(1, 78) "domains[0].services[1]: must be echo, not \"ping\"\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_check, never_shows_what_may_be_a_secret)
{
    static const config_row row[] = {
        {DOMAINS "components: {listen: '127.0.0.1:1', accounts: hunter2}\n",
         AT(2, 47) "components.accounts: must be a list, not text\n"},
        {DOMAINS "components: {listen: '127.0.0.1:1', accounts: [{domain: c.a.example, secret: "
                 "\"hunter2\\n\"}]}\n",
         AT(2, 78) "components.accounts[0].secret: must not hold control characters\n"},
        {DOMAINS "components: {listen: '127.0.0.1:1', accounts: [{domain: c.a.example, secrte: hunter2}]}\n",
         AT(2, 48) "components.accounts[0].secret: required (or secret_file), but not given\n"
         AT(2, 70) "components.accounts[0].secrte: unknown key; did you mean \"secret\"?\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_check, holds_numbers_to_their_range)
{
    static const config_row row[] = {
        {DOMAINS "limits: {stanza_bytes: 10000, retry_ms: 0, xml_depth: 10000}\n", ""},
        {DOMAINS "limits: {stanza_bytes: 9999}\n",
         AT(2, 24) "limits.stanza_bytes: must be from 10000 to 67108864 bytes, not 9999\n"},
        {DOMAINS "limits: {xml_depth: 10001}\n",
         AT(2, 21) "limits.xml_depth: must be from 8 to 10000 levels, not 10001\n"},
        {DOMAINS "limits: {xml_depth: 4294967304}\n", /* 8 if it were cut to 32 bits */
         AT(2, 21) "limits.xml_depth: must be from 8 to 10000 levels, not 4294967304\n"},
        {DOMAINS "workers: 0\n", AT(2, 10) "workers: must be from 1 to 1024 loops, not 0\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_check, names_missing_keys)
{
    static const config_row row[] = {
        {"domains: [{}]\n", AT(1, 11) "domains[0].name: required, but not given\n"
                            AT(1, 11) "domains[0].certificate: required, but not given\n"
                            AT(1, 11) "domains[0].key: required, but not given\n"},
        {DOMAINS "listen:\n  - tls: starttls\n", AT(3, 5) "listen[0].address: required, but not given\n"},
        {DOMAINS "routes: [{match: b.example}, {address: '1.2.3.4:1'}]\n",
         AT(2, 10) "routes[0].address: required, but not given\n"
         AT(2, 30) "routes[1].match: required, but not given\n"},
        {DOMAINS "policy: {remotes: [{eku: strict}]}\n",
         AT(2, 20) "policy.remotes[0].match: required, but not given\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_check, takes_what_is_true_without_the_features_to_come)
{
    static const config_row row[] = {
        {DOMAINS "listen: [{address: '127.0.0.1:1', tls: starttls}]\n"
                 "trust: {crl_files: []}\n"
                 "policy: {dialback: never, require_eku: false, any_eku: refuse, client_only: refuse, ocsp: off,\n"
                 "  dane: false, allow: true, dialback_secret_file: null, plugin: ~,\n"
                 "  remotes: [{match: '*', ca_files: [], pins: [], allow: true}]}\n"
                 "routes: [{match: '*', address: '127.0.0.1:1', tls: starttls}]\n"
                 "workers: 1\nhttp:\n", ""},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_check, refuses_the_features_to_come)
{
    static const config_row row[] = {
        {DOMAINS "policy:\n  dialback: fallback\n"
                 "  dialback_secret_file: no/such/file\n  plugin: [x]\nbidi: both\n",
         AT(4, 25) "policy.dialback_secret_file: cannot read \"DIR/no/such/file\": No such file or directory\n"
         AT(5, 11) "policy.plugin: must be text, not a list\n"
         AT(6, 7) "bidi: must be true or false, not \"both\"\n"},
        {DOMAINS "policy:\n  ocsp: sotf\n",
         AT(3, 9) "policy.ocsp: must be off, soft or must, not \"sotf\"\n"},
        {DOMAINS "workers: 1025\n", AT(2, 10) "workers: must be from 1 to 1024 loops, not 1025\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_check, reports_every_problem_in_the_order_of_the_file)
{
    static const config_row row[] = {
        {"trust: {system: flase, ca_files: [nowhere.pem]}\n"
         "limits:\n"
         "  stanza_bytes: 64k\n"
         "  xml_depth: 3\n"
         "domains:\n"
         "  - {name: a.example, certificate: a.pem, key: nowhere.key}\n"
         "  - {name: A.example., certificate: a.pem, kee: a.key}\n"
         "polic: {}\n",
         AT(1, 17) "trust.system: must be true or false, not \"flase\"\n"
         AT(1, 35) "trust.ca_files[0]: cannot read \"DIR/nowhere.pem\": No such file or directory\n"
         AT(3, 17) "limits.stanza_bytes: must be a whole number, not \"64k\"\n"
         AT(4, 14) "limits.xml_depth: must be from 8 to 10000 levels, not 3\n"
         AT(6, 48) "domains[0].key: cannot read \"DIR/nowhere.key\": No such file or directory\n"
         AT(7, 5) "domains[1].key: required, but not given\n"
         AT(7, 12) "domains[1].name: the same domain as domains[0] in line 6\n"
         AT(7, 44) "domains[1].kee: unknown key; did you mean \"key\"?\n"
         AT(8, 1) "polic: unknown key; did you mean \"policy\"?\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_check, bounds_the_report)
{
    char *text = NULL, *wanted = NULL;
    size_t text_len = 0, wanted_len = 0;
    FILE *t = open_memstream(&text, &text_len), *w = open_memstream(&wanted, &wanted_len);
    fputs(DOMAINS "listen:\n", t);
    for (size_t i = 0; i <= CONFIG_PROBLEMS_MAX; i++) {
        fputs("- 1\n", t);
        if (i < CONFIG_PROBLEMS_MAX)
            fprintf(w, "s2sd.yaml:%zu:3: listen[%zu]: must be a mapping, not text\n", i + 3, i);
    }
    fputs("s2sd.yaml: there are further problems\n", w);
    fclose(t);
    fclose(w);
    char *got = config_fixture_problems(s2s_str_of(text), NULL);
    cr_expect_str_eq(got, wanted, "%s", got);
    free(got);
    free(text);
    free(wanted);
}

Test(config_check, cuts_long_keys_and_values)
{
    char key[1001] = {0}, text[4096], *got;
    memset(key, 'k', sizeof key - 1);
    (void)snprintf(text, sizeof text, DOMAINS "%s: 1\ntrust: {system: %s}\n", key, key);
    got = config_fixture_problems(s2s_str_of(text), NULL);
    (void)snprintf(text, sizeof text,
                   AT(2, 1) "%.127s: unknown key\n"
                   AT(3, 17) "trust.system: must be true or false, not \"%.160s...\"\n", key, key);
    cr_expect_str_eq(got, text, "%s", got);
    free(got);
}
