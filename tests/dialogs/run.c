/* SPDX-License-Identifier: MIT */
/* run.c: plays a scripted negotiation against a session, over memory, in chunks of 1, 2, 3, 7 bytes and whole, and again
 * with each allocation failing in turn. The script's language is in tests/dialogs/README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s2s/addr.h"
#include "s2s/session.h"
#include "support/test_env.h"

enum { TEXT_MAX = 1 << 20, LINE_MAX_LEN = 1 << 16, SAMPLED = 7 };

typedef struct text {
    char *at;
    size_t len;
} text;

typedef struct play {
    const char *file;
    int line;
    size_t chunk;      /* bytes fed at once; 0: whole */
    bool lenient;      /* memory fails: only the absence of faults counts */
    bool broken;       /* memory has failed: the rest of the script makes no sense */
    test_env env;
    s2s_session *s;
    s2s_session_options options;
    char local[S2S_DOMAIN_MAX], remote[S2S_DOMAIN_MAX];
    char verify_id[64], verify_key[S2S_DIALBACK_KEY_LEN + 1];
    s2s_dialback_secret secret; /* of "correct-horse" */
    bool may_dialback;          /* what verdicts say */
    bool bidi, dialback_first;
    s2s_time now;
    text out, events;  /* not yet compared; events end in '\n' */
    bool any_output;
    size_t taken, wrote; /* messages of ours */
} play;

static void add(text *t, const char *bytes, size_t len)
{
    if (t->len + len >= TEXT_MAX)
        abort();
    memcpy(t->at + t->len, bytes, len);
    t->len += len;
    t->at[t->len] = '\0';
}

static void add_str(text *t, const char *cstr)
{
    add(t, cstr, strlen(cstr));
}

static void take_output(play *p)
{
    const uint8_t *bytes;
    size_t len;
    while ((len = s2s_session_output(p->s, &bytes)) > 0) {
        char *new = p->out.at + p->out.len;
        add(&p->out, (const char *)bytes, len);
        for (; (new = strstr(new, "<message from='")) != NULL; new++)
            p->wrote++;
        s2s_session_sent(p->s, p->now, len);
    }
}

static void add_stanza(play *p, const s2s_stanza *st)
{
    size_t need = s2s_stanza_write(st, NULL, 0);
    char *buf = malloc(need);
    if (!buf)
        abort();
    (void)s2s_stanza_write(st, buf, need);
    add(&p->events, buf, need);
    free(buf);
}

static const char *outcome_word(const s2s_event *e)
{
    switch (e->outcome) {
    case S2S_DIALBACK_VALID: return "valid";
    case S2S_DIALBACK_INVALID: return "invalid";
    case S2S_DIALBACK_ERROR: return s2s_stanza_error_name(e->error);
    }
    return "";
}

static void add_event(play *p, const s2s_event *e)
{
    char line[3 * S2S_DOMAIN_MAX + S2S_TEXT_MAX];
    line[0] = '\0';
    switch (e->type) {
    case S2S_EV_NONE: return;
    case S2S_EV_OPEN:
        (void)snprintf(line, sizeof line, "open to=%.*s from=%.*s", S2S_FMT(e->local), S2S_FMT(e->remote));
        break;
    case S2S_EV_START_TLS: (void)snprintf(line, sizeof line, "start-tls"); break;
    case S2S_EV_VERIFY: (void)snprintf(line, sizeof line, "verify %.*s", S2S_FMT(e->remote)); break;
    case S2S_EV_ESTABLISHED:
        (void)snprintf(line, sizeof line, "established %.*s %.*s%s%s", S2S_FMT(e->local), S2S_FMT(e->remote),
                       strcmp(s2s_session_mechanism(p->s), "dialback") == 0 ? " dialback" : "",
                       s2s_session_is_bidi(p->s) ? " bidi" : "");
        break;
    case S2S_EV_PAIR:
        (void)snprintf(line, sizeof line, "pair %.*s %.*s", S2S_FMT(e->local), S2S_FMT(e->remote));
        break;
    case S2S_EV_DIALBACK_RESULT:
        (void)snprintf(line, sizeof line, "dialback-result %.*s %.*s %.*s", S2S_FMT(e->local), S2S_FMT(e->remote),
                       S2S_FMT(e->key));
        break;
    case S2S_EV_DIALBACK_VERIFY:
        (void)snprintf(line, sizeof line, "dialback-verify %.*s %.*s %.*s %.*s", S2S_FMT(e->local),
                       S2S_FMT(e->remote), S2S_FMT(e->id), S2S_FMT(e->key));
        break;
    case S2S_EV_DIALBACK_ANSWER:
        (void)snprintf(line, sizeof line, "dialback-answer %s", outcome_word(e));
        break;
    case S2S_EV_STANZA:
        add_str(&p->events, "stanza ");
        add_stanza(p, e->stanza);
        break;
    case S2S_EV_REJECTED:
        (void)snprintf(line, sizeof line, "rejected %s ", s2s_stanza_error_name(e->error));
        add_str(&p->events, line);
        line[0] = '\0';
        add_stanza(p, e->stanza);
        break;
    case S2S_EV_ACKED: (void)snprintf(line, sizeof line, "acked %zu", e->acked); break;
    case S2S_EV_CLOSED:
        (void)snprintf(line, sizeof line, "closed %s %s %s%s| %s", s2s_origin_name(e->close->origin),
                       e->close->cond ? s2s_cond_name(e->close->cond) : "none",
                       e->close->try_dialback ? "try-dialback " : "", e->graceful ? "graceful " : "", e->close->text);
        break;
    }
    add_str(&p->events, line);
    add_str(&p->events, "\n");
}

static void pull(play *p)
{
    s2s_event e;
    while (s2s_session_next_event(p->s, &e) != S2S_EV_NONE)
        add_event(p, &e);
    take_output(p);
}

static void feed(play *p, const char *bytes, size_t len)
{
    size_t step = p->chunk ? p->chunk : len;
    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        n = n < S2S_FEED_MAX ? n : S2S_FEED_MAX;
        s2s_err err = s2s_session_feed(p->s, p->now, (s2s_bytes){(const uint8_t *)bytes + at, n});
        if (err == S2S_E_STATE) /* a driver would hand these to TLS, which chokes on them */
            s2s_session_lost(p->s, p->now, "not TLS");
        pull(p);
        if (n < step)
            step = n ? n : 1;
    }
}

static bool complain(const play *p, const char *what, const char *want, const char *got)
{
    if (p->lenient)
        return false;
    fprintf(stderr, "%s:%d (chunks of %zu): %s\n  want: %s\n  got:  %s\n", p->file, p->line, p->chunk,
            what, want, got);
    return false;
}

/* "{id}" stands for a stream id, "{*}" for anything up to what follows it. */
static bool matches(const char *want, const char *got)
{
    while (*want) {
        if (strncmp(want, "{id}", 4) == 0) {
            size_t n = strspn(got, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
            if (n != 24)
                return false;
            want += 4;
            got += n;
        } else if (strncmp(want, "{*}", 3) == 0) {
            want += 3;
            for (; *got; got++) {
                if (matches(want, got))
                    return true;
            }
            return *want == '\0';
        } else if (*want++ != *got++) {
            return false;
        }
    }
    return *got == '\0';
}

static bool expect_output(play *p, const char *want)
{
    bool same = matches(want, p->out.at);
    if (!same)
        (void)complain(p, "output differs", want, p->out.at);
    p->out.len = 0;
    p->out.at[0] = '\0';
    return same;
}

static bool expect_event(play *p, const char *want)
{
    char *end = strchr(p->events.at, '\n');
    if (!end)
        return complain(p, "no event", want, "");
    *end = '\0';
    bool same = matches(want, p->events.at);
    if (!same)
        (void)complain(p, "event differs", want, p->events.at);
    p->events.len -= (size_t)(end + 1 - p->events.at);
    memmove(p->events.at, end + 1, p->events.len + 1);
    return same;
}

/* \n \r \t \\ \xHH, and {N*text}: text N times. */
static size_t unescape(const char *in, char *out, size_t room)
{
    size_t n = 0;
    while (*in && n + 1 < room) {
        unsigned long times = 0;
        char *end = NULL;
        if (in[0] == '{' && (times = strtoul(in + 1, &end, 10)) > 0 && *end == '*' && strchr(end, '}')) {
            size_t len = (size_t)(strchr(end, '}') - end - 1);
            for (; times > 0 && n + len < room; times--, n += len)
                memcpy(out + n, end + 1, len);
            in = end + 2 + len;
        } else if (in[0] == '\\' && in[1] == 'x') {
            char hex[3] = {in[2], in[3], '\0'};
            out[n++] = (char)strtoul(hex, NULL, 16);
            in += 4;
        } else if (in[0] == '\\' && in[1]) {
            out[n++] = in[1] == 'n' ? '\n' : in[1] == 'r' ? '\r' : in[1] == 't' ? '\t' : in[1];
            in += 2;
        } else {
            out[n++] = *in++;
        }
    }
    return n;
}

static s2s_cond cond_named(const char *name, size_t len)
{
    for (s2s_cond c = S2S_COND_NONE; c <= S2S_COND_UNSUPPORTED_VERSION; c++) {
        if (strlen(s2s_cond_name(c)) == len && memcmp(s2s_cond_name(c), name, len) == 0)
            return c;
    }
    return S2S_COND_NONE;
}

static bool start(play *p)
{
    p->options.local = p->local[0] ? s2s_str_of(p->local) : S2S_STR_ABSENT;
    p->options.remote = p->remote[0] ? s2s_str_of(p->remote) : S2S_STR_ABSENT;
    p->options.secret = p->may_dialback ? &p->secret : NULL;
    p->options.bidi = p->bidi;
    p->options.dialback_first = p->dialback_first;
    if (p->verify_id[0]) {
        p->options.verify_id = s2s_str_of(p->verify_id);
        p->options.verify_key = s2s_str_of(p->verify_key);
    }
    if (s2s_session_new(&p->env.env, &p->options, p->now, &p->s) != S2S_OK) {
        p->broken = true;
        return complain(p, "no session", "", "");
    }
    pull(p);
    return true;
}

static void set_limit(play *p, const char *arg)
{
    char *end = NULL;
#define S2S_X(field, value, least, most, unit, words)                                              \
    if (strncmp(arg, #field " ", sizeof #field) == 0)                                              \
        p->env.env.limits.field = (uint32_t)strtoul(arg + sizeof #field, &end, 10);
    S2S_LIMITS(S2S_X)
#undef S2S_X
    if (!end)
        abort();
}

static void allow_dialback(play *p)
{
    static const char SECRET[] = "correct-horse";
    if (s2s_dialback_secret_make(&p->env.env, (s2s_bytes){(const uint8_t *)SECRET, sizeof SECRET - 1}, &p->secret) !=
        S2S_OK)
        abort();
    p->may_dialback = true;
}

static void set_question(play *p, const char *arg)
{
    size_t n = strcspn(arg, " ");
    (void)snprintf(p->verify_id, sizeof p->verify_id, "%.*s", (int)n, arg);
    (void)snprintf(p->verify_key, sizeof p->verify_key, "%s", arg + n + (arg[n] == ' '));
}

static bool set_up(play *p, const char *word, const char *arg)
{
    if (strcmp(word, "acceptor") == 0)
        s2s_session_options_init(&p->options, S2S_ACCEPTOR);
    else if (strcmp(word, "initiator") == 0)
        s2s_session_options_init(&p->options, S2S_INITIATOR);
    else if (strcmp(word, "local") == 0)
        (void)snprintf(p->local, sizeof p->local, "%s", arg);
    else if (strcmp(word, "remote") == 0)
        (void)snprintf(p->remote, sizeof p->remote, "%s", arg);
    else if (strcmp(word, "limit") == 0)
        set_limit(p, arg);
    else if (strcmp(word, "direct-tls") == 0)
        p->options.direct_tls = true;
    else if (strcmp(word, "bidi") == 0)
        p->bidi = true;
    else if (strcmp(word, "dialback-allowed") == 0)
        allow_dialback(p);
    else if (strcmp(word, "dialback-first") == 0)
        p->dialback_first = true;
    else if (strcmp(word, "verify") == 0)
        set_question(p, arg);
    else if (strcmp(word, "start") == 0)
        return start(p);
    else if (strcmp(word, "any-output") == 0)
        p->any_output = true;
    else
        return false;
    return true;
}

static void send_message(play *p, const char *arg)
{
    s2s_stanza st = {.kind = S2S_MESSAGE,
                     .from = p->options.role == S2S_INITIATOR ? S2S_STR("u@a.example") : S2S_STR("v@b.example"),
                     .to = p->options.role == S2S_INITIATOR ? S2S_STR("v@b.example") : S2S_STR("u@a.example"),
                     .inner = s2s_str_of(arg)};
    s2s_err err = s2s_session_send(p->s, &st);
    p->taken += err == S2S_OK;
    if (err != S2S_OK) {
        add_str(&p->events, s2s_strerror(err));
        add_str(&p->events, "\n");
    }
}

static s2s_stanza_error error_named(s2s_str name)
{
    for (s2s_stanza_error e = S2S_SE_BAD_REQUEST; e <= S2S_SE_UNDEFINED_CONDITION; e++) {
        if (s2s_str_eq(name, s2s_str_of(s2s_stanza_error_name(e))))
            return e;
    }
    return S2S_SE_UNDEFINED_CONDITION;
}

/* "LOCAL REMOTE [ID] OUTCOME": the caller's word on dialback. */
static s2s_err answer_dialback(play *p, const char *arg, bool question)
{
    s2s_str word[4] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}};
    for (size_t i = 0; i < 4 && *arg; i++) {
        word[i] = (s2s_str){arg, strcspn(arg, " ")};
        arg += word[i].len + (arg[word[i].len] == ' ');
    }
    s2s_str said = question ? word[3] : word[2];
    s2s_dialback_outcome outcome = s2s_str_eq(said, S2S_STR("valid"))     ? S2S_DIALBACK_VALID
                                   : s2s_str_eq(said, S2S_STR("invalid")) ? S2S_DIALBACK_INVALID
                                                                          : S2S_DIALBACK_ERROR;
    s2s_stanza_error error = error_named(said);
    return question ? s2s_session_dialback_verified(p->s, p->now, word[0], word[1], word[2], outcome, error)
                    : s2s_session_dialback(p->s, p->now, word[0], word[1], outcome, error);
}

static void take_back(play *p)
{
    const s2s_stanza *st;
    while ((st = s2s_session_unacknowledged(p->s)) != NULL) {
        add_str(&p->events, "unacknowledged ");
        add_stanza(p, st);
        add_str(&p->events, "\n");
    }
}

static bool act(play *p, const char *word, const char *arg)
{
    s2s_verdict v;
    s2s_err err = S2S_OK;
    size_t cond_len = strcspn(arg, " ");
    const char *rest = arg[cond_len] ? arg + cond_len + 1 : NULL;
    s2s_verdict_init(&v);
    if (strcmp(word, "caps") == 0) {
        err = s2s_session_caps(p->s, (s2s_str){arg, cond_len}, s2s_str_of(rest));
    } else if (strcmp(word, "accept") == 0) {
        err = s2s_session_accept(p->s, p->now);
    } else if (strcmp(word, "refuse") == 0) {
        err = s2s_session_refuse(p->s, p->now, cond_named(arg, cond_len), rest);
    } else if (strcmp(word, "tls-up") == 0) {
        err = s2s_session_tls_up(p->s, p->now);
    } else if (strcmp(word, "trusted") == 0 || strcmp(word, "distrusted") == 0) {
        v.trusted = word[0] == 't';
        v.dialback = p->may_dialback;
        (void)snprintf(v.tell, sizeof v.tell, "%s", arg);
        err = s2s_session_verdict(p->s, p->now, &v);
    } else if (strcmp(word, "dialback") == 0 || strcmp(word, "verified") == 0) {
        err = answer_dialback(p, arg, word[0] == 'v');
    } else if (strcmp(word, "message") == 0) {
        send_message(p, arg);
    } else if (strcmp(word, "close") == 0) {
        s2s_session_close(p->s, p->now, cond_named(arg, cond_len), rest);
    } else if (strcmp(word, "unsafe") == 0) {
        s2s_session_unsafe(p->s, (uint32_t)strtoul(arg, NULL, 10));
    } else if (strcmp(word, "hold") == 0 || strcmp(word, "release") == 0) {
        s2s_session_hold(p->s, p->now, word[0] == 'h');
    } else if (strcmp(word, "unacknowledged") == 0) {
        take_back(p);
    } else if (strcmp(word, "lost") == 0) {
        s2s_session_lost(p->s, p->now, arg);
    } else if (strcmp(word, "wait") == 0) {
        p->now += strtoul(arg, NULL, 10);
        s2s_session_tick(p->s, p->now);
    } else {
        return complain(p, "unknown word", "", word);
    }
    if (err != S2S_OK)
        return complain(p, "answer refused", "success", s2s_strerror(err));
    pull(p);
    return true;
}

static bool run_line(play *p, const char *line)
{
    char *bytes = malloc(TEXT_MAX);
    bool ok = true;
    if (!bytes)
        abort();
    if (line[0] == '>') {
        size_t len = unescape(line + 2, bytes, TEXT_MAX);
        feed(p, bytes, len);
    } else if (line[0] == '<') {
        bytes[unescape(line + 2, bytes, TEXT_MAX)] = '\0';
        ok = expect_output(p, bytes);
    } else if (line[0] == '!') {
        ok = expect_event(p, line + 2);
    } else if (line[0] != '#' && line[0] != '\0') {
        char word[32];
        size_t n = strcspn(line, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)n, line);
        const char *arg = line[n] ? line + n + 1 : "";
        ok = set_up(p, word, arg) || (p->s && act(p, word, arg));
    }
    free(bytes);
    return ok;
}

static void begin(play *p, const char *file, size_t chunk)
{
    memset(p, 0, sizeof *p);
    p->file = file;
    p->chunk = chunk;
    p->now = 1000;
    p->out.at = calloc(1, TEXT_MAX);
    p->events.at = calloc(1, TEXT_MAX);
    if (!p->out.at || !p->events.at)
        abort();
    test_env_init(&p->env);
    p->env.env.level = S2S_LOG_ERROR;
}

static bool end(play *p, bool ok)
{
    if (ok && p->out.len && !p->any_output)
        ok = complain(p, "output left", "", p->out.at);
    if (ok && p->events.len)
        ok = complain(p, "events left", "", p->events.at);
    s2s_session_free(p->s);
    free(p->out.at);
    free(p->events.at);
    if (p->env.live != 0) {
        fprintf(stderr, "%s: %zu blocks leaked\n", p->file, p->env.live);
        ok = false;
    }
    return ok;
}

static bool run_script(play *p, FILE *f);

/* "include NAME": a beginning that several dialogs share. */
static bool run_include(play *p, const char *name)
{
    char path[4096];
    const char *slash = strrchr(p->file, '/');
    (void)snprintf(path, sizeof path, "%.*s%s", slash ? (int)(slash + 1 - p->file) : 0, p->file, name);
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        return false;
    }
    int line = p->line;
    bool ok = run_script(p, f);
    p->line = line;
    (void)fclose(f);
    return ok;
}

/* Consecutive lines of output are one expectation: joined here. */
static bool run_script(play *p, FILE *f)
{
    char *line = malloc(LINE_MAX_LEN), *joined = malloc(LINE_MAX_LEN);
    bool ok = line && joined;
    if (joined)
        joined[0] = '\0';
    rewind(f);
    while (ok && fgets(line, LINE_MAX_LEN, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (joined[0] && line[0] != '<') {
            ok = run_line(p, joined);
            joined[0] = '\0';
        }
        p->line++;
        if (line[0] == '<') {
            size_t n = strlen(joined);
            (void)snprintf(joined + n, LINE_MAX_LEN - n, "%s", n ? line + 2 : line);
        } else if (ok) {
            ok = strncmp(line, "include ", 8) == 0 ? run_include(p, line + 8) : run_line(p, line);
        }
        ok = ok || (p->lenient && !p->broken);
    }
    if (ok && joined[0])
        ok = run_line(p, joined);
    free(line);
    free(joined);
    return ok;
}

static bool run(const char *file, FILE *f, size_t chunk)
{
    play p;
    begin(&p, file, chunk);
    return end(&p, run_script(&p, f));
}

/* What was taken to be sent has been written: a stanza that memory ran out for is refused, not lost. */
static bool kept_word(const play *p)
{
    if (p->wrote >= p->taken)
        return true;
    fprintf(stderr, "%s: %zu stanzas were taken, %zu written\n", p->file, p->taken, p->wrote);
    return false;
}

/* The n-th allocation, alone (with S2S_STARVE=all; else every seventh) or with all after it, fails: nothing may leak or crash, nothing that was taken is
 * lost. */
static bool run_starved(const char *file, FILE *f, bool once)
{
    const char *all = getenv("S2S_STARVE");
    long step = once && !(all && strcmp(all, "all") == 0) ? SAMPLED : 1;
    for (long n = 0;; n += step) {
        play p;
        begin(&p, file, 0);
        p.lenient = true;
        p.env.fail_after = n;
        p.env.fail_once = once;
        (void)run_script(&p, f);
        bool reached = p.env.failed;
        if (!kept_word(&p)) {
            (void)end(&p, false);
            return false;
        }
        p.out.len = p.events.len = 0;
        if (!end(&p, true))
            return false;
        if (!reached)
            return true;
    }
}

int main(int argc, char **argv)
{
    static const size_t CHUNKS[] = {1, 2, 3, 7, 0};
    bool ok = argc > 1;
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "r");
        if (!f) {
            perror(argv[i]);
            return 1;
        }
        for (size_t k = 0; k < sizeof CHUNKS / sizeof *CHUNKS; k++)
            ok = run(argv[i], f, CHUNKS[k]) && ok;
        ok = run_starved(argv[i], f, false) && run_starved(argv[i], f, true) && ok;
        (void)fclose(f);
    }
    return ok ? 0 : 1;
}
