# SPDX-License-Identifier: MIT
"""axes.py: what the matrix varies: servers, certificates, configurations, and who shows which certificate to whom."""
from dataclasses import dataclass

ZONE = "example"
OURS = "sut"  # the label of our own domains: VARIANT.sut.example
OUR_ADDRESS = "127.0.0.99"
GOOD = "both"  # the certificate that everybody accepts


@dataclass(frozen=True)
class Peer:
    name: str    # also the label of its domains: VARIANT.NAME.example
    kind: str    # prosody, ejabberd or jabberd2
    chroot: str  # rootfs.CHROOTS
    address: str


PEERS = (
    Peer("prosody012", "prosody", "bookworm", "127.0.0.12"),
    Peer("prosody130", "prosody", "backports", "127.0.0.13"),
    Peer("prosodynew", "prosody", "testing", "127.0.0.14"),
    Peer("ejabberd23", "ejabberd", "bookworm", "127.0.0.23"),
    Peer("ejabberd24", "ejabberd", "backports", "127.0.0.24"),
    Peer("ejabberdnew", "ejabberd", "testing", "127.0.0.26"),
    Peer("jabberd2", "jabberd2", "bookworm", "127.0.0.27"),
)


@dataclass(frozen=True)
class Variant:
    """One kind of certificate. `purposes`: the leaf's, None for no such extension. `issuer`: certificates.py."""
    name: str
    words: str
    purposes: tuple = ("serverAuth", "clientAuth")
    issuer: str = "int-any"
    san: str = "dns"  # dns, wild, srv, xmpp, wrong or none
    common_name: str = "right"  # right, wrong or none
    validity: str = "now"  # now, past or future
    key: str = "ec"
    ca: bool = False


SERVER, CLIENT = ("serverAuth",), ("clientAuth",)
VARIANTS = {v.name: v for v in (
    Variant("both", "serverAuth and clientAuth"),
    Variant("srv", "serverAuth only", SERVER),
    Variant("srvle", "serverAuth only, under an intermediate for serverAuth only (public CAs since 2026)", SERVER,
            "int-server"),
    Variant("nosubj", "the same with an empty subject and critical names (ACME's tlsserver profile)", SERVER,
            "int-server", common_name="none"),
    Variant("bothle", "both purposes, under an intermediate for serverAuth only", issuer="int-server"),
    Variant("cli", "clientAuth only", CLIENT),
    Variant("any", "anyExtendedKeyUsage only", ("anyExtendedKeyUsage",)),
    Variant("noeku", "no extended key usage", None),
    Variant("exp", "expired", validity="past"),
    Variant("nyv", "not yet valid", validity="future"),
    Variant("wrong", "another name", san="wrong", common_name="wrong"),
    Variant("wrongcn", "another name, the right one as common name", san="wrong"),
    Variant("cn", "the right name as common name only", san="none"),
    Variant("x.wild", "a wildcard for one label", san="wild"),
    Variant("srvid", "an SRV-ID only", san="srv", common_name="none"),
    Variant("xaddr", "an XmppAddr only", san="xmpp", common_name="none"),
    Variant("self", "self-signed", issuer="self"),
    Variant("unk", "by an unknown CA", issuer="other-root"),
    Variant("caleaf", "a leaf that is a CA", ca=True),
    Variant("badca", "issued by a certificate that is no CA", issuer="bad-issuer"),
    Variant("rsa", "RSA 2048", key="rsa"),
    Variant("ed", "Ed25519", key="ed"),
)}


@dataclass(frozen=True)
class Phase:
    """One start of all servers. `theirs`: certificates (alone), packaged or dialback (allowed); `ours`: policy.dialback and
    policy.eku; `start`: starttls, direct, or what MIXED says of each domain; `tls`: the newest version that the peers speak;
    `bidi`: streams for both directions, at both ends; `acks`: stream management at the peers that have it (s2sd always
    offers it); `wire`: the peers log what they read and write; `limits`: ours; `quiet`: seconds until Prosody finds a peer
    quiet; `variants`: these alone."""
    name: str
    theirs: str
    dialback: str
    eku: str = "tolerant"
    start: str = "starttls"
    tls: str = "1.3"
    bidi: bool = False
    acks: bool = False
    wire: bool = False
    limits: str = "{}"
    quiet: int = 840
    variants: tuple = ()


# Good and bad ones by turns of two: with bidi one stream serves a pair, so those at even places are for streams that we open,
# the others for theirs.
FEW = ("both", "srv", "srvle", "bothle", "exp", "nyv", "noeku", "rsa", "cli", "any")
PHASES = (
    Phase("certificates", "certificates", "never"),
    Phase("strict", "certificates", "never", eku="strict"),
    Phase("direct", "certificates", "never", start="direct"),
    Phase("tls12", "certificates", "never", tls="1.2"),
    Phase("packaged", "packaged", "never"),
    Phase("dialback", "dialback", "fallback"),
    Phase("dialback-direct", "dialback", "fallback", start="direct"),
    Phase("acks", "certificates", "never", acks=True, variants=FEW),
    Phase("bidi", "certificates", "never", bidi=True, variants=FEW),
    Phase("bidi-acks", "certificates", "never", bidi=True, acks=True, variants=FEW),
    Phase("bidi-acks-direct", "certificates", "never", start="direct", bidi=True, acks=True, variants=FEW),
)
# In a phase that is "mixed": domains that have no STARTTLS, and domains without any records.
MIXED = {"rsa": "direct", "noeku": "direct", "self": "none"}
REFUSER = "srvle"  # where peers log what goes over the wire: this domain of Prosody's refuses SASL EXTERNAL, and closes
EJABBERD_BIDI = ("ejabberd24", "ejabberdnew")  # 23.01 has no such module
QUICK_PHASE = PHASES[0]
QUICK_VARIANTS = ("both", "srvle", "bothle", "cli", "noeku", "exp", "wrong", "self", "unk")
QUICK_CHROOTS = ("bookworm",)

# Who connects, and whose certificate is the variant.
WE, THEY = "we", "they"


@dataclass(frozen=True)
class Cell:
    phase: Phase
    peer: Peer
    connects: str  # WE or THEY
    shows: str     # whose certificate is `variant`: WE or THEY; the other side's is good
    variant: str

    @property
    def ours(self):
        return f"{self.variant if self.shows == WE else GOOD}.{OURS}.{ZONE}"

    @property
    def theirs(self):
        return f"{self.variant if self.shows == THEY else GOOD}.{self.peer.name}.{ZONE}"

    @property
    def sender(self):
        return self.ours if self.connects == WE else self.theirs

    @property
    def receiver(self):
        return self.theirs if self.connects == WE else self.ours

    @property
    def key(self):
        return f"{self.phase.name}/{self.peer.name}/{self.connects}-connect/{self.shows}-show/{self.variant}"


def variants_of(phase, variants):
    """Those of `variants` that are tried in a phase."""
    return [v for v in variants if not phase.variants or v in phase.variants]


def cells(phase, peers, variants):
    for peer in peers:
        for connects in (WE, THEY):
            for shows in (THEY, WE):
                for variant in variants:
                    if variant == GOOD and shows == WE:  # both good: one cell is enough
                        continue
                    if not phase.bidi or variants.index(variant) % 2 == (connects == THEY):
                        yield Cell(phase, peer, connects, shows, variant)
