/* SPDX-License-Identifier: MIT */
/* schema.c: the table of keys, and looking things up in it. */
#include "node/schema.h"

#include <string.h>

#include "node/config.h"
#include "s2s/limits.h"

#define WORDS(...) .words = (const char *const[]){__VA_ARGS__, NULL}

enum { WORKERS_MAX = 1024 };

const config_key config_schema[] = {
    {"", CONFIG_MAPPING},

    {"domains", CONFIG_LIST},
    {"domains[]", CONFIG_MAPPING},
    {"domains[].name", CONFIG_DOMAIN, .required = true},
    {"domains[].certificate", CONFIG_FILE, .required = true},
    {"domains[].key", CONFIG_FILE, .required = true},
    {"domains[].services", CONFIG_LIST},
    {"domains[].services[]", CONFIG_WORD, WORDS("echo")},
    {"domains[].contacts", CONFIG_MAPPING},
#define S2S_X(field)                                                                               \
    {"domains[].contacts." #field, CONFIG_LIST, .single = true}, {"domains[].contacts." #field "[]", CONFIG_URI},
    CONFIG_CONTACTS(S2S_X)
#undef S2S_X

    {"listen", CONFIG_LIST},
    {"listen[]", CONFIG_MAPPING},
    {"listen[].address", CONFIG_LISTEN, .required = true},
    {"listen[].tls", CONFIG_WORD, WORDS("starttls", "direct")},

    {"components", CONFIG_MAPPING},
    {"components.listen", CONFIG_LIST, .single = true},
    {"components.listen[]", CONFIG_LISTEN_LOCAL},
    {"components.accounts", CONFIG_LIST},
    {"components.accounts[]", CONFIG_MAPPING},
    {"components.accounts[].domain", CONFIG_DOMAIN, .required = true},
    {"components.accounts[].secret", CONFIG_SECRET},
    {"components.accounts[].secret_file", CONFIG_SECRET_FILE},
    {"components.accounts[].certificate", CONFIG_FILE},
    {"components.accounts[].key", CONFIG_FILE},
    {"components.accounts[].conflict", CONFIG_WORD, WORDS("refuse", "replace")},
    {"components.accounts[].talk_to", CONFIG_LIST, .single = true},
    {"components.accounts[].talk_to[]", CONFIG_MATCH},

    {"trust", CONFIG_MAPPING},
    {"trust.system", CONFIG_BOOL},
    {"trust.ca_files", CONFIG_LIST},
    {"trust.ca_files[]", CONFIG_FILE},
    {"trust.crl_files", CONFIG_LIST},
    {"trust.crl_files[]", CONFIG_FILE},

    {"policy", CONFIG_MAPPING},
    {"policy.eku", CONFIG_WORD, WORDS("tolerant", "strict")},
    {"policy.dialback", CONFIG_WORD, WORDS("never", "fallback")},
    {"policy.require_eku", CONFIG_BOOL},
    {"policy.any_eku", CONFIG_WORD, WORDS("refuse", "accept")},
    {"policy.client_only", CONFIG_WORD, WORDS("refuse", "accept")},
    {"policy.ocsp", CONFIG_WORD, WORDS("off", "soft", "must")},
    {"policy.dane", CONFIG_BOOL},
    {"policy.allow", CONFIG_BOOL},
    {"policy.dialback_secret_file", CONFIG_SECRET_FILE, .none = true},
    {"policy.plugin", CONFIG_FILE, .none = true},
    {"policy.remotes", CONFIG_LIST},
    {"policy.remotes[]", CONFIG_MAPPING},
    {"policy.remotes[].match", CONFIG_MATCH, .required = true},
    {"policy.remotes[].eku", CONFIG_WORD, WORDS("tolerant", "strict")},
    {"policy.remotes[].dialback", CONFIG_WORD, WORDS("never", "fallback")},
    {"policy.remotes[].ca_files", CONFIG_LIST},
    {"policy.remotes[].ca_files[]", CONFIG_FILE},
    {"policy.remotes[].pins", CONFIG_LIST},
    {"policy.remotes[].pins[]", CONFIG_PIN},
    {"policy.remotes[].allow", CONFIG_BOOL},

    {"bidi", CONFIG_BOOL},
    {"version_os", CONFIG_BOOL},

    {"routes", CONFIG_LIST},
    {"routes[]", CONFIG_MAPPING},
    {"routes[].match", CONFIG_MATCH, .required = true},
    {"routes[].address", CONFIG_ADDRESS, .required = true, .least = 1},
    {"routes[].tls", CONFIG_WORD, WORDS("starttls", "direct")},

    {"dns", CONFIG_MAPPING},
    {"dns.servers", CONFIG_LIST},
    {"dns.servers[]", CONFIG_DNS_SERVER, .least = 1},
    {"dns.trust_anchors", CONFIG_LIST},
    {"dns.trust_anchors[]", CONFIG_FILE},

    {"workers", CONFIG_NUMBER, .least = 1, .most = WORKERS_MAX, .unit = "loops"},

    {"limits", CONFIG_MAPPING},
#define S2S_X(field, value, lowest, highest, name, what)                                           \
    {"limits." #field, CONFIG_NUMBER, .least = (lowest), .most = (highest), .unit = (name)},
    S2S_LIMITS(S2S_X)
#undef S2S_X

    {"user", CONFIG_TEXT, .none = true},
    {"sandbox", CONFIG_WORD, WORDS("off", "on")},
    {"control", CONFIG_SOCKET},
    {"census", CONFIG_OUTPUT},
    {"http", CONFIG_ADDRESS, .none = true},

    {"log", CONFIG_MAPPING},
    {"log.level", CONFIG_WORD, WORDS("debug", "info", "warn", "error")},
    {"log.format", CONFIG_WORD, WORDS("text", "json")},
};
const size_t config_schema_len = sizeof config_schema / sizeof *config_schema;

/* What follows `of` in the path of `row`; NULL if `row` is not below it. */
static const char *below(const config_key *of, const config_key *row)
{
    size_t len = strlen(of->path);
    return strncmp(row->path, of->path, len) == 0 ? row->path + len : NULL;
}

bool config_schema_is_child(const config_key *of, const config_key *row)
{
    const char *rest = below(of, row);
    if (!rest || *rest == '\0')
        return false;
    if (*of->path != '\0' && *rest++ != '.')
        return false;
    return strpbrk(rest, ".[") == NULL;
}

const char *config_schema_name(const config_key *row)
{
    const char *dot = strrchr(row->path, '.');
    return dot ? dot + 1 : row->path;
}

const config_key *config_schema_child(const config_key *of, const char *key)
{
    for (size_t i = 0; i < config_schema_len; i++) {
        const config_key *row = &config_schema[i];
        if (config_schema_is_child(of, row) && strcmp(config_schema_name(row), key) == 0)
            return row;
    }
    return NULL;
}

const config_key *config_schema_item(const config_key *of)
{
    for (size_t i = 0; i < config_schema_len; i++) {
        const char *rest = below(of, &config_schema[i]);
        if (rest && strcmp(rest, "[]") == 0)
            return &config_schema[i];
    }
    return NULL;
}

enum {
    NEAR_KEY_MAX = 31,  /* longer keys get no suggestion */
    NEAR_PER_CHAR = 3,  /* one slip in so many characters is still near ... */
    NEAR_SLIPS_MAX = 3, /* ... up to so many slips */
};

static size_t least3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many slips (a character too many, too few, another, or two swapped) lie between two keys. */
static size_t slips(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t d[NEAR_KEY_MAX + 1][NEAR_KEY_MAX + 1];
    for (size_t i = 0; i <= a_len; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= b_len; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        for (size_t j = 1; j <= b_len; j++) {
            size_t other = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = least3(d[i - 1][j] + 1, d[i][j - 1] + 1, other);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[a_len][b_len];
}

const char *config_schema_nearest(const config_key *of, const char *key)
{
    const char *nearest = NULL;
    size_t len = strlen(key), best = NEAR_SLIPS_MAX + 1;
    if (len > NEAR_KEY_MAX)
        return NULL;
    for (size_t i = 0; i < config_schema_len; i++) {
        if (!config_schema_is_child(of, &config_schema[i]))
            continue;
        const char *name = config_schema_name(&config_schema[i]);
        size_t name_len = strlen(name);
        if (name_len > NEAR_KEY_MAX)
            continue;
        size_t n = slips(key, len, name, name_len);
        if (n < best && n * NEAR_PER_CHAR <= name_len) {
            best = n;
            nearest = name;
        }
    }
    return nearest;
}
