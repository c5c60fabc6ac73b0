/* SPDX-License-Identifier: MIT */
/* caps.h: the verification string of entity capabilities (XEP-0115). Internal to s2sd. */
#ifndef S2SD_CAPS_H
#define S2SD_CAPS_H

#include "s2s/env.h"

enum { CAPS_VER_MAX = 29 /* base64 of a SHA-1 hash, with its NUL */, CAPS_LINES_MAX = 1024 /* of a kind; more are refused */ };

/* What names this program's capabilities; a URI that nobody else has. */
#define CAPS_NODE "urn:uuid:6f0b4c1e-6d0f-4d2b-9b57-9d2b3f5c7a11"

/* `query` is a disco#info <query/> as XML (one that we accepted or made): identities, features and forms become the SHA-1 hash of
 * section 5.1, in base64. S2S_OK; S2S_E_INVAL: it is none; S2S_E_NOMEM, S2S_E_LIMIT. */
s2s_err caps_ver(const s2s_env *env, s2s_str query, char out[CAPS_VER_MAX]);

#endif
