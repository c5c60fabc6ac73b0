#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures two nodes on loopback, and the floor (s2s-floor) in turn with them, so that both meet the same machine.

Prints a table of medians with their spread and the ratio to the floor, and what Prosody and ejabberd take under the same load
(peers.py, where the machine allows it), then one JSON object. Nothing is judged but this: a run in which a stanza is lost, doubled or out of order ends it with status 1."""

import argparse
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SIDES = {"a": ("c", "b"), "b": ("r", "a")}  # prefix of its components' domains; the other side
OPEN_FILES = 65536
START_SECONDS = 60
LOAD_SECONDS = 600  # on a machine that is busy otherwise
FLOOR, NODE = "floor", "node"
PEER_RUNS, PEER_COLUMN = 3, 114  # the table's width before their columns
PEERS = ("prosody", "ejabberd")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit(f"{process.args[0]}: did not start")


def cpu_seconds(pid):
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid() makes: all threads of a process


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


class Pair:
    """Two nodes, or two floor processes, with their ports."""

    def __init__(self, bench, kind, domains=1, targets=1, own_certificates=False, workers=1):
        self.bench, self.processes, self.ports, self.workers = bench, [], {}, workers
        for side in SIDES:
            self.ports[side] = {"component": free_port(), "s2s": free_port()}
        make = self.floor if kind == FLOOR else self.node
        try:
            for side in ("b", "a"):
                count = domains if side == "a" else targets
                self.processes.append(make(side, count, own_certificates))
                wait_for(self.ports[side]["component"], self.processes[-1])
        except BaseException:
            self.stop()
            raise

    def floor(self, side, _count, _own):
        return subprocess.Popen([self.bench.program("s2s-floor"), f"relay-{side}", self.bench.pki,
                                 f"127.0.0.1:{self.ports[side]['component']}", f"127.0.0.1:{self.ports['b']['s2s']}"])

    def node(self, side, count, own):
        prefix, other = SIDES[side]
        pki = self.bench.pki
        lines = ["domains:", f"  - {{name: {side}.example, certificate: {pki}/{side}.crt, key: {pki}/{side}.key}}",
                 "listen:", f"  - address: \"127.0.0.1:{self.ports[side]['s2s']}\"",
                 "components:", f"  listen: \"127.0.0.1:{self.ports[side]['component']}\"", "  accounts:"]
        for i in range(count):
            certificate = f"{side}-{i}" if own else side
            lines.append(f"    - {{domain: {prefix}{i}.{side}.example, secret: secret, "
                         f"certificate: {pki}/{certificate}.crt, key: {pki}/{side}.key}}")
        lines += [f"trust: {{system: false, ca_files: [{pki}/ca.pem]}}", "policy: {dane: false, ocsp: \"off\"}", "routes:",
                  f"  - {{match: \"*.{other}.example\", address: \"127.0.0.1:{self.ports[other]['s2s']}\"}}",
                  f"control: {self.bench.work}/{side}.sock", "limits: {connections: 20000, connections_per_address: 20000, preauth_connections: 20000, "
                  f"streams_out: 20000{self.bench.limits}}}",
                  f"workers: {self.workers}", "log: {level: warn}"]
        file = f"{self.bench.work}/{side}.yaml"
        with open(file, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        return subprocess.Popen([self.bench.program("s2sd"), "--config", file])

    def load(self, mode, **options):
        b, a = self.processes
        command = [self.bench.program("s2s-load"), mode, "--a", f"127.0.0.1:{self.ports['a']['component']}",
                   "--b", f"127.0.0.1:{self.ports['b']['component']}", "--watch", f"A={a.pid}", "--watch", f"B={b.pid}", "--timeout", str(LOAD_SECONDS)]
        for key, value in options.items():
            command += [f"--{key}", str(value)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            sys.stderr.buffer.write(done.stdout)
            raise SystemExit(f"{' '.join(command[1:])}: failed")
        return json.loads(done.stdout)

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Bench:
    def __init__(self, arguments, work):
        self.bindir, self.runs, self.quick = arguments.bindir, arguments.runs, arguments.quick
        self.limits = "".join(f", {limit}" for limit in arguments.limit)
        self.skipped = []  # peers, and why
        self.work, self.pki = work, f"{work}/pki"
        self.samples = {}  # (quantity, unit, kind) -> values
        os.mkdir(self.pki)
        self.certificates()

    def certificates(self, count=300, rsa_bits=0):
        subprocess.run([self.program("s2s-floor"), "pki", self.pki, str(count)] + [str(rsa_bits)] * (rsa_bits > 0), check=True)

    def program(self, name):
        return os.path.join(self.bindir, name)

    def note(self, quantity, unit, kind, value):
        self.samples.setdefault((quantity, unit), {}).setdefault(kind, []).append(value)

    def scale(self, count):
        return count // 10 if self.quick else count

    # -- what is measured, one run each --

    def stanzas(self, kind, streams, count, window=1000):
        with Pair(self, kind, domains=streams) as pair:
            d = pair.load("pair", domains=streams, count=self.scale(count), window=window)
        name = f"stanza relayed, {streams} stream{'s' if streams > 1 else ''}" + (", one at a time" if window == 1 else "")
        for side in ("A", "B"):
            self.note(f"{name}, {side}", "us CPU", kind, d[side]["cpu_us"])
        self.note(f"{name}, rate", "1/s", kind, d["per_s"])

    def ping(self, kind):
        with Pair(self, kind) as pair:
            d = pair.load("ping", count=self.scale(3000), warm=20)
        self.note("round trip, p50", "us", kind, d["p50_us"])
        self.note("round trip, p99", "us", kind, d["p99_us"])

    def floor_streams(self):
        for keep, what in (("close", "cpu_us"), ("keep", "kb")):
            done = subprocess.run([self.program("s2s-floor"), "streams", self.pki, str(self.scale(1000)), keep],
                                  stdout=subprocess.PIPE, check=True)
            d = json.loads(done.stdout)
            for side in ("A", "B"):
                if keep == "close":
                    for seen in ("new", "seen"):
                        self.note(f"stream set up, chain {seen}, {side}", "us CPU", FLOOR, d[side][what])
                else:
                    self.note(f"idle stream, {side}", "kB", FLOOR, d[side][what])

    def setup(self, own):
        count = self.scale(300)
        with Pair(self, NODE, domains=count, targets=count, own_certificates=own) as pair:
            d = pair.load("pair", domains=count, targets=count, warm=0, count=count, window=8)
        for side in ("A", "B"):
            self.note(f"stream set up, chain {'new' if own else 'seen'}, {side}", "us CPU", NODE, d[side]["cpu_us"])

    def many_domains(self):
        """A node with one domain is the floor here, the same with 1,000 is what is compared."""
        remotes = self.scale(300)
        for kind, served in ((FLOOR, 1), (NODE, 1000)):
            with Pair(self, NODE, domains=served, targets=remotes) as pair:
                d = pair.load("pair", domains=1, targets=remotes, warm=0, count=remotes, window=8)
            self.note("stream set up, 1,000 domains served, A", "us CPU", kind, d["A"]["cpu_us"])
            with Pair(self, NODE, domains=remotes, targets=served) as pair:
                d = pair.load("pair", domains=remotes, targets=1, warm=0, count=remotes, window=8)
            self.note("stream set up, 1,000 domains served, B", "us CPU", kind, d["B"]["cpu_us"])

    def several_workers(self):
        """A node with one worker is the floor here, the same with two is what is compared."""
        for kind, workers in ((FLOOR, 1), (NODE, 2)):
            with Pair(self, NODE, domains=8, targets=8, workers=workers) as pair:
                d = pair.load("pair", domains=8, targets=8, flows=64, count=self.scale(100000), window=1000)
            for side in ("A", "B"):
                self.note(f"stanza relayed, 64 streams, 2 workers, {side}", "us CPU", kind, d[side]["cpu_us"])

    def idle_streams(self, flows, window=8):
        side = max(1, round(flows ** 0.5))
        with Pair(self, NODE, domains=side, targets=side) as pair:
            d = pair.load("pair", domains=side, targets=side, flows=side * side, warm=1, count=1, window=window, hold=2)
        return side * side, {s: (d[s]["rss_kb"][2] - d[s]["rss_kb"][0]) / (side * side) for s in ("A", "B")}

    def idle(self):
        _, kb = self.idle_streams(self.scale(1024))
        for side in ("A", "B"):
            self.note(f"idle stream, {side}", "kB", NODE, kb[side])

    def start(self):
        """With the system's CA store; 11.2 MB and 0.021 s are what loading the libraries and the store takes alone."""
        port, file = free_port(), f"{self.work}/start.yaml"
        with open(file, "w", encoding="utf-8") as f:
            f.write(f"domains: [{{name: a.example, certificate: {self.pki}/a.crt, key: {self.pki}/a.key}}]\n"
                    f"listen: [{{address: \"127.0.0.1:{port}\"}}]\ntrust: {{system: true}}\n"
                    f"control: {self.work}/start.sock\nlog: {{level: warn}}\n")
        process = subprocess.Popen([self.program("s2sd"), "--config", file])
        try:
            wait_for(port, process)
            self.note("node at start", "ms CPU", NODE, cpu_seconds(process.pid) * 1e3)
            time.sleep(1)
            self.note("node idle, memory", "MB", NODE, rss_kb(process.pid) / 1024)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def all(self):
        for run in range(self.runs):
            print(f"run {run + 1} of {self.runs}", file=sys.stderr)
            for kind in (FLOOR, NODE):
                self.stanzas(kind, 1, 300000)
                self.stanzas(kind, 300, 100000)
                self.stanzas(kind, 300, 10000, window=1)
                self.ping(kind)
            self.floor_streams()
            self.setup(own=True)
            self.setup(own=False)
            self.many_domains()
            self.several_workers()
            self.idle()
            self.start()

    def peers(self):
        """Others under the same load. They are not run in turn with the floor: for the order of magnitude."""
        command = [sys.executable, "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers.py"),
                   "--bindir", self.bindir, "--runs", str(min(self.runs, PEER_RUNS))] + ["--quick"] * self.quick
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            self.skipped.append(f"peers.py ended with status {done.returncode}")
        for line in done.stdout.splitlines():
            said = json.loads(line)
            if "skipped" in said:
                self.skipped.append(said["skipped"])
            else:
                self.note(said["quantity"], said["unit"], said["peer"], said["value"])

    def curves(self):
        """What a stanza costs by the number of remotes, a stream's memory by their number, set-up by concurrency."""
        out = {"stanzas": [], "memory": [], "setup": []}
        for remotes in (1, 3, 10, 30, 100, 300, 1000):
            with Pair(self, NODE, targets=remotes) as pair:
                d = pair.load("pair", targets=remotes, count=self.scale(100000), window=1000)
            out["stanzas"].append({"remotes": remotes, "A_us": d["A"]["cpu_us"], "B_us": d["B"]["cpu_us"], "per_s": d["per_s"]})
        for flows in (1, 9, 100, 1024, 4096, 10000):
            count, kb = self.idle_streams(flows, window=64)
            out["memory"].append({"streams": count, "A_kb": round(kb["A"], 2), "B_kb": round(kb["B"], 2)})
        for window in (1, 2, 4, 8, 16, 32, 64, 128):
            with Pair(self, NODE, domains=300, targets=300, own_certificates=True) as pair:
                d = pair.load("pair", domains=300, targets=300, warm=0, count=300, window=window)
            out["setup"].append({"at_once": window, "per_s": d["per_s"], "A_us": d["A"]["cpu_us"], "B_us": d["B"]["cpu_us"]})
        return out

    def storm(self):
        """The round trip on a stream that stands, quiet and while others are set up, 64 at a time, by the kind of our keys."""
        out = []
        for keys, bits in (("P-256", 0), ("RSA 2048", 2048), ("RSA 4096", 4096)):
            flows = self.scale(500) + 1
            self.certificates(flows, bits)
            for run in range(self.runs):
                with Pair(self, NODE, domains=flows, targets=flows, own_certificates=True) as pair:
                    d = pair.load("storm", domains=flows, targets=flows, warm=20, window=64)
                with Pair(self, NODE, domains=flows, targets=flows, own_certificates=True) as pair:
                    alone = pair.load("pair", domains=flows, targets=flows, warm=0, count=flows, window=64)
                with Pair(self, NODE, own_certificates=True) as pair:
                    quiet = pair.load("ping", count=self.scale(3000), warm=20)
                row = {"keys": keys, "A_us": alone["A"]["cpu_us"], "B_us": alone["B"]["cpu_us"], "per_s": alone["per_s"]}
                for name, seen in (("quiet", quiet), ("storm", d)):
                    row[name] = {key: seen[key] for key in ("pings", "p50_us", "p99_us", "max_us")}
                print(f"{keys}: run {run + 1}: {json.dumps(row)}", file=sys.stderr)
                out.append(row)
        return out

    # -- the report --

    def table(self):
        rows = []
        print(f"{'quantity':44} {'unit':7} {'node':>9} {'least - most':>19} {'floor':>9} {'ratio':>6}  {'least - most':13}" + "".join(f"{peer:>10}" for peer in PEERS))
        for (quantity, unit), by_kind in self.samples.items():
            node, floor = by_kind[NODE], by_kind.get(FLOOR)
            row = {"quantity": quantity, "unit": unit, "node": node, "node_median": statistics.median(node)}
            text = f"{quantity:44} {unit:7} {row['node_median']:9.2f} {min(node):8.2f} - {max(node):8.2f}"
            if floor:
                ratios = [n / f for n, f in zip(node, floor)]
                row.update(floor=floor, floor_median=statistics.median(floor), ratio=statistics.median(ratios))
                text += f" {row['floor_median']:9.2f} {row['ratio']:6.2f}  {min(ratios):5.2f} - {max(ratios):5.2f}"
            for i, peer in enumerate(PEERS):
                if peer in by_kind:
                    row[peer] = by_kind[peer]
                    text = f"{text:{PEER_COLUMN + 10 * i}}{statistics.median(by_kind[peer]):10.2f}"
            print(text)
            rows.append(row)
        for why in self.skipped:
            print(f"peers skipped: {why}")
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bindir", default="build/bin")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: a look, not a measurement")
    parser.add_argument("--no-peers", action="store_true", help="without Prosody and ejabberd")
    parser.add_argument("--curves", action="store_true", help="the cost curves instead")
    parser.add_argument("--storm", action="store_true", help="a stream that stands while 500 others are set up, instead")
    parser.add_argument("--limit", action="append", default=[], metavar="'KEY: N'", help="another value of a node's limit")
    arguments = parser.parse_args()
    arguments.bindir = os.path.abspath(arguments.bindir)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, OPEN_FILES), hard))
    os.environ["GNUTLS_SYSTEM_PRIORITY_FILE"] = "/dev/null"  # the machine's TLS policy is not what is measured
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="s2s-bench.") as work:
        bench = Bench(arguments, work)
        if arguments.curves:
            print(json.dumps(bench.curves(), indent=1))
            return
        if arguments.storm:
            print(json.dumps(bench.storm(), indent=1))
            return
        bench.all()
        if not arguments.no_peers:
            bench.peers()
        print(json.dumps({"runs": arguments.runs, "figures": bench.table(), "skipped": bench.skipped}))


main()
