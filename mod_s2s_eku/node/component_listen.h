/* SPDX-License-Identifier: MIT */
/* component_listen.h: the places where components attach. Internal to s2sd. */
#ifndef S2SD_COMPONENT_LISTEN_H
#define S2SD_COMPONENT_LISTEN_H

#include <uv.h>

#include "s2s/federation.h"

typedef struct component_listener component_listener;

/* The owner fills in the first five. */
typedef struct component_listeners {
    const s2s_env *env;
    uv_loop_t *loop;
    bool (*accept)(void *user, uv_stream_t *listener); /* a connection; false: it was not accepted, for want of memory */
    void (*closed)(void *user);                        /* all are closed; from the loop */
    void *user;
    component_listener *first;
    size_t open;
} component_listeners;

/* As components_listen() has it. After a failure one may still be closing. */
s2s_err component_listen(component_listeners *c, char *address, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX]);
/* Listens no more. Where none is open nothing follows, else `closed`. */
void component_listeners_close(component_listeners *c);

#endif
