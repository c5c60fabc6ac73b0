# SPDX-License-Identifier: MIT
"""attacks.py: what a hostile peer does to a node, and what has to come of it.

Each attack is a function of the world that returns what was seen, in words, or raises AssertionError. NAME by its
function's name; the docstring is the expected outcome.
"""
import socket
import ssl
import subprocess
import threading
import time

from peer import STARTTLS, Closed, Peer
from world import CONNECTIONS, EVIL, GOOD, LIARS, NEGOTIATION_MS, PORTS, US

BODY = "<message from='x@{0}' to='{1}' id='m'><body>x</body></message>"
IN_TIME = (NEGOTIATION_MS / 1000) * 3 + 30  # a loaded machine is slow; what counts is that it ends
ERROR = "<{} xmlns='urn:ietf:params:xml:ns:xmpp-streams'"


def condition(text):
    """The stream error's name, or 'no error'."""
    for part in text.split("<"):
        if "urn:ietf:params:xml:ns:xmpp-streams" in part and not part.startswith("text"):
            return part.split()[0].strip("/>")
    return "no error"


def ends_with(peer, *conditions):
    seen = condition(peer.rest())
    assert seen in conditions, f"{seen} instead of {' or '.join(conditions)}"
    return seen


# -- as an initiator ---------------------------------------------------------------------------------------

def slowloris(w):
    """stuck at any state: the connection ends after limits.negotiation_ms"""
    stuck = {}

    def at(name, prepare):
        peer = Peer.connect(w)
        prepare(peer)
        stuck[name] = peer

    def half_hello(p):
        p.header()
        p.until("</stream:features>")
        p.send(STARTTLS)
        p.until("<proceed")
        p.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")

    at("nothing", lambda p: None)
    at("half a header", lambda p: p.send("<stream:stre"))
    at("header", lambda p: p.header())
    at("half a hello", half_hello)
    at("tls", lambda p: p.start_tls(w))
    at("header in tls", lambda p: (p.start_tls(w), p.header()))
    at("half an auth", lambda p: (p.start_tls(w), p.header(), p.until("</stream:features>"), p.send("<auth xmlns='urn:")))
    at("direct", lambda p: None)
    for name, peer in stuck.items():
        assert peer.wait_closed(IN_TIME) is not None, f"{name}: still open"
        peer.socket.close()
    return f"{len(stuck)} connections closed"


def bytewise(w):
    """a whole negotiation and a stanza in single bytes: accepted"""
    peer = Peer.connect(w, piece=1).establish(w)
    peer.send(BODY.format(EVIL, US))
    peer.send("</stream:stream>")
    assert "</stream:stream>" in peer.rest()
    return "established, closed in good order"


def connection_flood(w):
    """more connections than limits.connections: the others are turned away, later ones are welcome"""
    peers = [socket.create_connection((w.address, w.us.port), 30) for _ in range(2 * CONNECTIONS)]
    for p in peers:
        p.settimeout(IN_TIME)
    closed = 0
    for p in peers:
        try:
            closed += p.recv(1) == b""
        except ConnectionError:
            closed += 1
    for p in peers:
        p.close()
    assert closed >= CONNECTIONS
    deadline = time.monotonic() + IN_TIME
    while True:  # the node has yet to see that the others are gone
        try:
            peer = Peer.connect(w)
            peer.header()
            peer.until("</stream:features>")
            break
        except (Closed, OSError):
            assert time.monotonic() < deadline, "nobody is let in any more"
    peer.socket.close()
    return f"{closed} of {2 * CONNECTIONS} closed by the node"


def flood_in_the_clear(w):
    """megabytes before TLS: policy-violation"""
    peer = Peer.connect(w)
    peer.header()
    peer.until("</stream:features>")
    return flood(peer, "<x xmlns='urn:x'/>", "unsupported-stanza-type", "policy-violation")


def flood(peer, what, *conditions):
    def push():
        try:
            for _ in range(200):
                peer.send(what * 1000)
        except (OSError, Closed):
            pass
    pusher = threading.Thread(target=push, daemon=True)
    pusher.start()
    text = ""
    try:
        while True:
            peer.read()
    except (Closed, OSError):
        text = peer.text
    pusher.join(60)
    assert not pusher.is_alive()
    peer.socket.close()
    seen = condition(text)
    # a reset by the node may take its last words with it: then the end alone is what a flooding peer sees
    assert seen in (*conditions, "no error"), seen
    return f"cut off: {seen}"


def flood_before_authentication(w):
    """megabytes inside TLS before authentication: policy-violation"""
    peer = Peer.connect(w)
    peer.start_tls(w)
    peer.header()
    peer.until("</stream:features>")
    return flood(peer, " " * 100, "policy-violation")


def verify_storm(w):
    """thousands of dialback questions without authentication: refused, or answered up to a limit"""
    peer = Peer.connect(w)
    peer.start_tls(w)
    peer.header()
    peer.until("</stream:features>")
    return flood(peer, f"<db:verify from='{EVIL}' to='{US}' id='1'>00</db:verify>", "policy-violation",
                 "unsupported-stanza-type")


def dialback_without_tls(w):
    """a dialback key in the clear: answered with policy-violation, or the stream's end"""
    peer = Peer.connect(w)
    peer.header()
    peer.until("</stream:features>")
    peer.send(f"<db:result from='{EVIL}' to='{US}'>37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643</db:result>")
    answer = peer.until("policy-violation")
    assert "type='error'" in answer or "<stream:error" in answer, answer
    peer.socket.close()
    return "policy-violation"


def dialback_with_a_refused_certificate(w):
    """a dialback key where the certificate is refused and dialback is not allowed: no way in"""
    peer = Peer.connect(w)
    peer.start_tls(w, name="rogue")
    peer.header()
    peer.send(f"<db:result from='{EVIL}' to='{US}'>0011</db:result>" + BODY.format(EVIL, US))
    text = peer.rest()
    assert "type='valid'" not in text and 'type="valid"' not in text
    return condition(text)


def giant_stanza(w):
    """a stanza beyond limits.stanza_bytes: policy-violation"""
    peer = Peer.connect(w).establish(w)
    peer.send(f"<message from='x@{EVIL}' to='{US}'><body>")
    return flood(peer, "x" * 64, "policy-violation")


def deep_xml(w):
    """ten thousand levels: policy-violation"""
    peer = Peer.connect(w).establish(w)
    peer.send(f"<message from='x@{EVIL}' to='{US}'>" + "<a>" * 10000)
    return ends_with(peer, "policy-violation")


def many_attributes(w):
    """ten thousand attributes: policy-violation"""
    peer = Peer.connect(w).establish(w)
    peer.send(f"<message from='x@{EVIL}' to='{US}' " + " ".join(f"a{i}='1'" for i in range(10000)) + "/>")
    return ends_with(peer, "policy-violation")


def entities(w):
    """a document type with entities: restricted-xml"""
    peer = Peer.connect(w)
    peer.send("<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>")
    return ends_with(peer, "restricted-xml", "not-well-formed")


def odd_bytes(w):
    """comments, instructions, bad UTF-8 and control characters: restricted-xml or not-well-formed"""
    for bad in (b"<!-- x -->", b"<?x y?>", b"<message>\xc0\xaf</message>", b"\x00", b"<message>&x;</message>"):
        peer = Peer.connect(w).establish(w)
        peer.send(bad)
        ends_with(peer, "restricted-xml", "not-well-formed", "bad-format", "unsupported-encoding", "improper-addressing")
    return "5 of 5 ended"


def wrong_moment(w):
    """stanzas before TLS, before authentication, after the end: never taken"""
    peer = Peer.connect(w)
    peer.header()
    peer.until("</stream:features>")
    peer.send(BODY.format(EVIL, US))
    first = ends_with(peer, "not-authorized")
    peer = Peer.connect(w)
    peer.start_tls(w)
    peer.header()
    peer.until("</stream:features>")
    peer.send(BODY.format(EVIL, US))
    second = ends_with(peer, "not-authorized")
    peer = Peer.connect(w).establish(w)
    peer.send("</stream:stream>" + BODY.format(EVIL, US))
    peer.rest()
    return f"{first}, {second}, ended"


def from_games(w):
    """a sender that was not authenticated: invalid-from; a domain that is not served: refused; no address: improper-addressing"""
    seen = []
    for text, allowed in ((BODY.format(GOOD, US), ("invalid-from",)),
                          (BODY.format("sub." + EVIL, US), ("invalid-from",)),
                          (BODY.format(EVIL, "other.example"), ("host-unknown",)),
                          ("<message><body>x</body></message>", ("improper-addressing",)),
                          (f"<message from='{EVIL}'/>", ("improper-addressing",))):
        peer = Peer.connect(w).establish(w)
        peer.send(text)
        seen.append(ends_with(peer, *allowed))
    return ", ".join(seen)


def header_games(w):
    """another sender in the header inside TLS, or after authentication, or our own name: refused"""
    peer = Peer.connect(w)
    peer.start_tls(w)
    peer.header(from_=GOOD)  # with the certificate of evil.example
    peer.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
    text = peer.rest()
    assert "<success" not in text
    peer = Peer.connect(w).establish(w)
    peer.header(from_=GOOD)
    second = condition(peer.rest())
    peer = Peer.connect(w)
    peer.header(from_=US)
    third = ends_with(peer, "invalid-from")
    return f"{condition(text)}, {second}, {third}"


def authentication_games(w):
    """another identity, bad base64, another mechanism, five tries: not-authorized and the like, then the end"""
    peer = Peer.connect(w)
    peer.start_tls(w)
    peer.header()
    peer.until("</stream:features>")
    for text in ("Z29vZC5leGFtcGxl", "!!!!", "Z29vZC5leGFtcGxl", "Z29vZC5leGFtcGxl", "Z29vZC5leGFtcGxl"):
        try:
            peer.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{text}</auth>")
        except OSError:
            break
    text = peer.rest()
    assert "<success" not in text and "<failure" in text
    return condition(text)


def bad_certificates(w):
    """expired, self-made, none at all, for another name: no authentication"""
    for name in ("expired", "rogue", None, US):
        peer = Peer.connect(w)
        peer.start_tls(w, name=name)
        peer.header()
        try:
            peer.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
        except OSError:
            pass
        assert "<success" not in peer.rest(), name
    return "4 of 4 refused"


def huge_chains(w):
    """40 and 160 certificates: the handshake or the policy refuses"""
    for name in ("long", "huge"):
        peer = Peer.connect(w)
        try:
            peer.start_tls(w, name=name)
            peer.header()
            peer.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
        except (Closed, OSError):
            pass
        assert "<success" not in peer.rest(), name
    return "2 of 2 refused"


def bad_tls(w):
    """garbage, old versions, a record cut in the middle, plaintext behind <starttls/>: the connection ends"""
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00" * 1000, b"\x16\x03\x03\xff\xff" + b"x" * 70000):
        for direct in (False, True):
            peer = Peer.connect(w, direct=direct)
            if not direct:
                peer.header()
                peer.until("</stream:features>")
                peer.send(STARTTLS)
                peer.until("<proceed")
            try:
                peer.raw(data)
            except OSError:
                pass
            assert peer.wait_closed(IN_TIME) is not None, data[:10]
    peer = Peer.connect(w)
    peer.header()
    peer.until("</stream:features>")
    peer.send(STARTTLS + BODY.format(EVIL, US))
    assert peer.wait_closed(IN_TIME) is not None
    peer = Peer.connect(w).establish(w)
    peer.tls.write(BODY.format(EVIL, US).encode())
    record = peer._out.read()
    peer.raw(record[:len(record) // 2])
    peer.socket.shutdown(socket.SHUT_WR)
    assert peer.wait_closed(IN_TIME) is not None
    return "10 of 10 ended"


def old_tls(w):
    """TLS 1.1: no handshake"""
    peer = Peer.connect(w)
    try:
        peer.start_tls(w, low=ssl.TLSVersion.TLSv1, high=ssl.TLSVersion.TLSv1_1)
    except (Closed, OSError, ValueError):
        return "no handshake"
    raise AssertionError("TLS 1.1 was spoken")


def openssl_client(w, *words, say):
    return subprocess.run(["openssl", "s_client", "-connect", f"{w.address}:{w.us.port}", "-starttls", "xmpp-server",
                           "-xmpphost", US, "-cert", w.file("evil.example.pem"), "-key", w.file("evil.example.key"),
                           *words], input=say.encode(), capture_output=True, timeout=IN_TIME, check=False)


def renegotiation(w):
    """TLS 1.2 renegotiation: refused, the connection ends"""
    done = openssl_client(w, "-tls1_2", say="R\n")
    assert b"RENEGOTIATING" in done.stdout + done.stderr
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert "no_renegotiation" in text or "no renegotiation" in text or done.returncode != 0, text[-400:]
    return "refused"


def key_updates(w):
    """fifty key updates of TLS 1.3: followed, or cut off; nothing grows"""
    done = openssl_client(w, "-tls1_3", say="K\n" * 50)
    assert b"KEYUPDATE" in done.stdout + done.stderr
    return f"s_client ended with {done.returncode}"


def extension_games(w):
    """bidi and stream management at wrong moments, with wrong numbers: refused or ignored, nothing comes back that was not asked for"""
    seen = []
    words = ("<bidi xmlns='urn:xmpp:bidi'/>", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
             "<resume xmlns='urn:xmpp:sm:3' h='4294967295' previd='x'/>", "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>",
             "<r xmlns='urn:xmpp:sm:3'/>", "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>")
    for word in words:
        for prepare in (lambda p: (p.header(), p.until("</stream:features>")),
                        lambda p: (p.start_tls(w), p.header(), p.until("</stream:features>")),
                        lambda p: p.establish(w)):
            peer = Peer.connect(w)
            prepare(peer)
            peer.send(word * 3 + "</stream:stream>")
            text = peer.rest()
            assert "<message" not in text and "<iq" not in text and "<success" not in text
            seen.append(condition(text))
    return f"{len(seen)} of {len(words) * 3} ended"


def replayed_dialback(w):
    """keys of other pairs and streams, asked about and shown again, on a stream that is established: never valid, no way in for others"""
    peer = Peer.connect(w).establish(w)
    key = "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"
    claim = f"<db:result from='{GOOD}' to='{US}'>{key}</db:result>"
    peer.send(claim * 2 + f"<db:verify from='{EVIL}' to='{US}' id='another-stream'>{key}</db:verify>" * 2 + BODY.format(GOOD, US))
    text = peer.rest()
    assert "type='valid'" not in text and 'type="valid"' not in text, text
    seen = condition(text)
    assert seen == "invalid-from", text[-400:]
    return seen


def bidi_confusion(w):
    """<bidi/> twice, then stanzas in the name of others, and answers in the node's own name: invalid-from"""
    seen = []
    for sender, receiver in ((GOOD, US), (US, EVIL), (US, GOOD)):
        peer = Peer.connect(w)
        peer.start_tls(w)
        peer.header()
        peer.until("</stream:features>")
        peer.send("<bidi xmlns='urn:xmpp:bidi'/>" * 2 + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
        try:
            peer.until("<success")
            peer.until(">")
            peer.header()
            peer.until("<stream:features")
            peer.send(BODY.format(sender, receiver))
        except (Closed, OSError):
            pass
        text = peer.rest()
        assert "<message" not in text, text
        seen.append(condition(text))
    assert all(s != "no error" for s in seen), seen
    return ", ".join(seen)


# -- as a receiver -----------------------------------------------------------------------------------------

class Liar:
    """A receiver: the node pings its domain; `act` is what it does with the node's stream. It must come to a refusal."""

    def __init__(self, w, name, domain, act):
        self.world, self.name, self.domain, self.act = w, name, domain, act
        self.problem = "no answer to the ping"
        self.listener = socket.create_server((w.address, PORTS[domain]), backlog=16)
        self.server = threading.Thread(target=self._serve, daemon=True)
        self.asker = threading.Thread(target=self._ask, daemon=True)
        self.server.start()
        self.asker.start()

    def _serve(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                peer = Peer(sock)
                try:
                    self.act(peer, self.domain)
                    peer.rest()
                except (Closed, OSError, ssl.SSLError):
                    pass
                sock.close()
        except OSError:
            pass

    def _ask(self):
        answered, words = self.world.us.ping(self.domain)
        self.problem = words if answered else None

    def end(self):
        self.asker.join(120)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.server.join(60)
        self.listener.close()
        assert not self.problem, f"{self.name}: {self.problem}"


def answer_header(peer, domain, features):
    peer.until(">")
    peer.header(from_=US if features is None else domain, to=US, more=" id='abc'")
    if features:
        peer.send(f"<stream:features>{features}</stream:features>")


OFFER = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
EXTERNAL = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
AT_ONCE = 12  # liars; the control socket takes 16 clients


def to_tls(w, peer, domain, name="liars"):
    answer_header(peer, domain, OFFER)
    peer.until("<starttls")
    peer.until(">")
    peer.send(PROCEED)
    peer.handshake(w, name=name, server=True)


def receivers(w):
    """receivers that are silent, lie, push, flood or show a wrong certificate: the ping fails in time"""
    plays = {
        "silence": lambda p, d: p.rest(),
        "a long wait": lambda p, d: (to_tls(w, p, d), p.rest()),
        "a challenge": lambda p, d: (to_tls(w, p, d), answer_header(p, d, EXTERNAL), p.until("<auth"),
                                     p.send("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AAAA</challenge>")),
        "a close at once": lambda p, d: p.socket.close(),
        "another name in the header": lambda p, d: answer_header(p, d, None),
        "no STARTTLS": lambda p, d: answer_header(p, d, EXTERNAL),
        "a flood of features": lambda p, d: answer_header(p, d, "<x xmlns='urn:x'/>" * 20000),
        "garbage for TLS": lambda p, d: (answer_header(p, d, OFFER), p.until("<starttls"), p.send(PROCEED), p.raw(b"x" * 500)),
        "text behind <proceed/>": lambda p, d: (answer_header(p, d, OFFER), p.until("<starttls"), p.send(PROCEED + SUCCESS)),
        "a self-made certificate": lambda p, d: to_tls(w, p, d, "rogue"),
        "an expired certificate": lambda p, d: to_tls(w, p, d, "expired"),
        "a certificate for another": lambda p, d: to_tls(w, p, d, GOOD),
        "160 certificates": lambda p, d: to_tls(w, p, d, "huge"),
        "success that nobody asked for": lambda p, d: (to_tls(w, p, d), answer_header(p, d, None), p.send(SUCCESS)),
        "no mechanism": lambda p, d: (to_tls(w, p, d), answer_header(p, d, "<x xmlns='urn:x'/>")),
        "stanzas before anything": lambda p, d: (answer_header(p, d, OFFER), p.send(BODY.format(d, US))),
        "stanzas against the stream": lambda p, d: (to_tls(w, p, d), answer_header(p, d, EXTERNAL), p.until("</auth>"),
                                                    p.send(SUCCESS), answer_header(p, d, "<x xmlns='urn:x'/>"),
                                                    p.send(BODY.format(d, US) * 50)),
    }
    rest = [(name, domain, act) for (name, act), domain in zip(plays.items(), LIARS)]
    while rest:
        liars = [Liar(w, *one) for one in rest[:AT_ONCE]]
        del rest[:AT_ONCE]
        for liar in liars:
            liar.end()
    return f"{len(plays)} of {len(plays)} failed in time"


ALL = (slowloris, bytewise, connection_flood, flood_in_the_clear, flood_before_authentication, verify_storm,
       dialback_without_tls, dialback_with_a_refused_certificate, giant_stanza, deep_xml, many_attributes, entities, odd_bytes,
       wrong_moment, from_games, header_games, authentication_games, bad_certificates, huge_chains, bad_tls, old_tls,
       renegotiation, key_updates, extension_games, replayed_dialback, bidi_confusion, receivers)
