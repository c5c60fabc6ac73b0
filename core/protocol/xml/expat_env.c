/* SPDX-License-Identifier: MIT */
/* expat_env.c: how we set expat up. */
#include "protocol/xml/expat_env.h"

#include <string.h>

#include "protocol/xml/expat_config.h"

/* Whose memory expat takes in the call that runs now. Per thread, set and cleared around each call: expat's hooks carry
 * no user pointer. */
static _Thread_local const s2s_env *allocating_for;

static void *hook_malloc(size_t size)
{
    return allocating_for->ops->resize(allocating_for->user, NULL, size);
}

static void *hook_realloc(void *ptr, size_t size)
{
    return allocating_for->ops->resize(allocating_for->user, ptr, size);
}

static void hook_free(void *ptr)
{
    if (ptr)
        (void)allocating_for->ops->resize(allocating_for->user, ptr, 0);
}

static const XML_Memory_Handling_Suite HOOKS = {hook_malloc, hook_realloc, hook_free};

XML_Parser s2s__expat_new(const s2s_env *env)
{
    const XML_Char sep[] = {S2S_XML_SEP, '\0'};
    const s2s_env *outer = allocating_for; /* a tree may be parsed while a reader's handler runs */
    allocating_for = env;
    XML_Parser p = XML_ParserCreate_MM("UTF-8", &HOOKS, sep);
    allocating_for = outer;
    if (!p)
        return NULL;
    XML_SetReturnNSTriplet(p, XML_TRUE);
    XML_SetParamEntityParsing(p, XML_PARAM_ENTITY_PARSING_NEVER);
#ifdef S2S_HAVE_REPARSE_DEFERRAL
    /* A finished tag must be seen when it arrives, not with the next byte (XM-10); the cost of partial
     * tokens is bounded by the element limit instead. */
    XML_SetReparseDeferralEnabled(p, XML_FALSE);
#endif
    return p;
}

void s2s__expat_free(const s2s_env *env, XML_Parser p)
{
    if (!p)
        return;
    const s2s_env *outer = allocating_for;
    allocating_for = env;
    XML_ParserFree(p);
    allocating_for = outer;
}

enum XML_Status s2s__expat_parse(const s2s_env *env, XML_Parser p, const char *bytes, size_t len,
                                 bool last)
{
    const s2s_env *outer = allocating_for;
    allocating_for = env;
    enum XML_Status status = XML_Parse(p, bytes, (int)len, last);
    allocating_for = outer;
    return status;
}

enum XML_Status s2s__expat_resume(const s2s_env *env, XML_Parser p)
{
    const s2s_env *outer = allocating_for;
    allocating_for = env;
    enum XML_Status status = XML_ResumeParser(p);
    allocating_for = outer;
    return status;
}

s2s__qname s2s__qname_split(const char *name)
{
    const char *sep = strchrnul(name, S2S_XML_SEP);
    if (*sep == '\0')
        return (s2s__qname){.local = {name, (size_t)(sep - name)}};
    const char *local = sep + 1, *end = strchrnul(local, S2S_XML_SEP);
    s2s__qname q = {.ns = {name, (size_t)(sep - name)}, .local = {local, (size_t)(end - local)}};
    if (*end != '\0')
        q.prefix = s2s_str_of(end + 1);
    return q;
}
