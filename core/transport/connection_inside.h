/* SPDX-License-Identifier: MIT */
/* connection_inside.h: the inside of a connection, shared by the files connection*.c. */
#ifndef S2S_CONNECTION_INSIDE_H
#define S2S_CONNECTION_INSIDE_H

#include "protocol/buf.h"
#include "transport/connection.h"

/* What libuv needs while it writes, then while it shuts down. */
typedef union s2s__conn_request {
    uv_write_t write;
    uv_shutdown_t shutdown;
} s2s__conn_request;

/* What the TLS handshake waits for. In the last two nothing is read, and what belongs to it stays until the work is back. */
typedef enum s2s__tls_stage {
    S2S__TLS_NONE,    /* it has not begun, or has failed */
    S2S__TLS_PEER,    /* the peer's next bytes */
    S2S__TLS_WAITING, /* a thread */
    S2S__TLS_AT_WORK, /* its end in that thread */
    S2S__TLS_UP,      /* nothing: it is done */
} s2s__tls_stage;

/* Its life, which only goes on. From OVER on the session has ended, and linger_by is the latest that it closes. */
typedef enum s2s__conn_life {
    S2S__LIFE_UP,
    S2S__LIFE_PARTING,  /* we close it: what has come is read, whatever its receiver says */
    S2S__LIFE_OVER,     /* our last bytes are not all with the kernel */
    S2S__LIFE_SHUTTING, /* they are: our half is being closed */
    S2S__LIFE_SHUT,     /* the peer's half is awaited */
    S2S__LIFE_CLOSING,  /* uv_close was called */
} s2s__conn_life;

/* What becomes of output. */
typedef enum s2s__conn_out {
    S2S__OUT_IDLE,
    S2S__OUT_DIRTY,   /* in io->dirty: it goes when the loop's turn ends */
    S2S__OUT_WRITING, /* libuv has some: on_written() goes on */
    S2S__OUT_BROKEN,  /* nothing can be sent any more. What came before is read to its end */
} s2s__conn_out;

/* What becomes of input, and of what came before its end (eof). */
typedef enum s2s__conn_in {
    S2S__IN_READ,
    S2S__IN_PAUSED,
    S2S__IN_RESUMED, /* inside drive(): reading goes on when that is done */
} s2s__conn_in;

struct s2s__connection {
    s2s__io *io;
    const s2s__connection_ops *ops;
    void *owner;
    uv_tcp_t *tcp;
    uv_timer_t timer;
    s2s_session *session;
    s2s__pump *pump;          /* NULL before TLS */
    s2s__tls_stage tls;
    s2s__connection *next_waiting, **prev_waiting; /* WAITING: in io->waiting */
    s2s_role role;
    bool direct_tls;
    char *sni;                /* the initiator's; NULL: none (an IP literal) */
    char address[S2S_ADDRESS_MAX];
    s2s__buf clear;           /* bytes that go out before TLS */
    s2s__buf writing;         /* handed to libuv, not yet taken by the kernel */
    s2s__conn_request *request; /* made when it is first needed */
    s2s__conn_life life;
    s2s__conn_out out;
    s2s__conn_in in;
    s2s__connection *next_dirty; /* DIRTY */
    s2s__connection *next_awake, **prev_awake; /* prev_awake NULL: at rest */
    size_t stalled_size;      /* libuv's queue when the stall clock was last set */
    s2s_time stalled_by;      /* WRITING */
    s2s_time linger_by;
    s2s_time timer_at;        /* when the timer goes off; S2S_NEVER: it does not run */
    unsigned open_handles;
    const char *broken;       /* BROKEN: why */
    s2s_time broken_by;       /* until then what came before is read, if it is not paused */
    s2s_time mute_at;         /* when those who send stop waiting for its end; S2S_NEVER: they have */
    bool established, eof;    /* eof: nothing more comes; what did may be unread */
    bool busy;                /* inside drive(): answers must not start it again */
    bool heard;               /* something has come or gone since the last look */
    uint8_t busy_looks, silent; /* looks at all since it woke up at which it was heard; and since then was not */
};

static inline s2s_time s2s__conn_now(const s2s__connection *c)
{
    return uv_now(c->io->loop);
}

static inline bool s2s__conn_is_over(const s2s__connection *c)
{
    return c->life >= S2S__LIFE_OVER;
}

/* connection.c */
void s2s__conn_drive(s2s__connection *c); /* pulls events until there are none */
void s2s__conn_close_handles(s2s__connection *c);
/* One of open_handles is done with; the last frees the connection. */
void s2s__conn_release(s2s__connection *c);
/* The stall clock begins anew. */
void s2s__conn_note_progress(s2s__connection *c);
/* What the peer sent before it went still counts: it is waited for, for limits.close_ms at most. */
void s2s__conn_broken(s2s__connection *c, const char *why);

/* connection_rest.c */
/* Something came or went: sees that what is kept ready for more is not kept for ever. */
void s2s__conn_note_use(s2s__connection *c);
/* It is at rest, or about to be freed. */
void s2s__conn_forget_awake(s2s__connection *c);

/* connection_write.c. Output is collected and sent once per loop turn. */
size_t s2s__conn_unsent(const s2s__connection *c); /* bytes that wait here, before libuv */
void s2s__conn_mark_dirty(s2s__connection *c);
void s2s__conn_forget_dirty(s2s__connection *c);
/* Moves the session's output on: into TLS, or to the clear bytes before it. */
void s2s__conn_collect(s2s__connection *c);
void s2s__conn_flush(s2s__connection *c);
void s2s__conn_flush_all(s2s__io *io); /* all that are dirty */
/* The session is over and its last bytes are with the kernel: half-close and wait for the peer's end, as
 * closing with unread input would reset the connection and could take our last bytes with it. */
void s2s__conn_finish_if_sent(s2s__connection *c);

/* connection_read.c */
int s2s__conn_read_start(s2s__connection *c); /* a libuv status */
void s2s__conn_handshake(s2s__connection *c);
/* A step of it has ended so, as s2s__pump_handshake has it. */
void s2s__conn_handshook(s2s__connection *c, s2s_err err);
/* After a step: what came behind the handshake, and what there is to send. */
void s2s__conn_after_handshake(s2s__connection *c);
/* Decrypts and feeds until TLS runs dry, the session is over, or reading is paused. */
void s2s__conn_read_plain(s2s__connection *c);
/* After a pause. */
void s2s__conn_read_on(s2s__connection *c);

/* connection_work.c. S2S_OK, S2S_E_NOMEM. */
s2s_err s2s__conn_works_new(s2s__io *io);
void s2s__conn_works_free(s2s__io *io);
void s2s__conn_set_tls(s2s__connection *c, s2s__tls_stage stage); /* the only writer */
/* Has the next step of the handshake done in another thread. False: there are too few in flight for that, or it cannot be; it is
 * to be done here. */
bool s2s__conn_work_begin(s2s__connection *c);
/* The connection closes: a step that has not begun is not needed any more. */
void s2s__conn_work_cancel(s2s__connection *c);

#endif
