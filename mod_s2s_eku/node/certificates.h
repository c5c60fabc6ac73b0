/* SPDX-License-Identifier: MIT */
/* certificates.h: our own certificates: what they are, and a warning before they expire. Internal to s2sd. */
#ifndef S2SD_CERTIFICATES_H
#define S2SD_CERTIFICATES_H

#include <jansson.h>
#include <uv.h>

#include "s2s/federation.h"

/* A certificate is told of when less of its life is left than a sixth, but at most this long before its end: clients
 * renew when a third is left, and certificates may live for six days. */
#define CERTIFICATES_WARN_SECONDS 1209600
#define CERTIFICATES_WARN_PART 6
#define CERTIFICATES_LOOK_MS 3600000u
/* A warning is repeated after so many looks. */
#define CERTIFICATES_REPEAT 24u

bool certificates_is_near(int64_t not_before, int64_t expires, int64_t now);

typedef struct certificates certificates;
s2s_err certificates_new(const s2s_env *env, uv_loop_t *loop, const s2s_federation *f, certificates **out);
/* After the start and after each reload: warns of those that are near their end. */
void certificates_look(certificates *c);
void certificates_stop(certificates *c); /* takes NULL */
void certificates_free(certificates *c); /* when the loop has run dry; takes NULL */

/* An array of {"domain", "file", "not_before", "expires", "days_left", "near", "sha256"}; a new reference; NULL when out of memory. */
json_t *certificates_json(const s2s_federation *f);

#endif
