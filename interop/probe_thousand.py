#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""probe_thousand.py: a thousand domains on loopback, some slow, some dead, some tarpits: how long does `s2sctl probe` take for them all,
and how much memory does it hold?

    probe_thousand.py --bindir DIR [--domains 1000] [--jobs 64] [--rate 200] [--interrupt SECONDS] [--html FILE]
                      [--output FILE]

Most domains are served by one s2sd, a part of them through a relay that delays; the rest leads to nobody, to servers that say nothing
or a little for ever, to something else than XMPP, to names that do not exist, and to a DNS that does not answer. Exit status 1: an answer was
wrong, or it took longer than the numbers allow.
"""
import argparse
import asyncio
import collections
import json
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab import quick_pki

# kind -> (share of 20, the answer that is right, seconds that it may hold a job)
KINDS = {
    "server": (7, "accepts", 0.5),       # certificate for servers only
    "both": (4, "accepts", 0.5),         # for clients too
    "slow": (3, "accepts", 3),           # through the relay
    "dead": (1, "unreachable", 0.1),
    "silent": (1, "broken", 15.5),
    "drip": (1, "broken", 15.5),
    "http": (1, "broken", 0.1),
    "missing": (1, "unreachable", 0.1),
    "mute": (1, "unreachable", 10.5),    # its DNS
}
HOST = "127.0.0.1"
MUTE_SECONDS = 4 # longer than a resolver library waits before it asks again
SPREAD = [kind for kind, (share, _, _) in KINDS.items() for _ in range(share)]


def domain_of(i):
    kind = SPREAD[i % len(SPREAD)]
    return f"d{i}.{'both' if kind == 'both' else 'server'}.example", kind


def make_certificates(directory):
    pki = quick_pki.QuickPki(directory)
    pki.ca("ca")
    for name, purposes in (("server", "serverAuth"), ("both", "serverAuth,clientAuth"), ("ours", "serverAuth")):
        pki.leaf(name, "ca", purposes, [f"*.{name}.example"])


# -- the servers ----------------------------------------------------------------------------------------------------

def start_node(bindir, directory, domains, port):
    lines = ["domains:"]
    for domain, kind in domains:
        if kind in ("server", "both", "slow"):
            name = "both" if kind == "both" else "server"
            lines += [f"  - name: {domain}", f"    certificate: {directory}/{name}.pem", f"    key: {directory}/{name}.key"]
    lines += [f'listen: [{{address: "{HOST}:{port}"}}]', f"trust: {{system: false, ca_files: [{directory}/ca.pem]}}",
              f"control: {directory}/control.sock", "log: {level: warn, format: text}"]
    (directory / "s2sd.yaml").write_text("\n".join(lines) + "\n")
    log = open(directory / "s2sd.log", "w", encoding="utf-8")
    return subprocess.Popen([bindir / "s2sd", "--config", directory / "s2sd.yaml"], stderr=log)


async def wait_for(port, node):
    while node.poll() is None:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    sys.exit("s2sd did not start")


async def pass_on(reader, writer, most_ms):
    try:
        while data := await reader.read(16384):
            await asyncio.sleep(random.uniform(0.02, most_ms / 1000))
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def relay_to(port):
    async def relay(reader, writer):
        there, back = await asyncio.open_connection(HOST, port)
        await asyncio.gather(pass_on(reader, back, 200), pass_on(there, writer, 200))
    return relay


async def keep_silent(reader, writer):
    while await reader.read(4096):
        pass
    writer.close()


async def drip(reader, writer):
    text = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
    try:
        for letter in text + " " * 600:
            writer.write(letter.encode())
            await writer.drain()
            await asyncio.sleep(1)
    except (OSError, asyncio.CancelledError):
        pass


async def speak_http(reader, writer):
    await reader.read(4096)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def serve(handler):
    server = await asyncio.start_server(handler, HOST, 0, backlog=512)
    return server.sockets[0].getsockname()[1]


# -- the DNS ----------------------------------------------------------------------------------------------------------

class Dns(asyncio.DatagramProtocol):
    """SRV and A for each domain; answers come after up to 50 ms, or late as SERVFAIL."""

    def __init__(self, ports):
        self.ports = ports  # kind -> port

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        qtype, = struct.unpack("!H", data[at + 1:at + 3])
        question = data[12:at + 5]
        own = [label for label in labels if label[0] == "d" and label[1:].isdigit()]
        kind = domain_of(int(own[0][1:]))[1] if own else "missing"
        answer, rcode, after = b"", 0, random.uniform(0, 0.05)
        if kind == "mute": # what a resolver says when the domain's own servers are silent
            rcode, after = 2, MUTE_SECONDS
        elif kind == "missing":
            rcode = 3
        elif qtype == 33 and labels[0] == "_xmpp-server":
            target = b"\x02xm" + b"".join(bytes([len(l)]) + l.encode() for l in labels[2:]) + b"\0"
            answer = struct.pack("!HHHIH", 0xC00C, 33, 1, 60, 6 + len(target)) + struct.pack("!HHH", 5, 0, self.ports[kind]) + target
        elif qtype == 1 and labels[0] == "xm":
            answer = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + bytes([127, 0, 0, 1])
        head = data[:2] + struct.pack("!HHHHH", 0x8580 | rcode, 1, 1 if answer else 0, 0, 0)
        asyncio.get_running_loop().call_later(after, self.transport.sendto, head + question + answer, address)


# -- the run ----------------------------------------------------------------------------------------------------------

async def watch_memory(pid, samples):
    while True:
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            return
        rss = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        if rss:
            samples.append(int(rss[0]))
        await asyncio.sleep(0.25)


async def interrupt(command, output, seconds):
    """Ctrl-C in the middle: what is done is kept, and the same command takes up the rest."""
    child = await asyncio.create_subprocess_exec(*map(str, command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    await asyncio.sleep(seconds)
    child.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, told = await child.communicate()
    kept = output.read_text(encoding="utf-8").splitlines()
    for line in kept:
        json.loads(line)
    print(f"interrupted after {seconds} s: exit status {child.returncode} after {time.monotonic() - began:.1f} s, {len(kept)} results kept: "
          f"{told.decode().strip().splitlines()[-1]}")


async def probe(options, directory, domains, dns_port):
    names = directory / "domains"
    names.write_text("".join(f"{domain}\n" for domain, _ in domains), encoding="utf-8")
    output = options.output or directory / "out.jsonl"
    command = [options.bindir / "s2sctl", "probe", "--from", "me.ours.example", "--certificate", directory / "ours.pem", "--key",
               directory / "ours.key", "--ca", directory / "ca.pem", "--no-system-ca", "--dns", f"{HOST}@{dns_port}",
               "--jobs", str(options.jobs), "--rate", str(options.rate), "--output", output, f"@{names}"]
    if options.html:
        command += ["--html", options.html]
    if options.interrupt:
        await interrupt(command, output, options.interrupt)
    samples, began = [], time.monotonic()
    child = await asyncio.create_subprocess_exec(*map(str, command), stdout=subprocess.DEVNULL)
    watcher = asyncio.create_task(watch_memory(child.pid, samples))
    status = await child.wait()
    took = time.monotonic() - began
    watcher.cancel()
    return status, took, samples, [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


def judge(options, domains, status, took, samples, results):
    right = {domain: KINDS[kind][1] for domain, kind in domains}
    wrong = [r for r in results if r["answer"] != right[r["domain"]]]
    held = sum(KINDS[kind][2] for _, kind in domains)
    # a list is done when its jobs are, one after the other; the last ones may all be long
    allowed = held / options.jobs + len(domains) / options.rate + 2 * 15.5
    for r in wrong[:10]:
        print(f"{r['domain']}: {r['answer']} instead of {right[r['domain']]}: {r['summary']}")
    quarter, last = samples[len(samples) // 4], samples[-1]
    print(f"{len(results)} of {len(domains)} domains, {len(wrong)} wrong, {took:.1f} s (allowed {allowed:.0f} s), {options.jobs} jobs, "
          f"{options.rate}/s; memory {quarter // 1024} MB after a quarter, {last // 1024} MB at the end, at most {max(samples) // 1024} MB")
    print(", ".join(f"{count} {answer}" for answer, count in collections.Counter(r["answer"] for r in results).most_common()))
    return 1 if wrong or len(results) != len(domains) or took > allowed or status != 1 else 0


async def run(options, directory):
    domains = [domain_of(i) for i in range(options.domains)]
    make_certificates(directory)
    spare = await asyncio.start_server(keep_silent, HOST, 0)
    node_port = spare.sockets[0].getsockname()[1]
    spare.close()
    await spare.wait_closed()
    node = start_node(options.bindir, directory, domains, node_port)
    try:
        await wait_for(node_port, node)
        relay = await serve(relay_to(node_port))
        ports = {"server": node_port, "both": node_port, "slow": relay, "dead": 1, "silent": await serve(keep_silent),
                 "drip": await serve(drip), "http": await serve(speak_http)}
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Dns(ports), local_addr=(HOST, 0))
        return judge(options, domains, *await probe(options, directory, domains, transport.get_extra_info("sockname")[1]))
    finally:
        node.terminate()
        node.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bindir", type=Path, required=True)
    parser.add_argument("--domains", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=64)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--interrupt", type=float, help="first run it for so many seconds, and then Ctrl-C")
    parser.add_argument("--html", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    options.bindir = options.bindir.resolve()
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(run(options, Path(directory)))


if __name__ == "__main__":
    sys.exit(main())
