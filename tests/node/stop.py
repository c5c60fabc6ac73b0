#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stop.py BINDIR N: a node with N workers ends orderly while a component of it does not read. What remote servers have sent for that
component, and the node has acknowledged, goes back to them before the node is gone; what it has not acknowledged comes back there. They
go on sending meanwhile."""

import sys

from nodes import World, wait_for
from slow import BODY, QUEUE_BYTES, Counts
from workers import config, names

FLOOD = 40
OPEN_MAX = 3000  # fewer than the queue of a pair holds: an error that finds no room there is gone
LIMITS = f"limits: {{stall_ms: 300000, close_ms: 2000, reroute_ms: 2000, queue_bytes: {QUEUE_BYTES}, "


def stands_still(traffic, node, domain):
    """What comes for `domain` has come to a stop: its streams are held."""
    came = lambda: sum(s["stanzas_in"] for s in node.ask("status")["streams"] if s["local"] == domain)
    seen = [came()]

    def look():
        for _ in range(5):
            traffic.turn()
        seen.append(came())
        return seen[-1] > 0 and seen[-1] == seen[-2]
    wait_for("its streams are held", look)
    return seen[-1]


def check(traffic, b, asleep):
    """Nothing has gone from the component to those that send to it: what comes back needs streams of its own."""
    senders = names("a")
    for _ in range(FLOOD):
        for s in senders:
            traffic.flood((s, asleep))
    came = stands_still(traffic, b, asleep)
    b.proc.terminate()
    while any(d in traffic.components for d in names("b")):
        for s in senders if traffic.open() < OPEN_MAX else ():
            traffic.send((s, asleep))
        traffic.turn()
    assert b.proc.wait(60) == 0, b.log_text()[-3000:]
    b.proc = None
    traffic.wake(asleep)  # what is in its socket is its own
    traffic.settle("stopped")
    print(f"{came} of {len(senders) * FLOOD} of {BODY} bytes had come: {len(traffic.done)} arrived, {len(traffic.returned)} came back: "
          f"{dict(traffic.reasons)}")
    assert "the component has disconnected" in traffic.reasons, traffic.reasons


def main():
    bindir, workers = sys.argv[1], int(sys.argv[2])
    with World(bindir) as world:
        nodes = {}
        for host, name in ((1, "a"), (2, "b")):
            world.pki.make(name, f"*.{name}.test")
            nodes[name] = world.node(name, f"main.{name}.test")
            nodes[name].write(config(world, name, workers, host).replace("limits: {", LIMITS))
            nodes[name].start()
        traffic = Counts()
        for host, name in ((1, "a"), (2, "b")):
            for domain in names(name):
                traffic.attach(domain, (f"{world.net}.{host}", 5347))
        traffic.sleep("b0.b.test")
        check(traffic, nodes["b"], "b0.b.test")


if __name__ == "__main__":
    main()
