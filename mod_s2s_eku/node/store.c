/* SPDX-License-Identifier: MIT */
/* store.c: one table, its columns in the words that logs and JSON use. */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define APPLICATION_ID "1932686180" /* "s2sd" in ASCII */
#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)

#define ROWS_TEXT "4096"
_Static_assert(STORE_ROWS_MAX == 4096u, "ROWS_TEXT");

enum { BUSY_MS = 1000 };

struct store {
    sqlite3 *db;
    sqlite3_stmt *put, *trim;
};

/* X(column, SQL type) in the order in which they are bound and read. */
#define COLUMNS(X)                                                                                 \
    X(remote, TEXT) X(direction, TEXT) X(local, TEXT) X(mode, TEXT) X(judged, INTEGER)             \
    X(trusted, INTEGER) X(chain, TEXT) X(identity, TEXT) X(eku, TEXT) X(purpose_server, INTEGER)   \
    X(purpose_client, INTEGER) X(would_tolerant, INTEGER) X(would_strict, INTEGER)                 \
    X(revocation, TEXT) X(dialback, INTEGER) X(expires, INTEGER) X(reason, TEXT)                   \
    X(mechanism, TEXT) X(first_seen, INTEGER) X(last_seen, INTEGER) X(accepted, INTEGER)           \
    X(refused, INTEGER) X(established, INTEGER) X(failed, INTEGER) X(peer_refused, INTEGER)        \
    X(failure_at, INTEGER) X(failure_origin, TEXT) X(failure_condition, TEXT)                      \
    X(failure_text, TEXT) X(failure_cause, TEXT)                                                   \
    X(proof, TEXT) X(dane, TEXT) /* since schema 2: at the end, where ALTER TABLE puts them */

enum {
#define X(name, type) COLUMN_##name,
    COLUMNS(X)
#undef X

};

#define X(name, type) #name " " #type ","
static const char SCHEMA_SQL[] =
    "BEGIN IMMEDIATE; CREATE TABLE record(" COLUMNS(X) "PRIMARY KEY(remote, direction)) WITHOUT ROWID; "
    "PRAGMA application_id=" APPLICATION_ID "; PRAGMA user_version=" NUMBER_TEXT(STORE_SCHEMA) "; COMMIT";
#undef X
/* A file of schema 1: what it did not keep is unknown ("none") until the next stream. */
static const char MIGRATE_SQL[] =
    "BEGIN IMMEDIATE; ALTER TABLE record ADD COLUMN proof TEXT; ALTER TABLE record ADD COLUMN dane TEXT; "
    "PRAGMA user_version=" NUMBER_TEXT(STORE_SCHEMA) "; COMMIT";
#define X(name, type) #name ","
static const char LOAD_SQL[] = "SELECT " COLUMNS(X) "0 FROM record "
                               "ORDER BY established>0 DESC, last_seen DESC LIMIT " ROWS_TEXT;
#undef X
#define X(name, type) "?,"
static const char PUT_SQL[] = "INSERT OR REPLACE INTO record SELECT " COLUMNS(X); /* the last comma goes */
#undef X
static const char TRIM_SQL[] =
    "DELETE FROM record WHERE (remote, direction) IN (SELECT remote, direction FROM record "
    "ORDER BY established>0 DESC, last_seen DESC LIMIT -1 OFFSET " ROWS_TEXT ")";

static s2s_err say(store *s, const char *file, char why[S2S_TEXT_MAX])
{
    int code = sqlite3_errcode(s->db);
    (void)snprintf(why, S2S_TEXT_MAX, "%.150s%s%s", file, *file ? ": " : "",
                   code == SQLITE_BUSY ? "in use by another process" : sqlite3_errmsg(s->db));
    return code == SQLITE_NOMEM ? S2S_E_NOMEM : S2S_E_IO;
}

/* -- words --------------------------------------------------------------------------------------------- */

#define FROM_WORD(name, type, list, otherwise)                                                     \
    static type name(const char *word)                                                             \
    {                                                                                              \
        static const struct {                                                                      \
            type value;                                                                            \
            const char *word;                                                                      \
        } WORDS[] = {list(WORD_ROW)};                                                              \
        for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {                                \
            if (strcmp(WORDS[i].word, word) == 0)                                                  \
                return WORDS[i].value;                                                             \
        }                                                                                          \
        return otherwise;                                                                          \
    }
#define WORD_ROW(value, word) {value, word},
FROM_WORD(chain_of, s2s_chain_status, S2S_CHAIN_STATUSES, S2S_CHAIN_INVALID)
FROM_WORD(identity_of, s2s_identity, S2S_IDENTITIES, S2S_IDENTITY_ABSENT)
FROM_WORD(eku_of, s2s_eku, S2S_EKUS, S2S_EKU_OTHER)
FROM_WORD(revocation_of, s2s_revocation, S2S_REVOCATIONS, S2S_REVOCATION_UNCHECKED)
FROM_WORD(proof_of, s2s_proof, S2S_PROOFS, S2S_PROOF_NONE)
FROM_WORD(dane_of, s2s_dane, S2S_DANES, S2S_DANE_NONE)
FROM_WORD(condition_of, s2s_cond, S2S_CONDITIONS, S2S_COND_UNDEFINED_CONDITION)

static s2s_origin origin_of(const char *word)
{
    static const s2s_origin ALL[] = {S2S_ORIGIN_LOCAL, S2S_ORIGIN_PEER, S2S_ORIGIN_TRANSPORT};
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
        if (strcmp(s2s_origin_name(ALL[i]), word) == 0)
            return ALL[i];
    }
    return S2S_ORIGIN_INTERNAL;
}

/* -- opening ------------------------------------------------------------------------------------------- */

static int one_number(store *s, const char *sql)
{
    sqlite3_stmt *query = NULL;
    int value = -1;
    if (sqlite3_prepare_v2(s->db, sql, -1, &query, NULL) == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW)
        value = sqlite3_column_int(query, 0);
    sqlite3_finalize(query);
    return value;
}

/* An empty file becomes ours; what is neither empty nor ours is not touched. */
static s2s_err prepare_schema(store *s, const char *file, char why[S2S_TEXT_MAX])
{
    int version = one_number(s, "PRAGMA user_version"), tables = one_number(s, "SELECT count(*) FROM sqlite_schema");
    if (version < 0 || tables < 0)
        return say(s, file, why);
    if (version > STORE_SCHEMA) {
        (void)snprintf(why, S2S_TEXT_MAX, "%.150s: made by a newer s2sd (schema %d)", file, version);
        return S2S_E_INVAL;
    }
    if (version == 0 && tables > 0) {
        (void)snprintf(why, S2S_TEXT_MAX, "%.150s: a database, but no census", file);
        return S2S_E_INVAL;
    }
    if (version == STORE_SCHEMA)
        return S2S_OK;
    bool ok = sqlite3_exec(s->db, version == 0 ? SCHEMA_SQL : MIGRATE_SQL, NULL, NULL, NULL) == SQLITE_OK;
    return ok ? S2S_OK : say(s, file, why); /* closing rolls back */
}

static s2s_err prepare(store *s, const char *file, char why[S2S_TEXT_MAX])
{
    char put[sizeof PUT_SQL];
    (void)sqlite3_busy_timeout(s->db, BUSY_MS);
    if (sqlite3_exec(s->db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF", NULL,
                     NULL, NULL) != SQLITE_OK)
        return say(s, file, why);
    s2s_err err = prepare_schema(s, file, why);
    if (err != S2S_OK)
        return err;
    memcpy(put, PUT_SQL, sizeof PUT_SQL);
    put[sizeof PUT_SQL - 2] = '\0'; /* the last comma */
    if (sqlite3_prepare_v2(s->db, put, -1, &s->put, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(s->db, TRIM_SQL, -1, &s->trim, NULL) != SQLITE_OK)
        return say(s, file, why);
    return S2S_OK;
}

s2s_err store_open(const char *file, store **out, char why[S2S_TEXT_MAX])
{
    store *s = calloc(1, sizeof *s);
    if (!s)
        return S2S_E_NOMEM;
    s2s_err err = S2S_OK;
    if (sqlite3_open_v2(file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        err = say(s, file, why);
    else
        err = prepare(s, file, why);
    if (err != S2S_OK) {
        store_close(s);
        return err;
    }
    *out = s;
    return S2S_OK;
}

void store_close(store *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->put);
    sqlite3_finalize(s->trim);
    (void)sqlite3_close(s->db);
    free(s);
}

/* -- loading ------------------------------------------------------------------------------------------- */

static const char *text_at(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    return text ? (const char *)text : "";
}

static int64_t whole_at(sqlite3_stmt *row, int column)
{
    return sqlite3_column_int64(row, column);
}

static bool flag_at(sqlite3_stmt *row, int column)
{
    return sqlite3_column_int(row, column) != 0;
}

static void read_verdict(sqlite3_stmt *row, s2s_verdict *v)
{
    s2s_verdict_init(v);
    v->trusted = flag_at(row, COLUMN_trusted);
    v->chain = chain_of(text_at(row, COLUMN_chain));
    v->identity = identity_of(text_at(row, COLUMN_identity));
    v->eku = eku_of(text_at(row, COLUMN_eku));
    v->purpose_server = flag_at(row, COLUMN_purpose_server);
    v->purpose_client = flag_at(row, COLUMN_purpose_client);
    v->would_tolerant = flag_at(row, COLUMN_would_tolerant);
    v->would_strict = flag_at(row, COLUMN_would_strict);
    v->revocation = revocation_of(text_at(row, COLUMN_revocation));
    v->dialback = flag_at(row, COLUMN_dialback);
    v->proof = proof_of(text_at(row, COLUMN_proof));
    v->dane = dane_of(text_at(row, COLUMN_dane));
    v->expires = whole_at(row, COLUMN_expires);
    (void)snprintf(v->reason, sizeof v->reason, "%s", text_at(row, COLUMN_reason));
}

static void read_record(sqlite3_stmt *row, eku_record *r)
{
    *r = (eku_record){.remote = text_at(row, COLUMN_remote), .local = text_at(row, COLUMN_local)};
    r->role = strcmp(text_at(row, COLUMN_direction), "out") == 0 ? S2S_INITIATOR : S2S_ACCEPTOR;
    r->mode = strcmp(text_at(row, COLUMN_mode), eku_mode_word(EKU_STRICT)) == 0 ? EKU_STRICT : EKU_TOLERANT;
    r->judged = flag_at(row, COLUMN_judged);
    read_verdict(row, &r->verdict);
    (void)snprintf(r->mechanism, sizeof r->mechanism, "%s", text_at(row, COLUMN_mechanism));
    r->first_seen = whole_at(row, COLUMN_first_seen);
    r->last_seen = whole_at(row, COLUMN_last_seen);
    r->accepted = (uint64_t)whole_at(row, COLUMN_accepted);
    r->refused = (uint64_t)whole_at(row, COLUMN_refused);
    r->established = (uint64_t)whole_at(row, COLUMN_established);
    r->failed = (uint64_t)whole_at(row, COLUMN_failed);
    r->peer_refused = (uint64_t)whole_at(row, COLUMN_peer_refused);
    r->failure.at = whole_at(row, COLUMN_failure_at);
    r->failure.origin = origin_of(text_at(row, COLUMN_failure_origin));
    r->failure.cond = condition_of(text_at(row, COLUMN_failure_condition));
    (void)snprintf(r->failure.text, sizeof r->failure.text, "%s", text_at(row, COLUMN_failure_text));
    (void)snprintf(r->failure.cause, sizeof r->failure.cause, "%s", text_at(row, COLUMN_failure_cause));
}

s2s_err store_load(store *s, eku_records *records, char why[S2S_TEXT_MAX])
{
    sqlite3_stmt *rows = NULL;
    eku_record record;
    int step = sqlite3_prepare_v2(s->db, LOAD_SQL, -1, &rows, NULL);
    s2s_err err = S2S_OK;
    while ((step == SQLITE_OK || step == SQLITE_ROW) && (step = sqlite3_step(rows)) == SQLITE_ROW) {
        read_record(rows, &record);
        err = eku_records_restore(records, &record);
        if (err == S2S_E_NOMEM || err == S2S_E_LIMIT)
            break;
    }
    err = step == SQLITE_DONE || step == SQLITE_ROW ? S2S_OK : say(s, "", why);
    sqlite3_finalize(rows);
    return err;
}

/* -- saving -------------------------------------------------------------------------------------------- */

static void put_text(store *s, int column, const char *text)
{
    (void)sqlite3_bind_text(s->put, column + 1, text, -1, SQLITE_STATIC);
}

static void put_whole(store *s, int column, int64_t number)
{
    (void)sqlite3_bind_int64(s->put, column + 1, number);
}

static void put_verdict(store *s, const s2s_verdict *v)
{
    put_whole(s, COLUMN_trusted, v->trusted);
    put_text(s, COLUMN_chain, s2s_chain_status_word(v->chain));
    put_text(s, COLUMN_identity, s2s_identity_word(v->identity));
    put_text(s, COLUMN_eku, s2s_eku_word(v->eku));
    put_whole(s, COLUMN_purpose_server, v->purpose_server);
    put_whole(s, COLUMN_purpose_client, v->purpose_client);
    put_whole(s, COLUMN_would_tolerant, v->would_tolerant);
    put_whole(s, COLUMN_would_strict, v->would_strict);
    put_text(s, COLUMN_revocation, s2s_revocation_word(v->revocation));
    put_whole(s, COLUMN_dialback, v->dialback);
    put_text(s, COLUMN_proof, s2s_proof_word(v->proof));
    put_text(s, COLUMN_dane, s2s_dane_word(v->dane));
    put_whole(s, COLUMN_expires, v->expires);
    put_text(s, COLUMN_reason, v->reason);
}

static bool put(store *s, const eku_record *r)
{
    put_text(s, COLUMN_remote, r->remote);
    put_text(s, COLUMN_direction, r->role == S2S_INITIATOR ? "out" : "in");
    put_text(s, COLUMN_local, r->local);
    put_text(s, COLUMN_mode, eku_mode_word(r->mode));
    put_whole(s, COLUMN_judged, r->judged);
    put_verdict(s, &r->verdict);
    put_text(s, COLUMN_mechanism, r->mechanism);
    put_whole(s, COLUMN_first_seen, r->first_seen);
    put_whole(s, COLUMN_last_seen, r->last_seen);
    put_whole(s, COLUMN_accepted, (int64_t)r->accepted);
    put_whole(s, COLUMN_refused, (int64_t)r->refused);
    put_whole(s, COLUMN_established, (int64_t)r->established);
    put_whole(s, COLUMN_failed, (int64_t)r->failed);
    put_whole(s, COLUMN_peer_refused, (int64_t)r->peer_refused);
    put_whole(s, COLUMN_failure_at, r->failure.at);
    put_text(s, COLUMN_failure_origin, s2s_origin_name(r->failure.origin));
    put_text(s, COLUMN_failure_condition, s2s_cond_name(r->failure.cond));
    put_text(s, COLUMN_failure_text, r->failure.text);
    put_text(s, COLUMN_failure_cause, r->failure.cause);
    bool ok = sqlite3_step(s->put) == SQLITE_DONE;
    (void)sqlite3_reset(s->put);
    return ok;
}

s2s_err store_save(store *s, const eku_record *records, size_t count, char why[S2S_TEXT_MAX])
{
    bool ok = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    for (size_t i = 0; i < count && ok; i++)
        ok = put(s, &records[i]);
    if (ok) {
        ok = sqlite3_step(s->trim) == SQLITE_DONE;
        (void)sqlite3_reset(s->trim);
    }
    ok = ok && sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    if (ok)
        return S2S_OK;
    s2s_err err = say(s, "", why);
    (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* fails if there is none open: fine */
    return err;
}
