# SPDX-License-Identifier: MIT
"""faults.py: what happens to the nodes of the soak while the traffic goes on; each fault is a thread that goes on until told to end."""
import contextlib
import json
import os
import socket
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "kill"))
import kill

POLL_SECONDS = 0.05


class Repeated(threading.Thread):
    """Calls `act()` again and again, `seconds` apart; counts; keeps the first failure for whoever joins it."""

    def __init__(self, seconds):
        super().__init__(daemon=True)
        self._seconds, self._end, self.at_work = seconds, threading.Event(), threading.Lock()
        self.count, self.failure = 0, None

    def run(self):
        try:
            while not self._end.wait(self._seconds):
                with self.at_work:
                    self.act()
                self.count += 1
        except Exception as failure:  # told by finish(), in the thread that judges
            self.failure = failure

    def finish(self):
        self._end.set()
        self.join()
        if self.failure:
            raise self.failure


class DarkRelay(kill.Relay):
    """A relay whose connections go dark: what comes is thrown away, and neither side is told anything."""

    def __init__(self, address, target):
        self._dark, self._pairs = set(), set()
        super().__init__(address, target)
        self.is_open = True

    def darken(self):
        self._dark |= self._pairs

    @property
    def held(self):
        """Connections in the dark of which a side is still open."""
        return len(self._dark)

    def _run(self):
        while True:
            near, _ = self._listener.accept()
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            pair = (near, far)
            self._pairs.add(pair)
            for one, other in (pair, pair[::-1]):
                threading.Thread(target=self._pass_pair, args=(pair, one, other), daemon=True).start()

    def _pass_pair(self, pair, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(kill.READ_BYTES):
                if pair not in self._dark:
                    other.sendall(data)
        if pair not in self._dark:
            with contextlib.suppress(OSError):
                other.shutdown(socket.SHUT_RDWR)
        one.close()
        if other.fileno() == -1:  # the second of the two
            self._pairs.discard(pair)
            self._dark.discard(pair)


class Darkness(Repeated):
    """The connections between two nodes go dark; then it waits until both directions have got over it."""

    def __init__(self, seconds, relays, flows):
        super().__init__(seconds)
        self._relays, self._flows = relays, flows

    def act(self):
        for flow in self._flows:  # over streams that stand: negotiations have their own limit, which is long here
            flow.wait_for_a_new_one("a stream that can go dark")
        for relay in self._relays:
            relay.darken()
        for flow in self._flows:
            flow.wait_for_all_sent_so_far("the way out of the dark")


class Killing(Repeated):
    """A node dies by SIGKILL and starts again. It has a component that talks to us, too, and is not judged."""

    def __init__(self, seconds, node, relay, flow, chatter):
        super().__init__(seconds)
        self._node, self._relay, self._flow, self._chatter = node, relay, flow, chatter

    def act(self):
        self._relay.is_open = False
        self._node.kill()
        self._node.start()
        self._flow.receiver.begin()
        self._relay.is_open = True
        self._chatter()
        self._flow.wait_for_all_sent_so_far("traffic after a kill")


class Reloading(Repeated):
    """The nodes in turn get another certificate and reload, by SIGHUP and by command in turn."""

    def __init__(self, seconds, nodes, certificates):
        super().__init__(seconds)
        self._nodes, self._certificates = nodes, certificates

    def act(self):
        node = self._nodes[self.count % len(self._nodes)]
        turn = self.count // len(self._nodes)
        self._certificates.put_in_force(node.domain, turn % self._certificates.KINDS)
        if turn % 2:
            node.hup()
        else:
            answer = json.loads(node.ctl("reload", "--json"))
            if not answer["ok"]:
                raise kill.Failure(f"{node.domain}: reload: {answer['problems']}")


class Certificates:
    """KINDS pairs for each domain; one of them is in force."""

    KINDS = 3

    def __init__(self, work, domains):
        self._work = work
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        kill.openssl(work, "req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=soak CA", "-days", "9",
                     "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        for domain in domains:
            (work / "ext").write_text(f"subjectAltName=DNS:{domain},DNS:*.{domain}\nextendedKeyUsage=serverAuth\n"
                                      "keyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n")
            for kind in range(self.KINDS):
                name = f"{domain}-{kind}"
                kill.openssl(work, "req", *ec, "-keyout", f"{name}.key", "-out", "csr", "-subj", f"/CN={domain}")
                kill.openssl(work, "x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                             "-extfile", "ext", "-days", "9", "-out", f"{name}.crt")
            self.put_in_force(domain, 0)

    def put_in_force(self, domain, kind):
        for suffix in ("key", "crt"):
            new = self._work / f"{domain}.{suffix}.new"
            new.write_bytes((self._work / f"{domain}-{kind}.{suffix}").read_bytes())
            os.replace(new, self._work / f"{domain}.{suffix}")
