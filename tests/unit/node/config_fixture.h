/* SPDX-License-Identifier: MIT */
/* config_fixture.h: the files that the configurations of the tests name, and what loading one says. */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include "node/config.h"

/* Makes a directory, goes there, and puts files into it: a.pem, a.key, b.pem, b.key, ca.pem, anchors,
 * chat.secret ("hush" with blanks around it and a second line), longest.secret, and those to be refused:
 * empty.secret, long.secret, binary.secret, latin.secret. */
void config_fixture_make(void);
void config_fixture_remove(void);
void config_fixture_write(const char *name, const void *bytes, size_t len);

/* What is written for `text`, as "s2sd.yaml" in that directory, whose path is shown as DIR; "" if it is good.
 * To be freed. `out` may be NULL. */
char *config_fixture_problems(s2s_str text, config **out);
char *config_fixture_file_problems(const char *file, config **out);

/* The same where nothing but the result matters. */
s2s_err config_fixture_load(s2s_str text);

/* The bytes of a file of the source tree, NUL-terminated, to be freed. */
char *config_fixture_source(const char *path);

#endif
