/* SPDX-License-Identifier: MIT */
/* watch.c: one number stands for the state of all files; looking is all there is, which works on every file system, through
 * symbolic links and for files that are replaced. */
#include "watch.h"

#include <errno.h>
#include <sys/stat.h>

#include "protocol/buf.h"

typedef struct paths {
    char **list;
    size_t len;
} paths;

struct watch {
    const s2s_env *env;
    uv_loop_t *loop;
    void (*changed)(void *user);
    void *user;
    uv_timer_t timer;
    uv_work_t work;
    paths files;
    paths looked_at; /* by the worker; freed when it is back if they are not `files` any more */
    uint64_t seen;   /* the state at the last look */
    uint64_t found;  /* the worker's */
    uint64_t told;   /* the state that `changed` was last called for, or that there was at first */
    bool working, stopped;
};

static void free_paths(const s2s_env *env, paths *p)
{
    for (size_t i = 0; i < p->len; i++)
        s2s__free(env, p->list[i]);
    s2s__free(env, p->list);
    *p = (paths){0};
}

/* FNV-1a: no secret, no enemy. */
static uint64_t mix(uint64_t hash, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        hash = (hash ^ (value >> (8 * i) & 0xff)) * 1099511628211u;
    return hash;
}

static uint64_t state_of(const paths *p)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < p->len; i++) {
        struct stat st;
        if (stat(p->list[i], &st) != 0) {
            hash = mix(hash, (uint64_t)errno);
            continue;
        }
        hash = mix(hash, st.st_dev);
        hash = mix(hash, st.st_ino);
        hash = mix(hash, (uint64_t)st.st_size);
        hash = mix(hash, (uint64_t)st.st_mtim.tv_sec);
        hash = mix(hash, (uint64_t)st.st_mtim.tv_nsec);
    }
    return hash;
}

static void on_work(uv_work_t *work)
{
    watch *w = work->data;
    w->found = state_of(&w->looked_at);
}

static void on_worked(uv_work_t *work, int status)
{
    watch *w = work->data;
    bool current = w->looked_at.list == w->files.list;
    w->working = false;
    if (!current)
        free_paths(w->env, &w->looked_at);
    if (status != 0 || w->stopped || !current)
        return;
    bool still = w->found == w->seen;
    w->seen = w->found;
    if (!still || w->found == w->told)
        return;
    w->told = w->found;
    w->changed(w->user);
}

static void on_timer(uv_timer_t *timer)
{
    watch *w = timer->data;
    if (w->working || w->files.len == 0)
        return;
    w->looked_at = w->files;
    w->work.data = w;
    w->working = uv_queue_work(w->loop, &w->work, on_work, on_worked) == 0;
}

s2s_err watch_new(const s2s_env *env, uv_loop_t *loop, void (*changed)(void *user), void *user, watch **out)
{
    watch *w = s2s__alloc(env, sizeof *w);
    if (!w)
        return S2S_E_NOMEM;
    w->env = env;
    w->loop = loop;
    w->changed = changed;
    w->user = user;
    uv_timer_init(loop, &w->timer);
    w->timer.data = w;
    uv_timer_start(&w->timer, on_timer, WATCH_MS, WATCH_MS);
    uv_unref((uv_handle_t *)&w->timer);
    *out = w;
    return S2S_OK;
}

s2s_err watch_set(watch *w, const char *const *files, size_t count)
{
    paths p = {.list = s2s__alloc(w->env, (count + 1) * sizeof *p.list)};
    for (; p.list && p.len < count; p.len++) {
        if (!(p.list[p.len] = s2s__strdup(w->env, s2s_str_of(files[p.len]))))
            break;
    }
    if (!p.list || p.len < count) {
        free_paths(w->env, &p);
        return S2S_E_NOMEM;
    }
    bool lent = w->working && w->looked_at.list == w->files.list; /* to the worker: on_worked frees them */
    if (!lent)
        free_paths(w->env, &w->files);
    w->files = p;
    w->seen = w->told = state_of(&p);
    return S2S_OK;
}

void watch_stop(watch *w)
{
    if (!w || w->stopped)
        return;
    w->stopped = true;
    uv_close((uv_handle_t *)&w->timer, NULL);
}

void watch_free(watch *w)
{
    if (!w)
        return;
    free_paths(w->env, &w->files);
    s2s__free(w->env, w);
}
