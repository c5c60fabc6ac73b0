# SPDX-License-Identifier: MIT
"""observe.py: stanzas over new streams, then what s2sd says of the streams, and what the peer has logged of them."""
import asyncio
import json
import re
import time
from dataclasses import dataclass

from features import cases, wire
from matrix import axes, faults
from matrix.axes import THEY, WE
from matrix.observe import AT_ONCE, Exchange, NodeLog, peer_mechanism
from matrix.servers import SMALL_STANZA_BYTES

CONTROL_SECONDS = 20
ANSWER_SECONDS = 30
ERROR_SECONDS = 12  # for what may be answered with silence
ACK_SECONDS = 10
QUIET_SECONDS = 9  # longer than the shortest time after which one of the two finds the other quiet
UNKNOWN = ("self",)  # no DNS record says where its server is
LIMITS = "urn:xmpp:stream-limits:0"


@dataclass
class Pair:
    """What came of a pair of domains."""
    connects: str
    ours: str
    theirs: str
    result: str = ""     # "delivered", or the error that came back
    ping: str = ""
    oversize: str = ""   # what became of too large a stanza
    streams: tuple = ()  # s2sctl status, at the end
    quiet: bool = False  # the same streams were there after the quiet time
    size: int = 0        # of the next message, at least

    @property
    def known(self):
        return self.sender.split(".")[0] not in UNKNOWN

    @property
    def key(self):
        return f"{self.sender} to {self.receiver}".ljust(self.size, ".")

    @property
    def sender(self):
        return self.ours if self.connects == WE else self.theirs

    @property
    def receiver(self):
        return self.theirs if self.connects == WE else self.ours


class Node:
    """s2sctl for the node of `servers`."""

    def __init__(self, servers, bindir):
        self.words = [str(bindir / "s2sctl"), "status", "--json", "--control",
                      str(servers.directory / axes.OURS / "control.sock")]

    async def streams(self):
        child = await asyncio.create_subprocess_exec(*self.words, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(child.communicate(), CONTROL_SECONDS)
        return json.loads(out)["streams"]


def carriers(streams, pair, node_log):
    """The streams of a pair, that of another one which carries it too included."""
    ids = {e["stream"] for e in node_log.lines.get(("in", pair.ours, pair.theirs), []) if e.get("outcome") == "valid"}
    return tuple(s for s in streams if s["id"] in ids or (s["local"], s["remote"]) == (pair.ours, pair.theirs))


async def acknowledged(node):
    """Waits until everything that was sent has been acknowledged, where it will be."""
    deadline = time.monotonic() + ACK_SECONDS
    while time.monotonic() < deadline:
        if not any(s["acks"] and s["unacknowledged"] for s in await node.streams()):
            return
        await asyncio.sleep(0.1)


async def one_pair(pair, exchange, gate):
    async with gate:
        result, error = await exchange.send(pair, ANSWER_SECONDS if pair.known else ERROR_SECONDS)
        pair.result = error or result
        if result != "delivered":
            return
        try:
            answer = await exchange.components[pair.sender].ping(f"bot@{pair.receiver}", ANSWER_SECONDS)
            pair.ping = answer.get("type")
        except asyncio.TimeoutError:
            pair.ping = "nothing"


async def oversize(pair, exchange):
    pair.size = SMALL_STANZA_BYTES
    result, error = await exchange.send(pair, ANSWER_SECONDS)
    pair.oversize = error or result


async def run(servers, bindir, phase, peers):
    """{peer: [Pair]}"""
    node, exchange, gate = Node(servers, bindir), Exchange(), asyncio.Semaphore(AT_ONCE)
    seen = {peer: [Pair(c, f"{ours}.{axes.OURS}.{axes.ZONE}", f"{theirs}.{peer.name}.{axes.ZONE}")
                   for c, ours, theirs in cases.pairs(phase)] for peer in peers}
    everything = [p for pairs in seen.values() for p in pairs]
    try:
        for peer in peers:
            for pair in seen[peer]:
                for domain, address in ((pair.ours, axes.OUR_ADDRESS), (pair.theirs, peer.address)):
                    if domain not in exchange.components:
                        await exchange.attach(domain, address)
        for connects in (WE, THEY):
            await asyncio.gather(*(one_pair(p, exchange, gate) for p in everything if p.connects == connects and p.known))
        await acknowledged(node)
        before = await node.streams()
        for pair in everything:
            pair.streams = carriers(before, pair, NodeLog(servers.by_name[axes.OURS].log()))
        if phase.name == "plain":
            await asyncio.gather(*(oversize(pairs[0], exchange) for pairs in seen.values()))
        await asyncio.sleep(QUIET_SECONDS)
        after = {s["id"] for s in await node.streams()}
        for pair in everything:
            pair.quiet = bool(pair.streams) and all(s["id"] in after for s in pair.streams)
        # Last: a dialback error makes jabberd2 close the whole stream.
        await asyncio.gather(*(one_pair(p, exchange, gate) for p in everything if not p.known))
    finally:
        await exchange.close()
    return seen


def lost(servers, peer, pairs):
    """What a peer's log says of its connections whose answer it left unread (matrix/faults.py)."""
    if peer.name not in faults.PEERS:
        return []
    journal = faults.Journal(servers.journal(peer))
    found = {(p.theirs, p.ours): journal.unread_answer(p.theirs, p.ours) for p in pairs if p.result != "delivered"}
    return [f"{theirs} to {ours}: {text}" for (theirs, ours), text in found.items() if text]


# -- what it means ---------------------------------------------------------------------------------------------------------

class Evidence:
    """All that is known of one pair at one peer."""

    def __init__(self, pair, node_log, peer_log, peer):
        self.pair, self.peer = pair, peer
        self.entries = node_log.lines.get(("out" if pair.connects == WE else "in", pair.ours, pair.theirs), [])
        self.ours, self.theirs = wire.between(peer_log, pair.sender, pair.receiver, pair.connects == THEY)
        self.log = peer_log
        role = "out" if pair.connects == WE else "in"
        self.stream = next((s for s in pair.streams if s["direction"] == role and s["mechanism"] != "none"), None)

    def peer_says(self):
        class Names:
            sender, receiver = self.pair.sender, self.pair.receiver
        return peer_mechanism(self.log, Names)


def starttls(e):
    if e.stream and e.stream["starts"] == "starttls" and e.stream["tls"]:
        there = "`<proceed/>` at the peer" if "<proceed" in e.ours + e.theirs else "jabberd2 logs no XML"
        return f"{e.stream['tls']}; {there}"
    return None


def external(e):
    they_say = e.theirs if e.pair.connects == WE else e.ours
    if e.stream and e.stream["mechanism"] == "external" and "<success" in they_say:
        return "`<success/>` at the peer" + ("; so says its log" if e.peer_says() == "external" else "")
    return None


def direct(e):
    if e.stream and e.stream["starts"] == "direct" and e.stream["tls"]:
        alpn = f"ALPN {e.stream['alpn']}" if e.stream["alpn"] else "no ALPN answer"
        return f"{e.stream['tls']}; {alpn}; the certificate of the name asked for"
    return None


def dialback(e):
    if e.stream and e.stream["mechanism"] == "dialback" and e.pair.result == "delivered":
        there = "`type='valid'` at the peer" if re.search("<db:result[^>]*type=.valid", e.ours + e.theirs) else ""
        return there or ("taken; jabberd2 logs no XML" if e.peer.kind == "jabberd2" else None)
    return None


def by_certificate(e):
    decided = [n.get("reason") for n in e.entries if n["message"] == "dialback decided" and n.get("outcome") == "valid"]
    return "without a call, as the certificate proves it" if decided == ["the certificate proves it"] else None


def key(e):
    text = e.ours if e.pair.connects == WE else e.theirs
    if re.search(r"<db:result[^>]*>\s*[0-9a-f]{64}\s*</db:result>", text):
        return "in its `<db:result/>`" if e.pair.connects == THEY else "in ours, taken"
    if e.peer.kind == "jabberd2" and e.stream and e.stream["mechanism"] == "dialback":
        return "taken; jabberd2 logs no XML"
    return None


def error(e):
    text = e.theirs if e.pair.connects == WE else e.ours
    if (m := re.search(r"<db:result[^>]*type=.error.*?<error.*?<([a-z-]+) xmlns=.urn:ietf:params:xml:ns:xmpp-stanzas", text)):
        return f"`{m[1]}`, sent by {'the peer' if e.pair.connects == WE else 'us'}"
    if e.peer.kind == "jabberd2" and any(n.get("outcome") == "error" for n in e.entries):
        return "sent by us; jabberd2 logs no XML"
    return None


def refused(e):
    if e.pair.connects == WE and e.stream and e.stream["mechanism"] == "dialback" and e.stream["trusted"] and \
            "<failure" in e.theirs and not any("dialback" in n.get("next", "") for n in e.entries):
        return "`<failure/>`, then `type='valid'` at the peer" if "<db:result" in e.theirs else None
    return None


def closed(e):
    if e.pair.connects == WE and e.stream and e.stream["mechanism"] == "dialback" and e.stream["trusted"] and \
            "<failure" in e.theirs and any("dialback" in n.get("next", "") for n in e.entries):
        return "two connections at the peer (a module of the lab refuses EXTERNAL there)"
    return None


def several(e):
    return None  # see judge()


def limits(e):
    if LIMITS not in e.theirs:
        return None
    if e.pair.connects == WE:
        return "told, and kept: too large a stanza bounced" if e.pair.oversize.startswith("policy-violation") and e.pair.quiet \
            else None
    return "told" if LIMITS in e.ours else None


def ping(e):
    return "answered" if e.pair.ping == "result" else None


def acks(e):
    if e.stream and e.stream["acks"] and "<enabled" in e.ours + e.theirs and re.search(r"<a [^>]*h=", e.theirs + e.ours):
        return f"{e.stream['acknowledged']} of {e.stream['stanzas_out']} acknowledged to us" if e.stream["stanzas_out"] \
            else "`<a/>` from us"
    return None


def bidi(e):
    if e.stream and e.stream["bidi"] and "urn:xmpp:bidi" in (e.ours if e.pair.connects == WE else e.theirs) and \
            e.stream["stanzas_in"] and e.stream["stanzas_out"] and len(e.pair.streams) == 1:
        return f"one stream: {e.stream['stanzas_in']} in, {e.stream['stanzas_out']} out"
    return None


def bidi_acks(e):
    return f"{bidi(e)}; {acks(e)}" if bidi(e) and acks(e) else None


def our_space(e):
    if e.pair.quiet and wire.SPACE in e.ours:
        return "read by the peer"
    return "the stream lives; the peer logs none" if e.pair.quiet and e.peer.kind != "prosody" else None


def their_space(e):
    return "the stream lives" if e.pair.quiet and wire.SPACE in e.theirs else None


LOOK = {"starttls": starttls, "external": external, "direct": direct, "dialback": dialback, "key": key, "error": error,
        "by certificate": by_certificate, "refused": refused, "closed": closed, "several": several, "limits": limits, "ping": ping, "bidi": bidi, "acks": acks,
        "bidi acks": bidi_acks, "ours": our_space, "theirs": their_space}


def judge(servers, phase, peers, seen):
    """{(feature, peer, who connects): (what was seen or None, why there is none or None)}"""
    node_log = NodeLog(servers.by_name[axes.OURS].log())
    results = {}
    for peer in peers:
        log = servers.by_name[peer.name].log()
        found = {}
        for pair in seen[peer]:
            found[(pair.connects, pair.ours.split(".")[0], pair.theirs.split(".")[0])] = Evidence(pair, node_log, log, peer)
        for feature in (f for f in cases.FEATURES if f.phase == phase.name):
            for connects in (WE, THEY):
                e = found[(connects, *feature.pair(connects))]
                what = LOOK[feature.name](e)
                if feature.name == "several" and connects == THEY:
                    what = shared(found, connects)
                none = cases.none(feature, peer, connects)
                if none and e.pair.result == "delivered" and peer.kind != "jabberd2" and not e.theirs:
                    none = None  # without a log of the stream it would be a guess
                results[(feature, peer, connects)] = (what, none)
    return results


def shared(found, connects):
    """Whether two pairs that they opened are on one connection."""
    streams = {}
    for (who, _, _), e in found.items():
        for entry in e.entries if who == connects else ():
            if entry["message"] in ("stream established", "dialback decided") and entry.get("outcome", "valid") == "valid":
                streams.setdefault(entry["stream"], set()).add((entry["local"], entry["remote"]))
    most = max((len(pairs) for pairs in streams.values()), default=0)
    return f"{most} pairs on one connection" if most > 1 else None
