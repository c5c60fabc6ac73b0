/* SPDX-License-Identifier: MIT */
/* dns.c: two rounds of questions: the SRV records, then addresses and TLSA of what they name. */
#include "probe/dns.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "transport/address.h"

enum { ASKS_MAX = DNS_SERVICES + 3 * DNS_HOSTS_MAX, V4_LEN = 4, V6_LEN = 16, TLSA_HEAD = 3, NAME_ROOM = 300 };

static const char *const SERVICES[DNS_SERVICES] = {"xmpp-server", "xmpps-server"};

/* One question that waits; `done` takes its answer. */
typedef struct question {
    dns_lookup *lookup;
    s2s__ask *ask; /* NULL: answered */
    void (*take)(dns_lookup *d, size_t index, int type, const s2s__answer *answer);
    size_t index;
    int type;
} question;

struct dns_lookup {
    const probe_context *context;
    s2s__resolver *resolver; /* of its own: see dns_start() */
    void (*done)(void *arg);
    void *arg;
    uv_timer_t *timer; /* where nothing needs to be asked, the answer comes from the loop all the same */
    char domain[S2S_ASCII_DOMAIN_MAX + 1];
    uint16_t port; /* of the domain itself, where no SRV record names another */
    bool from_srv, is_ip, only_hosts;
    dns_service services[DNS_SERVICES];
    dns_host hosts[DNS_HOSTS_MAX];
    size_t hosts_len;
    dns_tlsa tlsa[DNS_HOSTS_MAX];
    size_t tlsa_len;
    question questions[ASKS_MAX];
    size_t questions_len, waiting;
    bool asking_hosts;
    s2s__resolved status;
    char problem[S2S_TEXT_MAX];
};

static s2s_dnssec checked(const dns_lookup *d, s2s_dnssec said)
{
    return d->context->options->anchors_len == 0 ? S2S_DNSSEC_UNCHECKED : said;
}

/* -- asking -------------------------------------------------------------------------------------------- */

static void round_is_over(dns_lookup *d);

static void on_answer(void *arg, const s2s__answer *answer)
{
    question *q = arg;
    dns_lookup *d = q->lookup;
    q->ask = NULL;
    d->waiting--;
    q->take(d, q->index, q->type, answer);
    if (d->waiting == 0)
        round_is_over(d);
}

static void ask(dns_lookup *d, const char *name, int type, size_t index,
                void (*take)(dns_lookup *d, size_t index, int type, const s2s__answer *answer))
{
    s2s__answer failed = {.status = S2S__RESOLVED_FAILED, .text = "the question could not be asked"};
    question *q = &d->questions[d->questions_len++];
    *q = (question){.lookup = d, .take = take, .index = index, .type = type};
    if (s2s__ask_start(d->resolver, name, type, on_answer, q, &q->ask) == S2S_OK)
        d->waiting++;
    else
        take(d, index, type, &failed);
}

static void on_timer_closed(uv_handle_t *handle)
{
    s2s__free(handle->data, handle);
}

static void close_timer(dns_lookup *d)
{
    if (!d->timer)
        return;
    d->timer->data = (void *)(uintptr_t)d->context->env;
    uv_close((uv_handle_t *)d->timer, on_timer_closed);
    d->timer = NULL;
}

static void on_timer(uv_timer_t *timer)
{
    dns_lookup *d = timer->data;
    close_timer(d);
    round_is_over(d);
}

/* -- round 2 ------------------------------------------------------------------------------------------- */

static void add_address(dns_host *h, int type, s2s_bytes data)
{
    struct sockaddr_storage *to = &h->addresses[h->len];
    if (h->len == DNS_ADDRESSES_MAX)
        return;
    *to = (struct sockaddr_storage){0};
    if (type == S2S__RR_AAAA && data.len == V6_LEN) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
        v6->sin6_family = AF_INET6;
        memcpy(&v6->sin6_addr, data.ptr, V6_LEN);
    } else if (type == S2S__RR_A && data.len == V4_LEN) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)to;
        v4->sin_family = AF_INET;
        memcpy(&v4->sin_addr, data.ptr, V4_LEN);
    } else {
        return; /* malformed: no address */
    }
    h->len++;
}

static void take_addresses(dns_lookup *d, size_t index, int type, const s2s__answer *a)
{
    dns_host *h = &d->hosts[index];
    bool found = a->status == S2S__RESOLVED_FOUND;
    if (found && type == S2S__RR_AAAA && h->len > 0) { /* IPv6 first, whichever came first */
        dns_host v4 = *h;
        h->len = 0;
        for (size_t i = 0; i < a->count && h->len + v4.len < DNS_ADDRESSES_MAX; i++)
            add_address(h, type, a->data[i]);
        memcpy(&h->addresses[h->len], v4.addresses, v4.len * sizeof *v4.addresses);
        h->len += v4.len;
    } else {
        for (size_t i = 0; found && i < a->count; i++)
            add_address(h, type, a->data[i]);
    }
    if (found || (h->status != S2S__RESOLVED_FOUND && a->status != S2S__RESOLVED_NOT_FOUND)) {
        h->status = a->status;
        h->dnssec = checked(d, a->dnssec);
        s2s__copy_text(h->text, s2s_str_of(found ? "" : a->text));
    } else if (h->status == S2S__RESOLVED_NOT_FOUND) {
        h->dnssec = checked(d, a->dnssec);
    }
}

static void take_tlsa(dns_lookup *d, size_t index, int type, const s2s__answer *a)
{
    dns_tlsa *t = &d->tlsa[index];
    (void)type;
    t->status = a->status;
    t->dnssec = a->dnssec;
    for (size_t i = 0; i < a->count && t->len < DNS_TLSA_MAX; i++) {
        s2s_bytes data = a->data[i];
        if (data.len <= TLSA_HEAD || data.len - TLSA_HEAD > DNS_TLSA_BYTES)
            continue;
        memcpy(t->bytes[t->len], data.ptr + TLSA_HEAD, data.len - TLSA_HEAD);
        t->records[t->len] =
            (s2s_tlsa){data.ptr[0], data.ptr[1], data.ptr[2], {t->bytes[t->len], data.len - TLSA_HEAD}};
        t->len++;
    }
}

static dns_host *host_of(dns_lookup *d, const char *name)
{
    for (size_t i = 0; i < d->hosts_len; i++) {
        if (s2s_str_caseeq(s2s_str_of(d->hosts[i].name), s2s_str_of(name)))
            return &d->hosts[i];
    }
    if (d->hosts_len == DNS_HOSTS_MAX)
        return NULL;
    dns_host *h = &d->hosts[d->hosts_len++];
    (void)snprintf(h->name, sizeof h->name, "%s", name);
    h->status = S2S__RESOLVED_NOT_FOUND;
    return h;
}

static const dns_tlsa *tlsa_of(const dns_lookup *d, const char *host, uint16_t port)
{
    for (size_t i = 0; i < d->tlsa_len; i++) {
        if (d->tlsa[i].port == port && s2s_str_caseeq(s2s_str_of(d->tlsa[i].host), s2s_str_of(host)))
            return &d->tlsa[i];
    }
    return NULL;
}

static void ask_tlsa(dns_lookup *d, const char *host, uint16_t port)
{
    char name[NAME_ROOM];
    if (d->tlsa_len == DNS_HOSTS_MAX || tlsa_of(d, host, port))
        return;
    dns_tlsa *t = &d->tlsa[d->tlsa_len];
    t->port = port;
    (void)snprintf(t->host, sizeof t->host, "%s", host);
    (void)snprintf(name, sizeof name, "_%u._tcp.%s", (unsigned)port, host);
    ask(d, name, S2S__RR_TLSA, d->tlsa_len++, take_tlsa);
}

static void ask_hosts(dns_lookup *d)
{
    d->asking_hosts = true;
    for (size_t s = 0; s < DNS_SERVICES; s++) {
        const dns_service *service = &d->services[s];
        for (size_t i = 0; i < service->len; i++) {
            if (host_of(d, service->records[i].target) &&
                service->dnssec == S2S_DNSSEC_SECURE) /* RFC 7673 section 3.2 */
                ask_tlsa(d, service->records[i].target, service->records[i].port);
        }
    }
    if (!d->from_srv)
        (void)host_of(d, d->domain);
    for (size_t i = 0; i < d->hosts_len; i++) {
        ask(d, d->hosts[i].name, S2S__RR_AAAA, i, take_addresses);
        ask(d, d->hosts[i].name, S2S__RR_A, i, take_addresses);
    }
}

/* -- round 1 ------------------------------------------------------------------------------------------- */

static void take_srv(dns_lookup *d, size_t index, int type, const s2s__answer *a)
{
    dns_service *s = &d->services[index];
    bool root = false;
    (void)type;
    s->status = a->status;
    s->dnssec = checked(d, a->dnssec);
    s2s__copy_text(s->text, s2s_str_of(a->text));
    for (size_t i = 0; i < a->count && s->len < DNS_RECORDS_MAX; i++) {
        if (s2s__srv_parse(a->data[i], &s->records[s->len]) != S2S_OK)
            continue;
        if (s->records[s->len].target[0] == '\0')
            root = true;
        else
            s->len++;
    }
    if (root && a->count == 1)
        s->status = S2S__RESOLVED_NOT_OFFERED;
    if (s2s__srv_order(d->context->env, s->records, s->len) != S2S_OK)
        s->len = 0;
}

static void fail(dns_lookup *d, s2s__resolved status, const char *text)
{
    d->status = status;
    s2s__copy_text(d->problem, s2s_str_of(text));
}

/* True if there is something left to ask. */
static bool srv_is_over(dns_lookup *d)
{
    bool offered = false, all_refuse = true;
    for (size_t s = 0; s < DNS_SERVICES; s++) {
        const dns_service *service = &d->services[s];
        if (service->status == S2S__RESOLVED_BOGUS) {
            fail(d, S2S__RESOLVED_BOGUS, service->text);
            return false;
        }
        offered |= service->status == S2S__RESOLVED_FOUND || service->status == S2S__RESOLVED_NOT_OFFERED;
        all_refuse &= service->status == S2S__RESOLVED_NOT_OFFERED || service->len == 0;
    }
    d->from_srv = offered;
    if (offered && all_refuse) {
        bool refused = d->services[DNS_STARTTLS].status == S2S__RESOLVED_NOT_OFFERED ||
                       d->services[DNS_DIRECT].status == S2S__RESOLVED_NOT_OFFERED;
        fail(d, refused ? S2S__RESOLVED_NOT_OFFERED : S2S__RESOLVED_NOT_FOUND,
             refused ? "the domain's SRV record says that it does not offer XMPP federation"
                     : "the domain's SRV records name no usable host");
        return false;
    }
    return true;
}

static void hosts_are_over(dns_lookup *d)
{
    for (size_t i = 0; i < d->hosts_len; i++) {
        if (d->hosts[i].len > 0) {
            d->status = S2S__RESOLVED_FOUND;
            return;
        }
    }
    for (size_t i = 0; i < d->hosts_len; i++) {
        if (d->hosts[i].status != S2S__RESOLVED_NOT_FOUND) {
            fail(d, d->hosts[i].status, d->hosts[i].text);
            return;
        }
    }
    if (!d->from_srv && !d->only_hosts && d->services[DNS_STARTTLS].status != S2S__RESOLVED_NOT_FOUND)
        fail(d, d->services[DNS_STARTTLS].status, d->services[DNS_STARTTLS].text);
    else if (d->only_hosts)
        fail(d, S2S__RESOLVED_NOT_FOUND, "the host has no address in DNS");
    else
        fail(d, S2S__RESOLVED_NOT_FOUND,
             d->from_srv ? "no target of the domain's SRV records has an address"
                         : "the domain has neither an SRV record nor an address in DNS");
}

static void round_is_over(dns_lookup *d)
{
    if (!d->is_ip && !d->asking_hosts && srv_is_over(d)) {
        ask_hosts(d);
        if (d->waiting > 0)
            return;
    }
    if (d->asking_hosts)
        hosts_are_over(d);
    s2s__resolver_close(d->resolver, NULL, NULL);
    d->resolver = NULL;
    d->done(d->arg);
}

/* -- life ---------------------------------------------------------------------------------------------- */

static bool take_ip(dns_lookup *d, const char *domain)
{
    struct sockaddr_storage address;
    if (!s2s_domain_is_ip(s2s_str_of(domain)) ||
        s2s__address_parse_host(s2s_str_of(domain), S2S__PORT, &address) != S2S_OK)
        return false;
    dns_host *h = host_of(d, domain);
    h->status = d->status = S2S__RESOLVED_FOUND;
    h->addresses[h->len++] = address;
    d->is_ip = true;
    return true;
}

static void ask_srv(dns_lookup *d)
{
    char name[NAME_ROOM];
    for (size_t s = 0; s < DNS_SERVICES; s++) {
        (void)snprintf(name, sizeof name, "_%s._tcp.%s", SERVICES[s], d->domain);
        ask(d, name, S2S__RR_SRV, s, take_srv);
    }
}

/* A resolver for each lookup: libunbound notes how a server answers, and when names of one domain are answered late it stops asking
 * that server about all others too for a while. */
static s2s_err open_resolver(dns_lookup *d)
{
    const probe_options *o = d->context->options;
    return s2s__resolver_new(d->context->loop, d->context->env, o->dns, o->dns_len, o->anchors, o->anchors_len,
                             &d->resolver, NULL);
}

s2s_err dns_start(const probe_context *c, const char *ascii, uint16_t port, void (*done)(void *arg), void *arg,
                  dns_lookup **out)
{
    dns_lookup *d = s2s__alloc(c->env, sizeof *d);
    if (!d)
        return S2S_E_NOMEM;
    d->context = c;
    d->done = done;
    d->arg = arg;
    d->status = S2S__RESOLVED_NOT_FOUND;
    (void)snprintf(d->domain, sizeof d->domain, "%s", ascii);
    d->port = port ? port : S2S__PORT;
    d->only_hosts = port != 0;
    if (!take_ip(d, ascii)) {
        s2s_err err = open_resolver(d);
        if (err != S2S_OK) {
            dns_free(d);
            return err;
        }
        (d->only_hosts ? ask_hosts : ask_srv)(d);
    }
    if (d->waiting == 0) {
        d->timer = s2s__alloc(c->env, sizeof *d->timer);
        if (!d->timer) {
            dns_free(d);
            return S2S_E_NOMEM;
        }
        (void)uv_timer_init(c->loop, d->timer);
        d->timer->data = d;
        uv_timer_start(d->timer, on_timer, 0, 0);
    }
    *out = d;
    return S2S_OK;
}

void dns_free(dns_lookup *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->questions_len; i++)
        s2s__ask_cancel(d->questions[i].ask);
    s2s__resolver_close(d->resolver, NULL, NULL);
    close_timer(d);
    s2s__free(d->context->env, d);
}

/* -- results ------------------------------------------------------------------------------------------- */

const dns_service *dns_service_of(const dns_lookup *d, size_t service)
{
    return &d->services[service];
}

const char *dns_problem(const dns_lookup *d)
{
    return d->problem;
}

s2s__resolved dns_status(const dns_lookup *d)
{
    return d->status;
}

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
    if (a->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)a)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)a)->sin_port = htons(port);
}

static size_t add_endpoints(const dns_lookup *d, const dns_host *h, uint16_t port, dns_endpoint like, size_t count,
                            dns_endpoint *out, size_t room)
{
    for (size_t i = 0; i < h->len; i++, count++) {
        if (count >= room)
            continue;
        out[count] = like;
        out[count].address = h->addresses[i];
        out[count].target = h->name;
        out[count].tlsa = tlsa_of(d, h->name, port);
        set_port(&out[count].address, port);
    }
    return count;
}

size_t dns_endpoints(const dns_lookup *d, size_t service, dns_endpoint *out, size_t room)
{
    const dns_service *s = &d->services[service];
    dns_endpoint like = {.direct = service == DNS_DIRECT, .secure_target = s->dnssec == S2S_DNSSEC_SECURE};
    size_t count = 0;
    if (!d->from_srv && service == DNS_STARTTLS && d->hosts_len > 0)
        return add_endpoints(d, &d->hosts[0], d->port, like, 0, out, room);
    for (size_t i = 0; i < s->len; i++) {
        for (size_t k = 0; k < d->hosts_len; k++) {
            if (s2s_str_caseeq(s2s_str_of(d->hosts[k].name), s2s_str_of(s->records[i].target)))
                count = add_endpoints(d, &d->hosts[k], s->records[i].port, like, count, out, room);
        }
    }
    return count;
}

static const char *status_word(s2s__resolved status)
{
    switch (status) {
    case S2S__RESOLVED_FOUND: return "found";
    case S2S__RESOLVED_NOT_FOUND: return "none";
    case S2S__RESOLVED_NOT_OFFERED: return "not-offered";
    case S2S__RESOLVED_BOGUS: return "bogus";
    case S2S__RESOLVED_TIMEOUT: return "timeout";
    case S2S__RESOLVED_FAILED: return "failed";
    }
    return "failed";
}

static json_t *service_json(const dns_lookup *d, size_t s)
{
    json_t *records = json_array();
    const dns_service *service = &d->services[s];
    for (size_t i = 0; i < service->len; i++) {
        const s2s__srv *r = &service->records[i];
        json_array_append_new(records, json_pack("{s:i, s:i, s:i, s:s}", "priority", r->priority, "weight", r->weight,
                                                 "port", r->port, "target", r->target));
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "service", SERVICES[s], "status", status_word(service->status), "dnssec",
                     s2s_dnssec_word(service->dnssec), "records", records);
}

static json_t *host_json(const dns_host *h)
{
    json_t *addresses = json_array();
    for (size_t i = 0; i < h->len; i++) {
        char text[S2S_ADDRESS_MAX];
        s2s__address_print((const struct sockaddr *)&h->addresses[i], text);
        char *colon = strrchr(text, ':');
        if (colon)
            *colon = '\0'; /* no port yet */
        json_array_append_new(addresses, json_string(text));
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "name", h->name, "status", status_word(h->status), "dnssec",
                     s2s_dnssec_word(h->dnssec), "addresses", addresses);
}

static json_t *tlsa_json(const dns_tlsa *t)
{
    json_t *records = json_array();
    for (size_t i = 0; i < t->len; i++) {
        char text[TLSA_HEAD * 4 + 2 * DNS_TLSA_BYTES + 1];
        size_t at = (size_t)snprintf(text, sizeof text, "%u %u %u ", t->records[i].usage, t->records[i].selector,
                                     t->records[i].matching);
        for (size_t k = 0; k < t->records[i].data.len; k++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%02x", t->records[i].data.ptr[k]);
        json_array_append_new(records, json_string(text));
    }
    return json_pack("{s:s, s:i, s:s, s:s, s:o}", "host", t->host, "port", t->port, "status", status_word(t->status),
                     "dnssec", s2s_dnssec_word(t->dnssec), "records", records);
}

json_t *dns_json(const dns_lookup *d)
{
    json_t *srv = json_array(), *hosts = json_array(), *tlsa = json_array();
    for (size_t s = 0; s < DNS_SERVICES && !d->is_ip && !d->only_hosts; s++)
        json_array_append_new(srv, service_json(d, s));
    for (size_t i = 0; i < d->hosts_len; i++)
        json_array_append_new(hosts, host_json(&d->hosts[i]));
    for (size_t i = 0; i < d->tlsa_len; i++)
        json_array_append_new(tlsa, tlsa_json(&d->tlsa[i]));
    return json_pack("{s:s, s:o, s:o, s:o}", "status", status_word(d->status), "srv", srv, "hosts", hosts, "tlsa",
                     tlsa);
}
