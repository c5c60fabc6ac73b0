/* SPDX-License-Identifier: MIT */
/* chat_server.c: a chat server with rooms that federates, on libs2s and libuv. The tutorial in docs/embedding.md makes it.
 *
 *   chat_server DOMAIN CERT KEY CA S2S_ADDRESS CHAT_ADDRESS [MATCH=ADDRESS ...]
 *
 * People at this server connect with any line tool (nc) and type
 *     NICK name        who you are
 *     JOIN room        from then on each other line goes to that room
 *     MSG user@domain text
 * People elsewhere write to room@DOMAIN from their XMPP client: "/join" to come in, "/leave" to go, or a line for the room.
 * MATCH=ADDRESS is a static route ("peer.example=127.0.0.2:5269"), instead of the DNS. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mod_s2s_eku/eku.h>
#include <s2s/s2s.h>

enum { CLIENTS = 64, ROOMS = 16, MEMBERS = 64, NAME_MAX_LEN = 32, LINE_MAX_LEN = 1024, JID_MAX_LEN = 3072 };
enum { BACKLOG_MAX = 65536 /* bytes that one of our people has not read: then we hang up */ };

typedef struct client {
    uv_tcp_t tcp;
    struct server *server;
    bool used, closing;
    char nick[NAME_MAX_LEN], room[NAME_MAX_LEN];
    char line[LINE_MAX_LEN];
    size_t len;
} client;

typedef struct room {
    char name[NAME_MAX_LEN];
    char *remote[MEMBERS]; /* addresses of those who are elsewhere; NULL: free */
} room;

typedef struct server {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_signal_t ends[2]; /* SIGINT, SIGTERM */
    s2s_env env;
    eku_policy *policy;
    s2s_federation *federation;
    const char *domain;
    client clients[CLIENTS];
    room rooms[ROOMS];
    unsigned long next_id;
} server;

/* -- people here ---------------------------------------------------------------------------------------- */

static void on_client_closed(uv_handle_t *handle)
{
    client *c = handle->data;
    memset(c, 0, sizeof *c);
}

static void close_client(client *c)
{
    if (!c->used || c->closing)
        return;
    c->closing = true;
    uv_close((uv_handle_t *)&c->tcp, on_client_closed);
}

typedef struct line_write {
    uv_write_t req;
    char text[];
} line_write;

static void on_line_written(uv_write_t *req, int status)
{
    (void)status;
    free(req->data);
}

static void tell(client *c, const char *text)
{
    size_t len = strlen(text);
    if (!c->used || c->closing)
        return;
    line_write *w = malloc(sizeof *w + len + 1);
    if (!w || uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) > BACKLOG_MAX) {
        free(w);
        close_client(c);
        return;
    }
    for (size_t i = 0; i < len; i++)
        w->text[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i]; /* one line, and nothing for the terminal to act on */
    w->text[len] = '\n';
    w->req.data = w;
    uv_buf_t buf = uv_buf_init(w->text, (unsigned)len + 1);
    if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &buf, 1, on_line_written) < 0) {
        free(w);
        close_client(c);
    }
}

/* -- stanzas out ---------------------------------------------------------------------------------------- */

/* `from` is a local part, with or without a resource. False: it cannot be sent, as `from` or `to` is no address. What is taken is
 * delivered, or an error comes to deliver(). */
static bool send_text(server *s, const char *from, const char *to, const char *text)
{
    char address[JID_MAX_LEN], id[NAME_MAX_LEN], inner[LINE_MAX_LEN * 6 + 32];
    const char *slash = strchr(from, '/');
    int local = slash ? (int)(slash - from) : (int)strlen(from);
    (void)snprintf(address, sizeof address, "%.*s@%s%s", local, from, s->domain, slash ? slash : "");
    (void)snprintf(id, sizeof id, "%lu", ++s->next_id);
    memcpy(inner, "<body>", 6);
    size_t len = 6 + s2s_text_escape(s2s_str_of(text), inner + 6, LINE_MAX_LEN * 6);
    memcpy(inner + len, "</body>", 7);
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = s2s_str_of(address), .to = s2s_str_of(to), .id = s2s_str_of(id),
                     .type = S2S_STR("chat"), .attrs = S2S_STR(""), .inner = {inner, len + 7}};
    /* People have typed the addresses: one wrong octet in them would end the stream for everybody. */
    s2s_err err = s2s_stanza_check(&s->env, &st);
    if (err == S2S_OK)
        err = s2s_federation_send(s->federation, &st);
    return err == S2S_OK || err == S2S_E_AGAIN; /* AGAIN: taken; a busier server would stop reading its clients */
}

/* -- rooms ---------------------------------------------------------------------------------------------- */

static room *find_room(server *s, s2s_str name, bool make)
{
    room *free_one = NULL;
    for (size_t i = 0; i < ROOMS; i++) {
        if (s2s_str_eq(s2s_str_of(s->rooms[i].name), name))
            return &s->rooms[i];
        if (!free_one && !s->rooms[i].name[0])
            free_one = &s->rooms[i];
    }
    if (!make || !free_one || name.len == 0 || name.len >= NAME_MAX_LEN)
        return NULL;
    memcpy(free_one->name, name.ptr, name.len);
    return free_one;
}

/* A line by `who`; `not_to` (an address) said it. */
static void say(server *s, room *r, const char *who, const char *text, const char *not_to)
{
    char line[2 * LINE_MAX_LEN], from[2 * LINE_MAX_LEN];
    (void)snprintf(line, sizeof line, "[%s] %s: %s", r->name, who, text);
    (void)snprintf(from, sizeof from, "%s/%s", r->name, who);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (strcmp(s->clients[i].room, r->name) == 0)
            tell(&s->clients[i], line);
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        if (r->remote[i] && (!not_to || strcmp(r->remote[i], not_to) != 0))
            (void)send_text(s, from, r->remote[i], text);
    }
}

static void set_member(room *r, const char *jid, bool in)
{
    char **free_one = NULL;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (r->remote[i] && strcmp(r->remote[i], jid) == 0) {
            if (!in) {
                free(r->remote[i]);
                r->remote[i] = NULL;
            }
            return;
        }
        if (!r->remote[i] && !free_one)
            free_one = &r->remote[i];
    }
    if (in && free_one)
        *free_one = strdup(jid);
}

/* -- stanzas in ----------------------------------------------------------------------------------------- */

/* What asks for an answer gets one; an error never does, which s2s_stanza_bounce knows. */
static void send_error(server *s, const s2s_stanza *st, s2s_stanza_error error)
{
    char buf[S2S_BOUNCE_MAX];
    s2s_stanza answer;
    if (s2s_stanza_bounce(st, error, NULL, buf, sizeof buf, &answer))
        (void)s2s_federation_send(s->federation, &answer);
}

/* libs2s has checked that the sender's domain is the one that proved itself on the stream. */
static bool deliver(void *user, const s2s_stanza *st)
{
    server *s = user;
    s2s_jid to, from;
    char text[LINE_MAX_LEN], jid[JID_MAX_LEN], nick[LINE_MAX_LEN];
    if (s2s_jid_split(st->to, &to) != S2S_OK || s2s_jid_split(st->from, &from) != S2S_OK)
        return true;
    (void)snprintf(jid, sizeof jid, "%.*s@%.*s", S2S_FMT(from.local), S2S_FMT(from.domain));
    room *r = find_room(s, to.local, false);
    if (s2s_str_eq(st->type, S2S_STR("error"))) { /* what we sent came back: nobody is there any more */
        (void)fprintf(stderr, "%s cannot be reached\n", jid);
        if (r)
            set_member(r, jid, false);
        return true;
    }
    if (st->kind != S2S_MESSAGE || !r) {
        send_error(s, st, S2S_SE_SERVICE_UNAVAILABLE);
        return true;
    }
    s2s_err read = s2s_stanza_text(&s->env, st, "body", text, sizeof text);
    if (read != S2S_OK) { /* without a body it is a note on the side ("is typing"), which nobody has to answer */
        if (read != S2S_E_NOTFOUND)
            send_error(s, st, read == S2S_E_LIMIT ? S2S_SE_POLICY_VIOLATION : S2S_SE_RESOURCE_CONSTRAINT);
        return true;
    }
    (void)snprintf(nick, sizeof nick, "%.*s", S2S_FMT(from.local));
    if (strcmp(text, "/join") == 0) {
        set_member(r, jid, true);
        say(s, r, nick, "has joined", NULL);
    } else if (strcmp(text, "/leave") == 0) {
        set_member(r, jid, false);
        say(s, r, nick, "has left", NULL);
    } else if (text[0]) {
        say(s, r, nick, text, jid);
    }
    return true;
}

static void on_drained(void *user)
{
    (void)user;
}

static void on_stream(void *user, const s2s_stream_info *info, const s2s_close *end)
{
    (void)user;
    (void)printf("%s %.*s %s %.*s: %s%s%s\n", info->id, S2S_FMT(info->local), info->role == S2S_INITIATOR ? "->" : "<-",
                 S2S_FMT(info->remote), end ? "closed" : "established", end && end->text[0] ? ": " : "", end ? end->text : "");
}

static void on_stopped(void *user)
{
    server *s = user;
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&s->ends[i], NULL);
}

/* -- lines from people here ----------------------------------------------------------------------------- */

static void take_line(client *c, char *line)
{
    server *s = c->server;
    char *rest = strchr(line, ' ');
    rest = rest ? rest + 1 : line + strlen(line);
    if (strncmp(line, "NICK ", 5) == 0) {
        char jid[LINE_MAX_LEN + 2];
        s2s_jid parts;
        (void)snprintf(jid, sizeof jid, "%s@x", rest);
        if (strlen(rest) >= sizeof c->nick || s2s_jid_split(s2s_str_of(jid), &parts) != S2S_OK || !parts.local.ptr)
            tell(c, "that cannot be a name");
        else
            (void)snprintf(c->nick, sizeof c->nick, "%s", rest);
        return;
    }
    if (!c->nick[0]) {
        tell(c, "who are you? NICK name");
    } else if (strncmp(line, "JOIN ", 5) == 0) {
        room *r = find_room(s, s2s_str_of(rest), true);
        (void)snprintf(c->room, sizeof c->room, "%s", r ? r->name : "");
        if (r)
            say(s, r, c->nick, "has joined", NULL);
        else
            tell(c, "there is no room for that room");
    } else if (strncmp(line, "MSG ", 4) == 0 && strchr(rest, ' ')) {
        char *text = strchr(rest, ' ');
        *text = '\0';
        if (!send_text(s, c->nick, rest, text + 1))
            tell(c, "that is no address of somebody elsewhere");
    } else if (c->room[0]) {
        say(s, find_room(s, s2s_str_of(c->room), false), c->nick, line, NULL);
    } else {
        tell(c, "JOIN room, or MSG user@domain text");
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    client *c = handle->data;
    (void)suggested;
    *buf = uv_buf_init(c->line + c->len, (unsigned)(sizeof c->line - 1 - c->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    client *c = stream->data;
    (void)buf;
    if (n < 0) { /* also a line that is too long: no room to read it */
        close_client(c);
        return;
    }
    c->len += (size_t)n;
    for (char *end; (end = memchr(c->line, '\n', c->len)) != NULL;) {
        size_t used = (size_t)(end - c->line) + 1;
        *end = '\0';
        if (end > c->line && end[-1] == '\r')
            end[-1] = '\0';
        take_line(c, c->line);
        c->len -= used;
        memmove(c->line, c->line + used, c->len);
    }
}

static void on_turned_away(uv_handle_t *tcp)
{
    free(tcp);
}

/* libuv hears no further one until this one is accepted: also if there is no room, when it is closed again. */
static void turn_away(uv_stream_t *listener)
{
    uv_tcp_t *tcp = malloc(sizeof *tcp);
    if (!tcp || uv_tcp_init(listener->loop, tcp) < 0) {
        free(tcp);
        return;
    }
    (void)uv_accept(listener, (uv_stream_t *)tcp);
    uv_close((uv_handle_t *)tcp, on_turned_away);
}

static void on_connection(uv_stream_t *listener, int status)
{
    server *s = listener->data;
    if (status < 0)
        return;
    for (size_t i = 0; i < CLIENTS; i++) {
        client *c = &s->clients[i];
        if (c->used || uv_tcp_init(&s->loop, &c->tcp) < 0)
            continue;
        c->used = true;
        c->server = s;
        c->tcp.data = c;
        if (uv_accept(listener, (uv_stream_t *)&c->tcp) < 0 ||
            uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0)
            close_client(c);
        return;
    }
    turn_away(listener);
}

/* -- beginning and end ---------------------------------------------------------------------------------- */

static void on_log(void *user, s2s_level level, const char *message, const s2s_field *fields, size_t count)
{
    (void)user;
    (void)fprintf(stderr, "%s: %s", s2s_level_name(level), message);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(stderr, " %s=%.*s", fields[i].key, S2S_FMT(fields[i].value));
    (void)fputc('\n', stderr);
}

static void on_end(uv_signal_t *handle, int number)
{
    server *s = handle->data;
    (void)number;
    for (size_t i = 0; i < 2; i++)
        uv_signal_stop(&s->ends[i]); /* a second one ends the process at once */
    uv_close((uv_handle_t *)&s->listener, NULL);
    for (size_t i = 0; i < CLIENTS; i++)
        close_client(&s->clients[i]);
    s2s_federation_stop(s->federation);
}

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "chat_server: %s: %s\n", what, why);
    exit(1);
}

static void start_federation(server *s, char **argv)
{
    static const s2s_federation_ops OPS = {.abi = S2S_FEDERATION_ABI, .deliver = deliver, .drained = on_drained,
                                           .stream = on_stream, .stopped = on_stopped};
    const char *ca_file = argv[4];
    char why[S2S_TEXT_MAX] = "";
    eku_options trust;
    eku_options_init(&trust, &s->env);
    trust.system_trust = false;
    trust.ca_files = &ca_file;
    trust.ca_files_len = 1;
    if (eku_policy_new(&trust, &s->policy, why) != S2S_OK)
        give_up("trust", why);
    s2s_policy policy = eku_policy_interface(s->policy);
    s2s_federation_options o;
    s2s_federation_options_init(&o);
    o.loop = &s->loop;
    o.env = &s->env;
    o.policy = &policy;
    o.ops = &OPS;
    o.user = s;
    if (s2s_federation_new(&o, &s->federation, why) != S2S_OK)
        give_up("federation", why);
    if (s2s_federation_add_domain(s->federation, s2s_str_of(s->domain), argv[2], argv[3], why) != S2S_OK)
        give_up("domain", why);
    for (char **route = argv + 7; *route; route++) {
        char *address = strchr(*route, '=');
        if (!address)
            give_up(*route, "not MATCH=ADDRESS");
        *address++ = '\0';
        if (s2s_federation_route(s->federation, *route, address, S2S_TLS_STARTTLS, why) != S2S_OK)
            give_up("route", why);
    }
    if (s2s_federation_listen(s->federation, argv[5], S2S_TLS_STARTTLS, NULL, why) != S2S_OK)
        give_up("listen", why);
}

static void start_chat(server *s, const char *address)
{
    char host[64];
    struct sockaddr_in at;
    const char *colon = strrchr(address, ':');
    (void)snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - address) : 0, address);
    (void)uv_tcp_init(&s->loop, &s->listener);
    s->listener.data = s;
    if (!colon || uv_ip4_addr(host, (int)strtol(colon + 1, NULL, 10), &at) < 0 ||
        uv_tcp_bind(&s->listener, (const struct sockaddr *)&at, 0) < 0 ||
        uv_listen((uv_stream_t *)&s->listener, CLIENTS, on_connection) < 0)
        give_up(address, "cannot listen there");
}

int main(int argc, char **argv)
{
    static const s2s_env_ops ENV_OPS = {.abi = S2S_ENV_ABI, .resize = s2s_system_resize, .random = s2s_system_random,
                                        .sha256 = s2s_system_sha256, .log = on_log};
    if (argc < 7) {
        (void)fprintf(stderr, "usage: chat_server DOMAIN CERT KEY CA S2S_ADDRESS CHAT_ADDRESS [MATCH=ADDRESS ...]\n");
        return 2;
    }
    server *s = calloc(1, sizeof *s);
    if (!s)
        return 1;
    s->domain = argv[1];
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGPIPE, SIG_IGN); /* a peer may reset the connection that we write to */
    s2s_env_init(&s->env, &ENV_OPS, NULL);
    (void)uv_loop_init(&s->loop);
    for (size_t i = 0; i < 2; i++) {
        (void)uv_signal_init(&s->loop, &s->ends[i]);
        s->ends[i].data = s;
        (void)uv_signal_start(&s->ends[i], on_end, i == 0 ? SIGINT : SIGTERM);
    }
    start_federation(s, argv);
    start_chat(s, argv[6]);
    (void)puts("ready");
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    s2s_federation_free(s->federation);
    eku_policy_free(s->policy);
    for (size_t i = 0; i < ROOMS * MEMBERS; i++)
        free(s->rooms[i / MEMBERS].remote[i % MEMBERS]);
    int status = uv_loop_close(&s->loop) == 0 ? 0 : 1;
    free(s);
    return status;
}
