/* SPDX-License-Identifier: MIT */
/* test_census.c: the census across restarts, when its file cannot be used, and as JSON. */
#include "census.h"
#include "store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "support/test_env.h"

static test_env t;
static uv_loop_t loop;
static char dir[] = "/tmp/s2sd-census-XXXXXX", file[64];
static census *c;
static config conf;

static void set_up(void)
{
    test_env_init(&t);
    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(file, sizeof file, "%s/census.db", dir);
    uv_loop_init(&loop);
}

static void tear_down(void)
{
    (void)unlink(file);
    char journal[80];
    (void)snprintf(journal, sizeof journal, "%s-journal", file);
    (void)unlink(journal);
    cr_expect_eq(rmdir(dir), 0, "a file is left");
    cr_expect_eq(uv_loop_close(&loop), 0);
    cr_expect_eq(t.live, 0u, "%zu blocks are left", t.live);
}

TestSuite(census, .init = set_up, .fini = tear_down);

static void begin(const char *path)
{
    cr_assert_eq(census_new(&t.env, &loop, path, &c), S2S_OK);
}

static void end(void)
{
    census_stop(c);
    uv_run(&loop, UV_RUN_DEFAULT);
    census_free(c);
}

static void note(const char *remote, s2s_role role, const s2s_verdict *v, const char *mechanism, const s2s_close *close,
                 const char *cause)
{
    s2s_stream_info info = {.size = sizeof info, .id = "o1", .role = role, .local = S2S_STR("a.example"),
                            .remote = s2s_str_of(remote), .state = "", .address = "", .tls_version = "", .cipher = "",
                            .mechanism = mechanism, .verdict = v, .cause = cause};
    census_note(c, &conf, &info, close);
}

static s2s_verdict server_only(void)
{
    s2s_verdict v;
    s2s_verdict_init(&v);
    v.trusted = v.would_tolerant = v.purpose_server = true;
    v.chain = S2S_CHAIN_VALID;
    v.identity = S2S_IDENTITY_MATCH;
    v.eku = S2S_EKU_SERVER;
    v.proof = S2S_PROOF_DANE;
    v.dane = S2S_DANE_MATCH;
    v.expires = 2000000000;
    (void)snprintf(v.reason, sizeof v.reason, "good");
    return v;
}

static void note_both(void)
{
    s2s_verdict v = server_only();
    s2s_close refused = {.origin = S2S_ORIGIN_PEER, .cond = S2S_COND_NOT_AUTHORIZED, .sasl_refused = true,
                         .text = "unsupported certificate purpose"};
    note("p.example", S2S_ACCEPTOR, &v, "external", NULL, "");
    note("p.example", S2S_INITIATOR, &v, "none", &refused, "it wants clientAuth");
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void expect_both(void)
{
    json_t *all = census_json(c), *list = json_object_get(all, "remotes"), *sum = json_object_get(all, "summary");
    cr_assert_eq(json_array_size(list), 2u);
    const json_t *out = json_array_get(list, 0), *in = json_array_get(list, 1);
    cr_expect_str_eq(text(in, "direction"), "in");
    cr_expect_str_eq(text(in, "eku"), "server");
    cr_expect_str_eq(text(in, "chain"), "valid");
    cr_expect_str_eq(text(in, "identity"), "match");
    cr_expect_str_eq(text(in, "proof"), "dane");
    cr_expect_str_eq(text(in, "dane"), "match");
    cr_expect_str_eq(text(in, "mechanism"), "external");
    cr_expect_str_eq(text(in, "mode"), "tolerant");
    cr_expect_str_eq(text(json_object_get(in, "would"), "strict"), "refuse");
    cr_expect_str_eq(text(json_object_get(in, "would"), "tolerant"), "accept");
    cr_expect(json_is_true(json_object_get(json_object_get(in, "purpose"), "server")));
    cr_expect(json_is_false(json_object_get(json_object_get(in, "purpose"), "client")));
    cr_expect(json_is_true(json_object_get(in, "trusted")));
    cr_expect(json_is_true(json_object_get(in, "cut_off")));
    cr_expect_eq(number(in, "expires"), 2000000000);
    cr_expect_eq(number(in, "established"), 1);
    cr_expect(json_is_null(json_object_get(in, "failure")));
    cr_expect_str_eq(text(out, "direction"), "out");
    cr_expect_eq(number(out, "peer_refused"), 1);
    cr_expect_str_eq(text(json_object_get(out, "failure"), "cause"), "it wants clientAuth");
    cr_expect_str_eq(text(json_object_get(out, "failure"), "text"), "unsupported certificate purpose");
    cr_expect_str_eq(text(json_object_get(out, "failure"), "condition"), "not-authorized");
    cr_expect_str_eq(text(json_object_get(out, "failure"), "origin"), "peer");
    cr_expect_eq(number(sum, "remotes"), 1);
    cr_expect_eq(number(json_object_get(sum, "cut_off"), "strict"), 1);
    cr_expect_eq(number(json_object_get(sum, "cut_off"), "tolerant"), 0);
    cr_expect_eq(number(json_object_get(sum, "eku"), "server"), 1);
    json_decref(all);
}

Test(census, outlives_the_node)
{
    begin(file);
    cr_expect_str_eq(census_file(c), file);
    note_both();
    expect_both();
    end();
    begin(file);
    expect_both();
    note_both();
    json_t *all = census_json(c);
    cr_expect_eq(number(json_array_get(json_object_get(all, "remotes"), 1), "established"), 2, "counts go on");
    json_decref(all);
    end();
}

static void on_wake(uv_timer_t *timer)
{
    (void)timer;
}

Test(census, is_written_while_the_node_runs)
{
    struct stat st;
    begin(file);
    note_both();
    cr_assert_eq(stat(file, &st), 0);
    uv_timer_t wake; /* the census alone does not keep a loop running */
    uv_timer_init(&loop, &wake);
    uv_timer_start(&wake, on_wake, 100, 100);
    store *other = NULL;
    for (struct stat now = st; now.st_mtim.tv_sec == st.st_mtim.tv_sec && now.st_mtim.tv_nsec == st.st_mtim.tv_nsec;) {
        uv_run(&loop, UV_RUN_ONCE);
        cr_assert_eq(stat(file, &now), 0);
    }
    char why[S2S_TEXT_MAX] = "";
    cr_expect_eq(store_open(file, &other, why), S2S_E_IO, "it is ours alone");
    cr_expect_not_null(strstr(why, "in use"), "%s", why);
    uv_close((uv_handle_t *)&wake, NULL);
    end();
    begin(file);
    expect_both();
    end();
}

Test(census, memory_serves_alone_where_the_file_cannot_be_used)
{
    FILE *f = fopen(file, "w");
    cr_assert_not_null(f);
    for (int i = 0; i < 1000; i++)
        (void)fputs("this is no database\n", f);
    cr_assert_eq(fclose(f), 0);
    begin(file);
    cr_expect_null(census_file(c));
    cr_expect_not_null(strstr(t.last_log, "memory only"), "%s", t.last_log);
    note_both();
    expect_both();
    end();
    char nowhere[80];
    (void)snprintf(nowhere, sizeof nowhere, "%s/no/census.db", dir);
    begin(nowhere);
    cr_expect_null(census_file(c));
    end();
}

static void make_other(const char *sql)
{
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

Test(census, another_database_and_a_newer_schema_are_left_alone)
{
    char why[S2S_TEXT_MAX] = "";
    store *s = NULL;
    make_other("CREATE TABLE mine(x)");
    cr_expect_eq(store_open(file, &s, why), S2S_E_INVAL);
    cr_expect_not_null(strstr(why, "no census"), "%s", why);
    (void)unlink(file);
    make_other("PRAGMA user_version=99");
    cr_expect_eq(store_open(file, &s, why), S2S_E_INVAL);
    cr_expect_not_null(strstr(why, "newer"), "%s", why);
}

/* As it was before proof and dane were kept. */
static const char FIRST_SCHEMA[] =
    "CREATE TABLE record(remote TEXT,direction TEXT,local TEXT,mode TEXT,judged INTEGER,trusted INTEGER,chain TEXT,identity TEXT,"
    "eku TEXT,purpose_server INTEGER,purpose_client INTEGER,would_tolerant INTEGER,would_strict INTEGER,revocation TEXT,"
    "dialback INTEGER,expires INTEGER,reason TEXT,mechanism TEXT,first_seen INTEGER,last_seen INTEGER,accepted INTEGER,"
    "refused INTEGER,established INTEGER,failed INTEGER,peer_refused INTEGER,failure_at INTEGER,failure_origin TEXT,"
    "failure_condition TEXT,failure_text TEXT,failure_cause TEXT,PRIMARY KEY(remote, direction)) WITHOUT ROWID;"
    "INSERT INTO record VALUES('old.example','in','a.example','tolerant',5,1,'valid','match','server',1,0,1,0,'good',0,2000000000,"
    "'good','external',5,6,7,0,8,0,0,0,'local','undefined-condition','','');"
    "PRAGMA application_id=1932686180; PRAGMA user_version=1";

Test(census, a_file_of_the_first_schema_is_taken_over)
{
    make_other(FIRST_SCHEMA);
    for (int round = 0; round < 2; round++) { /* the second time it is a file of today */
        begin(file);
        cr_expect_str_eq(census_file(c), file, "%s", t.last_log);
        json_t *all = census_json(c);
        const json_t *old = json_array_get(json_object_get(all, "remotes"), 0);
        cr_expect_str_eq(text(old, "remote"), "old.example");
        cr_expect_str_eq(text(old, "chain"), "valid");
        cr_expect_str_eq(text(old, "proof"), "none", "it was not kept");
        cr_expect_eq(number(old, "established"), 8);
        json_decref(all);
        end();
    }
    begin(file);
    note_both();
    end();
    begin(file);
    json_t *all = census_json(c), *list = json_object_get(all, "remotes");
    cr_expect_eq(json_array_size(list), 3u);
    json_decref(all);
    end();
}

/* A full disk: the file cannot grow. The census goes on in memory, and is saved when there is room again. */
Test(census, a_full_disk_is_told_once_and_survived)
{
    struct rlimit old, small;
    struct stat st;
    char why[S2S_TEXT_MAX] = "";
    store *s = NULL;
    eku_record rec = {.remote = "p.example", .local = "", .role = S2S_INITIATOR, .mechanism = "none"};
    cr_assert_eq(store_open(file, &s, why), S2S_OK, "%s", why);
    cr_assert_eq(stat(file, &st), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 1;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    s2s_err err = store_save(s, &rec, 1, why);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    cr_expect_eq(err, S2S_E_IO);
    cr_expect(*why);
    cr_expect_eq(store_save(s, &rec, 1, why), S2S_OK, "%s", why);
    store_close(s);
}

Test(census, keeps_the_latest_failures)
{
    s2s_close close = {.origin = S2S_ORIGIN_TRANSPORT, .text = "connection refused"};
    char name[32];
    begin(NULL);
    for (unsigned i = 0; i < CENSUS_FAILURES_MAX + 5; i++) {
        (void)snprintf(name, sizeof name, "p%u.example", i);
        note(name, S2S_INITIATOR, NULL, "none", &close, "");
    }
    json_t *list = census_failures_json(c);
    cr_expect_eq(json_array_size(list), CENSUS_FAILURES_MAX);
    cr_expect_str_eq(text(json_array_get(list, 0), "remote"), name, "the latest first");
    cr_expect_str_eq(text(json_array_get(list, 0), "text"), "connection refused");
    cr_expect(json_is_null(json_object_get(json_array_get(list, 0), "condition")));
    json_decref(list);
    end();
}
