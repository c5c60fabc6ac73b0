# SPDX-License-Identifier: MIT
"""machine.py: a Debian that boots: systemd as the first process of namespaces of its own, one Ethernet cable to the lab."""
import contextlib
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path

from lab import namespace
from lab.process import Process

BOOT_SECONDS = 120
QUIET_SECONDS = 600  # a command that says nothing for so long has stopped; apt on a busy machine takes its time

# Runs in new namespaces: what a container's first process expects to find, then systemd. Its mounts are shared, as on any machine
# that boots: systemd mounts the credentials of a service in a namespace of their own, and they have to come through.
BOOT = """\
set -eu
cd "$1"
mount --bind . .
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mkdir -p sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd,xattr cgroup sys/fs/cgroup/systemd
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
mkdir dev/shm dev/pts
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
export container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin
pivot_root . mnt
cd /
umount -l /mnt
mount --make-rshared /
exec /lib/systemd/systemd --show-status=false
"""
CGROUP = Path("/sys/fs/cgroup/systemd")


class Machine:
    """`root`: a Debian with systemd-sysv, written to. Its address is `address` on a cable whose near end is called `cable`."""

    def __init__(self, lab, name, root, address, prefix, cable, resolver):
        self.name, self.root = name, root
        (root / "etc/hostname").write_text(f"{name}\n")
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n")
        (root / "etc/resolv.conf").unlink(missing_ok=True)
        (root / "etc/resolv.conf").write_text(f"nameserver {resolver}\n")
        self._cgroup = Path(tempfile.mkdtemp(prefix="s2s-lab-", dir=CGROUP))
        join = f"echo $$ > {self._cgroup}/cgroup.procs; exec \"$@\""
        command = ["sh", "-c", join, "sh", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup",
                   "--propagation", "private", "sh", "-c", BOOT, "boot", str(root)]
        self.process = Process(name, command, lab.logs, ready=[])
        self.pid = self._first_process()
        self._plug(address, prefix, cable)
        self._wait_for_boot()

    def _first_process(self):
        """systemd's number out here: the only child of unshare."""
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n":
                return int(children[0])
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not boot: {self.process.log()}")

    def _plug(self, address, prefix, cable):
        namespace.run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        namespace.run("ip", "link", "set", cable, "up")
        for words in (("link", "set", "lo", "up"), ("addr", "add", f"{address}/{prefix}", "dev", "eth0"),
                      ("link", "set", "eth0", "up")):
            namespace.run("nsenter", "-t", str(self.pid), "-n", "ip", *words)

    def _wait_for_boot(self):
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            state = self.run("systemctl is-system-running", check=False).stdout.strip()
            if state in ("running", "degraded"):
                return
            time.sleep(0.2)
        raise RuntimeError(f"{self.name} does not boot: {state}: {self.process.log()}")

    def run(self, line, check=True):
        """A line of the shell, as root on the machine."""
        command = ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "env", "-i",
                   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
                   "sh", "-c", line]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            said = b""
            while data := self._more(child, line, said):
                said += data
        done = subprocess.CompletedProcess(line, child.returncode, said.decode())
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {line}: {done.returncode}: {done.stdout}")
        return done

    def _more(self, child, line, said):
        if not select.select([child.stdout], [], [], QUIET_SECONDS)[0]:
            child.kill()
            raise RuntimeError(f"{self.name}: {line}: nothing for {QUIET_SECONDS} s after: {said.decode()[-2000:]}")
        return os.read(child.stdout.fileno(), 65536)

    def path(self, inside):
        """A path of the machine, as it is seen from out here; sockets, too."""
        return f"/proc/{self.pid}/root{inside}"

    def stop(self):
        self.process.stop()
        deadline = time.monotonic() + BOOT_SECONDS
        while self._cgroup.exists() and time.monotonic() < deadline:  # until the last process is gone
            for directory, _, _ in os.walk(self._cgroup, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
            time.sleep(0.05)
