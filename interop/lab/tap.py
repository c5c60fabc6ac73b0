# SPDX-License-Identifier: MIT
"""tap.py: checks and their report, in the manner of the Test Anything Protocol."""
import time
import traceback


class CheckFailed(Exception):
    pass


def check(condition, text):
    if not condition:
        raise CheckFailed(text)


def say(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


class Report:
    def __init__(self):
        self.count = self.failed = 0

    async def run(self, name, scenario, on_failure):
        self.count += 1
        started = time.monotonic()
        try:
            await scenario()
        except Exception as error:
            self.failed += 1
            self._line("not ok", name, started)
            say(error if isinstance(error, CheckFailed) else traceback.format_exc())
            on_failure()
        else:
            self._line("ok", name, started)

    def _line(self, result, name, started):
        print(f"{result} {self.count} - {name} ({time.monotonic() - started:.1f} s)", flush=True)

    def end(self):
        print(f"1..{self.count}", flush=True)
        say(f"{self.count - self.failed} passed, {self.failed} failed")
        return 1 if self.failed else 0
