/* SPDX-License-Identifier: MIT */
/* sm.h: stream management (XEP-0198, urn:xmpp:sm:3): acknowledgements both ways, no resumption. Part of the session.
 *
 * What was sent and not acknowledged stays at the front of the session's output buffer: a stanza is written once, and
 * the same bytes are kept. `ends` holds where each kept stanza ends, as an offset in all that was ever written. */
#ifndef S2S_SM_H
#define S2S_SM_H

#include "protocol/xml/tree.h"
#include "s2s/stanza.h"

typedef enum s2s__sm_state {
    SM_OFF,      /* not offered, or refused */
    SM_EXPECTED, /* acceptor that sends, too: <enable/> may come; what is sent meanwhile is kept */
    SM_ASKED,    /* initiator: <enable/> is out; what is sent from here on is kept */
    SM_ON,
    SM_MUTE,     /* nothing that goes out arrives any more: s2s_session_mute() */
} s2s__sm_state;

typedef struct s2s__sm {
    s2s__sm_state state;
    uint32_t handled;      /* the peer's stanzas that were pulled since it was enabled; wraps (SM-02) */
    uint32_t told;         /* the last `h` that we sent */
    uint32_t acked;        /* the last `h` that the peer sent */
    uint64_t acknowledged; /* the same without wrapping, for status */
    s2s__buf ends;         /* uint64_t each, oldest first */
    s2s__buf back;         /* SM_MUTE: what was kept, until it has been taken back */
    uint32_t uncounted;    /* acceptor: the oldest kept that were written before <enabled/>: no `h` counts them */
    uint64_t base;         /* offset of the output buffer's first byte */
    uint64_t began;        /* offset of what may be kept: behind <enable/> or the features, then behind what was taken back */
    size_t kept;           /* bytes at its front that went out */
    unsigned requests;     /* <enable/> that came (CX-13) */
    bool offered;          /* initiator: by the peer, when authenticated */
    bool owed;             /* the peer has asked for an <a/> */
    bool owed_again;       /* and once more meanwhile */
    uint32_t owed_h;       /* what it has to count at least */
    uint32_t unsafe;       /* of `handled`, the last: s2s_session_unsafe() */
    unsigned asked;        /* how often; 0: we wait for no <enabled/> and no <a/> */
    uint64_t asked_to;     /* offset of the last question */
    s2s_time expect_by;    /* SM_EXPECTED: how long */
    s2s_time ask_by;       /* when to think of asking about what has left since; S2S_NEVER: nothing has */
    s2s_time unasked_at, left_at; /* the first of it, the last */
    uint32_t asked_h;      /* the count that answers it, if all arrives */
    s2s_time asked_at;     /* when the first question left, or the last answer came; S2S_NEVER: it has not left */
    s2s_time rtt;          /* of the last answer */
    s2s_stanza taken;      /* the last one that was taken back */
} s2s__sm;

void s2s__sm_init(s2s__sm *m, const s2s_env *env);
void s2s__sm_free(s2s__sm *m);

/* How many stanzas are kept. */
size_t s2s__sm_unacked(const s2s__sm *m);

#endif
