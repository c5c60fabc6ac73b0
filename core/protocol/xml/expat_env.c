/* SPDX-License-Identifier: MIT */
/* expat_env.c: how we set expat up. */
#include "protocol/xml/expat_env.h"

#include <string.h>

#include "protocol/xml/expat_config.h"

/* Whose memory expat takes in the call that runs now. Per thread, set and cleared around each call: expat's hooks carry
 * no user pointer. */
static _Thread_local const s2s_env *allocating_for;
/* It got none, in that call or the one before. Expat does not always notice: a prefix that it has no memory for becomes an attribute. */
static _Thread_local bool starved;

static void *hook_realloc(void *ptr, size_t size)
{
    void *got = allocating_for->ops->resize(allocating_for->user, ptr, size);
    starved |= !got && size > 0;
    return got;
}

static void *hook_malloc(size_t size)
{
    return hook_realloc(NULL, size);
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

/* Around a call, which may run inside another's handler: what that one lacks, this one does, too. */
static const s2s_env *begin_call(const s2s_env *env)
{
    const s2s_env *outer = allocating_for;
    starved &= outer != NULL;
    allocating_for = env;
    return outer;
}

static enum XML_Status end_call(const s2s_env *outer, enum XML_Status status)
{
    allocating_for = outer;
    return starved ? XML_STATUS_ERROR : status;
}

enum XML_Status s2s__expat_parse(const s2s_env *env, XML_Parser p, const char *bytes, size_t len,
                                 bool last)
{
    const s2s_env *outer = begin_call(env);
    return end_call(outer, XML_Parse(p, bytes, (int)len, last));
}

enum XML_Status s2s__expat_resume(const s2s_env *env, XML_Parser p)
{
    const s2s_env *outer = begin_call(env);
    return end_call(outer, XML_ResumeParser(p));
}

enum XML_Error s2s__expat_error(XML_Parser p)
{
    return starved ? XML_ERROR_NO_MEMORY : XML_GetErrorCode(p);
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
