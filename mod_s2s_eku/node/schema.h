/* SPDX-License-Identifier: MIT */
/* schema.h: every key that s2sd's configuration knows, as one table. Internal to s2sd. */
#ifndef S2SD_SCHEMA_H
#define S2SD_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum config_type {
    CONFIG_MAPPING,
    CONFIG_LIST, /* of what the row "path[]" says */
    CONFIG_BOOL,
    CONFIG_NUMBER,        /* whole, `least` to `most` */
    CONFIG_WORD,          /* one of `words` */
    CONFIG_DOMAIN,
    CONFIG_MATCH,         /* "peer.example", "*.peer.example", "*" */
    CONFIG_ADDRESS,       /* "ADDRESS:PORT", "[IPV6]:PORT"; the port is at least `least` */
    CONFIG_LISTEN,        /* the same, or "fd:NAME" */
    CONFIG_LISTEN_LOCAL,  /* the same, or "unix:/path" */
    CONFIG_DNS_SERVER,    /* "ADDRESS" or "ADDRESS@PORT" */
    CONFIG_FILE,          /* exists and can be read */
    CONFIG_SOCKET,        /* path of a Unix socket that s2sd makes */
    CONFIG_OUTPUT,        /* path of a file that s2sd makes, or "off" */
    CONFIG_SECRET,
    CONFIG_SECRET_FILE,   /* the secret is its first line, without blanks around it */
    CONFIG_PIN,           /* "sha256/BASE64" of a SubjectPublicKeyInfo */
    CONFIG_URI,           /* "mailto:a@b.example" */
    CONFIG_TEXT,
} config_type;

typedef struct config_key {
    const char *path; /* "domains[].name"; "" is the file's own mapping */
    config_type type;
    bool required;            /* in a mapping that is there */
    bool single;              /* a list whose only item may stand without the list */
    bool none;                /* null may stand there: as if it was left out */
    uint32_t least, most;
    const char *unit;         /* of a number */
    const char *const *words; /* ends with NULL; a value's number is its place here */
    const char *now;          /* the feature is not there yet: the one value that is true without it, "[]" and "null"
                               * meaning an empty list and nothing. NULL: the feature is there. */
} config_key;

extern const config_key config_schema[]; /* the first row is "" */
extern const size_t config_schema_len;

/* The row of `key` in the mapping `of`, or of the items of the list `of`; NULL if there is none. */
const config_key *config_schema_child(const config_key *of, const char *key);
const config_key *config_schema_item(const config_key *of);
/* The name of a row within its mapping, "name" of "domains[].name". */
const char *config_schema_name(const config_key *row);
/* True if `row` is a key of the mapping `of`. */
bool config_schema_is_child(const config_key *of, const config_key *row);
/* The key of the mapping `of` that was probably meant; NULL if none is near. */
const char *config_schema_nearest(const config_key *of, const char *key);

#endif
