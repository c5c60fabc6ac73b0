# SPDX-License-Identifier: MIT
"""observe.py: one message for each cell, and what both ends saw of it."""
import asyncio
import datetime
import json
import re
from dataclasses import dataclass

from lab.component import Component, body, error_condition
from matrix.axes import OURS, THEY, WE
from matrix import faults, oracle
from matrix.oracle import DIALBACK, EXTERNAL, REFUSED, silent

AT_ONCE = 12
ANSWER_SECONDS = 45  # for a message or its error; the peers' own time-outs for a negotiation are longer only for dialback
SILENCE_SECONDS = 12  # how long nothing must arrive, where no error will tell
USER = "bot"


@dataclass
class Seen:
    outcome: str      # EXTERNAL, DIALBACK, REFUSED; else a word for what must not happen
    at_sender: str    # "" or the error that came back
    at_node: str      # what s2sd's log says of the pair, shortened
    at_peer: str      # what the peer's log says
    fault: str = ""   # the peer's fault that hit it, with what its log says; the outcome tells nothing then
    lost: tuple = ()  # the same of the tries before


class Exchange:
    """All components of a phase, and who waits for which message."""

    def __init__(self):
        self.components, self.waiting, self.answers = {}, {}, {}

    def take(self, stanza):
        if (error := error_condition(stanza)):
            key, answer = stanza.get("id"), ("error", f"{error[0]}: {error[1]}")
        else:
            key, answer = body(stanza), ("delivered", "")
        future = self.waiting.get(key)
        if future and not future.done():
            future.set_result(answer)

    async def attach(self, domain, address):
        component = Component(domain, address, self.take, self.answers)
        await component.__aenter__()
        self.components[domain] = component

    async def close(self):
        await asyncio.gather(*(c.__aexit__() for c in self.components.values()), return_exceptions=True)

    async def send(self, cell, wait):
        future = asyncio.get_running_loop().create_future()
        sender = self.components[cell.sender]
        self.waiting[cell.key] = future
        stanza_id = await sender.send_message(f"{USER}@{cell.receiver}", cell.key, USER)
        self.waiting[stanza_id] = future
        try:
            return await asyncio.wait_for(future, wait)
        except asyncio.TimeoutError:
            return "nothing", f"neither message nor error in {wait} s"


async def extras(servers, bindir):
    """{(direction, local, remote): ("bidi", "acks")} of all streams that there are."""
    child = await asyncio.create_subprocess_exec(
        str(bindir / "s2sctl"), "status", "--json", "--control", str(servers.directory / OURS / "control.sock"),
        stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    return {(s["direction"], s["local"], s["remote"]): tuple(w for w in ("bidi", "acks") if s[w])
            for s in json.loads(out)["streams"]}


async def run(wanted, servers, progress, at_once):
    """({cell: (what came of it, the error's text)}, extras(), {who: when the cells in which they connect began and ended});
    `wanted`: {cell: (expected outcome, why)}"""
    cells = list(wanted)
    exchange, gate, got, turns = Exchange(), asyncio.Semaphore(at_once), {}, {}

    async def one(cell):
        async with gate:
            nothing_wanted = wanted[cell][0] == REFUSED and silent(cell)
            got[cell] = await exchange.send(cell, SILENCE_SECONDS if nothing_wanted else ANSWER_SECONDS)
            progress()
    try:
        for cell in cells:
            for domain, address in ((cell.ours, servers.address_of(WE, cell)), (cell.theirs, servers.address_of(THEY, cell))):
                if domain not in exchange.components:
                    await exchange.attach(domain, address)
        # First all that we open, then all that they open, so that the cells of one pair do not meet.
        for who in (WE, THEY):
            begin = datetime.datetime.now(datetime.timezone.utc)
            await asyncio.gather(*(one(cell) for cell in cells if cell.connects == who))
            turns[who] = (begin, datetime.datetime.now(datetime.timezone.utc))
        more = await extras(servers, servers.bindir)
    finally:
        await exchange.close()
    return got, more, turns


class NodeLog:
    """s2sd's JSON lines about streams, by (direction, local, remote)."""

    def __init__(self, text):
        self.lines = {}
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if "direction" in entry:
                key = (entry["direction"], entry.get("local"), entry.get("remote"))
                self.lines.setdefault(key, []).append(entry)

    def of(self, cell):
        return self.lines.get(("out" if cell.connects == WE else "in", cell.ours, cell.theirs), [])

    def mechanism(self, cell):
        """A further pair on a stream that there was already has a line of its own (jabberd2 does that)."""
        for e in self.of(cell):
            if e["message"] == "stream established":
                return e.get("mechanism")
            if e["message"] == "dialback decided" and e.get("outcome") == "valid":
                return DIALBACK
        return None

    def words(self, cell):
        for message in ("certificate refused", "stream established", "stream failed", "stream closed"):
            for e in self.of(cell):
                if e["message"] == message:
                    return f"{message}: " + "; ".join(str(e[k]) for k in ("mechanism", "tls", "reason", "cause", "text") if k in e)
        return ""


# What the peers log when a stream is authenticated; {a} is the initiator, {b} the receiver.
PEER_LINES = (
    (EXTERNAL, r"Accepting SASL EXTERNAL identity from {a}\b"),
    (EXTERNAL, r"Accepted (?:in|out)bound s2s EXTERNAL authentication {a} -> {b}\b"),
    (DIALBACK, r"Accepted (?:in|out)bound s2s dialback authentication {a} -> {b}\b"),
)


def peer_mechanism(text, cell):
    a, b = re.escape(cell.sender), re.escape(cell.receiver)
    for mechanism, pattern in PEER_LINES:
        if re.search(pattern.format(a=a, b=b), text):
            return mechanism
    return None


def judge(cell, answer, turn, node_log, peer_text, journal, more):
    """Both ends together. A delivered message needs a stream in our log; a mechanism in both logs must be the same; `journal`:
    that of an ejabberd; `more`: what extras() says; `turn`: between which times. A message that did not arrive may be lost to a fault of the peer's, also where
    none had to arrive: then nobody has looked at the certificate."""
    result, error = answer
    mechanism, at_peer = node_log.mechanism(cell), peer_mechanism(peer_text, cell)
    if result == "delivered":
        outcome = mechanism or "delivered without a stream"
        if at_peer and mechanism and at_peer != mechanism and cell.peer.kind == "ejabberd":
            outcome = f"{mechanism} here, {at_peer} there"
        has, wanted = more.get(("out" if cell.connects == WE else "in", cell.ours, cell.theirs), ()), oracle.extras(cell)
        if has != wanted:
            outcome = f"{outcome} with {' and '.join(has) or 'nothing'}, not {' and '.join(wanted) or 'nothing'}"
    else:
        outcome = REFUSED if result == "error" or silent(cell) else result
    fault = faults.of_cell(cell, journal, *turn) if result != "delivered" else None
    return Seen(outcome, error, node_log.words(cell), at_peer or "", fault or "")
