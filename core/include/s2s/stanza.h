/* SPDX-License-Identifier: MIT */
/* stanza.h: a stanza as a router sees it: its start tag in parts, its inside as bytes. */
#ifndef S2S_STANZA_H
#define S2S_STANZA_H

#include "s2s/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum s2s_kind { S2S_MESSAGE, S2S_PRESENCE, S2S_IQ } s2s_kind;
S2S_API const char *s2s_kind_name(s2s_kind kind);

/* All slices are lent by whoever hands the stanza out; for how long is said there. Attribute values
 * are plain text (unescaped); `attrs` and `inner` are XML, ready to be written as they are. */
typedef struct s2s_stanza {
    s2s_kind kind;
    s2s_str from, to, id, type; /* absent: ptr NULL */
    s2s_str lang;  /* xml:lang, its own or inherited from the stream (RFC 6120 section 8.1.5) */
    s2s_str attrs; /* other attributes and the prefixes `inner` needs: "" or " name='value'..." */
    s2s_str inner; /* what stands between start and end tag; valid under any content namespace */
} s2s_stanza;

/* Writes the stanza with a new start tag (unprefixed, no xmlns: it takes the target stream's content
 * namespace). Returns the number of bytes needed; if that exceeds `room`, what `out` holds is unspecified
 * (never more than `room` bytes are written). */
S2S_API size_t s2s_stanza_write(const s2s_stanza *stanza, char *out, size_t room);

/* True if an error may be sent in answer: not for errors, and not for iq results (RFC 6120 8.2.3, 8.3.1). */
S2S_API bool s2s_stanza_may_bounce(const s2s_stanza *stanza);

/* Makes the error answer (RFC 6120 section 8.3): same kind and id, addresses swapped, no echo of the
 * content. `text` may be NULL. `inner` of the result points into `buf`; the other slices are
 * `stanza`'s own. Returns false (and nothing) if it may not be bounced or `room` is too small;
 * S2S_BOUNCE_MAX is always enough. */
#define S2S_BOUNCE_MAX 2048
S2S_API bool s2s_stanza_bounce(const s2s_stanza *stanza, s2s_stanza_error error, const char *text,
                               char *buf, size_t room, s2s_stanza *out);

/* The same with an application-specific condition behind the error's own (RFC 6120 section 8.3.4): `detail` is XML of our own making. */
S2S_API bool s2s_stanza_bounce_detail(const s2s_stanza *stanza, s2s_stanza_error error, const char *text,
                                      const char *detail, char *buf, size_t room, s2s_stanza *out);

#ifdef __cplusplus
}
#endif
#endif
