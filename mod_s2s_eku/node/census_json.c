/* SPDX-License-Identifier: MIT */
/* census_json.c: records as JSON, and who would be cut off. */
#include "census_internal.h"
#include "status.h"

#include <string.h>

static const char *accept_word(bool accepts)
{
    return accepts ? "accept" : "refuse";
}

static json_t *failure_json(const eku_failure *f)
{
    if (f->at == 0)
        return json_null();
    return json_pack("{s:I, s:s, s:s?, s:s?, s:s?}", "at", (json_int_t)f->at, "origin", s2s_origin_name(f->origin),
                     "condition", *s2s_cond_name(f->cond) ? s2s_cond_name(f->cond) : NULL, "text",
                     *f->text ? f->text : NULL, "cause", *f->cause ? f->cause : NULL);
}

json_t *census_record_json(const eku_record *r)
{
    json_t *out = json_pack("{s:s, s:s, s:s?, s:s, s:s}", "remote", r->remote, "direction",
                            r->role == S2S_INITIATOR ? "out" : "in", "local", *r->local ? r->local : NULL, "mode",
                            eku_mode_word(r->mode), "mechanism", r->mechanism);
    if (!out || status_add_verdict(out, r->judged ? &r->verdict : NULL) != 0 ||
        json_object_update_new(
            out, json_pack("{s:s?, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "other_mode",
                           r->judged ? accept_word(eku_record_would(r, eku_mode_other(r->mode))) : NULL, "cut_off",
                           eku_record_cut_off(r), "first_seen", (json_int_t)r->first_seen, "last_seen",
                           (json_int_t)r->last_seen, "accepted", (json_int_t)r->accepted, "refused",
                           (json_int_t)r->refused, "established", (json_int_t)r->established, "failed",
                           (json_int_t)r->failed, "peer_refused", (json_int_t)r->peer_refused, "failure",
                           failure_json(&r->failure))) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

typedef struct sums {
    size_t remotes, accepted, refused, unjudged, by_dialback, peer_refused;
    size_t cut_off[EKU_STRICT + 1]; /* by that mode */
    size_t eku[S2S_EKU_OTHER + 1];  /* accepted peers by their leaf's */
} sums;

/* Both records of a domain count once: a domain is cut off if one direction is. */
static void sum_domain(sums *s, const eku_record *first, const eku_record *second)
{
    const eku_record *both[] = {first, second};
    bool cut[EKU_STRICT + 1] = {0}, accepted = false, refused = false, dialback = false, peer_refused = false;
    const eku_record *seen = NULL;
    for (size_t i = 0; i < 2 && both[i]; i++) {
        const eku_record *r = both[i];
        if (eku_record_cut_off(r))
            cut[eku_mode_other(r->mode)] = true;
        accepted = accepted || (r->judged && r->verdict.trusted);
        refused = refused || (r->judged && !r->verdict.trusted);
        dialback = dialback || strcmp(r->mechanism, "dialback") == 0;
        peer_refused = peer_refused || *r->failure.cause;
        if (r->judged && r->verdict.trusted && (!seen || r->role == S2S_ACCEPTOR))
            seen = r; /* as an initiator, where modes differ */
    }
    s->remotes++;
    s->accepted += accepted;
    s->refused += refused;
    s->unjudged += !accepted && !refused;
    s->by_dialback += dialback;
    s->peer_refused += peer_refused;
    s->cut_off[EKU_TOLERANT] += cut[EKU_TOLERANT];
    s->cut_off[EKU_STRICT] += cut[EKU_STRICT];
    if (seen)
        s->eku[seen->verdict.eku]++;
}

static sums sum(const eku_records *records)
{
    sums s = {0};
    const eku_record *r, *next;
    for (size_t i = 0; (r = eku_records_at(records, i)); i++) {
        next = eku_records_at(records, i + 1);
        bool pair = next && strcmp(next->remote, r->remote) == 0;
        sum_domain(&s, r, pair ? next : NULL);
        i += pair;
    }
    return s;
}

json_t *census_summary_json(const census *c)
{
    sums s = sum(c->records);
    json_t *eku = json_object();
    for (int i = 0; eku && i <= S2S_EKU_OTHER; i++) {
        if (json_object_set_new(eku, s2s_eku_word((s2s_eku)i), json_integer((json_int_t)s.eku[i])) == 0)
            continue;
        json_decref(eku);
        return NULL;
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I}, s:o}", "remotes", (json_int_t)s.remotes, "accepted",
                     (json_int_t)s.accepted, "refused", (json_int_t)s.refused, "unjudged", (json_int_t)s.unjudged,
                     "dialback", (json_int_t)s.by_dialback, "peer_refused", (json_int_t)s.peer_refused, "cut_off",
                     "tolerant", (json_int_t)s.cut_off[EKU_TOLERANT], "strict", (json_int_t)s.cut_off[EKU_STRICT],
                     "eku", eku);
}

json_t *census_json(const census *c)
{
    json_t *list = json_array();
    const eku_record *r;
    for (size_t i = 0; list && (r = eku_records_at(c->records, i)); i++) {
        if (json_array_append_new(list, census_record_json(r)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o, s:o, s:s?}", "summary", census_summary_json(c), "remotes", list, "file", census_file(c));
}

json_t *census_failures_json(const census *c)
{
    json_t *list = json_array();
    size_t count = c->failures_next < CENSUS_FAILURES_MAX ? c->failures_next : CENSUS_FAILURES_MAX;
    for (size_t i = 1; list && i <= count; i++) {
        const census_failure *f = &c->failures[(c->failures_next - i) % CENSUS_FAILURES_MAX];
        json_t *one = json_pack("{s:s, s:s?, s:s}", "remote", f->remote, "local", *f->local ? f->local : NULL, "direction",
                                f->role == S2S_INITIATOR ? "out" : "in");
        json_t *what = failure_json(&f->failure);
        bool ok = one && what && json_object_update(one, what) == 0 && json_array_append(list, one) == 0;
        json_decref(one);
        json_decref(what);
        if (!ok) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
