/* SPDX-License-Identifier: MIT */
/* test_privilege.c: root is given up for good, or the node does not start. Where the tests are not run as root, what needs it is
 * left out. */
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "node/privilege.h"
#include "support/test_env.h"

static test_env t;
static char why[S2S_TEXT_MAX];

static void start(void)
{
    test_env_init(&t);
}

TestSuite(privilege, .init = start, .timeout = 60);

static s2s_err drop_to(char *user)
{
    config c = {.user = user};
    return privilege_drop(&t.env, &c, "/etc/hostname", why);
}

Test(privilege, without_a_user_root_is_warned_and_others_are_not)
{
    cr_expect_eq(drop_to(NULL), S2S_OK);
    cr_expect_eq(strstr(t.last_log, "runs as root") != NULL, geteuid() == 0);
}

Test(privilege, nobody_of_that_name)
{
    char user[] = "no-such-user";
    cr_expect_eq(drop_to(user), S2S_E_INVAL);
    cr_expect_str_eq(why, "user: no-such-user: there is no such user on this system");
}

Test(privilege, root_is_no_other_user)
{
    char user[] = "root";
    cr_expect_eq(drop_to(user), S2S_E_INVAL);
    cr_expect_not_null(strstr(why, "is root"), "%s", why);
}

Test(privilege, root_goes_with_its_groups_and_does_not_come_back)
{
    char user[] = "nobody";
    gid_t groups[8];
    if (geteuid() != 0)
        return;
    const struct passwd *nobody = getpwnam(user);
    cr_assert_not_null(nobody);
    uid_t uid = nobody->pw_uid;
    gid_t gid = nobody->pw_gid;
    cr_expect_eq(drop_to(user), S2S_OK, "%s", why);
    cr_expect_eq(getuid(), uid);
    cr_expect_eq(geteuid(), uid);
    cr_expect_eq(getegid(), gid);
    int count = getgroups(8, groups);
    for (int i = 0; i < count; i++)
        cr_expect_eq(groups[i], gid);
    cr_expect_neq(seteuid(0), 0);
    cr_expect_neq(access("/etc/shadow", R_OK), 0);
    cr_expect_eq(drop_to(user), S2S_OK, "already there: %s", why);
    char other[] = "daemon";
    cr_expect_eq(drop_to(other), S2S_E_INVAL);
    cr_expect_not_null(strstr(why, "only root can change"), "%s", why);
}

Test(privilege, what_a_reload_could_not_read_is_said)
{
    char user[] = "nobody", shadow[] = "/etc/shadow", hosts[] = "/etc/passwd";
    config_domain domain = {.certificate = hosts, .key = shadow};
    config c = {.user = user, .domains = &domain, .domains_len = 1};
    if (geteuid() != 0)
        return;
    cr_expect_eq(privilege_drop(&t.env, &c, hosts, why), S2S_OK, "%s", why);
    cr_expect_not_null(strstr(t.last_log, "/etc/shadow"), "%s", t.last_log);
}
