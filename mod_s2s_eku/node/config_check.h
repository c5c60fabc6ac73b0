/* SPDX-License-Identifier: MIT */
/* config_check.h: the checks on a configuration's nodes. Internal to s2sd. */
#ifndef S2SD_CONFIG_CHECK_H
#define S2SD_CONFIG_CHECK_H

#include "node/config.h"
#include "node/config_tree.h"
#include "node/schema.h"

/* Every node against the table of keys: kind, type, range, presence. */
void config_check_schema(config_reading *r);
/* One scalar; brings `text` and `number` into their final form. */
void config_check_value(config_reading *r, config_node *n, const config_key *row);
/* Replaces the scalar's text, wiping the old one. */
void config_set_text(config_reading *r, config_node *n, const char *text);
/* The types that name a file or a socket. `n->text` becomes absolute, or the secret. */
void config_check_file(config_reading *r, config_node *n);
void config_check_secret_file(config_reading *r, config_node *n);
void config_check_socket(config_reading *r, config_node *n, size_t prefix);
void config_check_output(config_reading *r, config_node *n);
/* What a table cannot say: what belongs together, what may be there once. Comes after config_check_schema,
 * if that found the root good. */
void config_check_rules(config_reading *r);

/* The entry of `domains` whose certificate serves `domain`: itself, or its closest parent; NULL: none. */
config_node *config_covering_domain(const config_reading *r, const char *domain);

/* Makes the plain data of a tree without problems. S2S_OK or S2S_E_NOMEM. */
s2s_err config_build(const config_reading *r, config **out);

#endif
