/* SPDX-License-Identifier: MIT */
/* census_internal.h: the inside of a census, for census.c and census_json.c only. */
#ifndef S2SD_CENSUS_INTERNAL_H
#define S2SD_CENSUS_INTERNAL_H

#include "census.h"
#include "store.h"

typedef struct census_failure {
    char remote[S2S_TEXT_MAX], local[S2S_TEXT_MAX];
    s2s_role role;
    eku_failure failure;
} census_failure;

struct census {
    const s2s_env *env;
    uv_loop_t *loop;
    eku_records *records;
    census_failure failures[CENSUS_FAILURES_MAX]; /* a ring */
    size_t failures_next;
    char *file;
    store *store; /* NULL: memory only */
    uv_timer_t timer;
    uv_work_t work;
    unsigned wait;  /* ms until the next save */
    uint64_t saved; /* changes up to this one are in the file */
    eku_record *batch; /* with the worker while `working` */
    char **batch_names;
    size_t batch_len;
    uint64_t batch_to;
    s2s_err save_result;
    char why[S2S_TEXT_MAX];
    bool working, failing, stopped;
};

#endif
