#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""wayback.py BINDIR: what is sent to a component that is not attached comes back, also where it comes faster than the stream that takes the
errors back can be made: who brings it is not read until there is room."""

import sys

from nodes import World
from workers import Traffic, config

FLOOD = 20000  # several times what a pair's queue holds
SENDERS = ("a0.a.test", "a1.a.test")


def small(traffic, pair):
    number = traffic.next[pair] = traffic.next.get(pair, 0) + 1
    traffic.components[pair[0]].out += f"<message from='u@{pair[0]}' to='u@{pair[1]}' id='{number}'/>".encode()
    traffic.sent += 1


def main():
    with World(sys.argv[1]) as world:
        nodes = {}
        for host, name in ((1, "a"), (2, "b")):
            world.pki.make(name, f"*.{name}.test")
            nodes[name] = world.node(name, f"main.{name}.test")
            nodes[name].write(config(world, name, 1, host))
            nodes[name].start()
        traffic = Traffic()
        for sender in SENDERS:
            traffic.attach(sender, (f"{world.net}.1", 5347))
        for sender in SENDERS:
            for _ in range(FLOOD):
                small(traffic, (sender, "b0.b.test"))
        traffic.settle("nobody is attached there")
        assert nodes["b"].ask("status")["dropped"] == 0
        print(f"{len(traffic.returned)} came back: {dict(traffic.reasons)}")
        assert set(traffic.reasons) <= {"the component is not connected", "too much waits for the remote server"}, traffic.reasons


if __name__ == "__main__":
    main()
