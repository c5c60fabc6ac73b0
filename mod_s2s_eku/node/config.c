/* SPDX-License-Identifier: MIT */
/* config.c: reading a configuration, and giving it back. */
#include "node/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/config_check.h"

static void check(config_reading *r)
{
    if (r->nomem || r->problems_len > 0) /* there is no whole tree to judge */
        return;
    config_check_schema(r);
    if (!r->nomem && !r->root->bad)
        config_check_rules(r);
}

static s2s_err read_text(config_reading *r, s2s_str text, config **out)
{
    config_tree_read(r, text);
    check(r);
    if (r->nomem)
        return S2S_E_NOMEM;
    if (r->problems_len > 0)
        return S2S_E_INVAL;
    return config_build(r, out);
}

s2s_err config_load_text(const char *file, s2s_str text, FILE *errors, config **out)
{
    config_reading r;
    s2s_err err = config_reading_init(&r, file);
    if (err == S2S_OK) {
        err = read_text(&r, text, out);
        if (err == S2S_E_INVAL)
            config_problems_print(&r, errors);
        config_reading_free(&r);
    }
    if (err == S2S_E_NOMEM)
        fprintf(errors, "%s: out of memory\n", file);
    return err;
}

/* Up to CONFIG_BYTES_MAX and one byte more, by which a larger file is known. */
static s2s_err read_file(const char *file, char *text, size_t *len)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return S2S_E_IO;
    ssize_t got = 1;
    for (*len = 0; *len <= CONFIG_BYTES_MAX && got != 0;) {
        got = read(fd, text + *len, CONFIG_BYTES_MAX + 1 - *len);
        if (got < 0 && errno != EINTR)
            break;
        *len += got > 0 ? (size_t)got : 0;
    }
    int error = errno;
    (void)close(fd);
    errno = error;
    return got < 0 ? S2S_E_IO : S2S_OK;
}

s2s_err config_load(const char *file, FILE *errors, config **out)
{
    size_t len = 0;
    char *text = malloc(CONFIG_BYTES_MAX + 1);
    s2s_err err = S2S_E_INVAL;
    if (!text) {
        fprintf(errors, "%s: out of memory\n", file);
        return S2S_E_NOMEM;
    }
    if (read_file(file, text, &len) != S2S_OK)
        fprintf(errors, "%s:1:1: cannot be read: %s\n", file, config_why_unreadable(file, errno));
    else if (len > CONFIG_BYTES_MAX)
        fprintf(errors, "%s:1:1: larger than %d bytes\n", file, CONFIG_BYTES_MAX);
    else
        err = config_load_text(file, (s2s_str){text, len}, errors, out);
    explicit_bzero(text, len); /* it may hold secrets */
    free(text);
    return err;
}

static void free_texts(char **texts, size_t len)
{
    for (size_t i = 0; i < len; i++)
        free(texts[i]);
    free(texts);
}

static void free_account(config_account *a)
{
    config_wipe(a->secret);
    free(a->domain);
    free(a->certificate);
    free(a->key);
    free_texts(a->talk_to.list, a->talk_to.len);
}

static void free_remote(config_remote *r)
{
    free(r->match);
    free_texts(r->ca_files, r->ca_files_len);
    free_texts(r->pins, r->pins_len);
}

static void free_domain(config_domain *d)
{
    free(d->name);
    free(d->certificate);
    free(d->key);
    for (size_t i = 0; i < CONFIG_CONTACT_KINDS; i++)
        free_texts(d->contacts[i].list, d->contacts[i].len);
}

void config_free(config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->domains_len; i++)
        free_domain(&c->domains[i]);
    for (size_t i = 0; i < c->accounts_len; i++)
        free_account(&c->accounts[i]);
    for (size_t i = 0; i < c->remotes_len; i++)
        free_remote(&c->remotes[i]);
    for (size_t i = 0; i < c->routes_len; i++) {
        free(c->routes[i].match);
        free(c->routes[i].address);
    }
    free(c->domains);
    free(c->accounts);
    free(c->remotes);
    free(c->routes);
    for (size_t i = 0; i < c->listen_len; i++)
        free(c->listen[i].address);
    free(c->listen);
    free_texts(c->component_listen, c->component_listen_len);
    free_texts(c->ca_files, c->ca_files_len);
    free_texts(c->crl_files, c->crl_files_len);
    free_texts(c->dns_servers, c->dns_servers_len);
    free_texts(c->dns_anchors, c->dns_anchors_len);
    free_texts(c->files.list, c->files.len);
    free(c->directory);
    free(c->control);
    free(c->user);
    config_wipe(c->dialback_secret);
    free(c->census);
    free(c->http);
    free(c->plugin);
    free(c);
}
