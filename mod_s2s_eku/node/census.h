/* SPDX-License-Identifier: MIT */
/* census.h: the records of remote domains, fed by every stream, and kept across restarts. Internal to s2sd. */
#ifndef S2SD_CENSUS_H
#define S2SD_CENSUS_H

#include <jansson.h>
#include <uv.h>

#include "config.h"
#include "mod_s2s_eku/records.h"
#include "s2s/federation.h"

/* What is new is written this often, in a worker thread, at most so many records at once. */
#define CENSUS_SAVE_MS 5000u
#define CENSUS_BATCH_MAX 512u
/* After a failure (a full disk): the wait doubles up to this. Nothing is lost but by a crash meanwhile. */
#define CENSUS_RETRY_MAX_MS 600000u
/* The latest failures, whoever the peer is; older ones are forgotten. */
#define CENSUS_FAILURES_MAX 50u

typedef struct census census;

/* Reads what `file` keeps; NULL: memory only. A file that cannot be used is a line in the log, and memory serves alone. The
 * file is made if its directory exists. S2S_OK, S2S_E_NOMEM. */
s2s_err census_new(const s2s_env *env, uv_loop_t *loop, const char *file, census **out);
/* A stream was established (`end` NULL), or has ended, or could not be made; as s2s_federation_ops.stream. */
void census_note(census *c, const config *conf, const s2s_stream_info *info, const s2s_close *end);
/* Writes the rest and closes; from the loop. Takes NULL. */
void census_stop(census *c);
void census_free(census *c); /* when the loop has run dry; takes NULL */

const eku_records *census_records(const census *c);
/* NULL: memory only. */
const char *census_file(const census *c);

/* For the control socket and HTTP; new references, NULL when out of memory.
 * census: {"remotes": [record...], "summary": {...}, "file": path or null}. */
json_t *census_json(const census *c);
json_t *census_summary_json(const census *c); /* the summary alone */
/* One record as in there. */
json_t *census_record_json(const eku_record *record);
/* The latest first: {"at", "remote", "local", "direction", "origin", "condition", "text", "cause"}. */
json_t *census_failures_json(const census *c);

#endif
