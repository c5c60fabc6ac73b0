/* SPDX-License-Identifier: MIT */
/* stanza.h: a stanza as a router sees it: its start tag in parts, its inside as bytes. */
#ifndef S2S_STANZA_H
#define S2S_STANZA_H

#include "s2s/env.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum s2s_kind { S2S_MESSAGE, S2S_PRESENCE, S2S_IQ } s2s_kind;
S2S_API const char *s2s_kind_name(s2s_kind kind);

/* All slices are lent by whoever hands the stanza out; for how long is said there. Attribute values
 * are plain text (unescaped); `attrs` and `inner` are XML, ready to be written as they are. What comes from a stream is
 * well-formed; what you make yourself has to be: one wrong octet ends the stream to the other server, for all who use it.
 * s2s_text_escape() makes XML of text, s2s_stanza_check() looks at a whole stanza. */
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

/* Text from people as XML, for `inner` and values in `attrs`: what is markup is escaped, and what XML has no place for (control characters, octets
 * that are not UTF-8: XML 1.0 section 2.2) becomes U+FFFD. Returns the number of bytes needed; if that exceeds `room`, what `out` holds
 * is unspecified (never more than `room` bytes are written; six times the text's length is always enough). Writes no NUL. Any thread. */
S2S_API size_t s2s_text_escape(s2s_str text, char *out, size_t room);

/* The text of the first child element of that name in the content namespace, such as "body" or "subject" (RFC 6121 section 5.2),
 * NUL-terminated into `out`; what stands in elements inside it is left out. The text may hold any character but NUL: look at it before
 * a terminal or a file gets it. `env` lends memory. S2S_OK; S2S_E_NOTFOUND: there is no such child; S2S_E_LIMIT: it does not fit `room`;
 * S2S_E_SYNTAX: the stanza is not well-formed (one from a stream is); S2S_E_NOMEM. */
S2S_API s2s_err s2s_stanza_text(const s2s_env *env, const s2s_stanza *stanza, const char *child, char *out, size_t room);

/* Would another server take this stanza? Written and read back, with the limits in `env`: well-formed, UTF-8, without what XMPP
 * forbids (RFC 6120 section 11.1), and one stanza only. It costs a parser; what came from a stream, or through s2s_text_escape(), needs it
 * not. S2S_OK; S2S_E_SYNTAX: no; S2S_E_LIMIT: larger than limits.stanza_bytes; S2S_E_NOMEM. */
S2S_API s2s_err s2s_stanza_check(const s2s_env *env, const s2s_stanza *stanza);

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
