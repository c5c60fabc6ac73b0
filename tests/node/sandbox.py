#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sandbox.py BINDIR N: a node with N workers under its own sandbox: it federates, renews and reloads; what is outside is told by name."""

import ctypes
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from nodes import World, wait_for

NAMED = "s2sd's own learns of new directories at a restart only"
CREATE_RULESET = 444  # landlock_create_ruleset, on every architecture
ENOSYS, EOPNOTSUPP = 38, 95


def has_landlock():
    version = ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return version > 0


def write(world, node, host, more="", domains="", census=None):
    node.write(f"""
domains:
  - {{name: {node.domain}, certificate: live/{node.name}/cert.pem, key: live/{node.name}/key.pem}}
{domains}
listen: [{{address: "{world.net}.{host}:5269"}}]
trust: {{system: true, ca_files: [{world.dir}/ca/ca.crt]}}
routes: [{{match: "*.test", address: "{world.net}.{3 - host}:5269"}}]
control: {world.dir}/run/{node.name}.sock
census: {census or world.dir / "state" / (node.name + ".db")}
workers: {world.workers}
{more}
""")


def renew(world, node, number):
    """As certbot does it: a new file in archive/, then live/ leads there."""
    archive, live = node.top / "archive" / node.name, node.top / "live" / node.name
    for directory in (archive, live):
        directory.mkdir(parents=True, exist_ok=True)
    for kind, made in zip(("cert", "key"), world.pki.make(f"{node.name}{number}", node.domain)):
        shutil.move(made, archive / f"{kind}{number}.pem")
        link = live / f"{kind}.new"
        link.symlink_to(archive / f"{kind}{number}.pem")
        os.replace(link, live / f"{kind}.pem")


def make_node(world, name, host):
    node = world.node(name, f"{name}.test")
    node.top = world.dir / f"etc-{name}"
    node.top.mkdir()
    node.config = node.top / "s2sd.yaml"
    node.control = world.dir / "run" / f"{name}.sock"
    renew(world, node, 1)
    write(world, node, host)
    return node


def threads(node):
    """The status of each thread: the kernel holds rights, and Landlock, by thread."""
    found = [path.read_text() for path in Path(f"/proc/{node.proc.pid}/task").glob("*/status")]
    assert len(found) >= node.world.workers, found
    return found


def leaf(node):
    return node.ask("status")["certificates"][0]["sha256"]


def check_renewal(world, node):
    before = leaf(node)
    renew(world, node, 2)
    wait_for("the new certificate is taken", lambda: leaf(node) != before, node.proc)


def domain_in(directory):
    return f"  - {{name: c.test, certificate: {directory}/c.crt, key: {directory}/c.key}}"


def check_new_places(world, node):
    """Below the configuration's directory all is open; elsewhere the answer says what holds it back."""
    inside, outside = node.top / "more", world.dir / "elsewhere"
    world.pki.make("c", "c.test")
    for directory in (inside, outside):
        directory.mkdir()
        for kind in ("crt", "key"):
            shutil.copy(world.dir / f"c.{kind}", directory)
    write(world, node, 1, domains=domain_in(outside))
    answer = node.ask("reload")
    assert not answer["ok"] and any(f'cannot read "{outside}/c.crt"' in p and NAMED in p for p in answer["problems"]), answer
    assert NAMED in node.log_text()
    assert node.ask("status")["domains"] == ["a.test"]
    write(world, node, 1, domains=domain_in(inside))
    answer = node.ask("reload")
    assert answer["ok"], answer
    assert node.ask("status")["domains"] == ["a.test", "c.test"]
    write(world, node, 1, "sandbox: off")
    assert node.ask("reload")["restart"] == ["sandbox"]
    write(world, node, 1, domains=domain_in(outside))
    node.stop()
    node.start()  # after a restart it is known
    assert node.ask("status")["domains"] == ["a.test", "c.test"]


def check_replaced_directory(world, node):
    """Another directory of the same name: the watch sees it, cannot read it, and says why; streams go on."""
    ca, spare = world.dir / "ca", world.dir / "ca.old"
    shutil.copytree(ca, world.dir / "ca.new")
    ca.rename(spare)
    (world.dir / "ca.new").rename(ca)
    wait_for("the log says why", lambda: f"{ca}/ca.crt: its mode permits it" in node.log_text(), node.proc)
    assert node.ping("b.test")["ok"]
    shutil.rmtree(ca)
    spare.rename(ca)


def check_off(world, node):
    node.stop()
    write(world, node, 1, "sandbox: off")
    node.start()
    assert 'no sandbox: the configuration says "sandbox: off"' in node.log_text(), node.log_text()
    write(world, node, 1, "sandbox: off", domain_in(world.dir / "elsewhere"))
    assert node.ask("reload")["ok"]


def without_landlock(error):
    """Run in the child: a kernel that answers the first of Landlock's calls with `error`."""
    def load(): # seccomp(2): load the call's number; if it is that one, answer `error`; else let it through
        rows = [(0x20, 0, 0, 0), (0x15, 0, 1, CREATE_RULESET), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7fff0000)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
        program = struct.pack("HxxxxxxP", len(rows), ctypes.addressof(code))
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
        assert libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()  # PR_SET_SECCOMP
    return load


def check_kernel_without(world, node):
    """It runs, and says what is missing."""
    node.stop()
    write(world, node, 1)
    for error, words in ((ENOSYS, "the kernel has no Landlock"), (EOPNOTSUPP, "not among the kernel's security modules")):
        size = len(node.log_text())
        with open(node.log, "ab") as log:
            node.proc = subprocess.Popen([world.s2sd, "--config", node.config], stderr=log, preexec_fn=without_landlock(error))
        wait_for("it starts", lambda: node.ctl("status")[0] == 0, node.proc)
        said = node.log_text()[size:]
        assert "warn no sandbox of its own: only the service manager's holds" in said and words in said, said
        assert node.ping("b.test")["ok"]
        node.stop()
    node.start()


def check_user(world, node):
    """Root is given up inside the sandbox; what it read is read again, with the rights of both."""
    node.stop()
    subprocess.run(["chmod", "-R", "a+rX", world.dir], check=True)
    for name in ("run", "state"):
        subprocess.run(["chown", "-R", "nobody", world.dir / name], check=True)
    write(world, node, 1, "user: nobody")
    node.start()
    assert "root was given up" in node.log_text()
    for status in threads(node):
        assert "\nUid:\t0" not in status, status
    assert node.ask("reload") == {"ok": True, "problems": [], "restart": []}
    assert node.ping("b.test")["ok"]
    node.stop()
    assert not node.control.exists(), "its socket goes with it"
    node.start()


def main(bindir, workers):
    with World(bindir) as world:
        world.workers = int(workers)
        for name in ("run", "state", "ca"):
            (world.dir / name).mkdir()
        a, b = make_node(world, "a", 1), make_node(world, "b", 2)
        for file in world.dir.glob("ca.*"):
            shutil.copy(file, world.dir / "ca")
        a.start()
        b.start()
        assert a.ping("b.test")["ok"]
        if has_landlock():
            assert "info sandboxed: " in a.log_text(), a.log_text()
            assert all("NoNewPrivs:\t1" in status for status in threads(a))
            check_renewal(world, a)
            assert a.ping("b.test")["ok"]
            check_new_places(world, a)
            check_replaced_directory(world, a)
            check_off(world, a)
        else:
            print("this kernel has no Landlock: only that it is told was tested")
        check_kernel_without(world, a)
        if os.geteuid() == 0:
            check_user(world, a)
        assert (world.dir / "state" / "a.db").stat().st_size > 0
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
