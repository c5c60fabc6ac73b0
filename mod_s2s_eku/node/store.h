/* SPDX-License-Identifier: MIT */
/* store.h: the records of remote domains in a small SQLite file, so that the census outlives the node. Internal to s2sd.
 *
 * Everything here blocks: call it from a worker thread, or before and after the loop runs. One thread at a time. */
#ifndef S2SD_STORE_H
#define S2SD_STORE_H

#include "mod_s2s_eku/records.h"

/* Of the file; an older one is brought up to it when it is opened, a newer one is left alone. */
#define STORE_SCHEMA 2
/* Rows kept; the rest goes as records do (records.h). */
#define STORE_ROWS_MAX EKU_RECORDS_MAX

typedef struct store store;

/* Opens or makes the file; nobody else can use it then. On failure `why` says what is wrong: the directory is not there, the file is
 * no census, of a newer s2sd, in use. S2S_E_IO, S2S_E_INVAL, S2S_E_NOMEM. */
s2s_err store_open(const char *file, store **out, char why[S2S_TEXT_MAX]);
void store_close(store *s); /* takes NULL */

/* Puts what is kept into `records`. S2S_OK, S2S_E_IO. */
s2s_err store_load(store *s, eku_records *records, char why[S2S_TEXT_MAX]);
/* All of them or none. S2S_OK, S2S_E_IO (a full disk, for one: try again later). */
s2s_err store_save(store *s, const eku_record *records, size_t count, char why[S2S_TEXT_MAX]);

#endif
