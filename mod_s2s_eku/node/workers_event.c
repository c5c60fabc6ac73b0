/* SPDX-License-Identifier: MIT */
/* workers_event.c: what happens to a worker's streams, copied for the main loop. */
#include <string.h>

#include "protocol/buf.h"
#include "protocol/log.h"
#include "protocol/stanza_copy.h"
#include "workers_internal.h"

typedef struct event {
    worker *one;
    s2s_stream_info info;
    s2s_verdict verdict;
    s2s_close close;
    bool ended;
    char text[];
} event;

static size_t text_size(const s2s_stream_info *i)
{
    const char *const texts[] = {i->id,          i->state,  i->address,   i->target,
                                 i->tls_version, i->cipher, i->mechanism, i->cause};
    size_t size = i->local.len + i->remote.len + i->alpn.len;
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
        size += strlen(texts[n]) + 1;
    return size;
}

static const char *keep_text(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    const char *kept = memcpy(*at, text, size);
    *at += size;
    return kept;
}

static void copy(event *e, const s2s_stream_info *from)
{
    char *at = e->text;
    s2s_stream_info *to = &e->info;
    *to = *from;
    to->id = keep_text(&at, from->id);
    to->local = s2s__str_copy(&at, from->local);
    to->remote = s2s__str_copy(&at, from->remote);
    to->state = keep_text(&at, from->state);
    to->address = keep_text(&at, from->address);
    to->target = keep_text(&at, from->target);
    to->tls_version = keep_text(&at, from->tls_version);
    to->cipher = keep_text(&at, from->cipher);
    to->mechanism = keep_text(&at, from->mechanism);
    to->cause = keep_text(&at, from->cause);
    to->alpn = s2s__str_copy(&at, from->alpn);
    if (from->verdict)
        e->verdict = *from->verdict;
    to->verdict = from->verdict ? &e->verdict : NULL;
}

/* On the main loop. */
static void run(void *arg)
{
    event *e = arg;
    worker *one = e->one;
    uint64_t now = uv_now(one->w->loop);
    atomic_fetch_sub(&one->events, 1);
    if (e->ended) { /* from here on they are in ops->stream's books */
        atomic_fetch_sub(&one->ended_in, e->info.stanzas_in);
        atomic_fetch_sub(&one->ended_out, e->info.stanzas_out);
    }
    if (e->info.since > now)
        e->info.since = now; /* each loop has a clock of its own, which stands while it works */
    workers__event(one, &e->info, e->ended ? &e->close : NULL);
    s2s__free(one->w->env, e);
}

void workers__event_write(worker *one, const s2s_stream_info *info, const s2s_close *end)
{
    const s2s_env *env = one->w->env;
    event *e = NULL;
    if (end) {
        atomic_fetch_add(&one->ended_in, info->stanzas_in);
        atomic_fetch_add(&one->ended_out, info->stanzas_out);
    }
    if (atomic_load(&one->events) < WORKERS_EVENTS_MAX)
        e = s2s__alloc(env, sizeof *e + text_size(info));
    if (e) {
        e->one = one;
        copy(e, info);
        e->ended = end != NULL;
        if (end)
            e->close = *end;
        atomic_fetch_add(&one->events, 1);
        if (lane_write_note(&one->up, run, e) == S2S_OK)
            return;
        atomic_fetch_sub(&one->events, 1);
    }
    s2s__free(env, e);
    atomic_fetch_add(&one->events_lost, 1);
}
