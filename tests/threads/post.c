/* SPDX-License-Identifier: MIT */
/* post.c: many threads post, one loop sends. A plain program: Criterion and the thread sanitizer do not go together. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "s2s/s2s.h"

enum { THREADS = 4, STANZAS = 2000, ID_MAX = 32 };

/* Nobody is connected to: all that is sent bounces, in order, with the thread and number that its id tells. */
typedef struct world {
    s2s_env env;
    uv_loop_t loop;
    s2s_federation *f;
    unsigned next[THREADS]; /* the number that must come next */
    size_t bounced;
    unsigned disorders;
    bool stopped;
    _Atomic unsigned running;
    _Atomic uint64_t again;
} world;

typedef struct poster {
    world *w;
    unsigned number;
    uv_thread_t thread;
} poster;

static void *resize(void *user, void *ptr, size_t size)
{
    (void)user;
    if (size > 0)
        return realloc(ptr, size);
    free(ptr);
    return NULL;
}

static s2s_err fill(void *user, void *out, size_t len)
{
    (void)user;
    return getrandom(out, len, 0) == (ssize_t)len ? S2S_OK : S2S_E_IO;
}

static s2s_err refuse_all(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out)
{
    (void)self;
    (void)peer;
    (void)ticket;
    s2s_verdict_init(out);
    return S2S_OK;
}

static bool deliver(void *user, const s2s_stanza *st)
{
    world *w = user;
    char id[ID_MAX] = "";
    char *end = NULL;
    if (st->id.len < sizeof id)
        memcpy(id, st->id.ptr, st->id.len);
    unsigned long thread = strtoul(id, &end, 10), number = strtoul(*end ? end + 1 : end, NULL, 10);
    if (thread >= THREADS || number != w->next[thread])
        w->disorders++;
    else
        w->next[thread]++;
    if (++w->bounced == (size_t)THREADS * STANZAS)
        s2s_federation_stop(w->f);
    return true;
}

static void nothing(void *user)
{
    (void)user;
}

static void on_stopped(void *user)
{
    ((world *)user)->stopped = true;
}

static void post_all(void *arg)
{
    poster *p = arg;
    for (unsigned i = 0; i < STANZAS; i++) {
        char id[ID_MAX];
        (void)snprintf(id, sizeof id, "%u-%u", p->number, i);
        s2s_stanza st = {.kind = S2S_MESSAGE,
                         .from = S2S_STR("a@here.example"), /* not served: the send itself refuses it */
                         .to = S2S_STR("b@there.example"),
                         .id = s2s_str_of(id),
                         .attrs = S2S_STR(""),
                         .inner = S2S_STR("<body>x</body>")};
        while (s2s_federation_post(p->w->f, &st) == S2S_E_LIMIT) { /* the queue's bound: wait for the loop */
            atomic_fetch_add(&p->w->again, 1);
            uv_sleep(1);
        }
    }
    atomic_fetch_sub(&p->w->running, 1);
}

int main(void)
{
    static const s2s_env_ops ENV_OPS = {.abi = S2S_ENV_ABI, .resize = resize, .random = fill};
    static const s2s_policy_ops POLICY_OPS = {.abi = S2S_POLICY_ABI, .judge = refuse_all};
    static const s2s_federation_ops OPS = {
        .abi = S2S_FEDERATION_ABI, .deliver = deliver, .drained = nothing, .stopped = on_stopped};
    static const s2s_policy POLICY = {&POLICY_OPS, NULL};
    world w = {.running = THREADS};
    poster posters[THREADS];
    char why[S2S_TEXT_MAX] = "";
    s2s_env_init(&w.env, &ENV_OPS, NULL);
    w.env.limits.queue_stanzas = 100;
    uv_loop_init(&w.loop);
    s2s_federation_options o;
    s2s_federation_options_init(&o);
    o.loop = &w.loop;
    o.env = &w.env;
    o.policy = &POLICY;
    o.ops = &OPS;
    o.user = &w;
    if (s2s_federation_new(&o, &w.f, why) != S2S_OK) {
        (void)fprintf(stderr, "federation: %s\n", why);
        return 1;
    }
    for (unsigned i = 0; i < THREADS; i++) {
        posters[i] = (poster){.w = &w, .number = i};
        uv_thread_create(&posters[i].thread, post_all, &posters[i]);
    }
    uv_run(&w.loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < THREADS; i++)
        uv_thread_join(&posters[i].thread);
    s2s_stanza late = {.kind = S2S_MESSAGE, .from = S2S_STR("a@here.example"), .to = S2S_STR("b@there.example")};
    bool closed = s2s_federation_post(w.f, &late) == S2S_E_CLOSED;
    s2s_federation_free(w.f);
    bool good = w.stopped && closed && w.disorders == 0 && w.bounced == (size_t)THREADS * STANZAS &&
                uv_loop_close(&w.loop) == 0;
    (void)printf("post: %zu came back, %u out of order, %" PRIu64 " times the queue was full\n", w.bounced,
                 w.disorders, (uint64_t)w.again);
    return good ? 0 : 1;
}
