# SPDX-License-Identifier: MIT
"""namespace.py: the lab's own network, mount and process namespace: not seen outside, and all ends with it."""
import os
import signal
import subprocess
import sys

from lab import topology

INSIDE = "S2S_INTEROP_INSIDE"
GRACE_SECONDS = 30  # after Ctrl-C, for the peers to end


def inside():
    return os.environ.get(INSIDE) == "1"


def run_inside(argv):
    """Runs `argv` in new namespaces and returns its exit status.

    The process namespace makes sure of the end: when its first process dies, for whatever reason, the kernel kills
    the rest, and the mounts and the network go with the last of them. setpriv covers our own death by SIGKILL.
    """
    command = ["setpriv", "--pdeathsig", "KILL",
               "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
               "--propagation", "private"] + argv
    child = subprocess.Popen(command, env=dict(os.environ, **{INSIDE: "1"}))

    def end(number, _frame):
        child.kill()
        sys.exit(128 + number)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    try:
        return child.wait()
    except KeyboardInterrupt:
        # The terminal told the inner process too: it prints and cleans up by itself.
        try:
            return child.wait(GRACE_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            child.kill()
            return 128 + signal.SIGINT


class Lab:
    """The inside: loopback, the chroot's mounts, and where things are."""

    MOUNTED_AT = "/srv/lab"  # the work directory, as the chroot sees it

    def __init__(self, rootfs, work, debug=False):
        self.rootfs, self.work, self.debug = rootfs, work, debug
        self.logs = work / "logs"

    def set_up(self):
        self.logs.mkdir(parents=True)
        self.work.chmod(0o755)
        run("ip", "link", "set", "lo", "up")
        self.mount()

    def mount(self):
        """The chroot's part of it; further chroots of the same work directory need nothing else."""
        run("mount", "-t", "proc", "proc", self.rootfs / "proc")
        run("mount", "--rbind", "/dev", self.rootfs / "dev")
        mount_point = self.rootfs / self.MOUNTED_AT.lstrip("/")
        mount_point.mkdir(exist_ok=True, parents=True)
        run("mount", "--bind", self.work, mount_point)
        resolv_conf = self.work / "resolv.conf"
        resolv_conf.write_text(f"nameserver {topology.DNS_ADDRESS}\n")
        for target in (self.rootfs / "etc/resolv.conf", "/etc/resolv.conf"):
            run("mount", "--bind", resolv_conf, target)

    def inside(self, path):
        """`path` (below the work directory) as the chroot sees it."""
        return f"{self.MOUNTED_AT}/{path.relative_to(self.work)}"

    def chroot_command(self, user, command, group=None):
        return ["chroot", f"--userspec={user}:{group or user}", str(self.rootfs)] + command

    def own(self, user, path):
        run("chroot", self.rootfs, "chown", "-R", user, self.inside(path))


def run(*command):
    subprocess.run([str(word) for word in command], check=True)
