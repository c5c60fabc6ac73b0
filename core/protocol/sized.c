/* SPDX-License-Identifier: MIT */
/* sized.c: see sized.h. */
#include "protocol/sized.h"

#include <string.h>

void s2s__sized_write(void *theirs, size_t size, const void *ours, size_t known)
{
    if (size < sizeof size)
        return;
    size_t shared = size < known ? size : known;
    memcpy(theirs, ours, shared);
    memset((char *)theirs + shared, 0, size - shared);
    memcpy(theirs, &size, sizeof size);
}

bool s2s__sized_read(void *ours, size_t known, const void *theirs)
{
    size_t size = 0;
    if (theirs)
        memcpy(&size, theirs, sizeof size);
    if (size < sizeof size || size > known)
        return false;
    memcpy(ours, theirs, size);
    memcpy(ours, &known, sizeof known);
    return true;
}

bool s2s__env_known(const s2s_env *env)
{
    return env && env->size == sizeof *env && env->ops && env->ops->abi == S2S_ENV_ABI && env->ops->resize && env->ops->random;
}
