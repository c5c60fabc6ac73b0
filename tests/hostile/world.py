# SPDX-License-Identifier: MIT
"""world.py: a node under attack, a friend that keeps talking to it, and what the attacker has in hand."""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

US, GOOD, CHAT, EVIL = "us.example", "good.example", "chat.good.example", "evil.example"
SECRET = "sesame"
PORTS, COMPONENT_PORT = {US: 5269, GOOD: 5369, EVIL: 5469}, 5347
LIARS = [f"r{i}.{EVIL}" for i in range(24)]  # receivers, each behind a port of its own
PORTS.update({domain: 5500 + i for i, domain in enumerate(LIARS)})
READY_SECONDS = 60
NEGOTIATION_MS, CLOSE_MS, CONNECTIONS = 6000, 250, 60

CONFIG = """\
domains:
  - {{name: {domain}, certificate: {domain}.pem, key: {domain}.key, services: [echo]}}
listen:
  - address: "{address}:{port}"
  - {{address: "{address}:{direct}", tls: direct}}
{more}
trust: {{system: false, ca_files: [ca.pem]}}
routes:
{routes}
dns: {{servers: ["127.0.0.1@1"]}}
limits: {{negotiation_ms: {negotiation}, close_ms: {close}, connections: {connections}, retry_ms: 0, dns_ms: 1000}}
control: {directory}/{domain}.sock
log: {{level: info, format: text}}
"""


def own_address():
    """An address of the loopback network that no other run has."""
    pid = os.getpid()
    return f"127.{64 + (pid >> 16 & 63)}.{pid >> 8 & 255}.{pid & 255}"


class Pki:
    """Certificates by the openssl command, in `directory`."""

    def __init__(self, directory):
        self.directory = directory
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
                  "-out", "ca.pem", "-subj", "/CN=attack root", "-days", "3650",
                  "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        for domain in (US, GOOD, EVIL):
            self.leaf(domain, [domain, "chat." + domain])
        self.leaf("liars", ["*." + EVIL])
        self.leaf("rogue", [EVIL], issuer=None)
        self.leaf("expired", [EVIL], days=-1)
        leaf, ca = self._read("evil.example.pem"), self._read("ca.pem")
        self._write("long.pem", leaf + ca * 40)
        self._write("huge.pem", leaf + ca * 160)

    def _read(self, name):
        with open(os.path.join(self.directory, name), encoding="ascii") as f:
            return f.read()

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="ascii") as f:
            f.write(text)

    def _run(self, *words):
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def leaf(self, name, domains, issuer="ca", days=30):
        san = "subjectAltName=" + ",".join(f"DNS:{d}" for d in domains)
        usage = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                 "extendedKeyUsage=serverAuth,clientAuth", san]
        self._run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                  name + ".key", "-out", name + ".csr", "-subj", f"/CN={name}")
        self._write(name + ".ext", "\n".join(usage))
        signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"] if issuer else ["-signkey", name + ".key"]
        self._run("x509", "-req", "-in", name + ".csr", *signer, "-days", str(days), "-extfile", name + ".ext",
                  "-out", name + ".pem")


class Node:
    """One s2sd."""

    def __init__(self, world, domain, routes, more=""):
        self.domain, self.world = domain, world
        self.port, self.direct = PORTS[domain], PORTS[domain] + 1
        lines = "\n".join(f"  - {{match: {m}, address: \"{world.address}:{PORTS[to]}\"}}" for m, to in routes)
        path = os.path.join(world.directory, domain + ".yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(domain=domain, port=self.port, direct=self.direct, address=world.address, more=more, routes=lines,
                                  negotiation=NEGOTIATION_MS, close=CLOSE_MS, connections=CONNECTIONS,
                                  directory=world.directory))
        self.log = open(os.path.join(world.directory, domain + ".log"), "w+b")
        self.process = subprocess.Popen([os.path.join(world.bindir, "s2sd"), "--config", path], stderr=self.log,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"s2sd for {domain} has ended: {self.said()}")
            try:
                socket.create_connection((world.address, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"s2sd for {domain} does not listen")

    def said(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def ping(self, domain):
        """(answered, words) by s2sctl."""
        done = subprocess.run([os.path.join(self.world.bindir, "s2sctl"), "ping", domain, "--from", self.domain,
                               "--control", os.path.join(self.world.directory, self.domain + ".sock")],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
        return done.returncode == 0, (done.stdout + done.stderr).decode().strip()

    def memory_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def is_sanitized(self):
        with open(f"/proc/{self.process.pid}/maps", encoding="ascii") as f:
            return "libasan" in f.read()

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self):
        """Its exit status after SIGTERM."""
        self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "it had to be killed"


class Talk(threading.Thread):
    """A component of the friend's that asks the node under attack again and again, over one stream each way."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.answers, self.errors, self.over = 0, [], False
        self._socket = socket.create_connection((address, COMPONENT_PORT), 30)
        self._socket.settimeout(60)
        self._text = ""
        self._send(f"<stream:stream xmlns='jabber:component:accept' "
                   f"xmlns:stream='http://etherx.jabber.org/streams' to='{CHAT}'>")
        self._until("<stream:stream")
        stream_id = re.search(r"id=['\"]([^'\"]+)", self._until(">")).group(1)
        self._send(f"<handshake>{hashlib.sha1((stream_id + SECRET).encode()).hexdigest()}</handshake>")
        self._until("<handshake")

    def _send(self, text):
        self._socket.sendall(text.encode())

    def _until(self, part):
        while part not in self._text:
            data = self._socket.recv(65536)
            if not data:
                raise RuntimeError("the friend's node closed the component's stream")
            self._text += data.decode()
        taken, _, self._text = self._text.partition(part)
        return taken + part

    def run(self):
        number = 0
        try:
            while not self.over:
                number += 1
                self._send(f"<iq type='get' id='t{number}' from='a@{CHAT}' to='{US}'><ping xmlns='urn:xmpp:ping'/></iq>")
                answer = self._until(f"t{number}")
                answer += self._until(">")
                if "error" in answer:
                    self.errors.append(answer)
                self.answers += 1
                time.sleep(0.02)
        except (OSError, RuntimeError) as e:
            if not self.over:
                self.errors.append(repr(e))

    def wait_for_more(self, count=3, seconds=60):
        """True if it goes on being answered."""
        want, deadline = self.answers + count, time.monotonic() + seconds
        while self.answers < want and not self.errors and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.answers >= want and not self.errors


class World:
    def __init__(self, bindir):
        self.bindir = os.path.abspath(bindir)
        self.directory = tempfile.mkdtemp(prefix="s2s-hostile-")
        self.pki = Pki(self.directory)
        self.address = own_address()
        self.evil = socket.create_server((self.address, PORTS[EVIL]), backlog=64)  # where answers to its stanzas are sent; it never accepts
        self.us = Node(self, US, [(GOOD, GOOD), (CHAT, GOOD), (EVIL, EVIL), *zip(LIARS, LIARS)])
        self.friend = Node(self, GOOD, [(US, US)],
                           f"components:\n  listen: [\"{self.address}:{COMPONENT_PORT}\"]\n  accounts:\n"
                           f"    - {{domain: {CHAT}, secret: {SECRET}}}\n")
        self.talk = Talk(self.address)
        self.talk.start()
        if not self.talk.wait_for_more(3, READY_SECONDS):
            raise RuntimeError(f"the friend gets no answer: {self.talk.errors}\n{self.us.said()}\n{self.friend.said()}")

    def file(self, name):
        return os.path.join(self.directory, name)

    def end(self):
        """Problems found at the end."""
        self.talk.over = True
        problems = []
        for node in (self.us, self.friend):
            status = node.end()
            if status != 0:
                problems.append(f"s2sd for {node.domain} ended with {status}")
            if re.search(r"ERROR: (Address|Leak)Sanitizer|runtime error:", node.said()):
                problems.append(f"s2sd for {node.domain}: {node.said()[-3000:]}")
        shutil.rmtree(self.directory, ignore_errors=True)
        return problems
