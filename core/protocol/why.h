/* SPDX-License-Identifier: MIT */
/* why.h: the sentence that comes with an error. Internal. */
#ifndef S2S_WHY_H
#define S2S_WHY_H

#include "s2s/base.h"

/* Puts the sentence, cut to fit, into `why` (NULL: nobody asks) and returns `err`. */
S2S_PRINTF(3, 4) s2s_err s2s__refuse(char why[S2S_TEXT_MAX], s2s_err err, const char *format, ...);

#endif
