/* SPDX-License-Identifier: MIT */
/* socket.h: a TCP or a Unix stream socket on the loop: what listens at either kind accepts either kind. Internal. */
#ifndef S2S_SOCKET_H
#define S2S_SOCKET_H

#include <uv.h>

typedef union s2s__socket {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
} s2s__socket;

/* On `loop`, which knows the handle from here on if it is 0; else a libuv status. */
static inline int s2s__socket_init(s2s__socket *s, uv_loop_t *loop, uv_handle_type type)
{
    return type == UV_NAMED_PIPE ? uv_pipe_init(loop, &s->pipe, 0) : uv_tcp_init(loop, &s->tcp);
}

#endif
