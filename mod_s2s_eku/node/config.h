/* SPDX-License-Identifier: MIT */
/* config.h: s2sd's configuration as plain data. Internal to s2sd. */
#ifndef S2SD_CONFIG_H
#define S2SD_CONFIG_H

#include <stdio.h>

#include "mod_s2s_eku/eku.h"
#include "s2s/env.h"
#include "s2s/federation.h"

/* All strings are NUL-terminated, owned by the configuration, paths made absolute against the directory
 * of the configuration file. Domains are in normal form (s2s_domain_normalise). */
/* Whom people reach about a domain (XEP-0157), by the names of its form's fields. */
#define CONFIG_CONTACTS(X) X(abuse) X(admin) X(feedback) X(sales) X(security) X(status) X(support)
enum {
#define S2S_X(field) CONFIG_CONTACT_##field,
    CONFIG_CONTACTS(S2S_X)
#undef S2S_X
    CONFIG_CONTACT_KINDS
};

typedef struct config_texts {
    char **list;
    size_t len;
} config_texts;

typedef struct config_domain {
    char *name;
    char *certificate, *key;
    bool echo; /* services: [echo] */
    config_texts contacts[CONFIG_CONTACT_KINDS];
} config_domain;

typedef struct config_account {
    char *domain;
    char *secret;            /* from `secret` or the trimmed first line of `secret_file` */
    char *certificate, *key; /* its own, or those of the domain above that covers it; never NULL after loading */
    bool replace;            /* a new connection takes the place of the one that is there; else it is refused */
    bool restricted;         /* talks to `talk_to` alone */
    config_texts talk_to;    /* patterns in normal form */
} config_account;

typedef struct config_route {
    char *match, *address;
    s2s_tls_start tls;
} config_route;

typedef struct config_listen {
    char *address; /* "ADDRESS:PORT" */
    s2s_tls_start tls;
} config_listen;

typedef struct config_remote {
    char *match;
    bool has_mode;
    eku_mode mode; /* only then */
    eku_choice allow, dialback;
    char **ca_files;
    size_t ca_files_len;
    char **pins;
    size_t pins_len;
} config_remote;

typedef struct config {
    char *directory;    /* of the configuration file; absolute, unless the working directory has no name */
    config_texts files; /* every file that it names, secrets and plugins too; some stand twice */
    config_domain *domains;
    size_t domains_len;
    config_listen *listen;
    size_t listen_len;
    char **component_listen; /* "ADDRESS:PORT", "unix:/path" or "fd:NAME" */
    size_t component_listen_len;
    config_account *accounts;
    size_t accounts_len;
    bool trust_system;
    char **ca_files;
    size_t ca_files_len;
    char **crl_files;
    size_t crl_files_len;
    eku_mode mode;
    bool require_eku, any_eku, client_only, dane, dialback, allow;
    eku_ocsp ocsp;
    char *dialback_secret; /* the trimmed first line of the file; NULL: made at start */
    bool bidi, version_os;
    uint32_t workers;
    config_remote *remotes;
    size_t remotes_len;
    config_route *routes;
    size_t routes_len;
    char **dns_servers;
    size_t dns_servers_len;
    char **dns_anchors;
    size_t dns_anchors_len;
    s2s_limits limits;
    char *control; /* path of the control socket */
    char *plugin;  /* a shared object with another policy; NULL: ours */
    char *http;    /* "ADDRESS:PORT"; NULL: none */
    char *census;  /* path of the file that keeps it; NULL: memory only */
    bool census_given; /* not the default */
    char *user;    /* whom to become once everything is bound; NULL: stay */
    bool sandbox;
    s2s_level log_level;
    bool log_json;
} config;

/* Reads `file`. On failure writes every problem found, one a line ("FILE:LINE:COLUMN: key: what is wrong"),
 * to `errors` and returns S2S_E_INVAL (or S2S_E_NOMEM); `*out` is then untouched. Checks that the files
 * named exist and can be read, not what is in them. */
s2s_err config_load(const char *file, FILE *errors, config **out);
/* The same for a text in memory; `file` stands in messages, and its directory is that of relative paths. */
s2s_err config_load_text(const char *file, s2s_str text, FILE *errors, config **out);
void config_free(config *c); /* takes NULL; wipes secrets */

/* Words for the `error` (errno) of reading `file`. Names the sandbox where the file's mode would permit it. */
const char *config_why_unreadable(const char *file, int error);

#endif
