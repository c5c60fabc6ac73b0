# SPDX-License-Identifier: MIT
"""check.py: a man page against its program: each option and command of --help is described, and none that is not there.

    check.py PROGRAM PAGE [COMMAND]     with COMMAND: PROGRAM COMMAND --help
"""
import re
import subprocess
import sys
from pathlib import Path

OPTION = re.compile(r"--([a-z][a-z-]+)")
COMMAND = re.compile(r"^  ([a-z]+)(?: |$)", re.M)  # how --help lists a command


def page_options(text):
    return set(re.findall(r"(?:Fl|\|) -([a-z][a-z-]+)", text))


def main():
    program, page = sys.argv[1], Path(sys.argv[2])
    told = subprocess.run([program, *sys.argv[3:], "--help"], check=True, capture_output=True, text=True).stdout
    text = page.read_text()
    faults = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)], capture_output=True,
                            text=True).stdout.splitlines()
    helped, described = set(OPTION.findall(told)), page_options(text)
    faults += [f"{page.name}: --{name} of --help is not described" for name in sorted(helped - described)]
    faults += [f"{page.name}: --{name} is not an option" for name in sorted(described - helped)]
    faults += [f"{page.name}: the command {name} is not described" for name in COMMAND.findall(told)
               if not re.search(rf"^\.It Cm {name}\b", text, re.M)]
    print("\n".join(faults + [f"man: {page.name}: {len(helped)} options, {len(faults)} faults"]))
    return 1 if faults or not helped else 0


if __name__ == "__main__":
    sys.exit(main())
