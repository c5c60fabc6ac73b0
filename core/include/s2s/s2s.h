/* SPDX-License-Identifier: MIT */
/* s2s.h: all of libs2s. */
#ifndef S2S_S2S_H
#define S2S_S2S_H

#include "s2s/addr.h"
#include "s2s/base.h"
#include "s2s/dialback.h"
#include "s2s/env.h"
#include "s2s/federation.h"
#include "s2s/limits.h"
#include "s2s/policy.h"
#include "s2s/session.h"
#include "s2s/stanza.h"
#include "s2s/system.h"

#endif
