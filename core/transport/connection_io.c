/* SPDX-License-Identifier: MIT */
/* connection_io.c: what all connections of one federation object share, made and freed. */
#include "transport/connection_inside.h"

static void on_prepare(uv_prepare_t *handle)
{
    s2s__conn_flush_all(handle->data);
}

s2s_err s2s__io_init(s2s__io *io, const s2s_env *env, uv_loop_t *loop, char why[S2S_TEXT_MAX])
{
    *io = (s2s__io){.env = env, .loop = loop};
    s2s_err err = s2s__credentials_new(env, &io->credentials, why);
    if (err != S2S_OK)
        return err;
    io->read_buf = s2s__alloc(env, S2S_FEED_MAX);
    io->plain_buf = s2s__alloc(env, S2S_FEED_MAX);
    if (!io->read_buf || !io->plain_buf || s2s__conn_works_new(io) != S2S_OK) {
        s2s__io_free(io);
        return S2S_E_NOMEM;
    }
    uv_prepare_init(loop, &io->flush);
    io->flush.data = io;
    uv_prepare_start(&io->flush, on_prepare);
    uv_unref((uv_handle_t *)&io->flush);
    uv_timer_init(loop, &io->rest);
    io->rest.data = io;
    uv_unref((uv_handle_t *)&io->rest);
    return S2S_OK;
}

static void on_rest_closed(uv_handle_t *handle)
{
    s2s__io *io = handle->data;
    uv_close((uv_handle_t *)&io->flush, io->closed);
}

void s2s__io_close(s2s__io *io, uv_close_cb closed)
{
    io->closed = closed;
    uv_close((uv_handle_t *)&io->rest, on_rest_closed);
}

void s2s__io_free(s2s__io *io)
{
    s2s__free(io->env, io->read_buf);
    s2s__free(io->env, io->plain_buf);
    s2s__conn_works_free(io);
    s2s__credentials_free(io->credentials);
    io->read_buf = NULL;
    io->plain_buf = NULL;
    io->credentials = NULL;
}
