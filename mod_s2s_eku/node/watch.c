/* SPDX-License-Identifier: MIT */
/* watch.c: one number stands for the state of all files; looking is all there is, which works on every file system, through
 * symbolic links and for files that are replaced. */
#include "watch.h"

#include <errno.h>
#include <sys/stat.h>

#include "protocol/buf.h"

struct watch_files {
    const s2s_env *env;
    char **list;
    size_t len;
    uint64_t state; /* when they were looked at first */
};

struct watch {
    const s2s_env *env;
    uv_loop_t *loop;
    void (*changed)(void *user);
    void *user;
    uv_timer_t timer;
    uv_work_t work;
    watch_files *files;     /* NULL: none yet */
    watch_files *looked_at; /* by the worker; freed when it is back if they are not `files` any more */
    uint64_t seen;          /* the state at the last look */
    uint64_t found;         /* the worker's */
    uint64_t told;          /* the state that `changed` was last called for, or that there was at first */
    bool working, stopped;
};

/* FNV-1a: no secret, no enemy. */
static uint64_t mix(uint64_t hash, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        hash = (hash ^ (value >> (8 * i) & 0xff)) * 1099511628211u;
    return hash;
}

static uint64_t state_of(const watch_files *p)
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
    w->found = state_of(w->looked_at);
}

static void on_worked(uv_work_t *work, int status)
{
    watch *w = work->data;
    bool current = w->looked_at == w->files;
    w->working = false;
    if (!current)
        watch_files_free(w->looked_at);
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
    if (w->working || !w->files || w->files->len == 0)
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

s2s_err watch_look(const s2s_env *env, const char *const *files, size_t count, watch_files **out)
{
    watch_files *f = s2s__alloc(env, sizeof *f);
    if (!f)
        return S2S_E_NOMEM;
    f->env = env;
    f->list = s2s__alloc(env, (count + 1) * sizeof *f->list);
    for (; f->list && f->len < count; f->len++) {
        if (!(f->list[f->len] = s2s__strdup(env, s2s_str_of(files[f->len]))))
            break;
    }
    if (!f->list || f->len < count) {
        watch_files_free(f);
        return S2S_E_NOMEM;
    }
    f->state = state_of(f);
    *out = f;
    return S2S_OK;
}

void watch_files_free(watch_files *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->len; i++)
        s2s__free(f->env, f->list[i]);
    s2s__free(f->env, f->list);
    s2s__free(f->env, f);
}

void watch_take(watch *w, watch_files *files)
{
    bool lent = w->working && w->looked_at == w->files; /* to the worker: on_worked frees them */
    if (!lent)
        watch_files_free(w->files);
    w->files = files;
    w->seen = w->told = files->state;
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
    watch_files_free(w->files);
    s2s__free(w->env, w);
}
