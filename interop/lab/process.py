# SPDX-License-Identifier: MIT
"""process.py: a server in the foreground, in its own session, with a log file; ended by process group."""
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

READY_SECONDS = 600  # a busy machine: load 20 on two cores took 200 s
STOP_SECONDS = 15
POLL_SECONDS = 0.05


class ProcessError(Exception):
    pass


class Process:
    """Starts `command` and returns when all the TCP addresses in `ready` answer."""

    def __init__(self, name, command, logs, ready, env=None):
        self.name = name
        self.log_path = logs / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                           env=env, start_new_session=True)
        try:
            self.wait_ready(ready)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def wait_ready(self, addresses):
        for address in addresses:
            self._wait_ready(address)

    def _wait_ready(self, address):
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if not self.running():
                raise ProcessError(f"{self.name} ended with {self._child.returncode} before it was ready")
            try:
                socket.create_connection(address, timeout=1).close()
                return
            except OSError:
                time.sleep(POLL_SECONDS)
        raise ProcessError(f"{self.name} does not answer on {address[0]}:{address[1]} after {READY_SECONDS} s")

    def stop(self):
        """SIGTERM to the whole group, SIGKILL after STOP_SECONDS. Returns the exit status (negative: the signal). The leader may end
        before those who write its logs do: ejabberdctl does."""
        if self.running():
            self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while (self.running() or self._others()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self._signal(signal.SIGKILL)  # also what a dead leader left behind
        return self._child.wait()

    def _others(self):
        """Whether somebody of the group lives beside its leader; nobody may have waited for a dead one."""
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                state, _, group = (directory / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue  # it has ended meanwhile
            if int(group) == self._child.pid and int(directory.name) != self._child.pid and state not in "ZX":
                return True
        return False

    def _signal(self, number):
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            pass

    def log(self):
        return self.log_path.read_text(errors="replace")

    def log_size(self):
        return self.log_path.stat().st_size

    def log_since(self, offset):
        with open(self.log_path, "rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")
