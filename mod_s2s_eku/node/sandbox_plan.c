/* SPDX-License-Identifier: MIT */
/* sandbox_plan.c: the places that a configuration needs. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

/* What libraries read while the node runs; what is missing is left out. */
static const char *const SYSTEM_FILES[] = {
    "/usr", "/lib", "/lib64",                                       /* shared objects: NSS, PKCS #11, plugins' own; CA certificates */
    "/etc/ssl/certs", "/etc/pki", "/etc/pkcs11", "/etc/ca-certificates", "/etc/crypto-policies", "/etc/gnutls", /* GnuTLS */
    "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/nsswitch.conf", "/etc/services",
    "/etc/passwd", "/etc/group", "/etc/localtime", "/etc/ld.so.cache", "/dev/urandom", "/dev/random", "/dev/null",
    "/proc/self", "/sys/devices/system/cpu",
};

/* The same right again, or a further one, at a place that is there already. */
static bool is_known(sandbox_places *p, const char *path, unsigned rights)
{
    for (size_t i = 0; i < p->len; i++) {
        if (strcmp(p->list[i].path, path) == 0) {
            p->list[i].rights |= rights;
            return true;
        }
    }
    return false;
}

/* Takes `path` over; NULL: there was no memory for it. */
static s2s_err add(sandbox_places *p, char *path, unsigned rights)
{
    if (!path)
        return S2S_E_NOMEM;
    if (is_known(p, path, rights)) {
        free(path);
        return S2S_OK;
    }
    sandbox_place *list = p->len < SANDBOX_PLACES_MAX ? realloc(p->list, (p->len + 1) * sizeof *list) : NULL;
    if (!list) {
        free(path);
        return p->len < SANDBOX_PLACES_MAX ? S2S_E_NOMEM : S2S_E_LIMIT;
    }
    p->list = list;
    p->list[p->len++] = (sandbox_place){path, rights};
    return S2S_OK;
}

/* The directory of an absolute path. A file in the root directory does not open everything: it stands for itself. */
static s2s_err add_directory(sandbox_places *p, const char *path, unsigned rights)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return S2S_OK;
    return add(p, slash == path ? strdup(path) : strndup(path, (size_t)(slash - path)), rights);
}

/* A renewed certificate is often a new file beside the old one, behind a symbolic link. */
static s2s_err add_file(sandbox_places *p, const char *path)
{
    char real[PATH_MAX];
    s2s_err err = add_directory(p, path, SANDBOX_READ);
    if (err == S2S_OK && realpath(path, real))
        err = add_directory(p, real, SANDBOX_READ);
    return err;
}

static s2s_err add_sockets(sandbox_places *p, const config *c)
{
    static const char UNIX[] = "unix:";
    s2s_err err = c->control ? add_directory(p, c->control, SANDBOX_SOCKET) : S2S_OK;
    for (size_t i = 0; i < c->component_listen_len && err == S2S_OK; i++) {
        if (strncmp(c->component_listen[i], UNIX, sizeof UNIX - 1) == 0)
            err = add_directory(p, c->component_listen[i] + sizeof UNIX - 1, SANDBOX_SOCKET);
    }
    return err;
}

s2s_err sandbox_plan(const config *c, sandbox_places *out)
{
    sandbox_places p = {0};
    s2s_err err = c->directory ? add(&p, strdup(c->directory), SANDBOX_READ) : S2S_OK;
    for (size_t i = 0; i < c->files.len && err == S2S_OK; i++)
        err = add_file(&p, c->files.list[i]);
    if (err == S2S_OK && c->census)
        err = add_directory(&p, c->census, SANDBOX_READ | SANDBOX_WRITE);
    if (err == S2S_OK)
        err = add_sockets(&p, c);
    for (size_t i = 0; i < sizeof SYSTEM_FILES / sizeof *SYSTEM_FILES && err == S2S_OK; i++)
        err = add(&p, strdup(SYSTEM_FILES[i]), SANDBOX_READ);
#ifdef SANDBOX_COVERAGE /* where a build that counts its lines writes the counts */
    if (err == S2S_OK)
        err = add(&p, strdup(SANDBOX_COVERAGE), SANDBOX_READ | SANDBOX_WRITE);
#endif
    if (err != S2S_OK)
        sandbox_places_free(&p);
    *out = p;
    return err;
}

void sandbox_places_free(sandbox_places *p)
{
    for (size_t i = 0; i < p->len; i++)
        free(p->list[i].path);
    free(p->list);
    *p = (sandbox_places){0};
}
