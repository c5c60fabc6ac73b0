#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rate.py BINDIR: limits.rate_bytes comes and goes by reloads under a flood (DO-02). The flooding domain is slowed down, another is not, and all
arrives in order."""

import sys

from nodes import World, wait_for
from slow import BODY, Counts
from workers import config

FLOOD, STEADY, RATE, BURST = 150, 5, 50000, 65536
SLOWED = "reading is slowed down"
FLOODER, OTHER, HERE = "a0.a.test", "a1.a.test", "b0.b.test"


def write(world, node, name, host, more):
    node.write(config(world, name, 1, host).replace("limits: {", f"limits: {{queue_bytes: {3 * FLOOD * BODY}, close_ms: 300, {more}"))


def peer(node, remote):
    return [p for p in node.ask("peers")["peers"] if p["remote"] == remote and p["direction"] == "in"][0]


def main():
    with World(sys.argv[1]) as world:
        nodes, traffic = {}, Counts()
        for host, name in ((1, "a"), (2, "b")):
            world.pki.make(name, f"*.{name}.test")
            nodes[name] = world.node(name, f"main.{name}.test")
            write(world, nodes[name], name, host, "")
            nodes[name].start()
        b = nodes["b"]
        for domain, host in ((FLOODER, 1), (OTHER, 1), (HERE, 2)):
            traffic.attach(domain, (f"{world.net}.{host}", 5347))
        for pair in ((FLOODER, HERE), (OTHER, HERE)):
            traffic.send(pair)
        traffic.settle("before")

        def flood():
            for _ in range(FLOOD):
                traffic.flood((FLOODER, HERE))
        flood()
        while traffic.came((FLOODER, HERE)) < 10:
            traffic.turn()
        write(world, b, "b", 2, f"rate_bytes: {RATE}, rate_burst_bytes: {BURST}, ")
        assert b.ask("reload") == {"ok": True, "problems": [], "restart": []}
        def slowed():
            traffic.turn()
            return SLOWED in b.log_text()
        wait_for("the flood is slowed down", slowed, b.proc)
        assert f"remote={FLOODER}" in [line for line in b.log_text().splitlines() if SLOWED in line][0]
        for n in range(STEADY):
            traffic.send((OTHER, HERE))
            traffic.until_came([(OTHER, HERE)], [n + 2])
        left = traffic.open()
        assert left > 0, "the rate has not held anything back"
        assert peer(b, FLOODER)["slowed"] and not peer(b, OTHER)["slowed"]
        write(world, b, "b", 2, "")
        assert b.ask("reload") == {"ok": True, "problems": [], "restart": []}
        traffic.settle("the rate is lifted")
        assert not traffic.returned, traffic.reasons
        print(f"of {FLOOD} of {BODY} bytes {left} were held back until the rate was lifted; {STEADY} of another domain came meanwhile")


if __name__ == "__main__":
    main()
