/* SPDX-License-Identifier: MIT */
/* stream.h: what frames a stream: headers, features, errors (RFC 6120 sections 4.2 to 4.9). Internal. */
#ifndef S2S_STREAM_H
#define S2S_STREAM_H

#include "protocol/xml/reader.h"

#define S2S_STREAM_ID_LEN 24 /* 144 bits in base64url: an NMTOKEN (ST-04, CX-12) */

/* A fresh stream id, NUL-terminated. */
s2s_err s2s__stream_id(const s2s_env *env, char out[S2S_STREAM_ID_LEN + 1]);

/* XML declaration and header. Absent attributes are left out. `content_ns` is jabber:server (then dialback's prefix is
 * declared and a version given) or jabber:component:accept. */
s2s_err s2s__stream_write_header(s2s__buf *out, const char *content_ns, s2s_str from, s2s_str to,
                                 s2s_str id);
/* <stream:error>; `text` may be NULL or "". `detail`: an element of ours behind it, or NULL. */
s2s_err s2s__stream_write_error(s2s__buf *out, s2s_cond cond, const char *text, const char *detail);
s2s_err s2s__stream_write_end(s2s__buf *out);

/* A peer's <stream:error>: an unknown condition is undefined-condition (ST-18); text as the peer wrote it. */
s2s_cond s2s__stream_read_error(s2s__tree *t, const s2s__node *error, char text[S2S_TEXT_MAX]);

/* ST-06, ST-07: the major version the peer announced; 0 if it announced none or nonsense. */
unsigned s2s__stream_version(s2s_str version);

#endif
