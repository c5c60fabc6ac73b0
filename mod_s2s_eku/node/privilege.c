/* SPDX-License-Identifier: MIT */
/* privilege.c: root binds, another user works. */
#include "privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "protocol/log.h"

static s2s_err refuse(s2s_err err, const char *user, const char *text, char why[S2S_TEXT_MAX])
{
    (void)snprintf(why, S2S_TEXT_MAX, "user: %s: %s", user, text);
    return err;
}

/* Not root any more, whatever is tried. */
static bool is_for_good(uid_t uid, gid_t gid)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;
    return getresuid(&r, &e, &s) == 0 && r == uid && e == uid && s == uid && getresgid(&rg, &eg, &sg) == 0 && rg == gid &&
           eg == gid && sg == gid && setresuid(0, 0, 0) != 0 && setresgid(0, 0, 0) != 0;
}

/* The order matters: groups while still root, the user last. */
static s2s_err become(const struct passwd *user, char why[S2S_TEXT_MAX])
{
    if (initgroups(user->pw_name, user->pw_gid) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return refuse(S2S_E_IO, user->pw_name, strerror(errno), why);
    if (!is_for_good(user->pw_uid, user->pw_gid))
        return refuse(S2S_E_IO, user->pw_name, "root could not be given up for good", why);
    return S2S_OK;
}

static void warn_if_unreadable(const s2s_env *env, const char *user, const char *file)
{
    s2s_field fields[] = {{"file", s2s_str_of(file)}, {"user", s2s_str_of(user)}};
    if (file && faccessat(AT_FDCWD, file, R_OK, AT_EACCESS) != 0)
        s2s__log(env, S2S_LOG_WARN, "this user cannot read the file: a reload will fail, so give its group the right to", fields, 2);
}

/* What root has just read must be read again at a reload. */
static void look_ahead(const s2s_env *env, const config *c, const char *file)
{
    warn_if_unreadable(env, c->user, file);
    for (size_t i = 0; i < c->domains_len; i++) {
        warn_if_unreadable(env, c->user, c->domains[i].certificate);
        warn_if_unreadable(env, c->user, c->domains[i].key);
    }
}

s2s_err privilege_drop(const s2s_env *env, const config *c, const char *file, char why[S2S_TEXT_MAX])
{
    bool is_root = geteuid() == 0;
    if (!c->user) {
        if (is_root)
            s2s__log(env, S2S_LOG_WARN, "s2sd runs as root: name an account for it with the key \"user\", or start it as one", NULL, 0);
        return S2S_OK;
    }
    errno = 0;
    const struct passwd *user = getpwnam(c->user);
    if (!user)
        return refuse(S2S_E_INVAL, c->user, errno ? strerror(errno) : "there is no such user on this system", why);
    if (user->pw_uid == 0)
        return refuse(S2S_E_INVAL, c->user, "is root: name an account that has no rights of its own", why);
    if (!is_root && user->pw_uid != geteuid())
        return refuse(S2S_E_INVAL, c->user, "s2sd was started as another user, and only root can change", why);
    if (!is_root)
        return S2S_OK;
    s2s_err err = become(user, why);
    if (err != S2S_OK)
        return err;
    s2s_field field = {"user", s2s_str_of(c->user)};
    s2s__log(env, S2S_LOG_INFO, "root was given up", &field, 1);
    look_ahead(env, c, file);
    return S2S_OK;
}
