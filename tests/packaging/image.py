#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""image.py: the Dockerfile, built from this tree by buildah, without a registry; the image, run as its own words say.

    image.py SOURCE CACHE

Needs root. The base image is a Debian of the name that the Dockerfile begins with, made by mmdebstrap from the machine's own archive.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

SUITE, KEY, IMAGE = "bookworm", "slim", "localhost/s2sd"
PATIENCE_SECONDS = 120
CONFIG = """\
domains: [{name: box.example, certificate: box.crt, key: box.key, services: [echo]}]
listen: [{address: "0.0.0.0:5269"}]
"""


def say(*words):
    print("#", *words, flush=True)


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def base(source, cache):
    sys.path.insert(0, str(source / "interop"))
    from lab import rootfs
    rootfs.CHROOTS[KEY] = rootfs.Chroot(SUITE, (SUITE, SUITE + "-updates", SUITE + "-security"), ("apt",))
    return rootfs.ensure(cache, KEY)


class Buildah:
    """A store of its own, processes in a chroot: no daemon, nothing of the machine's settings."""

    def __init__(self, work):
        registries = work / "registries.conf"
        registries.write_text('short-name-mode = "permissive"\n')
        self.environment = dict(os.environ, STORAGE_DRIVER="vfs", BUILDAH_ISOLATION="chroot", CONTAINERS_REGISTRIES_CONF=str(registries))
        self._command = ["buildah", "--root", work / "store", "--runroot", work / "run"]

    def command(self, *words):
        return [str(word) for word in (*self._command, *words)]

    def __call__(self, *words):
        return run(*self.command(*words), env=self.environment).strip().splitlines()

    def config(self, image):
        return json.loads("\n".join(self("inspect", "--type", "image", image)))["Docker"]["config"]


def build(buildah, source, root):
    """The base image, then the Dockerfile."""
    dockerfile = source / "mod_s2s_eku/packaging/Dockerfile"
    name = re.search(r"^FROM (\S+)$", dockerfile.read_text(), re.MULTILINE)[1]
    container = buildah("from", "scratch")[-1]
    buildah("add", "-q", container, root, "/")
    buildah("commit", "-q", "--rm", container, f"localhost/{name}")
    begun = time.monotonic()
    buildah("build", "--pull-never", "--format", "docker", "--network", "host", "-f", dockerfile, "-t", IMAGE, source)
    say(f"built in {time.monotonic() - begun:.0f} s")


def write_settings(directory, uid):
    directory.mkdir(exist_ok=True)
    (directory / "s2sd.yaml").write_text(CONFIG)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", directory / "box.key",
        "-out", directory / "box.crt", "-subj", "/CN=box.example", "-addext", "subjectAltName=DNS:box.example", "-days", "2")
    for path in (directory, *directory.iterdir()):
        os.chown(path, uid, uid)
    (directory / "box.key").chmod(0o600)


def wait_for(what, true):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.1)


def descendant(pid, name):
    """The process `name` below `pid`."""
    for child in " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split():
        if Path(f"/proc/{child}/comm").read_text().strip() == name:
            return int(child)
        if found := descendant(child, name):
            return found
    return 0


def try_image(buildah, work):
    config = buildah.config(IMAGE)
    say(json.dumps({key: config[key] for key in ("User", "Entrypoint", "Healthcheck", "ExposedPorts", "Volumes", "StopSignal")}))
    assert config["Healthcheck"]["Test"][0] == "CMD", config
    container = buildah("from", "--pull-never", IMAGE)[-1]
    user = buildah("run", container, "--", "id")[-1]
    say(user)
    write_settings(work / "settings", int(re.search(r"uid=(\d+)\(s2sd\)", user)[1]))
    log = work / "log"
    with open(log, "wb") as out:
        node = subprocess.Popen(buildah.command("run", "--network", "host", "-v", f"{work}/settings:/etc/s2sd:ro", container, "--",
                                                *config["Entrypoint"]), stdout=out, stderr=out, env=buildah.environment)
    try:
        wait_for("it to be ready", lambda: node.poll() is not None or " ready " in log.read_text())
        say("\n# ".join(log.read_text().splitlines()))
        pid = descendant(node.pid, "s2sd")
        assert pid, "no process s2sd"
        say("the health check:", " | ".join(buildah("run", container, "--", *config["Healthcheck"]["Test"][1:])))
        say(*buildah("run", container, "--", "s2sctl", "ping", "box.example"))
        os.kill(pid, signal.SIGHUP)
        wait_for("the reload", lambda: "configuration reloaded" in log.read_text())
        os.kill(pid, getattr(signal, config["StopSignal"]))
        assert node.wait(PATIENCE_SECONDS) == 0, f"{node.returncode}: {log.read_text()}"
        # Without the node the check has to fail.
        health = subprocess.run(buildah.command("run", container, "--", *config["Healthcheck"]["Test"][1:]), env=buildah.environment,
                                capture_output=True, text=True)
        assert health.returncode != 0, health
        say("without the node the health check says:", health.stderr.splitlines()[0])
    finally:
        if node.poll() is None:
            node.terminate()
            node.wait(PATIENCE_SECONDS)
        buildah("rm", container)


def main():
    source, cache = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    if os.geteuid() != 0:
        sys.exit("image.py: needs root (chroot)")
    if sys.argv[3:] == ["inside"]:  # a network of its own
        run("ip", "link", "set", "lo", "up")
        work = cache / "image"
        return try_image(Buildah(work), work)
    root, work = base(source, cache), cache / "image"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    build(Buildah(work), source, root)
    status = subprocess.run(["unshare", "--net", sys.executable, "-B", __file__, source, cache, "inside"], check=False).returncode
    shutil.rmtree(work)
    if status == 0:
        print("ok")
    return status


if __name__ == "__main__":
    sys.exit(main())
