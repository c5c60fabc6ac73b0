# SPDX-License-Identifier: MIT
"""check.py: the parts around s2sd: the hook of ACME clients, the systemd unit, and s2sd under a manager of services.

    check.py hook|unit|service|sockets PACKAGING_DIRECTORY BUILD_DIRECTORY
"""
import grp
import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

EXPOSURE_MAX = 2.5  # of systemd-analyze security; 0 is best, 10 worst
PATIENCE = 60


def check(good, text):
    if not good:
        sys.exit(f"packaging: {text}")


def make_certificate(directory, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:*.{name}", "-keyout", directory / "privkey.pem",
                    "-out", directory / "fullchain.pem"], check=True, capture_output=True)


# -- the hook ------------------------------------------------------------------------------------------------

def run_hook(packaging, top, *arguments, **more):
    environment = {"PATH": f"{top / 'bin'}:{os.environ['PATH']}", "S2SD_CERTIFICATES": str(top / "certificates"),
                   "S2SD_GROUP": grp.getgrgid(os.getgid()).gr_name, "S2SD_CONTROL": str(top / "control.sock"), **more}
    return subprocess.run([packaging / "certbot-deploy-hook", *arguments], env=environment, capture_output=True, text=True,
                          timeout=PATIENCE)


def test_hook(packaging, _build, top):
    lineage, target = top / "live" / "example.org", top / "certificates" / "example.org"
    for directory in (lineage, target, top / "live" / "other.example", top / "bin"):
        directory.mkdir(parents=True)
    (top / "bin" / "s2sctl").write_text(f'#!/bin/sh\necho "$@" >{top}/told\n')
    (top / "bin" / "s2sctl").chmod(0o755)
    for number, running in ((1, False), (2, True)):
        (lineage / "fullchain.pem").write_text(f"chain {number}\n")
        (lineage / "privkey.pem").write_text(f"key {number}\n")
        if running:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(top / "control.sock"))
        done = run_hook(packaging, top, RENEWED_LINEAGE=str(lineage))
        check(done.returncode == 0, f"the hook failed: {done.stderr}")
        check((target / "fullchain.pem").read_text() == f"chain {number}\n", "the chain was not copied")
        check((target / "privkey.pem").read_text() == f"key {number}\n", "the key was not copied")
        check(stat.S_IMODE((target / "privkey.pem").stat().st_mode) == 0o640, "the key is open to others")
        check((top / "told").exists() == running, "s2sctl reload was not run, or without a node")
    check((top / "told").read_text() == "reload\n", "s2sctl was told something else")
    check(sorted(f.name for f in target.iterdir()) == ["fullchain.pem", "privkey.pem"], "something is left over")

    done = run_hook(packaging, top, str(top / "live" / "other.example"))
    check(done.returncode == 0 and not (top / "certificates" / "other.example").exists(), "a foreign certificate was taken")
    (lineage / "fullchain.pem").unlink()
    done = run_hook(packaging, top, str(lineage))
    check(done.returncode != 0 and (target / "fullchain.pem").read_text() == "chain 2\n", "a missing chain went through")
    check(not list(target.glob(".new*")), "something is left over from a failure")
    check(run_hook(packaging, top).returncode == 2, "no certificate was named, and that was good")
    for script in ("certbot-deploy-hook", "debian/postinst", "debian/prerm", "debian/postrm"):
        subprocess.run(["sh", "-n", packaging / script], check=True)


# -- the unit ------------------------------------------------------------------------------------------------

def test_unit(packaging, build, top):
    unit = build / "mod_s2s_eku" / "packaging" / "s2sd.service"
    text = unit.read_text()
    check("@" not in re.sub(r"@(system-service|privileged|resources)", "", text), "something was not filled in")
    if not shutil.which("systemd-analyze"):
        print("packaging: systemd-analyze is not here: how much the unit gives away was not measured")
        return
    sockets = sorted((packaging / "systemd").glob("*.socket"))
    for socket_unit in sockets:
        shutil.copy(socket_unit, top)
    (top / "s2sd.service").write_text(re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", text, flags=re.M))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(top / s.name for s in sockets), top / "s2sd.service"],
                          capture_output=True, text=True)
    check(done.returncode == 0 and str(top) not in done.stderr, f"systemd finds fault with the units: {done.stderr}")
    shutil.copy(unit, top / "s2sd.service")
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", top / "s2sd.service"],
                          capture_output=True, text=True)
    found = re.search(r"Overall exposure level for s2sd.service: ([0-9.]+)", done.stdout)
    check(found, f"no exposure: {done.stdout}{done.stderr}")
    print(f"packaging: the unit's exposure is {found[1]}")
    check(float(found[1]) <= EXPOSURE_MAX, f"the unit gives away {found[1]}, more than {EXPOSURE_MAX}")


# -- the service ---------------------------------------------------------------------------------------------

NOBODY = 65534
WORKERS = 2
PEERS_MAX = 500  # the kernel wakes all workers for each connection; who is first has it
CONFIG = """domains: [{{name: node.example, certificate: {top}/fullchain.pem, key: {top}/privkey.pem}}]
listen: [{{address: "127.0.0.1:0"}}{more}]
components: {{listen: "fd:components", accounts: [{{domain: chat.node.example, secret: sesame}}]}}
control: {top}/control.sock
"""


# A manager of services: passes its arguments' descriptors as 3, 4, ..., under LISTEN_PID, and becomes s2sd.
LAUNCH = """
import fcntl, os, sys
user, program, config, *passed = sys.argv[1:]
for number, fd in enumerate([fcntl.fcntl(int(fd), fcntl.F_DUPFD, 50) for fd in passed], 3):
    os.dup2(fd, number)
os.environ["LISTEN_PID"] = str(os.getpid())
if int(user):
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
os.execv(program, [program, "--config", config])
"""


def start(build, top, passed, names, manager, user=0):
    """s2sd with `passed` (listening sockets) as its descriptors from 3 on, as a manager of services starts it."""
    environment = dict(os.environ, NOTIFY_SOCKET=manager.getsockname(), WATCHDOG_USEC="200000", LISTEN_FDS=str(len(passed)),
                       LISTEN_FDNAMES=names)
    numbers = [s.fileno() for s in passed]
    return subprocess.Popen([sys.executable, "-c", LAUNCH, str(user), build / "bin" / "s2sd", top / "s2sd.yaml", *map(str, numbers)],
                            env=environment, pass_fds=numbers, stderr=subprocess.PIPE, text=True)


def hear(manager, wanted, node):
    manager.settimeout(1)
    for _ in range(PATIENCE):
        try:
            said = manager.recv(4096).decode()
        except TimeoutError:
            if node.poll() is not None:
                break
            continue
        if said.split("\n")[0] == wanted:
            return
        if said != "WATCHDOG=1":
            break
    node.kill()
    sys.exit(f"packaging: {wanted} was not said: {node.communicate()[1]}")


def test_service(_packaging, build, top):
    make_certificate(top, "node.example")
    (top / "s2sd.yaml").write_text(CONFIG.format(top=top, more=""))
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(top / "notify.sock"))
    passed = socket.create_server(("127.0.0.1", 0))
    early = socket.create_connection(passed.getsockname())  # before the node is there: it waits
    early.settimeout(PATIENCE)
    early.sendall(b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
                  b"to='chat.node.example'>")
    node = start(build, top, [passed], "components", manager)
    hear(manager, "READY=1", node)
    hear(manager, "WATCHDOG=1", node)
    check(b"<stream:stream" in early.recv(4096), "the node does not serve the socket that was passed")
    node.send_signal(signal.SIGHUP)
    hear(manager, "RELOADING=1", node)
    hear(manager, "READY=1", node)
    node.send_signal(signal.SIGTERM)
    hear(manager, "STOPPING=1", node)
    errors = node.communicate(timeout=PATIENCE)[1]
    check(node.returncode == 0, f"ended with {node.returncode}: {errors}")
    check(passed.fileno() >= 0 and socket.create_connection(passed.getsockname()), "the socket went with the node")

    node = start(build, top, [passed, socket.create_server(("127.0.0.1", 0))], "components:web", manager)
    errors = node.communicate(timeout=PATIENCE)[1]
    check(node.returncode == 1 and '\\"fd:web\\"' in errors, f"a socket that nobody names: {node.returncode}: {errors}")


# -- sockets for servers ------------------------------------------------------------------------------------

def low_port():
    """A socket on a port that root alone may bind; any port where we are not root."""
    for port in range(1023, 600, -1) if os.getuid() == 0 else [0]:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
    sys.exit("packaging: no port is free")


def accept_direct(top, address):
    context = ssl.create_default_context(cafile=str(top / "fullchain.pem"))
    with context.wrap_socket(socket.create_connection(address, PATIENCE), server_hostname="node.example") as tls:
        tls.sendall(HEADER)
        return tls.recv(4096)


HEADER = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
          b"to='node.example' from='peer.example' version='1.0'>")


def test_sockets(_packaging, build, top):
    """Servers come in through sockets of the manager: one by its address, on a low port, one by its name. The node was never root."""
    user = NOBODY if os.getuid() == 0 else 0
    make_certificate(top, "node.example")
    by_address, by_name = low_port(), socket.create_server(("127.0.0.1", 0))
    components = socket.create_server(("127.0.0.1", 0))
    address = "127.0.0.1:%d" % by_address.getsockname()[1]
    (top / "s2sd.yaml").write_text(CONFIG.format(
        top=top, more=f', {{address: "{address}"}}, {{address: "fd:direct", tls: direct}}'))
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(top / "notify.sock"))
    for path in (top, *top.iterdir()):
        os.chmod(path, 0o777)
    sockets = [by_name, components, by_address]
    node = start(build, top, sockets, "direct:components:s2sd.socket", manager, user)
    hear(manager, "READY=1", node)
    with socket.create_connection(by_address.getsockname(), PATIENCE) as peer:
        peer.sendall(HEADER)
        check(b"<stream:stream" in peer.recv(4096), "the socket that was passed by address is not served")
    check(b"<stream:stream" in accept_direct(top, by_name.getsockname()), "the socket that was passed by name is not served")
    if user:
        check(f"\nUid:\t{user}\t{user}\t{user}\t{user}\n" in Path(f"/proc/{node.pid}/status").read_text(), "the node is root")
    node.send_signal(signal.SIGTERM)
    hear(manager, "STOPPING=1", node)
    errors = node.communicate(timeout=PATIENCE)[1]
    check(node.returncode == 0, f"ended with {node.returncode}: {errors}")
    check(f"address={address} tls=starttls socket=passed" in errors, f"it is not told: {errors}")
    for names, words in (("direct:components:other", None), ("nobody:components:other", "fd:direct: the service manager passed no socket")):
        node = start(build, top, sockets, names, manager, user)
        if words is None:
            hear(manager, "READY=1", node)  # by its address, whatever its name
            node.send_signal(signal.SIGTERM)
            hear(manager, "STOPPING=1", node)
        errors = node.communicate(timeout=PATIENCE)[1]
        check(node.returncode == (0 if words is None else 1) and (words or "") in errors, f"{names}: {errors}")


def workers_of_streams(build, top):
    """Those that have accepted a connection: ids are numbered by worker."""
    said = subprocess.run([build / "bin" / "s2sctl", "status", "--json", "--control", top / "control.sock"], capture_output=True,
                          check=True, text=True).stdout
    return {int(stream["id"][1:]) % WORKERS for stream in json.loads(said)["streams"]}


def connect(address):
    """With the beginning of a stream; who accepts it answers."""
    peer = socket.create_connection(address, PATIENCE)
    peer.sendall(HEADER)
    return peer


def test_shared(_packaging, build, top):
    """Several workers accept from one socket that was passed, and what comes while the node is away waits in it."""
    make_certificate(top, "node.example")
    passed, components = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    (top / "s2sd.yaml").write_text(CONFIG.format(top=top, more=', {address: "fd:servers"}') + f"workers: {WORKERS}\n")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(top / "notify.sock"))
    for life in range(2):
        waiting = connect(passed.getsockname())  # before the node is there
        node = start(build, top, [passed, components], "servers:components", manager)
        hear(manager, "READY=1", node)
        check(b"<stream:stream" in waiting.recv(4096), f"life {life}: what came before the node was not accepted")
        peers = []
        while len(workers_of_streams(build, top)) < WORKERS:
            check(len(peers) < PEERS_MAX, f"life {life}: only the workers {workers_of_streams(build, top)} accept")
            for _ in range(10):
                peers.append(connect(passed.getsockname()))
                check(b"<stream:stream" in peers[-1].recv(4096), f"life {life}: a connection is not served")
        node.send_signal(signal.SIGTERM)
        hear(manager, "STOPPING=1", node)
        errors = node.communicate(timeout=PATIENCE)[1]
        check(node.returncode == 0, f"ended with {node.returncode}: {errors}")
        check(errors.count("socket=passed") == 1, f"the socket is told once, not by each worker: {errors}")
        for peer in (waiting, *peers):
            peer.close()


def main():
    test = {"hook": test_hook, "unit": test_unit, "service": test_service, "sockets": test_sockets,
            "shared": test_shared}[sys.argv[1]]
    with tempfile.TemporaryDirectory(prefix="s2sd-") as top:
        test(Path(sys.argv[2]), Path(sys.argv[3]), Path(top))
    print(f"packaging: {sys.argv[1]} is good")


if __name__ == "__main__":
    main()
