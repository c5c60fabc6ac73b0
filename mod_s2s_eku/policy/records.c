/* SPDX-License-Identifier: MIT */
/* records.c: a sorted, bounded table of what was seen of remote domains. */
#include "mod_s2s_eku/records.h"

#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "protocol/sized.h"

/* A record and its strings. */
typedef struct entry {
    eku_record record; /* first: an entry is found by its record */
    char *local, *remote;
} entry;

struct eku_records {
    const s2s_env *env;
    entry **list; /* sorted; peers that choose names cannot make it slow */
    size_t len, room, max;
    uint64_t change;
};

s2s_err eku_records_new(const s2s_env *env, size_t max, eku_records **out)
{
    eku_records *r = s2s__alloc(env, sizeof *r);
    if (!r)
        return S2S_E_NOMEM;
    r->env = env;
    r->max = max > 0 ? max : EKU_RECORDS_MAX;
    *out = r;
    return S2S_OK;
}

static void free_entry(const s2s_env *env, entry *e)
{
    s2s__free(env, e->local);
    s2s__free(env, e->remote);
    s2s__free(env, e);
}

void eku_records_free(eku_records *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->len; i++)
        free_entry(r->env, r->list[i]);
    s2s__free(r->env, r->list);
    s2s__free(r->env, r);
}

/* -- the table ----------------------------------------------------------------------------------------- */

static int compare(const entry *e, s2s_str remote, s2s_role role)
{
    size_t len = strlen(e->remote), least = len < remote.len ? len : remote.len;
    int order = memcmp(e->remote, remote.ptr, least);
    if (order != 0)
        return order;
    if (len != remote.len)
        return len < remote.len ? -1 : 1;
    return (int)e->record.role - (int)role;
}

/* Where it is, or would be. */
static size_t place(const eku_records *r, s2s_str remote, s2s_role role, bool *found)
{
    size_t low = 0, high = r->len;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(r->list[middle], remote, role);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool goes_before(const eku_record *a, const eku_record *b)
{
    bool a_means = a->established > 0, b_means = b->established > 0;
    if (a_means != b_means)
        return b_means;
    return a->last_seen < b->last_seen;
}

static void evict(eku_records *r)
{
    size_t victim = 0;
    for (size_t i = 1; i < r->len; i++) {
        if (goes_before(&r->list[i]->record, &r->list[victim]->record))
            victim = i;
    }
    free_entry(r->env, r->list[victim]);
    r->len--;
    memmove(r->list + victim, r->list + victim + 1, (r->len - victim) * sizeof(entry *));
}

static bool make_room(eku_records *r)
{
    enum { FIRST_ROOM = 16 };
    if (r->len < r->room)
        return true;
    size_t room = r->room > 0 ? 2 * r->room : FIRST_ROOM;
    entry **list = r->env->ops->resize(r->env->user, r->list, room * sizeof *list);
    if (!list)
        return false;
    r->list = list;
    r->room = room;
    return true;
}

static bool set_local(const eku_records *r, entry *e, s2s_str local)
{
    if (e->local && s2s_str_eq(s2s_str_of(e->local), local))
        return true;
    char *copy = s2s__strdup(r->env, local);
    if (!copy)
        return false;
    s2s__free(r->env, e->local);
    e->local = copy;
    e->record.local = copy;
    return true;
}

static entry *add(eku_records *r, s2s_str remote, s2s_role role)
{
    bool found;
    if (r->len >= r->max)
        evict(r);
    entry *e = make_room(r) ? s2s__alloc(r->env, sizeof *e) : NULL;
    if (!e)
        return NULL;
    e->remote = s2s__strdup(r->env, remote);
    if (!e->remote || !set_local(r, e, S2S_STR(""))) {
        free_entry(r->env, e);
        return NULL;
    }
    e->record.remote = e->remote;
    e->record.role = role;
    s2s_verdict_init(&e->record.verdict);
    (void)snprintf(e->record.mechanism, sizeof e->record.mechanism, "none");
    size_t at = place(r, remote, role, &found);
    memmove(r->list + at + 1, r->list + at, (r->len - at) * sizeof(entry *));
    r->list[at] = e;
    r->len++;
    return e;
}

/* -- noting -------------------------------------------------------------------------------------------- */

static bool was_established(const eku_event *e)
{
    return strcmp(e->mechanism, "none") != 0;
}

/* The peer did not take our certificate. */
static bool peer_refused(const eku_event *e)
{
    return e->end && !was_established(e) && (*e->cause || e->end->sasl_refused);
}

static bool matters(const eku_event *e)
{
    return e->remote.len > 0 && (e->role == S2S_INITIATOR || e->verdict || peer_refused(e));
}

/* An end in good order says nothing. */
static bool is_failure(const eku_event *e)
{
    return e->end && (!was_established(e) || e->end->cond != S2S_COND_NONE || e->end->origin == S2S_ORIGIN_TRANSPORT ||
                      e->end->origin == S2S_ORIGIN_INTERNAL);
}

static void note_verdict(eku_record *rec, const eku_event *e)
{
    if (!e->verdict)
        return;
    bool first_word = !e->end || !was_established(e); /* the end of an established stream tells of it again */
    rec->judged = true;
    rec->verdict = *e->verdict;
    rec->mode = e->mode;
    if (first_word && e->verdict->trusted)
        rec->accepted++;
    else if (first_word)
        rec->refused++;
}

static void note_failure(eku_record *rec, const eku_event *e)
{
    eku_failure *f = &rec->failure;
    bool we_refused = e->verdict && !e->verdict->trusted && !*e->end->text;
    rec->failed++;
    if (peer_refused(e))
        rec->peer_refused++;
    f->at = e->wall;
    f->origin = e->end->origin;
    f->cond = e->end->cond;
    s2s__copy_text(f->text, s2s_str_of(we_refused ? e->verdict->reason : e->end->text));
    s2s__copy_text(f->cause, s2s_str_of(e->cause));
}

bool eku_records_note(eku_records *r, const eku_event *given)
{
    bool found;
    eku_event read = {0}, *e = &read;
    if (!s2s__sized_read(e, sizeof *e, given) || !matters(e))
        return true;
    size_t at = place(r, e->remote, e->role, &found);
    entry *it = found ? r->list[at] : add(r, e->remote, e->role);
    if (!it || !set_local(r, it, e->local))
        return false;
    eku_record *rec = &it->record;
    if (!found)
        rec->first_seen = e->wall;
    rec->last_seen = e->wall;
    note_verdict(rec, e);
    if (!e->end) {
        rec->established++;
        (void)snprintf(rec->mechanism, sizeof rec->mechanism, "%s", e->mechanism);
    }
    if (is_failure(e))
        note_failure(rec, e);
    rec->change = ++r->change;
    return true;
}

s2s_err eku_records_restore(eku_records *r, const eku_record *record)
{
    bool found;
    s2s_str remote = s2s_str_of(record->remote);
    (void)place(r, remote, record->role, &found);
    if (found)
        return S2S_E_EXISTS;
    if (r->len >= r->max)
        return S2S_E_LIMIT;
    entry *e = add(r, remote, record->role);
    if (!e || !set_local(r, e, s2s_str_of(record->local)))
        return S2S_E_NOMEM;
    eku_record copy = *record;
    copy.remote = e->remote;
    copy.local = e->local;
    copy.change = ++r->change;
    e->record = copy;
    return S2S_OK;
}

/* -- reading ------------------------------------------------------------------------------------------- */

size_t eku_records_count(const eku_records *r)
{
    return r->len;
}

const eku_record *eku_records_at(const eku_records *r, size_t index)
{
    return index < r->len ? &r->list[index]->record : NULL;
}

const eku_record *eku_records_find(const eku_records *r, s2s_str remote, s2s_role role)
{
    bool found;
    size_t at = place(r, remote, role, &found);
    return found ? &r->list[at]->record : NULL;
}

bool eku_record_would(const eku_record *record, eku_mode mode)
{
    switch (mode) {
    case EKU_TOLERANT: return record->verdict.would_tolerant;
    case EKU_STRICT: return record->verdict.would_strict;
    }
    return false;
}

eku_mode eku_mode_other(eku_mode mode)
{
    return mode == EKU_TOLERANT ? EKU_STRICT : EKU_TOLERANT;
}

bool eku_record_cut_off(const eku_record *record)
{
    return record->judged && record->verdict.trusted && !eku_record_would(record, eku_mode_other(record->mode));
}
