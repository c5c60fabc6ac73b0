/* SPDX-License-Identifier: MIT */
/* test_known.c: the cache of path results: what is kept, how long, and what is asked afresh. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "policy/remotes.h"
#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static world w;

static eku__remotes *make(const char *const *crls, size_t crls_len)
{
    char why[S2S_TEXT_MAX];
    eku_options o;
    eku__remotes *set = NULL;
    world_options(&w, &o);
    o.crl_files = crls;
    o.crl_files_len = crls_len;
    cr_assert_eq(eku__remotes_new(&o, &set, why), S2S_OK, "%s", why);
    return set;
}

static const eku__known *know(eku__remotes *set, const pki_cert *const *certs, int64_t from_now)
{
    s2s_bytes der[PKI_CHAIN_MAX];
    s2s_peer peer = world_peer(S2S_INITIATOR, certs, der);
    const eku__known *known = NULL;
    peer.wall += from_now;
    cr_assert_eq(eku__cache_know(set->cache, set->trust, set->crls, &peer, &known), S2S_OK);
    return known;
}

Test(known, valid_chains_are_kept_and_others_not)
{
    world_begin(&w);
    eku__remotes *set = make(NULL, 0);
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL), *stranger = pki_make(w.pki, &(pki_spec){.ca = true});
    const pki_cert *good[] = {world_leaf(&w, ca, "server", NULL), ca, NULL};
    const pki_cert *reordered[] = {good[0], ca, ca, NULL};
    const pki_cert *bad[] = {world_leaf(&w, stranger, "server", NULL), NULL};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(know(set, good, 0)->path.status, S2S_CHAIN_VALID);
        cr_expect_eq(know(set, bad, 0)->path.status, S2S_CHAIN_UNKNOWN_ISSUER);
        cr_expect_eq(know(set, (const pki_cert *[]){NULL}, 0)->path.status, S2S_CHAIN_ABSENT);
    }
    eku__cache_count c = eku__cache_counted(set->cache);
    cr_expect(c.asked == 9 && c.hit == 2 && c.entries == 1 && c.bytes > 0, "%lu of %lu", (unsigned long)c.hit,
              (unsigned long)c.asked);
    (void)know(set, reordered, 0);
    cr_expect_eq(eku__cache_counted(set->cache).hit, 2, "another order is another chain");
    eku__remotes_free(set);
    world_end(&w);
}

/* An hour, and not beyond the certificates and the lists. */
Test(known, ends_with_what_it_rests_on)
{
    world_begin(&w);
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL);
    const pki_cert *usual[] = {world_leaf(&w, ca, "server", NULL), ca, NULL};
    const pki_cert *brief[] = {pki_make(w.pki, &(pki_spec){.issuer = ca, .from = -60, .until = 600,
                                                           .names = {{PKI_DNS, DOMAIN}}}), ca, NULL};
    const char *crl = pki_write_crl(w.pki, "ca.crl", &(pki_crl){.issuer = ca, .from = -60, .until = 900});
    const struct {
        const char *name;
        const pki_cert *const *chain;
        bool crl;
        int64_t later;
        bool hit;
    } rows[] = {
        {"within the hour", usual, false, 3590, true}, {"after the hour", usual, false, 3610, false},
        {"before", usual, false, -10, false},          {"within a short validity", brief, false, 590, true},
        {"after it", brief, false, 610, false},        {"while the list is good", usual, true, 890, true},
        {"after it", usual, true, 910, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        eku__remotes *set = make(&crl, rows[i].crl);
        (void)know(set, rows[i].chain, 0);
        (void)know(set, rows[i].chain, rows[i].later);
        cr_expect_eq(eku__cache_counted(set->cache).hit, rows[i].hit, "%s", rows[i].name);
        eku__remotes_free(set);
    }
    world_end(&w);
}

/* Names, role, mode, pins: the same chain is judged anew for each. */
Test(known, decisions_are_not_kept)
{
    world_begin(&w);
    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL);
    const pki_cert *chain[] = {leaf, NULL};
    cr_assert_eq(world_remote(w.tolerant, "strict.example", EKU_STRICT), S2S_OK);
    int64_t now = (int64_t)time(NULL);
    for (size_t i = 0; i < 3; i++) {
        cr_expect(world_judge_as(w.tolerant, S2S_INITIATOR, DOMAIN, now, chain).trusted);
        cr_expect(!world_judge_as(w.tolerant, S2S_INITIATOR, "other.example", now, chain).trusted);
        s2s_verdict v = world_judge_as(w.strict, S2S_INITIATOR, DOMAIN, now, chain);
        cr_expect(!v.trusted && v.would_tolerant);
        cr_expect(world_judge_as(w.strict, S2S_ACCEPTOR, DOMAIN, now, chain).trusted);
    }
    world_end(&w);
}

Test(known, room_is_bounded_and_the_least_used_goes)
{
    world_begin(&w);
    eku__remotes *set = make(NULL, 0);
    const pki_cert *first[] = {world_leaf(&w, w.root, "server", NULL), NULL};
    (void)know(set, first, 0);
    for (size_t i = 0; i < EKU__CACHE_ENTRIES + 10; i++) {
        (void)know(set, (const pki_cert *[]){world_leaf(&w, w.root, "server", NULL), NULL}, 0);
        (void)know(set, first, 0);
    }
    eku__cache_count c = eku__cache_counted(set->cache);
    cr_expect_eq(c.entries, EKU__CACHE_ENTRIES);
    cr_expect_leq(c.bytes, EKU__CACHE_BYTES);
    cr_expect_eq(c.hit, EKU__CACHE_ENTRIES + 10, "what is used stays");
    eku__remotes_free(set);
    world_end(&w);
}
