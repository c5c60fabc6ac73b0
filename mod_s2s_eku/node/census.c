/* SPDX-License-Identifier: MIT */
/* census.c: from streams to records, and from records to the file, off the loop's thread. */
#include "census.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "census_internal.h"
#include "protocol/buf.h"
#include "protocol/log.h"
#include "s2s/addr.h"

/* -- noting -------------------------------------------------------------------------------------------- */

static eku_mode mode_for(const config *conf, s2s_str remote)
{
    char pattern[S2S_DOMAIN_MAX + 1];
    for (size_t i = 0; i < conf->remotes_len; i++) {
        if (s2s_pattern_normalise(s2s_str_of(conf->remotes[i].match), pattern) == S2S_OK &&
            s2s_pattern_matches(s2s_str_of(pattern), remote))
            return conf->remotes[i].has_mode ? conf->remotes[i].mode : conf->mode;
    }
    return conf->mode;
}

static void note_failure(census *c, const s2s_stream_info *info, const eku_failure *f)
{
    census_failure *at = &c->failures[c->failures_next++ % CENSUS_FAILURES_MAX];
    at->role = info->role;
    at->failure = *f;
    s2s__copy_text(at->remote, info->remote);
    s2s__copy_text(at->local, info->local);
}

void census_note(census *c, const config *conf, const s2s_stream_info *info, const s2s_close *end)
{
    eku_event event = {.size = sizeof event, .local = info->local, .remote = info->remote, .role = info->role,
                       .verdict = info->verdict, .mechanism = info->mechanism, .end = end, .cause = info->cause,
                       .wall = (int64_t)time(NULL)};
    if (!info->remote.ptr)
        return;
    event.mode = mode_for(conf, info->remote);
    const eku_record *before = eku_records_find(c->records, info->remote, info->role);
    uint64_t failed = before ? before->failed : 0;
    if (!eku_records_note(c->records, &event)) {
        s2s__log(c->env, S2S_LOG_WARN, "census: out of memory, a stream is not counted", NULL, 0);
        return;
    }
    const eku_record *after = eku_records_find(c->records, info->remote, info->role);
    if (after && after->failed > failed)
        note_failure(c, info, &after->failure);
}

/* -- saving -------------------------------------------------------------------------------------------- */

/* Copies, so that a worker may read them. */
static void free_batch(census *c)
{
    for (size_t i = 0; i < c->batch_len; i++) {
        s2s__free(c->env, c->batch_names[2 * i]);
        s2s__free(c->env, c->batch_names[2 * i + 1]);
    }
    s2s__free(c->env, c->batch);
    s2s__free(c->env, c->batch_names);
    c->batch = NULL;
    c->batch_names = NULL;
    c->batch_len = 0;
}

static bool copy_record(census *c, const eku_record *from)
{
    char *remote = s2s__strdup(c->env, s2s_str_of(from->remote)), *local = s2s__strdup(c->env, s2s_str_of(from->local));
    if (!remote || !local) {
        s2s__free(c->env, remote);
        s2s__free(c->env, local);
        return false;
    }
    c->batch_names[2 * c->batch_len] = remote;
    c->batch_names[2 * c->batch_len + 1] = local;
    c->batch[c->batch_len] = *from;
    c->batch[c->batch_len].remote = remote;
    c->batch[c->batch_len].local = local;
    c->batch_len++;
    return true;
}

/* Those that have changed since the last, the earliest change first, so that `saved` can say where we are. */
static int by_change(const void *a, const void *b)
{
    const eku_record *x = *(const eku_record *const *)a, *y = *(const eku_record *const *)b;
    return x->change < y->change ? -1 : x->change > y->change;
}

static bool make_batch(census *c)
{
    size_t count = eku_records_count(c->records), changed = 0;
    const eku_record **list = count > 0 ? s2s__alloc(c->env, count * sizeof *list) : NULL;
    for (size_t i = 0; list && i < count; i++) {
        const eku_record *r = eku_records_at(c->records, i);
        if (r->change > c->saved)
            list[changed++] = r;
    }
    if (changed > 0) {
        qsort(list, changed, sizeof *list, by_change);
        size_t room = changed < CENSUS_BATCH_MAX ? changed : CENSUS_BATCH_MAX;
        c->batch = s2s__alloc(c->env, room * sizeof *c->batch);
        c->batch_names = s2s__alloc(c->env, 2 * room * sizeof *c->batch_names);
        for (size_t i = 0; c->batch && c->batch_names && i < room && copy_record(c, list[i]); i++)
            c->batch_to = list[i]->change;
    }
    s2s__free(c->env, list);
    if (c->batch_len == 0)
        free_batch(c);
    return c->batch_len > 0;
}

/* The outcome of a save. A failure is told once, and so is its end. */
static void saved(census *c)
{
    s2s_field fields[] = {{"file", s2s_str_of(c->file)}, {"why", s2s_str_of(c->why)}};
    bool ok = c->save_result == S2S_OK;
    if (ok)
        c->saved = c->batch_to;
    if (!ok && !c->failing)
        s2s__log(c->env, S2S_LOG_WARN, "the census cannot be saved; it goes on in memory until there is room or the right to write it", fields, 2);
    else if (ok && c->failing)
        s2s__log(c->env, S2S_LOG_INFO, "the census is saved again", fields, 1);
    c->failing = !ok;
    c->wait = ok ? CENSUS_SAVE_MS : 2 * c->wait < CENSUS_RETRY_MAX_MS ? 2 * c->wait : CENSUS_RETRY_MAX_MS;
    free_batch(c);
}

static void save_now(census *c)
{
    c->save_result = store_save(c->store, c->batch, c->batch_len, c->why);
}

/* At the end, on the loop's thread: there is no later. */
static void save_rest(census *c)
{
    while (c->store && !c->failing && make_batch(c)) {
        save_now(c);
        saved(c);
    }
    store_close(c->store);
    c->store = NULL;
}

static void on_work(uv_work_t *work)
{
    save_now(work->data);
}

static void on_timer(uv_timer_t *timer);

static void on_worked(uv_work_t *work, int status)
{
    census *c = work->data;
    (void)status;
    c->working = false;
    saved(c);
    if (c->stopped)
        save_rest(c);
    else
        uv_timer_start(&c->timer, on_timer, c->wait, 0);
}

static void on_timer(uv_timer_t *timer)
{
    census *c = timer->data;
    if (make_batch(c)) {
        c->work.data = c;
        c->working = uv_queue_work(c->loop, &c->work, on_work, on_worked) == 0;
        if (c->working)
            return;
        free_batch(c);
    }
    uv_timer_start(&c->timer, on_timer, c->wait, 0);
}

/* -- life ---------------------------------------------------------------------------------------------- */

static void open_store(census *c)
{
    s2s_err err = store_open(c->file, &c->store, c->why);
    if (err == S2S_OK && (err = store_load(c->store, c->records, c->why)) != S2S_OK) {
        store_close(c->store);
        c->store = NULL;
    }
    if (err != S2S_OK) {
        s2s_field fields[] = {{"file", s2s_str_of(c->file)}, {"why", s2s_str_of(c->why)}};
        s2s__log(c->env, S2S_LOG_WARN, "the census is kept in memory only until a restart finds room or the right to write it", fields, 2);
        return;
    }
    size_t count = eku_records_count(c->records);
    const eku_record *r = NULL;
    for (size_t i = 0; i < count; i++) {
        r = eku_records_at(c->records, i);
        c->saved = r->change > c->saved ? r->change : c->saved;
    }
}

s2s_err census_new(const s2s_env *env, uv_loop_t *loop, const char *file, census **out)
{
    census *c = s2s__alloc(env, sizeof *c);
    if (!c)
        return S2S_E_NOMEM;
    c->env = env;
    c->loop = loop;
    c->wait = CENSUS_SAVE_MS;
    if (eku_records_new(env, 0, &c->records) != S2S_OK || (file && !(c->file = s2s__strdup(env, s2s_str_of(file))))) {
        census_free(c);
        return S2S_E_NOMEM;
    }
    if (file)
        open_store(c);
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    uv_unref((uv_handle_t *)&c->timer);
    if (c->store)
        uv_timer_start(&c->timer, on_timer, c->wait, 0);
    *out = c;
    return S2S_OK;
}

void census_stop(census *c)
{
    if (!c || c->stopped)
        return;
    c->stopped = true;
    uv_close((uv_handle_t *)&c->timer, NULL);
    if (!c->working)
        save_rest(c);
}

void census_free(census *c)
{
    if (!c)
        return;
    store_close(c->store);
    eku_records_free(c->records);
    s2s__free(c->env, c->file);
    s2s__free(c->env, c);
}

const eku_records *census_records(const census *c)
{
    return c->records;
}

const char *census_file(const census *c)
{
    return c->store ? c->file : NULL;
}
