# SPDX-License-Identifier: MIT
"""topology.py: the lab's names and addresses. Everything is on 127.0.0.x inside the lab's own network namespace.

Names end in .example: resolvers answer "no such name" for .test out of their built-in tables (RFC 6761).
"""
DNS_ADDRESS = "127.0.0.53"
NODE_ADDRESS = "127.0.0.99"  # s2sd
PROSODY_ADDRESS = "127.0.0.12"
EJABBERD_ADDRESS = "127.0.0.23"

S2S_PORT = 5269
COMPONENT_PORT = 5347
COMPONENT_SECRET = "lab-secret"

# Ours: the certificate of EKU is good for both TLS roles, that of LE is what public CAs issue since 2026.
EKU = "eku.example"
EKU_CHAT = "chat.eku.example"
EKU_LIBRARY = "lib.eku.example"
EKU_DIALBACK = "dialback.eku.example"  # its certificate has expired: DNS is all that proves it
LE = "le.example"
LE_CHAT = "chat.le.example"

# Ours, too: a domain that is a component's, people and all; a gateway to IRC; and the IRC server behind it.
USERS = "users.example"
GATEWAY = "irc.users.example"
IRC, IRC_ADDRESS = "chat-of-old.example", "127.0.0.67"

PROSODY = "prosody.example"
PROSODY_COMPONENT = "comp.prosody.example"
PROSODY_EXPIRED = "expired.prosody.example"
PROSODY_WRONG_NAME = "wrongname.prosody.example"
PROSODY_DIALBACK = "dialback.prosody.example"  # expired, too; dialback is loaded for it alone
PROSODY_BIDI = "bidi.prosody.example"  # the certificate of PROSODY; bidirectional streams for it alone
EJABBERD = "ejabberd.example"
EJABBERD_COMPONENT = "comp.ejabberd.example"
EJABBERD_DIALBACK = "dialback.ejabberd.example"  # expired, too

# A name that no host of the lab has, for the certificate with the wrong name.
NOBODY = "nobody.example"

HOSTS = {
    EKU: NODE_ADDRESS, EKU_CHAT: NODE_ADDRESS, EKU_LIBRARY: NODE_ADDRESS,
    EKU_DIALBACK: NODE_ADDRESS,
    USERS: NODE_ADDRESS, GATEWAY: NODE_ADDRESS,
    LE: NODE_ADDRESS, LE_CHAT: NODE_ADDRESS,
    PROSODY: PROSODY_ADDRESS, PROSODY_COMPONENT: PROSODY_ADDRESS,
    PROSODY_EXPIRED: PROSODY_ADDRESS, PROSODY_WRONG_NAME: PROSODY_ADDRESS,
    PROSODY_DIALBACK: PROSODY_ADDRESS, PROSODY_BIDI: PROSODY_ADDRESS, EJABBERD_DIALBACK: EJABBERD_ADDRESS,
    EJABBERD: EJABBERD_ADDRESS, EJABBERD_COMPONENT: EJABBERD_ADDRESS,
}
