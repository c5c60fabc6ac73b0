/* SPDX-License-Identifier: MIT */
/* spare.c: one handle, used again and again. */
#include "transport/spare.h"

#include "protocol/buf.h"
#include "transport/socket.h"

typedef enum spare_state {
    SPARE_FREE,
    SPARE_CLOSING,
    SPARE_CLOSING_ONE_WAITS, /* another connection is to be turned away */
    SPARE_CLOSING_LAST,      /* the listener is gone */
} spare_state;

struct s2s__spare {
    const s2s_env *env;
    uv_stream_t *listener;
    spare_state state;
    s2s__socket io;
};

s2s__spare *s2s__spare_new(const s2s_env *env)
{
    s2s__spare *spare = s2s__alloc(env, sizeof *spare);
    if (spare)
        spare->env = env;
    return spare;
}

static void on_closed(uv_handle_t *handle)
{
    s2s__spare *spare = handle->data;
    spare_state state = spare->state;
    spare->state = SPARE_FREE;
    if (state == SPARE_CLOSING_ONE_WAITS)
        s2s__spare_turn_away(spare, spare->listener);
    else if (state == SPARE_CLOSING_LAST)
        s2s__free(spare->env, spare);
}

void s2s__spare_turn_away(s2s__spare *spare, uv_stream_t *listener)
{
    spare->listener = listener;
    if (spare->state != SPARE_FREE) {
        spare->state = SPARE_CLOSING_ONE_WAITS;
        return;
    }
    if (s2s__socket_init(&spare->io, listener->loop, listener->type) < 0)
        return; /* neither fails without flags */
    spare->io.handle.data = spare;
    (void)uv_accept(listener, &spare->io.stream);
    spare->state = SPARE_CLOSING;
    uv_close(&spare->io.handle, on_closed);
}

void s2s__spare_free(s2s__spare *spare)
{
    if (spare && spare->state != SPARE_FREE)
        spare->state = SPARE_CLOSING_LAST;
    else if (spare)
        s2s__free(spare->env, spare);
}
