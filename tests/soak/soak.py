#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""soak.py: months of a node's life in one run: ten million stanzas, a hundred thousand stream set-ups, and all that goes wrong meanwhile.

Four nodes on loopback. Through a.example and b.example goes the load (s2s-load): in rounds, over a stream for each of FLOWS
pairs of domains; in each round every stream is closed by command in mid-traffic and made anew. Meanwhile both get other
certificates and reload; k.example is killed with SIGKILL again and again; the connections between a.example and h.example go
dark, so that neither is told that the other is gone. Every stanza is counted: none may be lost or out of order; only what is
meant for k.example while it is dead may come back; only from a peer that died or went dark with its acknowledgement may one
come twice. After each round a, b and h say what memory and
descriptors they use; it may not grow. At the end all streams are closed, and what is in use then is compared with the same
moment after a fifth of the rounds.
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time

import faults
import samples
from faults import kill

STANZAS, SET_UPS = 10_000_000, 100_000
SIDE, SIDE_SHORT = 32, 4        # domains on each side: SIDE * SIDE streams
HTTP_PORT = 5280
CTL_ATTEMPTS = 10
NEGOTIATING = 's2sd_streams{direction="out",state="negotiating"}'
STANZAS_IN = 's2sd_stanzas_total{direction="in"}'
OPEN_FILES = 65536
WINDOW = 16000                  # stanzas of the load in flight
LOAD_SECONDS = 3600             # one round, on a machine that is busy otherwise
CLOSE_MS = 15000                # what has gone dark is noticed after ack_ms, and let go after twice this
# seconds between: reloads, kills, darkness; messages to the peers that suffer
PACE = {"reload": 5, "kill": 3, "dark": 20, "pause": 0.1}
PACE_SHORT = {"reload": 0.5, "kill": 1, "dark": 0.5, "pause": 0.2}

CONFIG = """\
domains:
  - {{name: {domain}, certificate: {domain}.crt, key: {domain}.key}}
listen:
  - address: "{address}:{s2s_port}"
components:
  listen: "{address}:{component_port}"
  accounts:
{accounts}
trust: {{system: false, ca_files: [ca.crt]}}
policy: {{dane: false, ocsp: "off"}}
routes:
{routes}
control: {work}/{domain}.sock
census: {work}/{domain}.db
http: "{address}:{http_port}"
# Patience with a machine that is busy otherwise; none with a peer that has gone dark.
limits: {{connections: 20000, connections_per_address: 20000, preauth_connections: 20000, streams_out: 20000,
  ack_ms: {ack_ms}, liveness_ms: {ack_ms}, retry_ms: 200,
  negotiation_ms: 600000, attempt_ms: 600000, connect_ms: 120000, stall_ms: 600000, close_ms: {close_ms}}}
log: {{level: warn}}
"""


class Node(kill.Node):
    def __init__(self, bindir, work, domain, address, accounts, routes, ack_ms):
        super().__init__(bindir, work, domain, address, CONFIG.format(
            domain=domain, address=address, s2s_port=kill.S2S_PORT, component_port=kill.COMPONENT_PORT,
            accounts="\n".join(f"    - {{domain: {a}.{domain}, secret: {kill.SECRET}, conflict: replace}}" for a in accounts),
            routes="\n".join(f'  - {{match: "*.{peer}", address: "{to}:{port}"}}' for peer, to, port in routes),
            work=work, http_port=HTTP_PORT, ack_ms=ack_ms, close_ms=min(ack_ms, CLOSE_MS)))
        self._ctl = [bindir / "s2sctl", "--control", work / f"{domain}.sock"]

    def ctl(self, *words):
        """What s2sctl says; 1 is a negative answer, as of `close` where there is no stream."""
        for _ in range(CTL_ATTEMPTS):  # it gives up on a node that gets no processor time
            done = subprocess.run([*self._ctl, *words], capture_output=True, text=True)
            if done.returncode in (0, 1):
                break
        else:
            raise kill.Failure(f"{self.domain}: s2sctl {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def metrics(self):
        return samples.metrics(self.address, HTTP_PORT)

    def streams(self):
        return json.loads(self.ctl("status", "--json"))["streams"]


class Flow:
    """Numbered messages from a component to another one."""

    def __init__(self, sender_node, name, receiver_node, receiver_name, pause, may_bounce=False):
        self._may_bounce = may_bounce
        self._from = sender_node
        self.what = f"{sender_node.domain} to {receiver_node.domain}"
        to = f"{receiver_name}.{receiver_node.domain}"
        self.receiver = kill.Receiver(to, receiver_node.address)
        self.receiver.begin()
        self.sender = kill.Sender(f"{name}.{sender_node.domain}", sender_node.address, to, pause)

    def wait_for_all_sent_so_far(self, what):
        last = self.sender.sent - 1
        kill.wait_until(f"{what}, {self.what}", lambda: max([self.receiver.highest, *self.sender.bounced[-1:]]) >= last,
                        lambda: len(self.receiver.numbers) + len(self.sender.bounced))

    def wait_for_a_new_one(self, what):
        """One that is sent from now on arrives: a stream stands."""
        new = self.sender.sent
        kill.wait_until(f"{what}, {self.what}", lambda: self.receiver.highest >= new,
                        lambda: len(self.receiver.numbers) + len(self.sender.bounced))

    def wait_for_each_one(self):
        """When nothing is sent any more: the last one may come back at once while those before it wait in a queue."""
        def missing():
            return self.sender.sent - len({*self.receiver.numbers, *self.sender.bounced})
        try:
            kill.wait_until(f"each message, {self.what}", lambda: missing() == 0, missing)
        except kill.Failure as failure:
            raise kill.Failure(f"{failure}: {missing()} of {self.sender.sent} are missing; {json.dumps(self._from.streams()[:8])}") from None

    def judge(self):
        """(figures, complaints)"""
        sent, bounced = self.sender.sent, set(self.sender.bounced)
        arrived, lost, reordered = kill.compare(sent, self.receiver.numbers, bounced)
        again = len(self.receiver.numbers) - len(arrived)
        print(f"# {self.what}: {sent} sent, {len(arrived)} arrived, {len(bounced)} bounced, {len(lost)} lost, {reordered} out of "
              f"order, {again} came again")
        return [f"{self.what}: {word}" for word, bad in (("lost", lost), ("out of order", reordered),
                                                          ("bounced", bounced and not self._may_bounce)) if bad]


class Soak:
    def __init__(self, bindir, work, scale, seconds):
        self.bindir, self.work = bindir, work
        short = scale < 0.01
        self.side = SIDE_SHORT if short else SIDE
        self.pace = PACE_SHORT if short else PACE
        ack_ms = 3000 if short else 60000
        self.rounds = max(2, round(SET_UPS * scale / self.side ** 2))
        self.count = max(1, round(STANZAS * scale / self.rounds / self.side ** 2)) * self.side ** 2
        self.ends_at = time.monotonic() + seconds if seconds else None
        net = f"127.{os.getpid() // 250 % 250 + 1}.{os.getpid() % 250 + 1}"
        at = {name: f"{net}.{i}" for i, name in enumerate(("a", "b", "k", "h", "to-k", "to-h", "from-h"), 1)}
        self.certificates = faults.Certificates(work, [f"{n}.example" for n in "abkh"])
        port, relay = kill.S2S_PORT, kill.RELAY_PORT
        self.a = Node(bindir, work, "a.example", at["a"], [f"c{i}" for i in range(self.side)] + ["kill", "sink", "dark", "back"],
                      [("b.example", at["b"], port), ("k.example", at["to-k"], relay), ("h.example", at["to-h"], relay)], ack_ms)
        self.b = Node(bindir, work, "b.example", at["b"], [f"r{i}" for i in range(self.side)], [("a.example", at["a"], port)],
                      ack_ms)
        self.k = Node(bindir, work, "k.example", at["k"], ["in", "out"], [("a.example", at["a"], port)], ack_ms)
        self.h = Node(bindir, work, "h.example", at["h"], ["in", "out"], [("a.example", at["from-h"], relay)], ack_ms)
        self.steady = (self.a, self.b, self.h)
        self.nodes = (*self.steady, self.k)
        self.to_k = kill.Relay((at["to-k"], relay), (at["k"], port))
        self.dark = (faults.DarkRelay((at["to-h"], relay), (at["h"], port)), faults.DarkRelay((at["from-h"], relay), (at["a"], port)))
        self.talking = threading.Event()  # the chatter, too, goes on
        self.samples = {node.domain: [] for node in self.steady}
        self.load = dict.fromkeys(("count", "lost", "twice", "reordered", "errors"), 0)

    # -- the load ------------------------------------------------------------------------------------------

    def round(self):
        """s2s-load through all streams, each of which is closed once meanwhile."""
        command = [self.bindir / "s2s-load", "pair", "--a", f"{self.a.address}:{kill.COMPONENT_PORT}", "--b",
                   f"{self.b.address}:{kill.COMPONENT_PORT}", "--secret", kill.SECRET, "--domains", str(self.side), "--targets",
                   str(self.side), "--flows", str(self.side ** 2), "--count", str(self.count), "--window", str(WINDOW), "--warm", "1",
                   "--timeout", str(LOAD_SECONDS)]
        # it frees nothing at its end; that is not what is tested
        load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        try:
            before = self.b.metrics()[STANZAS_IN]
            while load.poll() is None and self.b.metrics()[STANZAS_IN] <= before + self.side ** 2:
                time.sleep(faults.POLL_SECONDS)
            for i in range(self.side):
                # What waits for a stream that is closed before it stands goes back to its sender. Those to k and h may stand or not.
                while load.poll() is None and self.a.metrics()[NEGOTIATING] > 2:
                    time.sleep(faults.POLL_SECONDS)
                self.a.ctl("close", f"r{i}.b.example")
            text = load.communicate()[0]
        finally:
            if load.poll() is None:
                load.kill()
                load.wait()
        if not text:
            raise kill.Failure(f"s2s-load ended with {load.returncode}")
        for key, value in json.loads(text).items():
            if key in self.load:
                self.load[key] += value

    def sample(self):
        for node in self.steady:
            self.samples[node.domain].append(samples.sample(node.metrics()))

    def rest(self, flows, all_faults):
        """All is delivered, no fault is at work, all streams are closed: what is in use then?"""
        with contextlib.ExitStack() as held_back:
            for fault in all_faults:
                held_back.enter_context(fault.at_work)
            return self.at_rest(flows)

    def close_streams(self):
        """Each is told to close once. One may stand only later: for the chatter's last word, or for what comes again as the
        acknowledgement was lost."""
        told, left = set(), []

        def none_left():
            left[:] = [(node, s) for node in self.steady for s in node.streams()]
            fresh = [(node, s) for node, s in left if s["remote"] and (node.domain, s["id"]) not in told
                     and (not told or s["state"] == "established")]
            told.update((node.domain, s["id"]) for node, s in fresh)
            for node, remote in {(node, s["remote"]) for node, s in fresh}:
                node.ctl("close", remote)
            return not left
        try:
            kill.wait_until("streams to close", none_left, lambda: len(left))
        except kill.Failure as failure:
            raise kill.Failure(f"{failure}: {json.dumps([(node.domain, s) for node, s in left[:8]])}") from None

    def at_rest(self, flows):
        self.talking.clear()
        for flow in flows:
            flow.sender.rest()
        for flow in flows:
            flow.wait_for_each_one()
        self.close_streams()
        held = [relay.held for relay in self.dark]
        kill.wait_until("connections in the dark to be given up", lambda: not any(r.held for r in self.dark), lambda: held)
        seen = {node.domain: samples.sample(node.metrics()) for node in self.steady}
        for flow in flows:
            flow.sender.allowed.set()
        self.talking.set()
        return seen

    # -- all of it -----------------------------------------------------------------------------------------

    def chatter(self):
        """A component of the node that is killed talks to us until it dies."""
        s = kill.attach("out.k.example", self.k.address)

        def talk():
            with s, contextlib.suppress(OSError):
                while not select.select([s], [], [], faults.POLL_SECONDS)[0] or kill.STREAM_END not in s.recv(kill.READ_BYTES):
                    if self.talking.is_set():
                        s.sendall(b"<message from='x@out.k.example' to='y@sink.a.example'><body>still here</body></message>")
        threading.Thread(target=talk, daemon=True).start()

    def run(self):
        begun = time.monotonic()
        for node in self.nodes:
            node.start()
        self.to_k.is_open = True
        pause = self.pace["pause"]
        sink = kill.Receiver("sink.a.example", self.a.address)
        sink.begin()
        # A message that comes while there is neither a stream nor a peer goes back to its sender, and one that finds the queue for
        # a peer that has gone dark full: nobody is held for long.
        flows = (Flow(self.a, "kill", self.k, "in", pause, may_bounce=True),
                 Flow(self.a, "dark", self.h, "in", pause, may_bounce=True),
                 Flow(self.h, "out", self.a, "back", pause, may_bounce=True))
        self.chatter()
        self.talking.set()
        killing = faults.Killing(self.pace["kill"], self.k, self.to_k, flows[0], self.chatter)
        darkness = faults.Darkness(self.pace["dark"], self.dark, flows[1:])
        reloading = faults.Reloading(self.pace["reload"], (self.a, self.b), self.certificates)
        done, first = 0, None
        all_faults = (killing, darkness, reloading)
        for fault in all_faults:
            fault.start()
        while self.goes_on(done, all_faults):
            self.round()
            self.sample()
            done += 1
            if done == max(1, self.rounds // 5):
                print(f"# round {done}: all streams are being closed", flush=True)
                first = self.rest(flows, all_faults)
                print(f"# at rest: {samples.line(first)}", flush=True)
            print(f"# round {done} of {self.rounds}, {time.monotonic() - begun:.0f} s: {json.dumps(self.load)}; "
                  f"{samples.line({domain: of[-1] for domain, of in self.samples.items()})}", flush=True)
        for fault in all_faults:
            fault.finish()
        last = self.at_rest(flows)
        values = self.a.metrics()
        set_up = {way: values[f's2sd_streams_established_total{{direction="{way}"}}'] for way in ("out", "in")}
        for flow in flows:
            flow.sender.stop()
        for flow in flows:
            flow.wait_for_each_one()
        print(f"# {done} rounds in {time.monotonic() - begun:.0f} s; {self.load['count']:.0f} stanzas from a to b; streams set up: "
              f"a {set_up['out']:.0f} out, {set_up['in']:.0f} in; {reloading.count} reloads with another "
              f"certificate, {killing.count} kills, {darkness.count} times dark")
        complaints = self.judge(flows, first, last)
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            if (status := node.wait()) != 0:
                complaints.append(f"{node.domain} ended with status {status}")
        return complaints

    def goes_on(self, done, all_faults):
        if self.ends_at is not None and time.monotonic() > self.ends_at:
            return False
        return done < self.rounds or any(fault.count == 0 and fault.is_alive() for fault in all_faults)

    def judge(self, flows, first, last):
        complaints = [f"the load: {value} {key}" for key, value in self.load.items() if key != "count" and value]
        print(f"# a.example to b.example: {json.dumps(self.load)}")
        for flow in flows:
            complaints += flow.judge()
        for node in self.steady:
            domain = node.domain
            samples.show(domain, self.samples[domain])
            complaints += samples.judge(domain, self.samples[domain])
            if first:  # else it was ended before
                complaints += samples.judge_rest(domain, first[domain], last[domain], len(self.samples[domain]))
        return complaints

    def stop(self, tell):
        for node in self.nodes:
            if tell:
                print(f"# {node.domain}: {node.log_end()}", file=sys.stderr)
            node.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bindir", type=pathlib.Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the whole, as 0.1")
    parser.add_argument("--seconds", type=float, default=0, help="no further round begins after so long")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, OPEN_FILES), hard))
    with tempfile.TemporaryDirectory(prefix="s2sd-soak.") as work:
        soak = Soak(args.bindir.resolve(), pathlib.Path(work), args.scale, args.seconds)
        complaints = ["did not come to its end"]
        try:
            complaints = soak.run()
        except kill.Failure as failure:
            complaints = [str(failure)]
        finally:
            soak.stop(bool(complaints))
    for complaint in complaints:
        print(f"soak: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
