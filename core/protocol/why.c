/* SPDX-License-Identifier: MIT */
/* why.c: an error and its sentence in one step. */
#include "protocol/why.h"

#include <stdarg.h>
#include <stdio.h>

s2s_err s2s__refuse(char why[S2S_TEXT_MAX], s2s_err err, const char *format, ...)
{
    va_list args;
    if (!why)
        return err;
    va_start(args, format);
    (void)vsnprintf(why, S2S_TEXT_MAX, format, args);
    va_end(args);
    return err;
}
