/* SPDX-License-Identifier: MIT */
/* test_inventory.c: certificates and configurations on a disk that the test makes. */
#include "inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "support/pki.h"
#include "support/test_env.h"

static pki *p;
static test_env env;
static inventory i;
static char dir[512];

static const pki_cert *ca(const char *cn, const char *eku)
{
    return pki_make(p, &(pki_spec){.cn = cn, .ca = true, .ekus = {eku}});
}

static const pki_cert *leaf(const pki_cert *issuer, const char *first, const char *second, const char *name)
{
    return pki_make(p,
                    &(pki_spec){.cn = name, .issuer = issuer, .ekus = {first, second}, .names = {{PKI_DNS, name, 0}}});
}

static void begin(void)
{
    p = pki_new();
    test_env_init(&env);
    cr_assert_eq(inventory_init(&i, &env.env), S2S_OK);
    const pki_cert *own = ca("Own CA", NULL), *servers = ca("Own servers", "server"),
                   *public = ca("R10, O=Let's Encrypt", NULL);
    (void)pki_write_chain(p, "both.pem",
                          (const pki_cert *[]){leaf(own, "server", "client", "both.example"), own, NULL});
    (void)pki_write_chain(p, "server.pem", (const pki_cert *[]){leaf(own, "server", NULL, "server.example"), NULL});
    (void)pki_write_chain(p, "under.pem",
                          (const pki_cert *[]){leaf(servers, "server", "client", "under.example"), servers, NULL});
    (void)pki_write_chain(p, "public.pem",
                          (const pki_cert *[]){leaf(public, "server", "client", "public.example"), NULL});
    (void)pki_write_chain(p, "none.pem", (const pki_cert *[]){leaf(own, NULL, NULL, "none.example"), NULL});
    (void)pki_write_chain(p, "ca.pem", (const pki_cert *[]){own, NULL});
    (void)pki_write_text(p, "broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    (void)snprintf(dir, sizeof dir, "%s", pki_path(p, ""));
    for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
        dir[len - 1] = '\0';
}

static void end(void)
{
    inventory_free(&i);
    pki_free(p);
    cr_expect_eq(env.live, 0);
}

TestSuite(ctl_inventory, .init = begin, .fini = end);

static const json_t *find(const char *name)
{
    size_t k;
    json_t *cert;
    json_array_foreach(i.certificates, k, cert)
    {
        if (strcmp(json_string_value(json_array_get(json_object_get(cert, "names"), 0)), name) == 0)
            return cert;
    }
    return NULL;
}

static const char *client_of(const char *name)
{
    const json_t *cert = find(name);
    return cert ? json_string_value(json_object_get(cert, "client")) : "(not found)";
}

static void write_config(const char *file, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)pki_write_text(p, file, text);
}

/* "program role line" of the n-th use of a certificate. */
static const char *use_of(const char *name, size_t n)
{
    static char text[128];
    const json_t *use = json_array_get(json_object_get(find(name), "used_by"), n);
    if (!use)
        return "";
    (void)snprintf(text, sizeof text, "%s %s %d", json_string_value(json_object_get(use, "program")),
                   json_string_value(json_object_get(use, "role")),
                   (int)json_integer_value(json_object_get(use, "line")));
    return text;
}

Test(ctl_inventory, what_each_may_do)
{
    inventory_walk(&i, dir);
    inventory_join(&i);
    cr_expect_eq(json_array_size(i.certificates), 5, "a CA's own and what cannot be read are none");
    cr_expect_str_eq(client_of("both.example"), "permitted");
    cr_expect_str_eq(client_of("server.example"), "lost");
    cr_expect_str_eq(client_of("under.example"), "lost", "the CA above it");
    cr_expect_str_eq(client_of("public.example"), "until-renewal");
    cr_expect_str_eq(client_of("none.example"), "unrestricted");
    cr_expect_not(inventory_is_bad(&i), "nobody uses them");
}

Test(ctl_inventory, who_uses_them)
{
    write_config("main.cf",
                 "# smtp_tls_cert_file = %s/none.pem\nsmtp_tls_chain_files =\n  "
                 "%s/server.pem\nsmtpd_tls_cert_file=%s/both.pem\n",
                 dir, dir, dir);
    write_config("site.conf",
                 "server {\n  ssl_certificate %s/public.pem;\n  proxy_ssl_certificate \"%s/both.pem\";\n}\n", dir, dir);
    write_config("ejabberd.yml",
                 "hosts: [a]\ncertfiles:\n  - \"%s/pub*.pem\"\n  - %s/none.pem\nlisten:\n  - %s/under.pem\n", dir, dir,
                 dir);
    write_config("prosody.cfg.lua", "ssl = { certificate = \"%s/under.pem\"; }\n    certificate = \"%s/under.pem\";\n",
                 dir, dir);
    inventory_walk(&i, dir);
    inventory_join(&i);
    cr_expect_str_eq(use_of("server.example", 0), "postfix client 3");
    cr_expect_str_eq(use_of("both.example", 0), "postfix server 4");
    cr_expect_str_eq(use_of("both.example", 1), "nginx client 3");
    cr_expect_str_eq(use_of("public.example", 0), "ejabberd both 3");
    cr_expect_str_eq(use_of("public.example", 1), "nginx server 2");
    cr_expect_str_eq(use_of("none.example", 0), "ejabberd both 4");
    cr_expect_str_eq(use_of("none.example", 1), "", "a comment is no use");
    cr_expect_str_eq(use_of("under.example", 0), "prosody both 2", "and the list of certfiles has ended before");
    cr_expect_str_eq(use_of("under.example", 1), "");
    cr_expect(inventory_is_bad(&i));
}

Test(ctl_inventory, links_are_one_certificate_and_archives_are_left_out)
{
    char path[1024], target[1024], inside[1024];
    (void)snprintf(path, sizeof path, "%s/archive", dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    (void)snprintf(target, sizeof target, "%s/server.pem", dir);
    (void)snprintf(inside, sizeof inside, "%s/archive/cert1.pem", dir);
    cr_assert_eq(rename(target, inside), 0);
    (void)snprintf(path, sizeof path, "%s/live", dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/live/fullchain.pem", dir);
    cr_assert_eq(symlink(inside, path), 0);
    write_config("main.cf", "smtp_tls_cert_file = %s/archive/cert1.pem\n", dir);
    inventory_walk(&i, dir);
    inventory_join(&i);
    const json_t *files = json_object_get(find("server.example"), "files");
    cr_expect_eq(json_array_size(files), 1);
    cr_expect_str_eq(json_string_value(json_array_get(files, 0)), path);
    cr_expect_str_eq(use_of("server.example", 0), "postfix client 1", "named by its other path");
    (void)unlink(path);
    (void)unlink(inside);
    (void)snprintf(path, sizeof path, "%s/live", dir);
    (void)rmdir(path);
    (void)snprintf(path, sizeof path, "%s/archive", dir);
    (void)rmdir(path);
}

Test(ctl_inventory, a_path_that_cannot_be_read_is_named)
{
    inventory_walk(&i, "/nonexistent/path");
    cr_expect_eq(json_array_size(i.unreadable), 1);
    json_t *all = inventory_json(&i);
    cr_expect_eq(json_array_size(json_object_get(all, "unreadable")), 1);
    json_decref(all);
}

Test(ctl_inventory, the_report_says_who_is_at_risk)
{
    char *text = NULL;
    size_t len;
    write_config("main.cf", "smtp_tls_cert_file = %s/server.pem\n", dir);
    inventory_walk(&i, dir);
    inventory_join(&i);
    FILE *out = open_memstream(&text, &len);
    inventory_print(out, &i);
    (void)fclose(out);
    cr_expect_not_null(strstr(text, "as client lost: its extended key usage lacks clientAuth"), "%s", text);
    cr_expect_not_null(strstr(text, "used by   postfix, as a client ("), "%s", text);
    cr_expect_not_null(strstr(text, "5 certificates and 1 configurations"), "%s", text);
    free(text);
}
