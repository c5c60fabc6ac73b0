# SPDX-License-Identifier: MIT
"""symbols.py: what the shared libraries export, against the committed lists.

    symbols.py LIBRARY_DIRECTORY LIST_DIRECTORY [--update]

A symbol that has gone breaks programs: it needs a new SONAME (docs/embedding.md). A new one is added with --update.
"""
import re
import subprocess
import sys
from pathlib import Path

LIBRARIES = ("s2s-protocol", "s2s", "s2s-eku")
# s2s_, eku_ and one underscore: what stands in a public header. Sanitizers export names of their own.
PUBLIC = re.compile(r"^(s2s|eku)_[a-z0-9]")
INTERNAL = re.compile(r"^(s2s|eku)__")


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", str(library)], check=True, capture_output=True,
                         text=True).stdout
    return sorted({line.split()[0] for line in out.splitlines()})


def main():
    libraries, lists, update = Path(sys.argv[1]), Path(sys.argv[2]), "--update" in sys.argv[3:]
    faults = 0
    for name in LIBRARIES:
        symbols, file = exported(libraries / f"lib{name}.so"), lists / f"{name}.symbols"
        now = [s for s in symbols if PUBLIC.match(s)]
        if update:
            file.write_text("\n".join(now) + "\n")
        listed = file.read_text().split()
        for word, found in (("gone", set(listed) - set(now)), ("new (add it with --update)", set(now) - set(listed)),
                            ("internal, but exported", {s for s in symbols if INTERNAL.match(s)})):
            for symbol in sorted(found):
                faults += 1
                print(f"lib{name}: {symbol} is {word}")
        print(f"lib{name}: {len(now)} symbols")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
