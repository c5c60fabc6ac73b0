# SPDX-License-Identifier: MIT
"""scenarios.py: what is tried between s2sd and real servers. Every scenario looks at both ends."""
import asyncio
import re
import time

from lab import topology as t
from lab.component import ANSWER_SECONDS, Component, body, error_condition
from lab.library_component import LibraryComponent
from lab.tap import check, say

LOG_SECONDS = 10  # for a line to appear in a log
BULK_MESSAGES = 10_000  # each way
BULK_TURN = 100  # messages sent before the other tasks of the loop get their turn
BULK_SECONDS = 240
BULK_FIRST, BULK_END = "first", "end"


async def wait_for_log(process, offset, *patterns):
    """Waits until a line that matches every pattern stands in the log beyond `offset`; returns it."""
    deadline = time.monotonic() + LOG_SECONDS
    while True:
        for line in process.log_since(offset).splitlines():
            if all(re.search(pattern, line, re.IGNORECASE) for pattern in patterns):
                return line
        check(time.monotonic() < deadline, f"no line in the log of {process.name} matches {patterns}")
        await asyncio.sleep(0.05)


def errors_with(domains, log, end):
    """The lines of `end`, the last part of a `log` of Prosody's, that tell of an error on a stream with one of `domains`. A line begins
    with the name of its session; Prosody's own lines and those of mod_lab_stream_ends.lua tell whose it is."""
    sessions = {m[1] for m in re.finditer(r"^(s2s\w+)\s.*stream (?:\w+ \w+: )?([\w.-]+) ?-> ?([\w.-]+)", log, re.MULTILINE)
                if m[2] in domains or m[3] in domains}
    return [line for line in end.splitlines()
            if ("stream error" in line or "\terror\t" in line) and line.split(maxsplit=1)[0] in sessions]


async def exchange(a, b):
    """One message from a to b and the reply."""
    for sender, receiver, text in ((a, b, f"hello from {a.domain}"), (b, a, f"reply <&> from {b.domain}")):
        await sender.send_message(f"bot@{receiver.domain}", text)
        got = await receiver.receive()
        check(error_condition(got) is None, f"{receiver.domain} got an error: {error_condition(got)}")
        check(body(got) == text, f"{receiver.domain} got the body {body(got)!r}, not {text!r}")
        check(got.get("from") == f"bot@{sender.domain}", f"{receiver.domain} got it from {got.get('from')}")


async def expect_bounce(sender, to, condition):
    stanza_id = await sender.send_message(to, "must not arrive")
    got = await sender.receive()
    bounced = error_condition(got)
    check(bounced is not None, f"{sender.domain} got a message instead of an error")
    check(got.get("id") == stanza_id, f"the error has the id {got.get('id')}, not {stanza_id}")
    check(bounced[0] == condition, f"the error is {bounced}, not {condition}")
    return bounced


async def bulk(library_domain, library_address):
    """BULK_MESSAGES each way between a slixmpp component there and a component at Prosody; no window, no pauses.

    Prosody's stream is made beforehand, because Prosody does not keep the order of what waits for a new stream. The
    other one is made under load.
    """
    at_library, at_prosody = [], []
    first, done = asyncio.Event(), asyncio.Event()

    def take(received, error, text):
        if text == BULK_FIRST and error is None:
            first.set()
            return
        received.append(text if error is None else f"error: {error}")
        if at_library[-1:] == at_prosody[-1:] == [BULK_END]:
            done.set()

    def take_at_library(message):
        take(at_library, message["error"]["condition"] if message["type"] == "error" else None, message["body"])

    def take_at_prosody(stanza):
        take(at_prosody, error_condition(stanza), body(stanza))

    want = [str(n) for n in range(BULK_MESSAGES)] + [BULK_END]
    async with LibraryComponent(library_domain, library_address, take_at_library) as library, \
               Component(t.PROSODY_COMPONENT, t.PROSODY_ADDRESS, take_at_prosody) as plain:
        async def send_from_library():
            for n, text in enumerate(want):
                library.send_message(f"bot@{t.PROSODY_COMPONENT}", text)
                if n % BULK_TURN == 0:
                    await asyncio.sleep(0)

        async def send_from_prosody():
            for n, text in enumerate(want):
                await plain.send_message(f"bot@{library_domain}", text)
                if n % BULK_TURN == 0:
                    await asyncio.sleep(0)

        await plain.send_message(f"bot@{library_domain}", BULK_FIRST)
        await asyncio.wait_for(first.wait(), ANSWER_SECONDS)
        started = time.monotonic()
        try:
            await asyncio.wait_for(asyncio.gather(send_from_library(), send_from_prosody(), done.wait()), BULK_SECONDS)
        except asyncio.TimeoutError:
            pass  # the comparison below says what is missing
        seconds = time.monotonic() - started
    say(f"{len(at_prosody)} to Prosody and {len(at_library)} from Prosody in {seconds:.1f} s: "
        f"{(len(at_library) + len(at_prosody)) / seconds:.0f} messages/s")
    for name, got in ((t.PROSODY_COMPONENT, at_prosody), (library_domain, at_library)):
        check(got == want, f"{name}: {difference(got, want)}")


class PeersAlone:
    """Proves the lab itself: Prosody and ejabberd with each other, without s2sd."""

    def __init__(self, peers):
        self.prosody, self.ejabberd = peers

    async def prosody_and_ejabberd_talk_to_each_other(self):
        async with Component(t.PROSODY_COMPONENT, t.PROSODY_ADDRESS) as ours, \
                   Component(t.EJABBERD_COMPONENT, t.EJABBERD_ADDRESS) as theirs:
            await exchange(ours, theirs)
        await wait_for_log(self.prosody, 0, f"Accepting SASL EXTERNAL identity from {t.EJABBERD_COMPONENT}")
        await wait_for_log(self.ejabberd, 0, "Accepted inbound s2s EXTERNAL", t.PROSODY_COMPONENT)

    async def bad_certificates_are_bad(self):
        """What s2sd will have to refuse, ejabberd refuses."""
        for domain, reason in ((t.PROSODY_EXPIRED, "has expired"), (t.PROSODY_WRONG_NAME, "name mismatch")):
            async with Component(domain, t.PROSODY_ADDRESS) as bad, \
                       Component(t.EJABBERD_COMPONENT, t.EJABBERD_ADDRESS) as judge:
                await expect_bounce(bad, f"bot@{t.EJABBERD_COMPONENT}", "remote-server-timeout")
                check(judge.nothing_received(), f"{t.EJABBERD_COMPONENT} accepted a message from {domain}")
            await wait_for_log(self.ejabberd, 0, "Failed inbound s2s EXTERNAL", domain, reason)

    async def bulk_between_peers(self):
        """The figure to compare with: the same load with ejabberd in the place of s2sd."""
        await bulk(t.EJABBERD_COMPONENT, t.EJABBERD_ADDRESS)

    def all(self):
        return [self.prosody_and_ejabberd_talk_to_each_other, self.bad_certificates_are_bad, self.bulk_between_peers]


class WithNode:
    """s2sd with each of the peers. They run in the order of all(): the last one ends s2sd."""

    def __init__(self, peers, node):
        self.prosody, self.ejabberd = peers
        self.node = node

    async def check_streams(self, local, remote):
        streams = await self.node.streams(local, remote)
        roles = sorted(s["direction"] for s in streams)
        check(roles == ["in", "out"], f"one stream each way expected between {local} and {remote}: {streams}")
        for stream in streams:
            check(stream["mechanism"] == "external", f"mechanism is not external: {stream}")
            check(stream["trusted"] is True, f"not trusted: {stream}")

    async def by_dialback(self, remote, address):
        """Both certificates have expired, both sides let DNS speak instead (XEP-0220): DB-02 to DB-07, DB-17, DB-18."""
        async with Component(t.EKU_DIALBACK, t.NODE_ADDRESS) as ours, Component(remote, address) as theirs:
            await exchange(ours, theirs)
            streams = await self.node.streams(t.EKU_DIALBACK, remote)
            check(sorted(s["direction"] for s in streams) == ["in", "out"], f"one stream each way expected: {streams}")
            for stream in streams:
                check(stream["mechanism"] == "dialback", f"mechanism is not dialback: {stream}")
                check(stream["trusted"] is False and stream["chain"] == "expired", f"not an expired certificate: {stream}")
            say("; ".join(f"{s['direction']}: {s['mechanism']}, {s['tls']}, chain {s['chain']}" for s in streams))

    async def dialback_with_prosody(self):
        await self.by_dialback(t.PROSODY_DIALBACK, t.PROSODY_ADDRESS)
        for pair in ((t.EKU_DIALBACK, t.PROSODY_DIALBACK), (t.PROSODY_DIALBACK, t.EKU_DIALBACK)):
            say(await wait_for_log(self.prosody, 0, "s2s connection " + "->".join(pair) + " complete"))
        check(f"EXTERNAL identity from {t.EKU_DIALBACK}" not in self.prosody.log(), "Prosody took EXTERNAL")

    async def dialback_with_ejabberd(self):
        await self.by_dialback(t.EJABBERD_DIALBACK, t.EJABBERD_ADDRESS)
        for direction, pair in (("inbound", (t.EKU_DIALBACK, t.EJABBERD_DIALBACK)),
                                ("outbound", (t.EJABBERD_DIALBACK, t.EKU_DIALBACK))):
            say(await wait_for_log(self.ejabberd, 0, f"Accepted {direction} s2s dialback authentication " + " -> ".join(pair)))

    async def dialback_only_where_it_is_allowed(self):
        """The same expired certificate of ours, to a peer without dialback: no way in (DB-19)."""
        async with Component(t.EKU_DIALBACK, t.NODE_ADDRESS) as ours, \
                   Component(t.PROSODY_COMPONENT, t.PROSODY_ADDRESS) as theirs:
            _, text = await expect_bounce(ours, f"bot@{t.PROSODY_COMPONENT}", "remote-server-timeout")
            say(f"the sender is told: {text}")
            check(theirs.nothing_received(), "the message arrived all the same")

    async def both_directions_on_one_stream_with_prosody(self):
        """XEP-0288, once with us as initiator and once as receiver: BD-01 to BD-04, BD-07."""
        for local, ours_first in ((t.EKU_CHAT, True), (t.LE_CHAT, False)):
            async with Component(local, t.NODE_ADDRESS) as ours, Component(t.PROSODY_BIDI, t.PROSODY_ADDRESS) as theirs:
                await exchange(*((ours, theirs) if ours_first else (theirs, ours)))
                streams = await self.node.streams(local, t.PROSODY_BIDI)
                check([s["direction"] for s in streams] == ["out" if ours_first else "in"], f"one stream expected: {streams}")
                check(streams[0]["bidi"] is True and streams[0]["mechanism"] == "external", f"not bidi: {streams}")
                check(streams[0]["stanzas_in"] == 1 and streams[0]["stanzas_out"] == 1, f"one each way expected: {streams}")
                say(f"{local}: one stream, {streams[0]['direction']}, both directions")

    async def message_and_reply_with_prosody(self):
        async with Component(t.EKU_CHAT, t.NODE_ADDRESS) as ours, \
                   Component(t.PROSODY_COMPONENT, t.PROSODY_ADDRESS) as theirs:
            await exchange(ours, theirs)
            await self.check_streams(t.EKU_CHAT, t.PROSODY_COMPONENT)
        await wait_for_log(self.prosody, 0, f"Accepting SASL EXTERNAL identity from {t.EKU_CHAT}")

    async def message_and_reply_with_ejabberd(self):
        async with Component(t.EKU_CHAT, t.NODE_ADDRESS) as ours, \
                   Component(t.EJABBERD_COMPONENT, t.EJABBERD_ADDRESS) as theirs:
            await exchange(ours, theirs)
            await self.check_streams(t.EKU_CHAT, t.EJABBERD_COMPONENT)
        await wait_for_log(self.ejabberd, 0, "Accepted inbound s2s EXTERNAL", t.EKU_CHAT)
        await wait_for_log(self.ejabberd, 0, "Accepted outbound s2s EXTERNAL", t.EKU_CHAT)

    async def ping_from_us(self):
        for domain in (t.PROSODY, t.EJABBERD):
            status, out = await self.node.ctl("ping", domain, "--from", t.EKU)
            check(status == 0, f"s2sctl ping {domain}: exit status {status}: {out}")
            say(out.strip())

    async def ping_from_them(self):
        for domain, address in ((t.PROSODY_COMPONENT, t.PROSODY_ADDRESS), (t.EJABBERD_COMPONENT, t.EJABBERD_ADDRESS)):
            async with Component(domain, address) as theirs:
                answer = await theirs.ping(t.EKU)
                check(answer.get("type") == "result", f"{domain}: {error_condition(answer)}")
                check(answer.get("from") == t.EKU, f"{domain}: answered by {answer.get('from')}")

    async def server_only_certificate_works_with_prosody(self):
        async with Component(t.LE_CHAT, t.NODE_ADDRESS) as ours, \
                   Component(t.PROSODY_COMPONENT, t.PROSODY_ADDRESS) as theirs:
            await exchange(ours, theirs)
            await self.check_streams(t.LE_CHAT, t.PROSODY_COMPONENT)

    async def server_only_certificate_is_refused_by_ejabberd(self):
        """ejabberd before 25.07 wants an initiator's certificate to be good for a client; as a receiver we are welcome."""
        offset, theirs_offset = self.node.process.log_size(), self.ejabberd.log_size()
        async with Component(t.LE_CHAT, t.NODE_ADDRESS) as ours, \
                   Component(t.EJABBERD_COMPONENT, t.EJABBERD_ADDRESS) as theirs:
            _, text = await expect_bounce(ours, f"bot@{t.EJABBERD_COMPONENT}", "remote-server-timeout")
            say(f"the sender is told: {text}")
            say(await wait_for_log(self.node.process, offset, re.escape(t.EJABBERD_COMPONENT), "purpose"))
            await wait_for_log(self.ejabberd, theirs_offset, "Failed inbound s2s EXTERNAL", t.LE_CHAT, "purpose")
            await theirs.send_message(f"bot@{t.LE_CHAT}", "the other way is open")
            got = await ours.receive()
            check(body(got) == "the other way is open", f"{t.LE_CHAT} got {error_condition(got) or body(got)}")
            check(theirs.nothing_received(), "the refused message arrived all the same")

    async def whole_domain_of_a_library_component(self):
        """Users at a domain that is one of `domains` and an account, with users on both peers (CO-05)."""
        for remote, address in ((t.PROSODY_COMPONENT, t.PROSODY_ADDRESS), (t.EJABBERD_COMPONENT, t.EJABBERD_ADDRESS)):
            received = asyncio.Queue()
            async with LibraryComponent(t.EKU, t.NODE_ADDRESS, received.put_nowait) as users, Component(remote, address) as theirs:
                for user in ("romeo", "juliet"):
                    users.send_message(f"bot@{remote}", f"{user} speaks", sender=user)
                    got = await theirs.receive()
                    check(got.get("from") == f"{user}@{t.EKU}" and body(got) == f"{user} speaks", f"{remote} got {body(got)!r}")
                    await theirs.send_message(f"{user}@{t.EKU}", f"to {user}")
                    answer = await asyncio.wait_for(received.get(), ANSWER_SECONDS)
                    check(answer["to"].bare == f"{user}@{t.EKU}" and answer["body"] == f"to {user}", f"{user} got {answer}")
                await self.check_streams(t.EKU, remote)

    async def bulk_with_library_component(self):
        """Each receiver sees 0, 1, 2, … and the end, exactly once and in order."""
        await bulk(t.EKU_LIBRARY, t.NODE_ADDRESS)

    async def expired_certificate_is_refused(self):
        await self.bad_certificate(t.PROSODY_EXPIRED, "expired")

    async def wrong_name_is_refused(self):
        await self.bad_certificate(t.PROSODY_WRONG_NAME, "mismatch|does not|not valid for|other name|names")

    async def bad_certificate(self, domain, reason):
        """Neither side of the connection makes a difference: no message passes, and our log says why."""
        async with Component(t.EKU_CHAT, t.NODE_ADDRESS) as ours, Component(domain, t.PROSODY_ADDRESS) as theirs:
            offset = self.node.process.log_size()
            _, text = await expect_bounce(ours, f"bot@{domain}", "remote-server-timeout")
            say(f"outgoing: {text}")
            say(await wait_for_log(self.node.process, offset, re.escape(domain), reason))

            offset = self.node.process.log_size()
            _, text = await expect_bounce(theirs, f"bot@{t.EKU_CHAT}", "remote-server-timeout")
            say(f"incoming: {text}")
            say(await wait_for_log(self.node.process, offset, re.escape(domain), reason))

            check(ours.nothing_received(), "a message from the refused server arrived")
            check(theirs.nothing_received(), "a message reached the refused server")

    async def sigterm_closes_streams(self):
        # A stream each way that is certainly open; a component is attached, too.
        async with Component(t.EKU_CHAT, t.NODE_ADDRESS) as ours, \
                   Component(t.PROSODY_COMPONENT, t.PROSODY_ADDRESS) as theirs:
            await exchange(ours, theirs)
            offset = self.prosody.log_size()
            status = await asyncio.to_thread(self.node.process.stop)
            check(status == 0, f"s2sd's exit status after SIGTERM is {status}")
            us, them = re.escape(t.EKU_CHAT), re.escape(t.PROSODY_COMPONENT)
            for pair in (f"{us} -> {them}", f"{them} -> {us}"):
                for direction in ("received", "sent"):
                    await wait_for_log(self.prosody, offset, f"stream end {direction}: {pair}")
            errors = errors_with(self.node.domains, self.prosody.log(), self.prosody.log_since(offset))
            check(not errors, "Prosody saw errors: " + "; ".join(errors))
        report = re.search("^.*(Sanitizer|runtime error:).*$", self.node.process.log(), re.MULTILINE)
        check(report is None, f"s2sd's log has a sanitizer's report: {report and report[0]}")

    def all(self):
        return [self.message_and_reply_with_prosody, self.message_and_reply_with_ejabberd,
                self.ping_from_us, self.ping_from_them,
                self.server_only_certificate_works_with_prosody,
                self.server_only_certificate_is_refused_by_ejabberd,
                self.dialback_with_prosody, self.dialback_with_ejabberd, self.dialback_only_where_it_is_allowed,
                self.both_directions_on_one_stream_with_prosody,
                self.expired_certificate_is_refused, self.wrong_name_is_refused,
                self.whole_domain_of_a_library_component, self.bulk_with_library_component, self.sigterm_closes_streams]


def difference(got, want):
    """How a sequence of messages differs from the wanted one, in a line."""
    if got == want:
        return "as wanted"
    missing, extra = set(want) - set(got), len(got) - len(set(got))
    strange = [text for text in got if text not in set(want)][:3]
    first = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    return (f"{len(got)} of {len(want)} received, {len(missing)} lost, {extra} twice, unknown: {strange}, "
            f"first difference at {first}: {got[first:first + 3]}")
