# SPDX-License-Identifier: MIT
"""cases.py: what is tried: features, the pair of domains that each is tried with, and where a peer has none."""
from dataclasses import dataclass

from matrix.axes import Phase, THEY, WE

# Certificates, and so domains: see matrix/axes.py; MIXED there says which have other SRV records.
VARIANTS = ("both", "srv", "exp", "self", "rsa", "noeku", "srvle")

# In each, everything else is as plain as it can be. `plain`: our white space; `bidi`: theirs.
PHASES = (
    Phase("plain", "dialback", "fallback", start="mixed", wire=True, limits="{liveness_ms: 3000}"),
    Phase("bidi", "dialback", "fallback", start="mixed", wire=True, bidi=True, quiet=4),
    Phase("acks", "dialback", "fallback", start="mixed", wire=True, acks=True),
    Phase("bidi-acks", "dialback", "fallback", start="mixed", wire=True, bidi=True, acks=True),
)


@dataclass(frozen=True)
class Feature:
    name: str
    words: str
    phase: str
    we: tuple    # (our variant, theirs) where we connect
    they: tuple  # the same where they connect

    def pair(self, connects):
        return self.we if connects == WE else self.they


FEATURES = (
    Feature("starttls", "STARTTLS", "plain", ("both", "both"), ("srv", "srv")),
    Feature("external", "SASL EXTERNAL", "plain", ("both", "both"), ("srv", "srv")),
    Feature("direct", "direct TLS (XEP-0368): SNI, ALPN", "plain", ("rsa", "rsa"), ("noeku", "noeku")),
    Feature("dialback", "dialback (XEP-0220), for an expired certificate", "plain", ("exp", "both"), ("both", "exp")),
    Feature("key", "dialback keys as in XEP-0185: 64 hexadecimal digits", "plain", ("exp", "both"), ("both", "exp")),
    Feature("error", "dialback errors", "plain", ("self", "both"), ("both", "self")),
    Feature("by certificate", "dialback decided by a look at the certificate (XEP-0344)", "plain", ("both", "both"),
            ("srv", "both")),
    Feature("refused", "EXTERNAL refused, dialback on the same stream", "plain", ("srv", "both"), ("both", "srv")),
    Feature("closed", "EXTERNAL refused and the stream closed, dialback on a new one", "plain", ("both", "srvle"),
            ("srvle", "both")),
    Feature("several", "several pairs on one stream", "plain", ("both", "both"), ("srv", "srv")),
    Feature("limits", "stream limits (XEP-0478)", "plain", ("both", "both"), ("srv", "srv")),
    Feature("ping", "ping (XEP-0199)", "plain", ("both", "both"), ("srv", "srv")),
    Feature("ours", "white space while it is quiet, ours", "plain", ("both", "both"), ("srv", "srv")),
    Feature("bidi", "bidirectional streams (XEP-0288)", "bidi", ("both", "both"), ("srv", "srv")),
    Feature("theirs", "white space while it is quiet, theirs", "bidi", ("both", "both"), ("srv", "srv")),
    Feature("acks", "stream management (XEP-0198)", "acks", ("both", "both"), ("srv", "srv")),
    Feature("bidi acks", "both of them on one stream", "bidi-acks", ("both", "both"), ("srv", "srv")),
)


def pairs(phase):
    """[(connects, our variant, theirs)] of a phase, each once."""
    return list(dict.fromkeys((c, *f.pair(c)) for f in FEATURES if f.phase == phase.name for c in (WE, THEY)))


EJABBERD = ("ejabberd23", "ejabberd24", "ejabberdnew")
PROSODY = ("prosody012", "prosody130", "prosodynew")
BOTH_WAYS = (WE, THEY)

# (features, peers, who connects): why there is nothing to be seen. Everything else has to be seen.
NONE = (
    (("direct",), ("jabberd2",), BOTH_WAYS, "it has no direct TLS"),
    (("external",), ("jabberd2",), BOTH_WAYS, "it knows dialback only"),
    (("error",), PROSODY, (WE,), "it says nothing when it cannot ask the authoritative server"),
    (("error",), ("jabberd2",), (WE,), "it ends the stream with connection-timeout"),
    (("by certificate",), EJABBERD + PROSODY + ("jabberd2",), (WE,), "it always asks the authoritative server"),
    (("by certificate",), EJABBERD + PROSODY, (THEY,), "it uses EXTERNAL where its certificate is good"),
    (("refused",), PROSODY + ("ejabberdnew",), (WE,), "it takes a certificate for servers alone"),
    (("refused",), ("jabberd2",), (WE,), "it does not offer EXTERNAL"),
    (("closed",), EJABBERD + ("jabberd2",), (WE,), "it does not close with a refusal"),
    (("refused", "closed"), EJABBERD + PROSODY + ("jabberd2",), (THEY,), "s2sd offers EXTERNAL to those alone whom it lets in"),
    (("several",), EJABBERD + PROSODY, (THEY,), "it makes a stream for each pair"),
    (("several",), EJABBERD + PROSODY + ("jabberd2",), (WE,), "s2sd makes a stream for each pair"),
    (("limits",), EJABBERD + ("prosody012", "jabberd2"), BOTH_WAYS, "not among its features"),
    (("bidi", "bidi acks"), ("ejabberd23", "jabberd2"), BOTH_WAYS, "not among its features, and not asked for"),
    (("bidi",), ("ejabberd24",), BOTH_WAYS, "it offers it in the namespace of the command, and looks for it there"),
    (("theirs",), EJABBERD, BOTH_WAYS, "it sends none to servers"),
    (("theirs",), ("jabberd2",), BOTH_WAYS, "off in its configuration here, and it would not log it"),
    (("acks", "bidi acks"), EJABBERD, BOTH_WAYS, "mod_stream_mgmt is for clients: not among its features, and not asked for"),
    (("acks", "bidi acks"), ("jabberd2",), BOTH_WAYS, "not among its features, and not asked for"),
)


def none(feature, peer, connects):
    """Why there is none, or None: it has to be seen."""
    for features, peers, ways, why in NONE:
        if feature.name in features and peer.name in peers and connects in ways:
            return why
    return None
