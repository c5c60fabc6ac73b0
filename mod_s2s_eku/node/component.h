/* SPDX-License-Identifier: MIT */
/* component.h: the external components (XEP-0114): listeners, accounts, who is attached. Internal to s2sd. */
#ifndef S2SD_COMPONENT_H
#define S2SD_COMPONENT_H

#include <uv.h>

#include "config.h"
#include "s2s/federation.h"

/* Connections at once beside one for each account, attached or not; further ones are closed at once. */
#define COMPONENT_CONNECTIONS_MAX 256u

typedef struct components components;

typedef enum component_next {
    COMPONENT_GOES_ON,
    COMPONENT_WAITS_FOR_ITSELF,    /* until it has read enough of what is for it */
    COMPONENT_WAITS_FOR_RECIPIENT, /* until the component that the stanza was for has, or while ops->held says so of its remote domain */
} component_next;

/* May call components_deliver and components_resume, not _free. */
typedef struct components_ops {
    /* From an attached component, `from` at its domain, `to` not yet looked at. Lent. Taken; says what becomes of the component. */
    component_next (*stanza)(void *user, const s2s_stanza *stanza);
    /* Whether what `domain`, an account's, sends to `remote` is still to wait. */
    bool (*held)(void *user, const char *domain, s2s_str remote);
    /* Was taken by components_deliver() but did not go out, and nothing is attached any more. Lent, without `inner`. */
    void (*undelivered)(void *user, const s2s_stanza *stanza);
    /* The component of `domain` is far behind: whoever produces stanzas for it should pause; or it is not any more, or is gone. */
    void (*slow)(void *user, const char *domain, bool slow);
    /* components_stop() is done: components_free() may follow. */
    void (*stopped)(void *user);
    /* components_drain() is done: all that was queued went out, or has come to `undelivered`. */
    void (*drained)(void *user);
} components_ops;

/* `accounts` are borrowed. S2S_OK, S2S_E_NOMEM. */
s2s_err components_new(const s2s_env *env, uv_loop_t *loop, const config_account *accounts, size_t accounts_len,
                       const components_ops *ops, void *user, components **out);
/* "ADDRESS:PORT", "unix:/path", or "fd:NAME" for all sockets that the service manager passed under that name; `address` is
 * borrowed. `bound` (may be NULL) takes the real address of a TCP listener. S2S_E_SYNTAX: not such an address;
 * S2S_E_NOTFOUND, S2S_E_INVAL: no such socket was passed, or something else; else S2S_E_IO, S2S_E_EXISTS, S2S_E_NOMEM. */
s2s_err components_listen(components *c, char *address, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX]);

/* Other accounts (borrowed) from now on; the old ones may go then. Who is attached stays so, also if the secret is another, unless
 * the account is gone. S2S_E_NOMEM: nothing has changed. */
s2s_err components_replace(components *c, const config_account *accounts, size_t accounts_len);

/* `domain` is in normal form. The account, or NULL; lent until components_replace(). */
const config_account *components_account(const components *c, s2s_str domain);
bool components_has(const components *c, s2s_str domain);
bool components_attached(const components *c, s2s_str domain);
/* S2S_OK: taken. Else not: S2S_E_NOTFOUND (nothing attached), S2S_E_LIMIT (too far behind), S2S_E_NOMEM. */
s2s_err components_deliver(components *c, s2s_str domain, const s2s_stanza *stanza);
/* ops->slow has said so of this one, or of any. */
bool components_slow(const components *c, s2s_str domain);
bool components_any_slow(const components *c);
/* All but those that still have to wait. */
void components_resume(components *c);

/* Before the end, while what comes back can still be sent: a component that is behind counts as slow until it has taken all, and is
 * cut off if that takes longer than limits.close_ms. True: ops->drained follows, never from here; false: nothing is queued. Once only. */
bool components_drain(components *c);
/* Listens no more; each component gets what is queued and </stream:stream>; then ops->stopped, from the loop. Bounded by
 * limits.close_ms. */
void components_stop(components *c);
/* Only before the loop ran with listeners, or after ops->stopped. Takes NULL. */
void components_free(components *c);

#endif
