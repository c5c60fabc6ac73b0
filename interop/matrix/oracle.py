# SPDX-License-Identifier: MIT
"""oracle.py: what has to happen in a cell, and why. One rule for each server that judges a certificate; nothing here is
taken from a run."""
from matrix import axes
from matrix.axes import THEY, VARIANTS, WE

EXTERNAL, DIALBACK, REFUSED = "external", "dialback", "refused"


class Impossible(Exception):
    """The cell cannot be tried, and why."""


def time_and_signature(v):
    """What every server refuses alike; None if there is nothing of that."""
    return {"exp": "it has expired", "nyv": "it is not valid yet", "self": "it is self-signed",
            "unk": "its CA is not known", "badca": "its issuer is no CA"}.get(v.name)


def purposes(v):
    """(valid as a server's, valid as a client's) over the whole path; anyExtendedKeyUsage alone is neither."""
    if v.purposes is None:
        return True, True
    server_path, client_path = True, v.issuer != "int-server"
    return server_path and "serverAuth" in v.purposes, client_path and "clientAuth" in v.purposes


def ours(v, phase, initiator):
    """s2sd as the judge: None, or why it refuses."""
    server, client = purposes(v)
    if (fault := time_and_signature(v)):
        return fault
    if v.ca:
        return "a leaf that is a CA proves no host (RFC 6120 §13.7.2)"
    if not server:
        return "it is not valid as a server's"
    if phase.eku == "strict" and initiator and not client:
        return "strict wants an initiator's to be valid as a client's too"
    if v.san in ("wrong", "none"):
        return "no name in it proves the domain; the common name does not count (RFC 9525)"
    return None


def prosody(v, peer):
    if (fault := time_and_signature(v)):
        return fault
    if not purposes(v)[0]:
        return "Prosody wants serverAuth or no purpose in both directions"
    if v.san == "xmpp":
        return "Prosody reads XmppAddr, but its comparison never matches"
    if v.san == "wrong" or (v.san == "none" and peer.name != "prosody012"):
        return "no name in it proves the domain (the common name counts up to 0.12 and without other names)"
    return None


def ejabberd(v, peer, initiator):
    server, client = purposes(v)
    if (fault := time_and_signature(v)):
        return fault
    if initiator and peer.name != "ejabberdnew":
        if not client:
            return "ejabberd before 25.07 wants an initiator's to be valid as a client's"
    elif not server:
        return "it is not valid as a server's"
    if v.san in ("srv", "xmpp") or v.name == "wrong":
        return "ejabberd reads common names and dNSName, not SRV-ID; an XmppAddr ends its process"
    return None


def theirs(v, peer, initiator):
    """The peer as the judge. `initiator`: the certificate is an initiator's."""
    if peer.kind == "prosody":
        return prosody(v, peer)
    if peer.kind == "ejabberd":
        return ejabberd(v, peer, initiator)
    return None  # jabberd2 does dialback only


def possible(cell):
    """Raises Impossible."""
    v, peer = VARIANTS[cell.variant], cell.peer
    if cell.shows == WE and v.name in NOT_OURS:
        raise Impossible("s2sd does not start with a certificate that does not name its domain")
    if cell.shows == THEY:
        if peer.kind == "ejabberd" and v.name in ("wrong", "srvid", "xaddr", "ed"):
            raise Impossible("ejabberd chooses its certificate by common name and dNSName, and cannot load Ed25519")
        if peer.kind == "jabberd2" and v.name != axes.GOOD:
            raise Impossible("jabberd2 has one certificate for all of its domains")
        if peer.kind == "prosody" and cell.connects == WE and cell.phase.start == "direct" and \
                v.name in NOT_ON_PROSODYS_DIRECT_PORT:
            raise Impossible("Prosody's direct TLS port takes certificates by the names in them, none that has expired")
    if peer.kind == "jabberd2":
        if cell.phase.start == "direct":
            raise Impossible("jabberd2 has no direct TLS")
        if cell.phase.theirs == "certificates" and v.name != axes.GOOD:
            raise Impossible("jabberd2 knows dialback only: without it one certificate tells as much as all")
    if v.name == "ed" and cell.phase.tls == "1.2":
        raise Impossible("GnuTLS 3.7 sends no Ed25519 certificate in TLS 1.2, and OpenSSL's curve list differs")


def silent(cell):
    """The sender is told nothing when it fails: nothing must arrive, and nothing comes back."""
    return cell.peer.kind == "jabberd2" and cell.connects == THEY


NOT_OURS = ("wrong", "wrongcn", "cn", "xaddr")
NOT_ON_PROSODYS_DIRECT_PORT = ("wrong", "wrongcn", "cn", "xaddr", "exp", "nyv", "srvid")


def dialback_is_open(phase, peer, by_us):
    """Would the receiving side let dialback prove the initiator's domain?"""
    if by_us:
        return phase.dialback == "fallback"
    if peer.kind == "prosody":
        return phase.theirs == "dialback"  # packaged: loaded, but a bad certificate ends the stream (s2s_secure_auth)
    return phase.theirs != "certificates"


def receiver_must_be_good(phase, peer, by_us):
    """Does the initiating side insist on the receiver's certificate?"""
    if by_us:
        return phase.dialback == "never"
    if peer.kind == "prosody":
        return phase.theirs != "dialback"
    return peer.kind == "ejabberd" and phase.theirs == "certificates"


# Which peers have what, seen alive by run_features.py.
def extras(cell):
    """What an authenticated stream also has: "bidi" and "acks", if both ends are told to."""
    phase, peer = cell.phase, cell.peer
    bidi = phase.bidi and (peer.kind == "prosody" or peer.name == "ejabberdnew")
    return tuple(["bidi"] * bidi + ["acks"] * (phase.acks and peer.kind == "prosody"))


def expect(cell):
    """(EXTERNAL, DIALBACK or REFUSED, the reason)."""
    possible(cell)
    phase, peer, good = cell.phase, cell.peer, VARIANTS[axes.GOOD]
    our_cert = VARIANTS[cell.variant] if cell.shows == WE else good
    their_cert = VARIANTS[cell.variant] if cell.shows == THEY else good
    we_connect = cell.connects == WE
    if we_connect:
        of_receiver, of_initiator = ours(their_cert, phase, False), theirs(our_cert, peer, True)
    else:
        of_receiver, of_initiator = theirs(our_cert, peer, False), ours(their_cert, phase, True)
    if of_receiver and receiver_must_be_good(phase, peer, by_us=we_connect):
        return REFUSED, f"the initiator refuses the receiver's certificate: {of_receiver}"
    external_offered = peer.kind != "jabberd2"
    if not external_offered and not we_connect and not of_initiator:
        return DIALBACK, "jabberd2 asks for dialback, and its certificate, good for EXTERNAL too, decides (XEP-0344)"
    if external_offered and not of_initiator:
        if of_receiver and we_connect:
            return DIALBACK, "the receiver's certificate proves nothing: DNS has to, in both directions"
        return EXTERNAL, "both certificates are good"
    why = of_initiator or "jabberd2 knows dialback only"
    initiator_does = phase.dialback == "fallback" if we_connect else phase.theirs != "certificates"
    if dialback_is_open(phase, peer, by_us=not we_connect) and initiator_does:
        return DIALBACK, f"the initiator's certificate is not enough ({why}), dialback is allowed on both sides"
    return REFUSED, f"the receiver refuses the initiator's certificate: {why}"
