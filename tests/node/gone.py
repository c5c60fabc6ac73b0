#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gone.py BINDIR: a peer that goes without a word (ST-23, SM-04, SZ-09): its network is gone, or its process stands still. What is noticed, by which
limit, with which line; and what waited comes back, or arrives once the peer is there again. Two nodes in two network namespaces."""

import os
import signal
import subprocess
import sys

from drill import has_namespaces
from nodes import World, wait_for
from workers import SECRET, Traffic

ADDRESS = {"a": "10.9.0.1", "b": "10.9.0.2"}
NOBODY = "02:00:00:00:00:99"  # a link-layer address that nobody has: what goes there is lost without a word
PAIR = ("c.a.test", "c.b.test")
FOREVER = 600000  # ms
BULK = 60000


def shell(*words):
    subprocess.run(words, check=True)


class Wire:
    """a's namespace is ours; b's is that of a process that sleeps; a pair of devices between them."""

    def __init__(self):
        self.sleeper = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait_for("a namespace", lambda: os.readlink(f"/proc/{self.sleeper.pid}/ns/net") != own, self.sleeper)
        self.inside = ["nsenter", "-t", str(self.sleeper.pid), "-n"]
        shell("ip", "link", "set", "lo", "up")
        shell("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", str(self.sleeper.pid))
        for name, inside in (("a", []), ("b", self.inside)):
            shell(*inside, "ip", "address", "add", f"{ADDRESS[name]}/24", "dev", f"v{name}")
            shell(*inside, "ip", "link", "set", f"v{name}", "up")

    def cut(self):
        shell("ip", "neigh", "replace", ADDRESS["b"], "lladdr", NOBODY, "dev", "va", "nud", "permanent")
        shell(*self.inside, "ip", "neigh", "replace", ADDRESS["a"], "lladdr", NOBODY, "dev", "vb", "nud", "permanent")

    def mend(self):
        shell("ip", "neigh", "del", ADDRESS["b"], "dev", "va")
        shell(*self.inside, "ip", "neigh", "del", ADDRESS["a"], "dev", "vb")

    def end(self):
        self.sleeper.kill()
        self.sleeper.wait()


class Scene:
    """Both nodes, a component on each, an established stream from a to b. Only the limits that are named can end it."""

    def __init__(self, world, wire, name, **limits):
        self.world, self.wire, self.nodes, self.traffic = world, wire, {}, Traffic()
        quiet = {"liveness_ms": 0, "idle_ms": 0, "ack_ms": FOREVER, "stall_ms": FOREVER, "tcp_ms": 0, "retry_ms": 0, "retry_max_ms": 0,
                 "reroute_ms": 1000, "connect_ms": 1000, "negotiation_ms": 20000, "close_ms": 300, "hold_ms": 100}
        for one, other in ("ab", "ba"):
            node = self.nodes[one] = world.node(one, f"main.{one}.test")
            node.log.unlink(missing_ok=True)
            node.wrap = wire.inside if one == "b" else []
            mine = {**quiet, **(limits if one == "a" else {})}
            node.write(f"""
domains: [{{name: main.{one}.test, certificate: {one}.crt, key: {one}.key}}]
listen: [{{address: "{ADDRESS[one]}:5269"}}]
components:
  listen: "unix:{one}.component"
  accounts: [{{domain: c.{one}.test, secret: {SECRET}, certificate: {one}.crt, key: {one}.key}}]
trust: {{system: false, ca_files: [ca.crt]}}
routes: [{{match: "*.{other}.test", address: "{ADDRESS[other]}:5269"}}]
control: {one}.sock
census: off
limits: {{{", ".join(f"{k}: {v}" for k, v in mine.items())}}}
""")
            node.start()
            self.traffic.attach(f"c.{one}.test", str(world.dir / f"{one}.component"))
        self.log = self.nodes["a"].log_text
        self.send_and_settle(f"{name}: at first")
        assert not self.traffic.returned
        wait_for(f"{name}: acknowledgements are agreed on", self.acknowledges, self.nodes["a"].proc)
        self.name = name

    def acknowledges(self):
        """Until then little is sent, and the wait for that is not what a scene is about."""
        return any(s["acks"] for s in self.nodes["a"].ask("status")["streams"] if s["direction"] == "out")

    def send_and_settle(self, what):
        self.traffic.send(PAIR)
        self.traffic.settle(what)

    def says(self, *words):
        """One line of a's log has all of them."""
        def said():
            self.traffic.turn(0)
            return [line for line in self.log().splitlines() if all(w in line for w in words)]
        line = wait_for(f"{self.name}: {words}", said, self.nodes["a"].proc)[0]
        print(f"{self.name}: {line[line.index(' ') + 1:]}")

    def comes_back(self, reason):
        self.traffic.settle(self.name)
        assert self.traffic.returned and set(self.traffic.reasons) <= reason, self.traffic.reasons

    def goes_on(self):
        """An attempt that began while it was away may still fail, and takes with it what is sent meanwhile."""
        before = len(self.traffic.done)
        def arrives():
            self.send_and_settle(f"{self.name}: once it is there again")
            return len(self.traffic.done) > before
        wait_for(f"{self.name}: goes on", arrives, self.nodes["a"].proc)

    def end(self):
        for component in list(self.traffic.components.values()):
            self.traffic.detach(component)
        for node in self.nodes.values():
            node.stop()
            self.world.nodes.remove(node)


UNREACHABLE = {"no connection to the remote server could be made", "the remote server did not acknowledge this stanza",
               "the connection to the remote server was lost"}


def network_gone(world, wire):
    """TCP alone: what is on its way is not acknowledged (RFC 5482)."""
    s = Scene(world, wire, "network gone", tcp_ms=1500)
    wire.cut()
    s.traffic.send(PAIR)
    s.says("stream closed", "direction=out", "by=transport", "timed out")
    s.comes_back(UNREACHABLE)
    wire.mend()
    s.goes_on()
    s.end()


def network_gone_idle(world, wire):
    """Nothing is sent: the liveness check is what TCP does not get through."""
    s = Scene(world, wire, "network gone, idle", tcp_ms=1500, liveness_ms=500)
    wire.cut()
    s.says("stream closed", "direction=out", "by=transport", "timed out")
    wire.mend()
    s.goes_on()
    s.end()


def process_stands(world, wire):
    """Its kernel acknowledges, it does not answer (XEP-0198)."""
    s = Scene(world, wire, "process stands", liveness_ms=500, ack_ms=1000, negotiation_ms=1000)
    s.nodes["b"].proc.send_signal(signal.SIGSTOP)
    s.says("stream closed", "direction=out", "by=local", "condition=connection-timeout")
    s.traffic.send(PAIR)
    s.comes_back(UNREACHABLE)
    s.nodes["b"].proc.send_signal(signal.SIGCONT)
    s.goes_on()
    s.end()


def process_takes_nothing(world, wire):
    """More is sent than the kernels between them take."""
    s = Scene(world, wire, "process takes nothing", stall_ms=1000, negotiation_ms=1000, unacked_bytes=67108864, queue_bytes=67108864,
              output_bytes=67108864)
    s.nodes["b"].proc.send_signal(signal.SIGSTOP)
    for _ in range(250):
        number = s.traffic.next[PAIR] = s.traffic.next[PAIR] + 1
        s.traffic.components[PAIR[0]].out += (f"<message from='u@{PAIR[0]}' to='u@{PAIR[1]}' id='{number}'><body>{'x' * BULK}</body>"
                                              "</message>").encode()
        s.traffic.sent += 1
    s.says("stream closed", "direction=out", "by=transport", "the peer does not take what we send")
    s.comes_back(UNREACHABLE)
    s.nodes["b"].proc.send_signal(signal.SIGCONT)
    s.goes_on()
    s.end()


def nothing_to_say(world, wire):
    """An idle stream is closed without an error, and the next stanza makes another."""
    s = Scene(world, wire, "idle", idle_ms=500)
    s.says("stream closed", "direction=out", "by=local", "idle")
    assert "condition=" not in [line for line in s.log().splitlines() if "stream closed" in line][0]
    s.goes_on()
    assert not s.traffic.returned
    s.end()


def main():
    if not has_namespaces():
        print("no namespaces here: not run")
        return
    if len(sys.argv) == 2:
        mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
        sys.exit(subprocess.run(["unshare", *mapped, "--net", sys.executable, "-B", __file__, sys.argv[1], "inside"], check=False).returncode)
    with World(sys.argv[1]) as world:
        for name in "ab":
            world.pki.make(name, f"*.{name}.test")
        wire = Wire()
        try:
            for scene in (nothing_to_say, network_gone, network_gone_idle, process_stands, process_takes_nothing):
                scene(world, wire)
        finally:
            for node in world.nodes:
                if node.proc is not None:
                    node.proc.send_signal(signal.SIGCONT)
            wire.end()


if __name__ == "__main__":
    main()
