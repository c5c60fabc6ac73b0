#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""drill.py BINDIR CLOCK_SHIFT OPERATING_MD: what goes wrong at an operator's, made to happen for real: the line that says what to do, the exit
status, and that the guide to operating lists the line. The file systems and networks are namespaces of the node's own.
"""

import hashlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from nodes import WAIT_S, World, wait_for

NOBODY = 65534
YEARS = 10 * 365 * 86400
GOOD, FAILED, WRONG = 0, 1, 2  # exit status


class Drill:
    def __init__(self, world, shift, guide):
        self.world, self.shift, self.guide = world, shift, Path(guide).read_text()
        self.node = world.node("a", "a.test")

    def text(self, **change):
        part = {"domain": "a.test", "certificate": "a.crt", "key": "a.key", "address": f"{self.world.net}.1:5269",
                "components": "", "control": "a.sock", "census": "off", "more": "", **change}
        return (f"domains: [{{name: {part['domain']}, certificate: {part['certificate']}, key: {part['key']}}}]\n"
                f"listen: [{{address: \"{part['address']}\"}}]\n"
                f"trust: {{system: false, ca_files: [ca.crt]}}\n"
                f"control: {part['control']}\ncensus: {part['census']}\n{part['components']}{part['more']}")

    def expect(self, said, line):
        """`line` was said, and the guide's table of symptoms has it: with what differs from case to case left out."""
        words = [w for w in line.split("…") if w]
        at = -1
        for word in words:
            at = said.find(word, at + 1)
            assert at >= 0, f"not said: {line}\n--- but:\n{said}"
        print("  ", next(full for full in said.splitlines() if all(word in full for word in words)), flush=True)
        listed = self.guide.replace("…/", "").replace("\\", "")
        assert all(word.strip() in listed for word in words), f"not in the guide: {line}"

    def fails(self, line, status, wrap=(), **options):
        """The node does not start, and says why; `--check` says the same where the configuration is to blame."""
        command = [*wrap, self.world.s2sd, "--config", str(self.node.config)]
        done = subprocess.run(command, text=True, capture_output=True, timeout=2 * WAIT_S, check=False, **options)
        assert done.returncode == status, f"{line}: exit status {done.returncode}:\n{done.stderr}"
        self.expect(done.stderr, line)
        if status == WRONG:
            checked = subprocess.run([*command, "--check"], text=True, capture_output=True, timeout=2 * WAIT_S, check=False, **options)
            assert checked.returncode == WRONG, checked
            self.expect(checked.stderr, line)

    def start(self, wrap=(), **environment):
        with open(self.node.log, "wb") as log:
            self.node.proc = subprocess.Popen([*wrap, self.world.s2sd, "--config", self.node.config], stderr=log,
                                              env={**os.environ, **environment})
        wait_for("it starts", lambda: self.node.ctl("status")[0] == 0, self.node.proc)

    def said(self, line):
        words = line.split("…")
        wait_for(line, lambda: all(w in self.node.log_text() for w in words), self.node.proc)
        self.expect(self.node.log_text(), line)


def namespace(kind, *commands):
    """A command in front of s2sd's: namespaces of its own, made ready by shell commands; the process stays the one that was started."""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *mapped, *kind, "sh", "-ec", "; ".join([*commands, 'exec "$0" "$@"'])]


def has_namespaces():
    return subprocess.run(namespace(["--net", "--mount"], "true") + ["true"], capture_output=True, check=False).returncode == 0


# -- the drills ----------------------------------------------------------------------------------------------

def wrong_configuration(d):
    d.node.write(d.text().replace("address:", "adress:"))
    d.fails('listen[0].adress: unknown key; did you mean "address"?', WRONG)
    d.node.write(d.text(certificate="gone.crt"))
    d.fails('domains[0].certificate: cannot read "…": No such file or directory', WRONG)
    d.world.pki.make("other", "other.test")
    d.node.write(d.text(certificate="other.crt", key="other.key"))
    d.fails(": the certificate is not for …", WRONG)
    d.node.write(d.text(key="other.key"))
    d.fails(": the key does not belong to the first certificate in …", WRONG)
    d.node.write(d.text(control="nowhere/a.sock"))
    d.fails(".sock: its directory does not exist", FAILED)


def wrong_permissions(d):
    """Root may read everything, so s2sd is another user then."""
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    os.chmod(d.world.dir, 0o755)
    key = d.world.dir / "a.key"
    d.node.write(d.text())
    os.chmod(key, 0o600 if other else 0)
    d.fails('domains[0].key: cannot read "…": Permission denied: the user that s2sd runs as must be able to read it (chgrp, chmod 640)', WRONG, **other)
    os.chmod(key, 0o644)
    os.chmod(d.node.config, 0o600 if other else 0)
    d.fails(".yaml:1:1: cannot be read: Permission denied: the user that s2sd runs as must be able to read it (chgrp, chmod 640)", WRONG, **other)
    os.chmod(d.node.config, 0o644)
    os.chmod(d.world.dir, 0o555)
    d.fails(".sock: Permission denied: s2sd's user cannot write in its directory", FAILED, **other)
    os.chmod(d.world.dir, 0o755)


def port_taken(d):
    for address, change, line in (
            (f"{d.world.net}.1:5269", {}, "cannot listen on …:5269: address already in use; ss -ltnp shows by whom"),
            (f"{d.world.net}.1:5347", {"components": "components: {{listen: \"{0}\", accounts: [{{domain: a.test, secret: s}}]}}\n"},
             ":5347: address already in use; ss -ltnp shows by whom"),
            (f"{d.world.net}.1:5290", {"more": "http: \"{0}\"\n"}, "http: …: Address already in use; ss -ltnp shows by whom")):
        host, port = address.split(":")
        with socket.create_server((host, int(port))):
            d.node.write(d.text(**{k: v.format(address) for k, v in change.items()}))
            d.fails(line, FAILED)
    d.node.write(d.text())
    d.start()
    d.fails(".sock: another process listens there", FAILED)
    d.node.stop()


def full_disk(d):
    """A file system of 64 KiB: full at the start; full later, and again room."""
    state = d.world.dir / "state"
    state.mkdir(exist_ok=True)
    d.node.write(d.text(census="state/census.db"))
    mount = f"mount -t tmpfs -o size=64k none {state}"
    fill = f"dd if=/dev/zero of={state}/filler bs=4k 2>/dev/null || true"
    d.start(namespace(["--mount"], mount, fill))
    d.said("the census is kept in memory only until a restart finds room or the right to write it file=… why=\"…: database or disk is full\"")
    d.node.stop()
    d.start(namespace(["--mount"], mount))
    inside = Path(f"/proc/{d.node.proc.pid}/root{state}")
    with open(inside / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 4096):
                pass
        except OSError:
            pass
    assert not d.node.ping("nowhere.test")["ok"]  # something to note
    d.said("the census cannot be saved; it goes on in memory until there is room or the right to write it file=… why=\"database or disk is full\"")
    (inside / "filler").unlink()
    d.said("the census is saved again")
    d.node.stop()


def no_dns(d):
    """A network of the node's own: nobody answers at the resolver's address; then no resolver is configured."""
    resolv = d.world.dir / "resolv.conf"
    d.node.write(d.text())
    bound = f"mount --bind {resolv} /etc/resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n")
    d.start(namespace(["--net", "--mount"], "ip link set lo up 2>/dev/null || true", bound))
    answer = d.node.ping("peer.example")
    assert not answer["ok"], answer
    d.said('stream failed…text="DNS did not answer')
    d.node.stop()


def clock_jump(d):
    """Ahead and back while it runs; and a start with a clock that is behind."""
    b, shift = d.world.node("b", "b.test"), d.world.dir / "shift"
    d.world.pki.make("b", "b.test")
    route = 'routes: [{{match: "*.test", address: "{}.{}:5269"}}]\n'
    d.node.write(d.text(more=route.format(d.world.net, 2)))
    b.write(d.text(domain="b.test", certificate="b.crt", key="b.key", address=f"{d.world.net}.2:5269", control="b.sock",
                   more=route.format(d.world.net, 1)))
    preload = {"LD_PRELOAD": d.shift, "CLOCK_SHIFT": str(shift),
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
    b.start()
    d.start(**preload)
    assert d.node.ping("b.test")["ok"]
    shift.write_text(f"{YEARS}\n")
    d.said("the clock has jumped, or this machine slept: certificates are judged by the new time; timedatectl says whether it is right seconds=+…")
    d.said("our certificate has expired: other servers refuse it domain=…expires=")
    assert d.node.ping("b.test")["ok"], "streams that live go on"
    d.node.ctl("close", "b.test")
    assert not d.node.ping("b.test")["ok"]
    record = [r for r in d.node.ask("census")["remotes"] if r["remote"] == "b.test" and r["direction"] == "out"][0]
    assert record["chain"] == "expired", record
    shift.write_text("0\n")
    wait_for("it is right again", lambda: "seconds=-" in d.node.log_text(), d.node.proc)
    d.node.ctl("close", "b.test")
    wait_for("the peer is trusted again", lambda: d.node.ping("b.test")["ok"], d.node.proc)
    d.node.stop()
    shift.write_text(f"-{YEARS}\n")
    d.start(**preload)
    d.said("our certificate is not valid yet, other servers refuse it: is the clock right? domain=…begins=")
    d.node.stop()


def wrong_secret(d):
    address = f"{d.world.net}.1:5347"
    d.node.write(d.text(components=f'components: {{listen: "{address}", accounts: [{{domain: a.test, secret: sesame}}]}}\n'))
    d.start()
    for domain, secret, line in (
            ("a.test", "guessed", "component stream refused…condition=not-authorized why=\"the handshake does not prove the secret: is it "
             "the same on both sides?\" domain="),
            ("d.a.test", "sesame", "component stream refused…condition=host-unknown why=\"no component of this name is configured\"")):
        with socket.create_connection(address.split(":"), WAIT_S) as peer:
            peer.sendall(f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
                         f"to='{domain}'>".encode())
            got = peer.recv(4096).decode()
            found = re.search(r"id=['\"]([^'\"]+)", got)
            if found and "error" not in got:
                peer.sendall(f"<handshake>{hashlib.sha1((found[1] + secret).encode()).hexdigest()}</handshake>".encode())
            while "stream:error" not in got:
                part = peer.recv(4096).decode()
                assert part, got
                got += part
        d.said(line)
    assert "sesame" not in d.node.log_text() and "guessed" not in d.node.log_text()
    d.node.stop()


def main(bindir, shift, guide):
    with World(bindir) as world:
        d = Drill(world, shift, guide)
        for drill in (wrong_configuration, wrong_permissions, port_taken, full_disk, no_dns, clock_jump, wrong_secret):
            world.pki.make("a", "a.test")
            if drill in (full_disk, no_dns) and not has_namespaces():
                print(f"-- left out, for want of namespaces: {drill.__name__}")
                continue
            print(f"-- {drill.__name__.replace('_', ' ')}", flush=True)
            drill(d)
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
