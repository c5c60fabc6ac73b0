/* SPDX-License-Identifier: MIT */
/* federate.c: a program outside the tree: a federation object with our policy, started and stopped. */
#include <stdio.h>
#include <stdlib.h>

#include <mod_s2s_eku/eku.h>
#include <s2s/s2s.h>

static void *resize(void *user, void *ptr, size_t size)
{
    (void)user;
    if (size > 0)
        return realloc(ptr, size);
    free(ptr);
    return NULL;
}

static s2s_err no_entropy(void *user, void *out, size_t len)
{
    (void)user;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)out)[i] = (unsigned char)i; /* nothing here is secret */
    return S2S_OK;
}

static bool deliver(void *user, const s2s_stanza *stanza)
{
    (void)user;
    (void)stanza;
    return true;
}

static void nothing(void *user)
{
    (void)user;
}

static void stopped(void *user)
{
    *(bool *)user = true;
}

int main(int argc, char **argv)
{
    static const s2s_env_ops ENV_OPS = {.abi = S2S_ENV_ABI, .resize = resize, .random = no_entropy};
    static const s2s_federation_ops OPS = {
        .abi = S2S_FEDERATION_ABI, .deliver = deliver, .drained = nothing, .stopped = stopped};
    const char *ca_file = argc > 1 ? argv[1] : "";
    char why[S2S_TEXT_MAX] = "";
    bool is_stopped = false;
    s2s_env env;
    eku_options policy_options;
    eku_policy *policy = NULL;
    s2s_federation_options options;
    s2s_federation *federation = NULL;

    s2s_env_init(&env, &ENV_OPS, NULL);
    eku_options_init(&policy_options, &env);
    policy_options.system_trust = false;
    policy_options.ca_files = &ca_file;
    policy_options.ca_files_len = 1;
    if (eku_policy_new(&policy_options, &policy, why) != S2S_OK) {
        (void)fprintf(stderr, "policy: %s\n", why);
        return 1;
    }
    s2s_policy interface = eku_policy_interface(policy);
    s2s_federation_options_init(&options);
    options.loop = uv_default_loop();
    options.env = &env;
    options.policy = &interface;
    options.ops = &OPS;
    options.user = &is_stopped;
    if (s2s_federation_new(&options, &federation, why) != S2S_OK) {
        (void)fprintf(stderr, "federation: %s\n", why);
        return 1;
    }
    s2s_federation_stop(federation);
    uv_run(options.loop, UV_RUN_DEFAULT);
    s2s_federation_free(federation);
    eku_policy_free(policy);
    uv_loop_close(options.loop);
    (void)puts(is_stopped ? "federate: started and stopped" : "federate: never stopped");
    return is_stopped ? 0 : 1;
}
