/* SPDX-License-Identifier: MIT */
/* test_config_rules.c: what belongs together in a configuration, and what may be there once. */
#include "config_rows.h"

TestSuite(config_rules, .init = config_fixture_make, .fini = config_fixture_remove);

#define COMPONENTS(accounts) "components: {listen: '127.0.0.1:1', accounts: [" accounts "]}\n"

Test(config_rules, needs_a_domain_or_an_account)
{
    static const config_row row[] = {
        {"{}\n", AT(1, 1) "domains: at least one domain or one of components.accounts is needed\n"},
        {"domains: []\ncomponents: {}\n",
         AT(1, 1) "domains: at least one domain or one of components.accounts is needed\n"},
        {"log: {level: info}\ncomponents: {accounts: []}\n",
         AT(1, 1) "domains: at least one domain or one of components.accounts is needed\n"},
        {COMPONENTS("{domain: c.example, secret: s, certificate: b.pem, key: b.key}"), ""},
        {"domains: none\n", AT(1, 10) "domains: must be a list, not text\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_rules, refuses_the_same_domain_twice_in_any_form)
{
    static const config_row row[] = {
        {"domains:\n"
         "  - {name: b\xc3\xbc" "cher.example, certificate: a.pem, key: a.key}\n"
         "  - {name: a.example, certificate: a.pem, key: a.key}\n"
         "  - {name: xn--bcher-kva.example, certificate: a.pem, key: a.key}\n"
         "  - {name: B\xc3\x9c" "CHER.example., certificate: a.pem, key: a.key}\n",
         AT(4, 12) "domains[2].name: the same domain as domains[0] in line 2\n"
         AT(5, 12) "domains[3].name: the same domain as domains[0] in line 2\n"},
        {DOMAINS COMPONENTS("{domain: c.a.example, secret: s}, {domain: C.a.example, secret: s}"),
         AT(2, 91) "components.accounts[1].domain: the same domain as components.accounts[0] in line 2\n"},
        {DOMAINS COMPONENTS("{domain: a.example, secret: s}"), ""}, /* all that is addressed there is its */
        /* IDNA2008 keeps these two apart (AD-05). */
        {"domains:\n"
         "  - {name: fa\xc3\x9f.example, certificate: a.pem, key: a.key}\n"
         "  - {name: fass.example, certificate: a.pem, key: a.key}\n", ""},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_rules, wants_one_secret)
{
    static const config_row row[] = {
        {DOMAINS COMPONENTS("{domain: c.a.example}"),
         AT(2, 48) "components.accounts[0].secret: required (or secret_file), but not given\n"},
        {DOMAINS COMPONENTS("{domain: c.a.example, secret: s, secret_file: chat.secret}"),
         AT(2, 81) "components.accounts[0].secret_file: only one of secret and secret_file may be given\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_rules, wants_a_certificate_for_every_account)
{
    static const config_row row[] = {
        {DOMAINS COMPONENTS("{domain: c.b.example, secret: s}"),
         AT(2, 57) "components.accounts[0].domain: no certificate: \"c.b.example\" is not in domains, nor is a "
         "parent of it; add certificate and key here, or the domain there\n"},
        {DOMAINS COMPONENTS("{domain: xa.example, secret: s}"), /* no label boundary */
         AT(2, 57) "components.accounts[0].domain: no certificate: \"xa.example\" is not in domains, nor is a "
         "parent of it; add certificate and key here, or the domain there\n"},
        {DOMAINS COMPONENTS("{domain: example, secret: s}"), /* the other way round */
         AT(2, 57) "components.accounts[0].domain: no certificate: \"example\" is not in domains, nor is a "
         "parent of it; add certificate and key here, or the domain there\n"},
        {DOMAINS COMPONENTS("{domain: c.b.example, secret: s, certificate: b.pem}"),
         AT(2, 48) "components.accounts[0].key: required with certificate, but not given\n"},
        {DOMAINS COMPONENTS("{domain: c.a.example, secret: s, key: b.key}"),
         AT(2, 48) "components.accounts[0].certificate: required with key, but not given\n"},
        {DOMAINS COMPONENTS("{domain: c.b.example, secret: s, certificate: b.pem, key: b.key}"), ""},
        {DOMAINS COMPONENTS("{domain: d.c.a.example, secret: s}"), ""},
        /* One mistake is one line: the domain may have been the account's. */
        {"domains: [{name: 'b .example', certificate: a.pem, key: a.key}]\n"
         COMPONENTS("{domain: c.b.example, secret: s}"),
         AT(1, 18) "domains[0].name: \"b .example\" is not a domain name\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_rules, wants_an_address_where_accounts_attach)
{
    static const config_row row[] = {
        {DOMAINS "components: {accounts: [{domain: c.a.example, secret: s}]}\n",
         AT(2, 13) "components.listen: required with accounts, but not given\n"},
        {DOMAINS "components: {listen: [], accounts: [{domain: c.a.example, secret: s}]}\n",
         AT(2, 13) "components.listen: required with accounts, but not given\n"},
        {DOMAINS "components: {listen: '127.0.0.1:1'}\n", ""}, /* accounts may come by a reload */
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_rules, wants_own_anchors_for_clients_certificates)
{
    static const config_row row[] = {
        {DOMAINS "policy: {client_only: accept}\n",
         AT(2, 10) "policy.client_only: needs anchors that exclude the system's: trust.system: false, or ca_files of a "
         "remote\n"},
        {DOMAINS "policy: {client_only: refuse}\n", ""},
        {DOMAINS "trust: {system: false, ca_files: [ca.pem]}\npolicy: {client_only: accept}\n", ""},
        {DOMAINS "policy: {client_only: accept, remotes: [{match: '*'}, {match: b, ca_files: [ca.pem]}]}\n", ""},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_rules, wants_somebody_to_trust)
{
    static const config_row row[] = {
        {DOMAINS "trust: {system: false, ca_files: [ca.pem]}\n", ""},
        {DOMAINS "trust: {ca_files: []}\n", ""},
        {DOMAINS "trust: {system: false}\n",
         AT(2, 8) "trust.ca_files: without the system's trust store at least one file is needed\n"},
        {DOMAINS "trust: {system: false, ca_files: []}\n",
         AT(2, 8) "trust.ca_files: without the system's trust store at least one file is needed\n"},
        {DOMAINS "trust: {system: false, ca_files: ca.pem}\n",
         AT(2, 34) "trust.ca_files: must be a list, not text\n"},
    };
    CONFIG_ROWS_CHECK(row);
}
