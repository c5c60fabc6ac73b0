/* SPDX-License-Identifier: MIT */
/* listen_fd.h: sockets that the service manager opened for us (sd_listen_fds(3)), by their names. Internal to s2sd. */
#ifndef S2SD_LISTEN_FD_H
#define S2SD_LISTEN_FD_H

#include "s2s/base.h"

/* How an address says that a passed socket is meant: "fd:NAME". */
#define LISTEN_FD_PREFIX "fd:"
/* Sockets that may be passed; with more of them the node does not start. */
#define LISTEN_FD_MAX 64

/* The `nth` (from 0) passed socket of that name, which must be a listening stream socket; it is closed on exec from now on, and the
 * caller's. S2S_E_NOTFOUND: there is none, for `nth` 0 with a reason in `why`; S2S_E_INVAL: it is something else. */
s2s_err listen_fd(const char *name, size_t nth, int *fd, char why[S2S_TEXT_MAX]);
/* The passed socket, of whatever name, that listens on the address "ADDRESS:PORT" already, and that nobody has taken. The rest as above;
 * S2S_E_NOTFOUND, without a reason: there is none, and the caller binds the address. */
s2s_err listen_fd_at(const char *address, int *fd, char why[S2S_TEXT_MAX]);
/* When everything listens: S2S_E_INVAL, and a reason in `why`, if a socket was passed that was not taken: nobody would answer there. */
s2s_err listen_fd_check(char why[S2S_TEXT_MAX]);

#endif
