#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""slow.py BINDIR N: a component that does not read, on a node with N workers. Streams that send to it wait, all others go on; what it
was sent comes in order once it reads, and what a component that never reads was sent comes back. Memory stays bounded."""

import os
import sys
import time

from nodes import WAIT_S, World, wait_for
from workers import Traffic, config, names

FLOOD, STEADY, BODY = 40, 20, 60000  # the flood is more than a socket, the component's queue and a lane hold together
QUEUE_BYTES = 3 * FLOOD * BODY  # the node that floods holds nobody: ADR 19 is not what is looked at
MEMORY_MAX = 16 << 20  # a component's queue with what its senders had begun, and what sanitizers keep back


class Counts(Traffic):
    """Large messages to who does not read, and who is not read."""

    def __init__(self):
        super().__init__()
        self.asleep = set()

    def flood(self, pair):
        number = self.next[pair] = self.next.get(pair, 0) + 1
        self.components[pair[0]].out += (f"<message from='u@{pair[0]}' to='u@{pair[1]}' id='{number}'><body>"
                                         f"{'x' * BODY}</body></message>").encode()
        self.sent += 1

    def sleep(self, domain):
        """Nothing is read from its socket from now on."""
        self.asleep.add(self.components[domain])
        self.selector.unregister(self.components.pop(domain).sock)

    def wake(self, domain):
        component = next(c for c in self.asleep if c.domain == domain)
        self.asleep.remove(component)
        self.components[domain] = component
        self.selector.register(component.sock, 1, component)

    def came(self, pair):
        return sum(1 for d in self.done if d[:2] == pair)

    def until_came(self, pairs, counts):
        end = time.monotonic() + WAIT_S
        while any(self.came(p) < n for p, n in zip(pairs, counts)):
            self.turn()
            assert time.monotonic() < end, f"{pairs} get {counts}: {[self.came(p) for p in pairs]}"


def memory(node):
    status = open(f"/proc/{node.proc.pid}/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def check_wait(traffic, b):
    """Every domain of a floods b0, which sleeps; b1 exchanges with all of them meanwhile, and so do components of b among themselves."""
    deaf, senders = "b0.b.test", names("a")
    others = [(s, "b1.b.test") for s in senders] + [("b1.b.test", s) for s in senders] + [("b2.b.test", "b1.b.test")]
    for pair in others:
        traffic.send(pair)
    traffic.settle("before")
    before = memory(b)
    traffic.sleep(deaf)
    for _ in range(FLOOD):
        for s in senders:
            traffic.flood((s, deaf))
    for n in range(1, STEADY + 1):
        for pair in others:
            traffic.send(pair)
        traffic.until_came(others, [n + 1] * len(others))
    assert not traffic.returned, traffic.reasons
    came = sum(s["stanzas_in"] for s in b.ask("status")["streams"] if s["local"] == deaf)
    assert came < len(senders) * FLOOD, "all was read: nothing waited"
    grown = memory(b) - before
    assert grown < MEMORY_MAX, f"memory has grown by {grown}"
    traffic.wake(deaf)
    traffic.settle("it reads again")
    assert not traffic.returned, traffic.reasons
    print(f"{len(senders) * FLOOD} of {BODY} bytes in order to the slow one; {came} had come and {STEADY} rounds of the others while it did "
          f"not read; memory grew by {grown >> 10} kB")


def check_component_waits(traffic, _):
    """Within one node: who floods a sleeping component waits; others do not."""
    deaf, flooder = "b0.b.test", "b3.b.test"
    traffic.sleep(deaf)
    for _ in range(8 * FLOOD):
        traffic.flood((flooder, deaf))
    pairs = [("b1.b.test", "b2.b.test"), ("b2.b.test", "a1.a.test"), ("a1.a.test", "b2.b.test")]
    had = [traffic.came(p) for p in pairs]
    for n in range(1, STEADY + 1):
        for p in pairs:
            traffic.send(p)
        traffic.until_came(pairs, [h + n for h in had])
    assert traffic.components[flooder].out, "the flooder was read all the time"
    traffic.wake(deaf)
    traffic.settle("it reads, too")
    assert not traffic.returned, traffic.reasons


def check_cut(traffic, b):
    """It never reads: after limits.stall_ms it is cut off, and every stanza for it has come or comes back."""
    deaf, senders = "b0.b.test", names("a")
    traffic.sleep(deaf)
    for _ in range(FLOOD):
        for s in senders:
            traffic.flood((s, deaf))
    def cut():
        traffic.turn()
        return "the component does not take what is sent to it" in b.log_text()
    wait_for("it is cut off", cut)
    traffic.wake(deaf)  # what its socket had is its own; the last one it has half
    traffic.settle("cut off")
    assert traffic.returned and set(traffic.reasons) <= {"the component has disconnected", "the component is not connected"}, traffic.reasons
    print(f"cut off: {len(traffic.returned)} came back")


def run(bindir, workers, stall_ms, *checks):
    with World(bindir) as world:
        nodes = {}
        for host, name in ((1, "a"), (2, "b")):
            world.pki.make(name, f"*.{name}.test")
            nodes[name] = world.node(name, f"main.{name}.test")
            nodes[name].write(config(world, name, workers, host).replace("limits: {", f"limits: {{stall_ms: {stall_ms}, close_ms: 300, queue_bytes: {QUEUE_BYTES}, "))
            nodes[name].start()
        traffic = Counts()
        for host, name in ((1, "a"), (2, "b")):
            for domain in names(name):
                traffic.attach(domain, (f"{world.net}.{host}", 5347))
        for check in checks:
            check(traffic, nodes["b"])


def main():
    bindir, workers = sys.argv[1], int(sys.argv[2])
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"  # memory is looked at
    run(bindir, workers, 300000, check_wait, check_component_waits)
    run(bindir, workers, 2000, check_cut)


if __name__ == "__main__":
    main()
