/* SPDX-License-Identifier: MIT */
/* workers.h: one or several federation objects, each on a loop of its own, seen from the main loop as one. Internal to s2sd.
 *
 * Worker 0 is on the main loop; every further one has a thread. With one worker nothing here stands between the node and its
 * federation. With more, a remote domain belongs to one of them (a keyed hash): all that goes out to it goes through that one, so
 * that there is one order. Any worker accepts streams. Stanzas pass in lanes (lane.h), and everything else stays on the main loop. */
#ifndef S2SD_WORKERS_H
#define S2SD_WORKERS_H

#include "s2s/federation.h"

typedef struct workers workers;

/* Events of streams that wait for the main loop, of one worker; further ones are left out of counters and census, and a line in
 * the log says how many. */
#define WORKERS_EVENTS_MAX 4096u

typedef struct workers_options {
    const s2s_env *env;
    uv_loop_t *loop;
    const s2s_federation_options *federation; /* dns, dialback_secret, bidi; lent for the call */
    const s2s_policy *policies; /* of each worker; lent for the call */
    size_t len;
    const s2s_federation_ops *ops; /* called from the main loop; `owns` is not. `deliver` says true: workers_pause_to() pauses */
    void *user;
} workers_options;

/* `*out` is set also on failure (or NULL), and then to be stopped and freed. S2S_OK, or as s2s_federation_new. */
s2s_err workers_new(const workers_options *options, workers **out, char why[S2S_TEXT_MAX]);
/* As s2s_federation_listen and _listen_fd: with several workers, each has a queue of its own at the address, or the passed socket is
 * listened on by all. */
s2s_err workers_listen(workers *w, const char *address, s2s_tls_start tls, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX]);
s2s_err workers_listen_fd(workers *w, int fd, s2s_tls_start tls, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX]);
/* Starts the threads: when they are to have what the process has given up by then. S2S_OK, S2S_E_NOMEM. */
s2s_err workers_start(workers *w);
/* Nothing more is read from remote servers, so that nothing more is acknowledged, until workers_stop(). */
void workers_halt(workers *w);
/* As s2s_federation_stop: ops->stopped follows, when all workers have stopped. */
void workers_stop(workers *w);
void workers_free(workers *w); /* after ops->stopped, when the loop has run dry; takes NULL */

/* As s2s_federation_send and _holds. `remote` of the first: the domain of stanza->to in normal form. S2S_E_AGAIN may come for a later
 * stanza of the pair than with one worker, or also while its worker is behind with all. */
s2s_err workers_send(workers *w, s2s_str remote, const s2s_stanza *stanza);
bool workers_holds(const workers *w, s2s_str local, s2s_str remote);
/* What a stanza that was not taken is answered with; `*text` may become NULL. */
s2s_stanza_error workers_send_error(s2s_err err, const char **text);
/* As s2s_federation_pause_to and _resume_to; `local` in normal form. A worker with a thread learns of it a little later. */
void workers_pause_to(workers *w, s2s_str local);
void workers_resume_to(workers *w, s2s_str local);

/* Between the two all other workers stand still, and their objects may be used from the main loop. May be nested. */
void workers_park(workers *w);
void workers_unpark(workers *w);

/* Copies of `setup` for all workers but the first. S2S_OK, S2S_E_NOMEM (nothing was made). */
s2s_err workers_copy_setup(const workers *w, const s2s_setup *setup, s2s_setup ***out);
void workers_drop_setup(const workers *w, s2s_setup **copies);
/* Puts `setup` and the copies (both taken over) in place, in all workers at once. */
void workers_replace(workers *w, s2s_setup *setup, s2s_setup **copies);
/* As the functions of s2s_federation, over all workers. */
size_t workers_close_remote(workers *w, s2s_str remote);
void workers_streams(workers *w, void (*each)(void *arg, const s2s_stream_info *info), void *arg);
/* Whether stanzas wait: in a lane, or in the queue of a pair that has a stream or one being made. */
bool workers_have_queued(workers *w);
void workers_sum(workers *w, s2s_federation_counts *out); /* of s2s_federation_count */
/* Stanzas of streams that workers_streams does not show any more, and whose end ops->stream has not been told of: for sums that never
 * go back. Park the workers for both. */
void workers_untold(const workers *w, uint64_t *in, uint64_t *out);

/* Whether all threads have turned since the last time that this was asked. */
bool workers_turn(workers *w);

size_t workers_count(const workers *w);
/* The one on the main loop: for what is the same in all (domains). */
const s2s_federation *workers_first(const workers *w);

#endif
