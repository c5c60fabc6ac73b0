/* SPDX-License-Identifier: MIT */
/* records.h: what was seen of each remote domain: the last verdict in each direction, with both modes, and counts. */
#ifndef MOD_S2S_EKU_RECORDS_H
#define MOD_S2S_EKU_RECORDS_H

#include "mod_s2s_eku/eku.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Records kept. When one more is needed, the one goes that was seen longest ago; of those whose peer was never accepted, if
 * there are any: whoever makes up names cannot push out those that mean something. */
#define EKU_RECORDS_MAX 4096u
#define EKU_MECHANISM_MAX 16

/* How a stream failed, or could not be made. */
typedef struct eku_failure {
    int64_t at; /* seconds since 1970; 0: there was none */
    s2s_origin origin;
    s2s_cond cond;
    char text[S2S_TEXT_MAX];  /* ours or the peer's */
    char cause[S2S_TEXT_MAX]; /* why the peer refused our certificate; "": it did not */
} eku_failure;

/* One remote domain, one direction. */
typedef struct eku_record {
    const char *remote, *local; /* normal form; `local` of the last time. Owned by the records */
    s2s_role role;              /* ours: S2S_INITIATOR is "out" */
    eku_mode mode;              /* in force at the last verdict */
    bool judged;                /* there was a verdict */
    s2s_verdict verdict;        /* the last */
    char mechanism[EKU_MECHANISM_MAX]; /* of the last stream that was established; "none" before */
    int64_t first_seen, last_seen; /* seconds since 1970 */
    uint64_t accepted, refused; /* verdicts: handshakes by what we said of the peer's certificate */
    uint64_t established;       /* streams */
    uint64_t failed;            /* streams that were not established, or broke */
    uint64_t peer_refused;      /* of these: the peer did not take our certificate */
    eku_failure failure;        /* the last */
    uint64_t change;            /* grows with each change of any record */
} eku_record;

/* What happened to a stream. Everything is lent for the call. */
typedef struct eku_event {
    size_t size; /* sizeof(eku_event), set by the caller */
    s2s_str local, remote;
    s2s_role role; /* ours */
    eku_mode mode;
    const s2s_verdict *verdict; /* NULL: the peer was not judged */
    const char *mechanism;      /* "none" unless it was established */
    const s2s_close *end;       /* NULL: it was established just now */
    const char *cause;          /* as eku_failure */
    int64_t wall;               /* seconds since 1970 */
} eku_event;

typedef struct eku_records eku_records;

/* `max` 0: EKU_RECORDS_MAX. One thread. S2S_OK, S2S_E_NOMEM. */
S2S_API s2s_err eku_records_new(const s2s_env *env, size_t max, eku_records **out);
S2S_API void eku_records_free(eku_records *r); /* takes NULL */

/* Ignored: a peer that never said who it is, and one that connected to us and went before it was judged, unless because of
 * our certificate. False: out of memory, nothing was noted. */
S2S_API bool eku_records_note(eku_records *r, const eku_event *event);
/* Puts one back that was kept elsewhere (copied; `change` is set anew). S2S_E_EXISTS: there is one of that remote and role;
 * S2S_E_LIMIT, S2S_E_NOMEM. */
S2S_API s2s_err eku_records_restore(eku_records *r, const eku_record *record);

S2S_API size_t eku_records_count(const eku_records *r);
/* By remote domain, "in" behind "out"; NULL behind the last. Valid until the next note or restore. */
S2S_API const eku_record *eku_records_at(const eku_records *r, size_t index);
/* NULL: none. `remote` in normal form. */
S2S_API const eku_record *eku_records_find(const eku_records *r, s2s_str remote, s2s_role role);

/* What `mode` says of that verdict. */
S2S_API bool eku_record_would(const eku_record *record, eku_mode mode);
S2S_API eku_mode eku_mode_other(eku_mode mode);
/* The certificate is what carries the streams, and the other mode would refuse it. */
S2S_API bool eku_record_cut_off(const eku_record *record);

#ifdef __cplusplus
}
#endif
#endif
