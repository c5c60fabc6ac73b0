/* SPDX-License-Identifier: MIT */
/* certificates.c: looks at the validity of what we present. */
#include "certificates.h"

#include <stdio.h>
#include <time.h>

#include <gnutls/crypto.h>

#include "clock_watch.h"
#include "protocol/buf.h"
#include "protocol/log.h"

enum { DAY = 86400, HASH = 32, TIME_ROOM = 32 };

struct certificates {
    const s2s_env *env;
    const s2s_federation *f;
    uv_timer_t timer;
    clock_watch clock;
    unsigned looks;
    bool stopped;
};

bool certificates_is_near(int64_t not_before, int64_t expires, int64_t now)
{
    int64_t part = (expires - not_before) / CERTIFICATES_WARN_PART;
    int64_t before = part < CERTIFICATES_WARN_SECONDS ? part : CERTIFICATES_WARN_SECONDS;
    return expires - now <= before;
}

/* -- warning ------------------------------------------------------------------------------------------- */

static void warn(void *arg, const s2s_domain_info *info)
{
    const certificates *c = arg;
    int64_t now = (int64_t)time(NULL);
    char text[TIME_ROOM] = "";
    struct tm tm;
    bool early = now < info->not_before, over = info->expires <= now;
    time_t moment = (time_t)(early ? info->not_before : info->expires);
    if (!early && !certificates_is_near(info->not_before, info->expires, now))
        return;
    if (gmtime_r(&moment, &tm))
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    s2s_field fields[] = {{"domain", info->domain},
                          {"file", s2s_str_of(info->certificate_file)},
                          {early ? "begins" : "expires", s2s_str_of(text)}};
    if (early)
        s2s__log(c->env, S2S_LOG_ERROR, "our certificate is not valid yet, other servers refuse it: is the clock right?", fields, 3);
    else
        s2s__log(c->env, over ? S2S_LOG_ERROR : S2S_LOG_WARN,
             over ? "our certificate has expired: other servers refuse it"
                  : "our certificate expires soon and has not been renewed",
             fields, 3);
}

void certificates_look(certificates *c)
{
    c->looks = 0;
    s2s_federation_domains(c->f, warn, c);
}

static void on_timer(uv_timer_t *timer)
{
    certificates *c = timer->data;
    if (++c->looks >= CERTIFICATES_REPEAT)
        certificates_look(c);
}

static void on_jump(void *user)
{
    certificates_look(user);
}

/* -- life ---------------------------------------------------------------------------------------------- */

s2s_err certificates_new(const s2s_env *env, uv_loop_t *loop, const s2s_federation *f, certificates **out)
{
    certificates *c = s2s__alloc(env, sizeof *c);
    if (!c)
        return S2S_E_NOMEM;
    c->env = env;
    c->f = f;
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    uv_timer_start(&c->timer, on_timer, CERTIFICATES_LOOK_MS, CERTIFICATES_LOOK_MS);
    uv_unref((uv_handle_t *)&c->timer);
    clock_watch_start(&c->clock, env, loop, on_jump, c);
    *out = c;
    return S2S_OK;
}

void certificates_stop(certificates *c)
{
    if (!c || c->stopped)
        return;
    c->stopped = true;
    uv_close((uv_handle_t *)&c->timer, NULL);
    clock_watch_stop(&c->clock);
}

void certificates_free(certificates *c)
{
    if (c)
        s2s__free(c->env, c);
}

/* -- telling ------------------------------------------------------------------------------------------- */

typedef struct list {
    json_t *array;
    int64_t now;
    bool failed;
} list;

/* Of the leaf, as `openssl x509 -fingerprint -sha256` has it, in lower case without colons. False: it cannot be made. */
static bool fingerprint(const s2s_domain_info *info, char out[2 * HASH + 1])
{
    uint8_t hash[HASH];
    out[0] = '\0';
    if (info->chain_len == 0 || gnutls_hash_fast(GNUTLS_DIG_SHA256, info->chain[0].ptr, info->chain[0].len, hash) < 0)
        return false;
    for (size_t i = 0; i < HASH; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
    return true;
}

static void add(void *arg, const s2s_domain_info *info)
{
    list *l = arg;
    char sha256[2 * HASH + 1];
    json_int_t left = (json_int_t)(info->expires - l->now);
    if (!fingerprint(info, sha256)) {
        l->failed = true;
        return;
    }
    json_t *one = json_pack("{s:s%, s:s, s:I, s:I, s:I, s:b, s:s}", "domain", info->domain.ptr, info->domain.len, "file",
                            info->certificate_file, "not_before", (json_int_t)info->not_before, "expires",
                            (json_int_t)info->expires, "days_left", left >= 0 ? left / DAY : -((DAY - 1 - left) / DAY),
                            "near", certificates_is_near(info->not_before, info->expires, l->now), "sha256", sha256);
    if (json_array_append_new(l->array, one) != 0)
        l->failed = true;
}

json_t *certificates_json(const s2s_federation *f)
{
    list l = {.array = json_array(), .now = (int64_t)time(NULL)};
    if (l.array)
        s2s_federation_domains(f, add, &l);
    if (l.failed) {
        json_decref(l.array);
        return NULL;
    }
    return l.array;
}
