# SPDX-License-Identifier: MIT
"""check.py: the parts around s2sd: the hook of ACME clients, the systemd unit, and s2sd under a manager of services.

    check.py hook|unit|service PACKAGING_DIRECTORY BUILD_DIRECTORY
"""
import grp
import os
import re
import shutil
import signal
import socket
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
    shutil.copy(unit, top / "s2sd.service")
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", top / "s2sd.service"],
                          capture_output=True, text=True)
    found = re.search(r"Overall exposure level for s2sd.service: ([0-9.]+)", done.stdout)
    check(found, f"no exposure: {done.stdout}{done.stderr}")
    print(f"packaging: the unit's exposure is {found[1]}")
    check(float(found[1]) <= EXPOSURE_MAX, f"the unit gives away {found[1]}, more than {EXPOSURE_MAX}")


# -- the service ---------------------------------------------------------------------------------------------

CONFIG = """domains: [{{name: node.example, certificate: {top}/fullchain.pem, key: {top}/privkey.pem}}]
listen: [{{address: "127.0.0.1:0"}}]
components: {{listen: "fd:components", accounts: [{{domain: chat.node.example, secret: sesame}}]}}
control: {top}/control.sock
"""


def start(build, top, passed, names, manager):
    """s2sd with `passed` (a listening socket) as its descriptor 3, as a manager of services starts it."""
    environment = dict(os.environ, NOTIFY_SOCKET=manager.getsockname(), WATCHDOG_USEC="200000", LISTEN_FDS="1",
                       LISTEN_FDNAMES=names)

    # The shell becomes s2sd, so that LISTEN_PID is its own number; it gets the socket as 3 through its standard input.
    line = 'exec 3<&0 0</dev/null; LISTEN_PID=$$ exec "$0" --config "$1"'
    return subprocess.Popen(["sh", "-c", line, build / "bin" / "s2sd", top / "s2sd.yaml"], env=environment, stdin=passed.fileno(),
                            stderr=subprocess.PIPE, text=True)


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
        check(said == "WATCHDOG=1", f"{said} instead of {wanted}")
    node.kill()
    sys.exit(f"packaging: {wanted} was not said: {node.communicate()[1]}")


def test_service(_packaging, build, top):
    make_certificate(top, "node.example")
    (top / "s2sd.yaml").write_text(CONFIG.format(top=top))
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(top / "notify.sock"))
    passed = socket.create_server(("127.0.0.1", 0))
    early = socket.create_connection(passed.getsockname())  # before the node is there: it waits
    early.settimeout(PATIENCE)
    early.sendall(b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
                  b"to='chat.node.example'>")
    node = start(build, top, passed, "components", manager)
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

    node = start(build, top, passed, "web", manager)
    errors = node.communicate(timeout=PATIENCE)[1]
    check(node.returncode == 1 and '\\"fd:web\\"' in errors, f"a socket that nobody names: {node.returncode}: {errors}")


def main():
    test = {"hook": test_hook, "unit": test_unit, "service": test_service}[sys.argv[1]]
    with tempfile.TemporaryDirectory(prefix="s2sd-") as top:
        test(Path(sys.argv[2]), Path(sys.argv[3]), Path(top))
    print(f"packaging: {sys.argv[1]} is good")


if __name__ == "__main__":
    main()
