/* SPDX-License-Identifier: MIT */
/* expat_env.h: expat's parsers with our settings and our allocator. Internal. */
#ifndef S2S_EXPAT_ENV_H
#define S2S_EXPAT_ENV_H

#include <expat.h>

#include "s2s/env.h"

#define S2S_XML_SEP '\n' /* cannot stand in a namespace name: attribute normalisation makes it a space */

/* A namespace-aware parser (triplets), UTF-8 only, reparse deferral off, memory from `env`. NULL: no memory. */
XML_Parser s2s__expat_new(const s2s_env *env);
void s2s__expat_free(const s2s_env *env, XML_Parser p);
/* Expat's memory hooks have no user pointer, so each call that may allocate says for whom. If there was no memory the status is an error
 * even where expat goes on. */
enum XML_Status s2s__expat_parse(const s2s_env *env, XML_Parser p, const char *bytes, size_t len,
                                 bool last);
enum XML_Status s2s__expat_resume(const s2s_env *env, XML_Parser p);
enum XML_Error s2s__expat_error(XML_Parser p); /* right behind one of them */

/* Splits expat's "ns\nlocal\nprefix", "ns\nlocal" or "local". Absent parts have ptr NULL. */
typedef struct s2s__qname {
    s2s_str ns, local, prefix;
} s2s__qname;
s2s__qname s2s__qname_split(const char *name);

#endif
