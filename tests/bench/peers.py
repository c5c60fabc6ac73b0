#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""peers.py: the load of bench.py between two Prosody and between two ejabberd servers (Debian 12, chroots as in interop/).

Prints one JSON object a line: {"quantity", "unit", "peer", "value"}, or {"skipped": why}. Needs root, and, the first time, the
network for mmdebstrap. Everything runs in namespaces of its own, with certificates on both sides, no limits of rate, no other
modules. A run in which a stanza is lost, doubled or out of order counts as skipped."""
import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "interop"))
from lab import dns, namespace, process, program, rootfs, topology  # noqa: E402

ADDRESSES = {"a": "127.0.0.12", "b": "127.0.0.23"}
PREFIXES = {"a": "c", "b": "r"}
SECRET = "secret"
LOAD_SECONDS = 600
SETTLE_SECONDS = 5

PROSODY = """\
data_path = "{home}/data"; pidfile = "{home}/prosody.pid"
modules_enabled = {{ "tls", "saslauth" }}
modules_disabled = {{ "dialback", "limits", "offline", "c2s", "http" }}
storage = "memory"
interfaces = {{ "{address}" }}; local_interfaces = {{ "{address}" }}
component_interfaces = {{ "{address}" }}; component_ports = {{ {component_port} }}
s2s_ports = {{ {s2s_port} }}; c2s_ports = {{}}; c2s_direct_tls_ports = {{}}; http_ports = {{}}; https_ports = {{}}
use_ipv6 = false; network_backend = "epoll"
unbound = {{ resolvconf = true; hoststxt = false; trusted = "unused.example. IN DS 1 13 2 {zeros}" }}
s2s_require_encryption = true; s2s_secure_auth = true
ssl = {{ certificate = "{pki}/{side}.crt"; key = "{pki}/{side}.key"; cafile = "{pki}/ca.pem"; capath = "/nonexistent" }}
log = {{ warn = "*console" }}
VirtualHost "{side}.example"
for i = 0, {count} - 1 do
    Component("{prefix}" .. i .. ".{side}.example")
    component_secret = "{secret}"
end
"""
EJABBERD = """\
loglevel: warning
hosts: ["{side}.example"]
certfiles: ["{pki}/{side}.pem"]
ca_file: "{pki}/ca.pem"
s2s_cafile: "{pki}/ca.pem"
s2s_use_starttls: required
outgoing_s2s_families: [ipv4]
outgoing_s2s_ipv4_address: "{address}"
acme: {{auto: false}}
listen:
  - {{port: {s2s_port}, ip: "{address}", module: ejabberd_s2s_in, shaper: none, max_stanza_size: 524288, backlog: 1024}}
  - {{port: {component_port}, ip: "{address}", module: ejabberd_service, access: all, shaper_rule: none, password: "{secret}", backlog: 1024}}
shaper: {{}}
modules: {{}}
"""


def prosody(lab, home, text):
    (home / "prosody.cfg.lua").write_text(text)
    return ["/usr/bin/prosody", "-F", "--config", lab.inside(home / "prosody.cfg.lua")]


def ejabberd(lab, home, text):
    (home / "ejabberd.yml").write_text(text)
    inside = lab.inside(home)
    libraries = next(p for p in lab.rootfs.glob("usr/lib/*-linux-gnu"))
    return ["/usr/bin/env", f"HOME={inside}", "LANG=C.UTF-8", f"EJABBERD_CONFIG_PATH={inside}/ejabberd.yml",
            f"EJABBERD_LOG_PATH={inside}/ejabberd.log", f"ERL_LIBS=/{libraries.relative_to(lab.rootfs)}",
            "ERL_CRASH_DUMP_BYTES=0", "ERL_MAX_PORTS=32000", "/usr/bin/erl", "+K", "true", "-noinput", "-mnesia", "dir",
            f'"{inside}/data"', "-s", "ejabberd"]


PEERS = {"prosody": (PROSODY, prosody), "ejabberd": (EJABBERD, ejabberd)}


class Pair:
    """Two servers of one kind."""

    def __init__(self, lab, bindir, kind, domains=1, targets=1):
        self.bindir, self.servers = bindir, {}
        template, command = PEERS[kind]
        try:
            for side, count in (("b", targets), ("a", domains)):
                home = lab.work / f"{kind}-{side}"
                shutil.rmtree(home, ignore_errors=True)
                (home / "data").mkdir(parents=True)
                text = template.format(side=side, count=count, prefix=PREFIXES[side], address=ADDRESSES[side], secret=SECRET,
                                       home=lab.inside(home), pki=lab.inside(lab.work / "pki"), zeros=64 * "0",
                                       s2s_port=topology.S2S_PORT, component_port=topology.COMPONENT_PORT)
                words = lab.chroot_command(kind, command(lab, home, text))
                lab.own(kind, home)
                ready = [(ADDRESSES[side], port) for port in (topology.S2S_PORT, topology.COMPONENT_PORT)]
                self.servers[side] = process.Process(f"{kind}-{side}", words, lab.logs, ready)
        except BaseException:
            self.stop()
            raise

    def load(self, mode, **options):
        words = [str(self.bindir / "s2s-load"), mode, "--timeout", str(LOAD_SECONDS)]
        for side in ("a", "b"):
            words += [f"--{side}", f"{ADDRESSES[side]}:{topology.COMPONENT_PORT}", "--watch",
                      f"{side.upper()}={self.servers[side].pid}"]
        for key, value in options.items():
            words += [f"--{key}", str(value)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise process.ProcessError(f"{' '.join(words[1:2])}: {(done.stderr or done.stdout)[:600]}")
        return json.loads(done.stdout)

    def stop(self):
        for server in self.servers.values():
            server.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def say(**what):
    print(json.dumps(what), flush=True)


def sides(kind, quantity, unit, values):
    for side in ("A", "B"):
        say(quantity=f"{quantity}, {side}", unit=unit, peer=kind, value=values[side])


def idle_streams(lab, bindir, kind):
    """The difference between many streams and few: the memory of a server that has just started goes up and down by itself."""
    few, many, names = 64, 1024, 32
    at_rest = {}
    for flows in (few, many):
        with Pair(lab, bindir, kind, domains=names, targets=names) as pair:
            d = pair.load("pair", domains=names, targets=names, flows=flows, warm=1, count=1, window=16, hold=SETTLE_SECONDS)
        at_rest[flows] = {s: d[s]["rss_kb"][2] for s in "AB"}
    sides(kind, "idle stream", "kB", {s: (at_rest[many][s] - at_rest[few][s]) / (many - few) for s in "AB"})


def measure(lab, bindir, kind, scale):
    for streams, name in ((1, "1 stream"), (300, "300 streams")):
        with Pair(lab, bindir, kind, domains=streams) as pair:
            d = pair.load("pair", domains=streams, count=20000 // scale, window=1000)
        sides(kind, f"stanza relayed, {name}", "us CPU", {s: d[s]["cpu_us"] for s in "AB"})
        say(quantity=f"stanza relayed, {name}, rate", unit="1/s", peer=kind, value=d["per_s"])
    with Pair(lab, bindir, kind) as pair:
        d = pair.load("ping", count=1000 // scale, warm=20)
    for p in ("p50", "p99"):
        say(quantity=f"round trip, {p}", unit="us", peer=kind, value=d[f"{p}_us"])
    with Pair(lab, bindir, kind, domains=300) as pair:
        d = pair.load("pair", domains=300, warm=0, count=300, window=8)
    sides(kind, "stream set up, chain new", "us CPU", {s: d[s]["cpu_us"] for s in "AB"})


def start_dns(lab):
    directory = lab.work / "dns"
    directory.mkdir()
    lines = ["$TTL 60", "$ORIGIN example.", "@ SOA ns hostmaster 1 3600 600 86400 60", "@ NS ns",
             f"ns A {topology.DNS_ADDRESS}"]
    for side, address in ADDRESSES.items():
        lines += [f"{name}.example. SRV 5 0 {topology.S2S_PORT} host-{side}.example."
                  for name in (f"_xmpp-server._tcp.{side}", f"*.{side}")] + [f"host-{side} A {address}"]
    (directory / "example.zone").write_text("\n".join(lines) + "\n")
    (directory / "unbound.conf").write_text(dns.UNBOUND_CONF.format(
        directory=lab.inside(directory), address=topology.DNS_ADDRESS, port=dns.PORT))
    command = lab.chroot_command("root", ["/usr/sbin/unbound", "-d", "-c", lab.inside(directory / "unbound.conf")])
    return process.Process("unbound", command, lab.logs, ready=[(topology.DNS_ADDRESS, dns.PORT)])


def make_pki(bindir, directory):
    directory.mkdir()
    subprocess.run([str(bindir / "s2s-floor"), "pki", str(directory), "0"], check=True)
    for side in ADDRESSES:
        (directory / f"{side}.pem").write_text((directory / f"{side}.crt").read_text() + (directory / f"{side}.key").read_text())
    for path in directory.iterdir():
        path.chmod(0o644)  # throw-away keys, read by two users of the chroot


def inside(given):
    work = given.cache / "bench"
    shutil.rmtree(work, ignore_errors=True)
    lab = namespace.Lab(rootfs.ensure(given.cache), work)
    lab.set_up()
    make_pki(given.bindir, work / "pki")
    names = start_dns(lab)
    try:
        for kind in PEERS:
            for _ in range(given.runs):
                try:
                    measure(lab, given.bindir, kind, 10 if given.quick else 1)
                except process.ProcessError as error:
                    say(skipped=f"{kind}: {error}")
            try:
                idle_streams(lab, given.bindir, kind)
            except process.ProcessError as error:
                say(skipped=f"{kind}, idle: {error}")
    finally:
        names.stop()
    return 0


def outside(given):
    missing = [tool for tool in program.TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0:
        return "not root (namespaces, chroot)"
    if missing:
        return f"not installed: {', '.join(missing)}"
    given.cache.mkdir(parents=True, exist_ok=True)
    with open(given.cache / "lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(os.devnull, "w", encoding="ascii") as null:
                out, sys.stdout = sys.stdout, null
                try:
                    rootfs.ensure(given.cache)
                finally:
                    sys.stdout = out
        except BlockingIOError:
            return f"another run uses {given.cache}"
        except (OSError, subprocess.CalledProcessError, rootfs.RootfsError) as error:
            return f"no chroot: {str(error).splitlines()[0]}"
        status = namespace.run_inside([sys.executable, "-B"] + sys.argv)
        return f"ended with status {status}" if status else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bindir", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=os.environ.get("S2S_INTEROP_CACHE", "build/interop"))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    given.cache, given.bindir = Path(given.cache).resolve(), given.bindir.resolve()
    if namespace.inside():
        return inside(given)
    why = outside(given)
    if why:
        say(skipped=why)
    return 0


sys.exit(main())
