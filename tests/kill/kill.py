#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kill.py: a node is killed with SIGKILL again and again while another one sends to it, with stream management on.

Numbered messages go from a component at a.example to one at b.example. The node of b.example is killed in mid-traffic and
started again, KILLS times. What the receiving component got is then compared with what was sent: nothing may be missing,
and every number must come for the first time in order. A number may come more than once: the killed node had it and had
not acknowledged it yet. Then it comes in its place: what a node gets in one life is in order without exception, so that what is
sent again comes before what had waited. Prints the figures; the exit status is 0 if all held.

The nodes meet through a relay of our own that lets nobody through before the receiving component is attached again, so
that the killed node does not answer for a component that is not there.
"""
import argparse
import contextlib
import hashlib
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

S2S_PORT, COMPONENT_PORT, RELAY_PORT = 5269, 5347, 5270
SECRET = "kill"
READY_SECONDS = 60
PATIENCE_SECONDS = 120       # without any progress
BETWEEN_KILLS = (200, 3000)   # new messages that arrive from one start to the next kill
BURST, PAUSE_SECONDS = 50, 0.01
READ_BYTES = 65536
STREAM_END = b"</stream:stream>"

CONFIG = """\
domains:
  - {{name: {domain}, certificate: {domain}.crt, key: {domain}.key}}
listen:
  - address: "{address}:{s2s_port}"
components:
  listen: "{address}:{component_port}"
  accounts:
    - {{domain: {domain}, secret: {secret}}}
trust: {{system: false, ca_files: [ca.crt]}}
routes:
  - {{match: {peer}, address: "{peer_address}:{peer_port}"}}
# The sender is held for as long as it takes: nothing bounces.
limits: {{hold_ms: 60000}}
control: {work}/{domain}.sock
"""


class Failure(Exception):
    pass


def openssl(work, *args):
    done = subprocess.run(["openssl", *args], cwd=work, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"openssl {' '.join(args)}: {done.stderr}")


def make_certificates(work, domains):
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(work, "req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=kill CA", "-days", "2",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    for domain in domains:
        (work / "ext").write_text(f"subjectAltName=DNS:{domain}\nextendedKeyUsage=serverAuth\n"
                                  "keyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n")
        openssl(work, "req", *ec, "-keyout", f"{domain}.key", "-out", "csr", "-subj", f"/CN={domain}")
        openssl(work, "x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-extfile", "ext", "-days", "2", "-out", f"{domain}.crt")


class Node:
    def __init__(self, bindir, work, domain, address, config):
        self._program, self._work, self.domain, self.address = bindir / "s2sd", work, domain, address
        self._config = work / f"{domain}.yaml"
        self._config.write_text(config)
        self._child = None

    @property
    def pid(self):
        return self._child.pid

    def start(self):
        with open(self._work / f"{self.domain}.log", "ab") as log:
            self._child = subprocess.Popen([self._program, "--config", self._config], cwd=self._work,
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        for port in (COMPONENT_PORT, S2S_PORT):
            while not self._answers(port):
                if self._child.poll() is not None or time.monotonic() > deadline:
                    raise Failure(f"{self.domain} did not start: {self.log_end()}")
                time.sleep(0.01)

    def _answers(self, port):
        try:
            socket.create_connection((self.address, port), timeout=1).close()
            return True
        except OSError:
            return False

    def hup(self):
        self._child.send_signal(signal.SIGHUP)

    def terminate(self):
        self._child.terminate()

    def kill(self):
        self._child.send_signal(signal.SIGKILL)
        self._child.wait()

    def stop(self):
        if self._child is None or self._child.poll() is not None:
            return self._child.returncode if self._child else None
        self.terminate()
        return self.wait()

    def wait(self):
        try:
            return self._child.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def log_end(self):
        return "\n".join((self._work / f"{self.domain}.log").read_text(errors="replace").splitlines()[-8:])


class Relay:
    """Passes connections on to `target` while it is open."""

    def __init__(self, address, target):
        self._target, self.is_open = target, False
        self._listener = socket.create_server(address, backlog=64)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            near, _ = self._listener.accept()
            if not self.is_open:
                near.close()
                continue
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(READ_BYTES):
                other.sendall(data)
        for s in (one, other):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)


def attach(domain, address):
    s = socket.create_connection((address, COMPONENT_PORT), timeout=READY_SECONDS)
    s.sendall(f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
              f"to='{domain}'>".encode())
    got = b""
    while not (head := re.search(rb" id='([^']*)'[^>]*>", got)):
        got += s.recv(READ_BYTES) or b"<>"
    s.sendall(f"<handshake>{hashlib.sha1(head[1] + SECRET.encode()).hexdigest()}</handshake>".encode())
    while b"<handshake/>" not in got:
        more = s.recv(READ_BYTES)
        if not more:
            raise Failure(f"{domain}: not let in: {got!r}")
        got += more
    s.settimeout(None)
    return s


class Receiver:
    """The component at the node that is killed: notes the number of every message, over all its lives."""
    MESSAGE = re.compile(rb"<message [^>]*id='(\d+)'[^>]*><body>(\d+)</body></message>")

    def __init__(self, domain, address):
        self._domain, self._address, self.numbers, self.highest = domain, address, [], -1
        self._reader = None
        self.lives = []  # of `numbers`, how many had come before each

    def begin(self):
        s = attach(self._domain, self._address)
        if self._reader:
            self._reader.join()  # what its socket still had belongs to the life before
        self.lives.append(len(self.numbers))
        self._reader = threading.Thread(target=self._run, args=(s,), daemon=True)
        self._reader.start()

    def _run(self, s):
        pending = b""
        with s, contextlib.suppress(ConnectionResetError):
            while data := s.recv(READ_BYTES):
                pending += data
                end = 0
                for m in self.MESSAGE.finditer(pending):
                    self.numbers.append(int(m[2]))
                    self.highest = max(self.highest, int(m[2]))
                    end = m.end()
                pending = pending[end:]
                if STREAM_END in pending:
                    break


class Sender:
    ERROR = re.compile(rb"<message [^>]*id='(\d+)'[^>]*type='error'|<message [^>]*type='error'[^>]*id='(\d+)'")

    def __init__(self, domain, address, to, pause=PAUSE_SECONDS):
        self._socket, self._domain, self._to, self._pause = attach(domain, address), domain, to, pause
        self.sent, self.bounced, self._go = 0, [], True
        self.allowed, self.resting = threading.Event(), threading.Event()
        self.allowed.set()
        threading.Thread(target=self._read, daemon=True).start()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self):
        with contextlib.suppress(OSError):
            self._send()

    def _send(self):
        while self._go:
            if not self.allowed.is_set():
                self.resting.set()
                self.allowed.wait()
                self.resting.clear()
                continue
            burst = range(self.sent, self.sent + BURST)
            self._socket.sendall("".join(
                f"<message from='x@{self._domain}' to='y@{self._to}' id='{n}'><body>{n}</body></message>"
                for n in burst).encode())
            self.sent += BURST
            time.sleep(self._pause)

    def _read(self):
        pending = b""
        while data := self._socket.recv(READ_BYTES):
            pending += data
            end = 0
            for m in self.ERROR.finditer(pending):
                self.bounced.append(int(m[1] or m[2]))
                end = m.end()
            pending = pending[end:] if end else pending[-4096:]
            if STREAM_END in pending:
                break
        self._socket.close()

    def rest(self):
        """Returns when the last burst is out; `allowed.set()` goes on."""
        self.allowed.clear()
        self.resting.wait()

    def stop(self):
        self._go = False
        self.allowed.set()
        self._thread.join()


def wait_until(what, true, progress):
    last, since = None, time.monotonic()
    while not true():
        now = progress()
        if now != last:
            last, since = now, time.monotonic()
        if time.monotonic() - since > PATIENCE_SECONDS:
            raise Failure(f"waited in vain for {what}")
        time.sleep(0.005)


def compare(sent, numbers, bounced):
    """(what arrived, what was lost, how many were out of order when they came for the first time)"""
    arrived, first = set(), []
    for n in numbers:
        if n not in arrived:
            arrived.add(n)
            first.append(n)
    return arrived, set(range(sent)) - arrived - set(bounced), sum(a > b for a, b in zip(first, first[1:]))


def misplaced(numbers, lives):
    """How many did not come behind a smaller one in the same life."""
    return sum(a >= b for begin, end in zip(lives, lives[1:] + [len(numbers)])
               for a, b in zip(numbers[begin:end], numbers[begin + 1:end]))


def judge(sent, receiver, bounced, kills, seconds):
    numbers = receiver.numbers
    arrived, lost, reordered = compare(sent, numbers, bounced)
    wrong = misplaced(numbers, receiver.lives)
    print(f"# {kills} kills in {seconds:.0f} s; {sent} messages sent, {len(arrived)} arrived, {len(set(bounced))} bounced, "
          f"{len(lost)} lost, {reordered} out of order, {len(numbers) - len(arrived)} came again, {wrong} of these out of place")
    if lost or reordered or wrong:
        raise Failure(f"lost {sorted(lost)[:20]}, {reordered} out of order, {wrong} out of place")
    if set(bounced):
        raise Failure(f"bounced: {sorted(set(bounced))[:20]}")


def run(bindir, work, kills, rng):
    net = f"127.{os.getpid() // 250 % 250 + 1}.{os.getpid() % 250 + 1}"
    make_certificates(work, ("a.example", "b.example"))
    def node(domain, address, peer, peer_address, peer_port):
        return Node(bindir, work, domain, address, CONFIG.format(
            domain=domain, address=address, s2s_port=S2S_PORT, component_port=COMPONENT_PORT, secret=SECRET, peer=peer,
            peer_address=peer_address, peer_port=peer_port, work=work))

    a = node("a.example", f"{net}.1", "b.example", f"{net}.3", RELAY_PORT)
    b = node("b.example", f"{net}.2", "a.example", f"{net}.1", S2S_PORT)
    relay = Relay((f"{net}.3", RELAY_PORT), (b.address, S2S_PORT))
    receiver = Receiver(b.domain, b.address)
    try:
        for node in (a, b):
            node.start()
        receiver.begin()
        relay.is_open = True
        begun = time.monotonic()
        sender = Sender(a.domain, a.address, b.domain)
        for kill in range(1, kills + 1):
            enough = receiver.highest + rng.randint(*BETWEEN_KILLS)
            wait_until(f"traffic before kill {kill}", lambda: receiver.highest >= enough,
                       lambda: len(receiver.numbers))
            relay.is_open = False
            b.kill()
            b.start()
            receiver.begin()
            relay.is_open = True
        sender.stop()
        wait_until("the last message", lambda: sender.sent - 1 in receiver.numbers[-1:] + sender.bounced[-1:],
                   lambda: len(receiver.numbers))
        judge(sender.sent, receiver, sender.bounced, kills, time.monotonic() - begun)
        if (status := a.stop()) != 0:
            raise Failure(f"a.example ended with status {status}: {a.log_end()}")
    except Failure:
        print(f"# a.example: {a.log_end()}\n# b.example: {b.log_end()}", file=sys.stderr)
        raise
    finally:
        a.stop()
        b.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bindir", type=pathlib.Path, required=True)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s2sd-kill.") as work:
        try:
            run(args.bindir.resolve(), pathlib.Path(work), args.kills, random.Random(args.seed))
        except Failure as failure:
            print(f"kill: {failure}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
