/* SPDX-License-Identifier: MIT */
/* post.c: stanzas from other threads. */
#include "federation/internal.h"

s2s_err s2s_federation_post(s2s_federation *f, const s2s_stanza *stanza)
{
    s2s__post *p = &f->post;
    uv_mutex_lock(&p->lock);
    s2s_err err = p->closed ? S2S_E_CLOSED : s2s__queue_push(&p->queue, f->env, stanza);
    if (err == S2S_OK)
        (void)uv_async_send(&p->wake); /* under the lock: the handle is not closed before `closed` is set */
    uv_mutex_unlock(&p->lock);
    return err;
}

/* Takes all that is there out at once, so that no lock is held while stanzas are sent. */
static s2s__queue take(s2s__post *p, bool close)
{
    uv_mutex_lock(&p->lock);
    s2s__queue taken = p->queue;
    p->queue = (s2s__queue){0};
    p->closed = p->closed || close;
    uv_mutex_unlock(&p->lock);
    return taken;
}

static void send_all(s2s_federation *f, bool close)
{
    s2s__queue taken = take(&f->post, close);
    for (const s2s_stanza *st; (st = s2s__queue_first(&taken)) != NULL; s2s__queue_pop(&taken, f->env)) {
        s2s_err err = s2s_federation_send(f, st);
        if (err == S2S_E_NOMEM)
            s2s__federation_bounce(f, st, S2S_SE_RESOURCE_CONSTRAINT, s2s_strerror(err));
        else if (err != S2S_OK && err != S2S_E_AGAIN)
            s2s__federation_bounce(f, st, S2S_SE_NOT_ACCEPTABLE,
                                   "'from' must be at a domain served here, 'to' at another");
    }
}

static void on_wake(uv_async_t *wake)
{
    send_all(wake->data, false);
}

s2s_err s2s__post_begin(s2s_federation *f)
{
    s2s__post *p = &f->post;
    if (uv_mutex_init(&p->lock) < 0)
        return S2S_E_NOMEM;
    if (uv_async_init(f->loop, &p->wake, on_wake) < 0) {
        uv_mutex_destroy(&p->lock);
        return S2S_E_IO;
    }
    p->wake.data = f;
    return S2S_OK;
}

void s2s__post_end(s2s_federation *f, uv_close_cb closed)
{
    send_all(f, true);
    uv_close((uv_handle_t *)&f->post.wake, closed);
}

void s2s__post_free(s2s_federation *f)
{
    uv_mutex_destroy(&f->post.lock);
}
