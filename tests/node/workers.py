#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""workers.py BINDIR N SLOW: two nodes with N workers each exchange numbered messages between many pairs of domains, while they are
asked, reloaded, told to close streams, killed, and ended orderly. Every message arrives in its pair's order, or comes back."""

import collections
import hashlib
import os
import pathlib
import re
import selectors
import socket
import sys
import time
import urllib.request

from nodes import WAIT_S, World, wait_for

DOMAINS, KILLS = 6, 6
SECRET = "secret"
MESSAGE = re.compile(rb"<message\b(?P<attrs>[^>]*?)(?:/>|>.*?</message>)", re.S)


def config(world, name, workers, host, more=""):
    accounts = "".join(f"\n    - {{domain: {name}{i}.{name}.test, secret: {SECRET}, certificate: {name}.crt, key: {name}.key}}"
                       for i in range(DOMAINS))
    peer = "b" if name == "a" else "a"
    return f"""
domains:
  - {{name: main.{name}.test, certificate: {name}.crt, key: {name}.key}}
listen: [{{address: "{world.net}.{host}:5269"}}]
components:
  listen: "{world.net}.{host}:5347"
  accounts:{accounts}
trust: {{system: false, ca_files: [ca.crt]}}
routes:
  - {{match: "*.{peer}.test", address: "{world.net}.{3 - host}:5269"}}
  - {{match: "*.silent.test", address: "{world.net}.3:5269"}}
control: {name}.sock
http: "{world.net}.{host}:8080"
census: {name}.db
workers: {workers}
limits: {{retry_ms: 0, retry_max_ms: 0, negotiation_ms: 600000, attempt_ms: 600000}}
{more}"""


class Component:
    def __init__(self, traffic, domain, address):
        self.traffic, self.domain, self.buffer, self.out = traffic, domain, b"", b""
        if isinstance(address, tuple):
            self.sock = socket.create_connection(address, WAIT_S)
        else:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(address)
        self.sock.settimeout(WAIT_S)
        self.sock.sendall(f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
                          f"to='{domain}'>".encode())
        head = self._until(b">", b"<stream:stream")
        stream_id = re.search(rb"\bid=['\"]([^'\"]*)", head).group(1).decode()
        self.sock.sendall(f"<handshake>{hashlib.sha1((stream_id + SECRET).encode()).hexdigest()}</handshake>".encode())
        self._until(b"/>", b"<handshake")
        self.sock.setblocking(False)

    def _until(self, end, start):
        while start not in self.buffer or end not in self.buffer[self.buffer.index(start):]:
            more = self.sock.recv(65536)
            assert more, f"{self.domain}: the node has closed: {self.buffer}"
            self.buffer += more
        at = self.buffer.index(end, self.buffer.index(start)) + len(end)
        head, self.buffer = self.buffer[:at], self.buffer[at:]
        return head

    def turn(self, events):
        """False: the node has gone."""
        try:
            if events & selectors.EVENT_WRITE and self.out:
                self.out = self.out[self.sock.send(self.out):]
            if events & selectors.EVENT_READ:
                more = self.sock.recv(262144)
                if not more:
                    return False
                self.buffer += more
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.look()
        return True

    def look(self):
        """Counts what has arrived; some may come with the handshake's answer."""
        end = 0
        for m in MESSAGE.finditer(self.buffer):
            self.traffic.arrived(self.domain, m.group("attrs").decode(), m.group(0))
            end = m.end()
        self.buffer = self.buffer[end:]


class Traffic:
    """Numbered messages between pairs of domains, and what became of them."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.components = {}
        self.next, self.highest, self.done, self.returned = {}, {}, set(), set()
        self.reasons = collections.Counter()
        self.sent = self.twice = self.late = self.disorders = 0

    def attach(self, domain, address):
        def attempt():
            try:
                return Component(self, domain, address)
            except (OSError, AssertionError):
                return None
        component = wait_for(f"{domain} attaches", attempt)
        self.components[domain] = component
        self.selector.register(component.sock, selectors.EVENT_READ, component)
        component.look()

    def send(self, pair):
        number = self.next[pair] = self.next.get(pair, 0) + 1
        self.components[pair[0]].out += (f"<message from='u@{pair[0]}' to='u@{pair[1]}' id='{number}'><body>"
                                         f"{'x' * 200}</body></message>").encode()
        self.sent += 1

    def arrived(self, here, attrs, whole):
        values = dict(re.findall(r"([\w:]+)=['\"]([^'\"]*)", attrs))
        sender, number = values["from"].partition("@")[2], int(values["id"])
        if values.get("type") == "error":
            self.returned.add((here, sender, number))
            reason = re.search(rb"<text[^>]*>([^<]*)", whole)
            self.reasons[reason.group(1).decode() if reason else ""] += 1
            return
        pair = (sender, here)
        assert values["to"] == f"u@{here}"
        if (*pair, number) in self.done:
            self.twice += 1
            return
        self.done.add((*pair, number))
        if (*pair, number) in self.returned:  # its stream broke unacknowledged: sent again, with what came after it
            self.late += 1
        elif number <= self.highest.get(pair, 0):
            self.disorders += 1
            print(f"out of order: {pair} {number} after {self.highest[pair]}")
        self.highest[pair] = max(number, self.highest.get(pair, 0))

    def turn(self, seconds=0.05):
        for component in self.components.values():
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if component.out else 0)
            self.selector.modify(component.sock, wanted, component)
        for key, events in self.selector.select(seconds):
            if not key.data.turn(events):
                self.detach(key.data)

    def detach(self, component):
        self.selector.unregister(component.sock)
        component.sock.close()
        del self.components[component.domain]

    def open(self):
        return self.sent - len(self.done | self.returned)

    def missing(self):
        """(pair, how many, first, last)"""
        lists = {p: [n for n in range(1, last + 1) if (*p, n) not in self.done and (*p, n) not in self.returned]
                 for p, last in self.next.items()}
        return [(p, len(l), l[0], l[-1]) for p, l in lists.items() if l]

    def settle(self, what):
        """Until everything has arrived or come back."""
        end, before = time.monotonic() + WAIT_S, None
        while self.open() > 0:
            self.turn()
            if self.open() != before:
                before, end = self.open(), time.monotonic() + WAIT_S
            assert time.monotonic() < end, f"{what}: of {self.sent} neither arrived nor came back: {self.missing()}"
        assert self.disorders == 0, f"{what}: {self.disorders} out of order"


def names(name):
    return [f"{name}{i}.{name}.test" for i in range(DOMAINS)]


def stanzas_in(address):
    """From the metrics: of all workers, streams that have ended included."""
    with urllib.request.urlopen(f"http://{address}:8080/metrics", timeout=WAIT_S) as answer:
        return int(re.search(rb'^s2sd_stanzas_total\{direction="in"\} (\d+)$', answer.read(), re.M).group(1))


def check_threads(node, workers):
    """Each worker but the first has a thread, and no thread may get more rights than it has."""
    tasks = [path.read_text() for path in pathlib.Path(f"/proc/{node.proc.pid}/task").glob("*/status")]
    assert len(tasks) >= workers, tasks
    assert all(re.search(r"^NoNewPrivs:\s*1$", t, re.M) for t in tasks), tasks


def check_order(world, a, b, traffic):
    """Both ways, all pairs; meanwhile the nodes are asked, reloaded, and told to close streams."""
    pairs = [(x, y) for x in names("a") for y in names("b")]
    pairs += [(y, x) for x, y in pairs]
    def round_of_all():
        for pair in pairs:
            traffic.send(pair)

    round_of_all()
    traffic.settle("the first")
    counted = 0
    for n in range(40):
        round_of_all()
        traffic.turn(0)
        if n % 8 == 3:
            assert a.ask("reload") == {"ok": True, "problems": [], "restart": []}
            b.hup()
        if n % 8 == 5:
            streams = a.ask("status")["streams"]
            assert len({(s["id"], s["direction"]) for s in streams}) == len(streams), streams
        if n % 8 == 7:
            assert a.ctl("close", f"b{n // 8}.b.test")[0] == 0  # each once: what is open then goes on
        if n % 8 in (0, 7):
            before, counted = counted, stanzas_in(f"{world.net}.1")
            assert counted >= before, (counted, before)
    traffic.settle("two ways")
    assert not traffic.returned, f"came back: {traffic.reasons}"
    round_of_all()
    traffic.settle("the last")
    seen = len(traffic.done)
    for net, name in ((1, "a"), (2, "b")):
        here = sum(1 for _, to, _ in traffic.done if to.endswith(f".{name}.test"))
        assert stanzas_in(f"{world.net}.{net}") >= here
    peers = a.ask("peers")["peers"]
    assert {p["remote"] for p in peers if p["direction"] == "out"} >= set(names("b")), peers
    print(f"{seen} messages in order, {traffic.twice} twice")


def check_spread(a, workers):
    """Several workers have streams: ids are numbered by worker. A remote domain goes to one by chance, and six may well go to the
    same; a connection comes in by chance too, but there are many."""
    ids = {way: [s["id"] for s in a.ask("status")["streams"] if s["direction"] == way] for way in ("in", "out")}
    assert all(len(of) >= DOMAINS * DOMAINS for of in ids.values()), ids
    assert workers == 1 or len({int(i[1:]) % workers for i in ids["in"]}) > 1, ids


def check_held(world, a, traffic):
    """Remote servers that accept and say nothing: who sends to them waits for a while, nobody else does, and all comes back."""
    many, half = 3000, 2048
    silent = [(d, d.replace(".a.", ".silent.")) for d in names("a")[1:]]
    queues = lambda: [s["queued"] for s in a.ask("status")["streams"] if s["remote"].endswith(".silent.test")]
    with socket.create_server((f"{world.net}.3", 5269)):
        for pair in silent:
            for _ in range(many):
                traffic.send(pair)
            traffic.send((pair[0], "b0.b.test"))
        def half_full():
            traffic.turn()
            lengths = queues()
            return len(lengths) == len(silent) and min(lengths) >= half
        wait_for("the queues are half full", half_full)
        traffic.send(("a0.a.test", "b0.b.test"))
        last = [(d, "b0.b.test", traffic.next[d, "b0.b.test"]) for d in names("a")]
        wait_for("those who do not wait, and those who did, go on", lambda: traffic.turn() or traffic.done.issuperset(last))
        assert sum(queues()) == many * len(silent), queues()
    traffic.settle("held")  # the connections were reset with their listener
    print(f"held: {len(traffic.returned)} came back")


def in_mid_traffic(traffic, rounds):
    """All of a's send to all of b's; some of it has arrived, most has not."""
    arrived = len(traffic.done)
    for _ in range(rounds):
        for pair in [(x, y) for x in names("a") for y in names("b")]:
            traffic.send(pair)
    while len(traffic.done) < arrived + 100:
        traffic.turn()


def live_again(b, traffic, address, slow, stands_ms):
    """After its end; from here on it stands still before each write to a component."""
    while any(d in traffic.components for d in names("b")):
        traffic.turn()
    b.start(LD_PRELOAD=slow, SLOW_PORT=str(address[1]), SLOW_MS=str(stands_ms),
            ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
    for d in names("b"):
        traffic.attach(d, address)


def check_kill(b, traffic, address, slow):
    """The receiving node is killed in mid-traffic: delivered at least once and in order, or back with an error. All but the first time
    it is slow in writing to components, so that it dies between reading stanzas and passing them on."""
    for _ in range(KILLS):
        in_mid_traffic(traffic, 20)
        b.proc.kill()
        b.proc.wait()
        live_again(b, traffic, address, slow, 20)
        traffic.settle("killed")
    print(f"killed {KILLS} times: {len(traffic.done)} arrived, {len(traffic.returned)} came back ({traffic.late} first), "
          f"{traffic.twice} twice")


def check_end(b, traffic, address, slow):
    """The receiving node ends orderly in mid-traffic: its last acknowledgements count what lies in lanes, and all of that goes to the
    components before they are let go. The main loop stands still for longer than the other workers take to end."""
    before = traffic.twice
    for stands_ms in (200, 200, 0):  # in its next life; in this one it is as check_kill() has left it
        in_mid_traffic(traffic, 50)
        b.proc.terminate()
        while any(d in traffic.components for d in names("b")):
            traffic.turn()
        assert b.proc.wait(WAIT_S) == 0, b.log_text()[-3000:]
        live_again(b, traffic, address, slow, stands_ms)
        traffic.settle("ended")
    print(f"ended 3 times: {len(traffic.done)} arrived, {len(traffic.returned)} came back ({traffic.late} first), "
          f"{traffic.twice - before} twice")


def check_stop(a, traffic):
    """An orderly end under traffic: nothing is left open, and the exit status is 0."""
    pairs = [(x, y) for x in names("a") for y in names("b")]
    for _ in range(20):
        for pair in pairs:
            traffic.send(pair)
    while any(traffic.components[d].out for d in names("a")):
        traffic.turn()
    a.proc.terminate()
    traffic.settle("stopped")
    while any(d in traffic.components for d in names("a")):
        traffic.turn()
    assert a.proc.wait(WAIT_S) == 0, a.log_text()[-3000:]
    a.proc = None
    print(f"stopped: {len(traffic.done)} arrived, {len(traffic.returned)} came back")


def main():
    workers = int(sys.argv[2])
    with World(sys.argv[1]) as world:
        nodes, addresses = {}, {"a": (f"{world.net}.1", 5347), "b": (f"{world.net}.2", 5347)}
        for host, name in ((1, "a"), (2, "b")):
            world.pki.make(name, f"*.{name}.test")
            nodes[name] = world.node(name, f"main.{name}.test")
            nodes[name].write(config(world, name, workers, host))
            nodes[name].start()
        traffic = Traffic()
        for name in nodes:
            for domain in names(name):
                traffic.attach(domain, addresses[name])
        check_threads(nodes["a"], workers)
        check_order(world, nodes["a"], nodes["b"], traffic)
        check_spread(nodes["a"], workers)
        check_held(world, nodes["a"], traffic)
        check_kill(nodes["b"], traffic, addresses["b"], sys.argv[3])
        check_end(nodes["b"], traffic, addresses["b"], sys.argv[3])
        check_stop(nodes["a"], traffic)
        nodes["b"].stop()


if __name__ == "__main__":
    main()
