/* SPDX-License-Identifier: MIT */
/* unix_socket.h: listening at a path. Internal to s2sd. */
#ifndef S2SD_UNIX_SOCKET_H
#define S2SD_UNIX_SOCKET_H

#include <sys/types.h>

#include <uv.h>

#include "s2s/base.h"

/* A bound path. To be removed only while it is still the socket that we made. */
typedef struct unix_socket {
    char *path; /* borrowed */
    dev_t device;
    ino_t inode;
} unix_socket;

/* Binds `pipe` (initialised, and still to be listened on) at `path` with `mode`. A socket that is there already is
 * replaced if nobody listens on it, and left alone if somebody does; anything else there is left alone, too. The directory
 * must exist. On failure `why` names the path and the fault; S2S_E_INVAL, S2S_E_EXISTS (in use), S2S_E_IO. */
s2s_err unix_socket_bind(uv_pipe_t *pipe, char *path, mode_t mode, unix_socket *out, char why[S2S_TEXT_MAX]);
/* Removes the path. Nothing happens if it was never bound, or is another's by now. */
void unix_socket_remove(unix_socket *s);

#endif
