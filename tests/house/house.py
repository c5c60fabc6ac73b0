# SPDX-License-Identifier: MIT
"""house.py: the rooms of the house, and who may include what (docs/architecture.md). The arrow points down only.

    house.py ROOT [PROTOCOL_LIBRARY LIBRARY...]     checks the tree, and what the libraries call; exit status 1: a wall is broken
    house.py ROOT --self-test            plants a breach of each kind in memory: each must be found
"""
import re
import subprocess
import sys
from pathlib import Path

PLAIN = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h",
         "stdio.h", "stdlib.h", "string.h"}
SYSTEM = "system"  # any header of the C library

# room -> what its files may include: prefixes of project headers, prefixes of library headers, SYSTEM.
# The first row whose path a file begins with counts.
ROOMS = [
    ("core/include/s2s/federation.h", ["s2s/"], ["uv.h"]),
    ("core/include/s2s/", ["s2s/"], []),
    ("core/protocol/xml/", ["s2s/", "protocol/"], ["expat.h"]),
    ("core/protocol/addr/", ["s2s/", "protocol/"], ["idn2.h"]),
    ("core/protocol/", ["s2s/", "protocol/"], []),
    ("core/transport/", ["s2s/", "protocol/", "transport/"], ["uv.h", "uv/", "gnutls/", "unbound.h", SYSTEM]),
    ("core/federation/", ["s2s/", "protocol/", "transport/", "federation/"], ["uv.h", "uv/", SYSTEM]),
    ("mod_s2s_eku/include/", ["s2s/", "mod_s2s_eku/"], []),
    # What an X.509 structure looks like is known to a few files only; the rules and the words are not among them.
    *((f"mod_s2s_eku/policy/{name}", ["s2s/", "protocol/", "mod_s2s_eku/", "policy/"], [SYSTEM])
      for name in ("explain", "names", "refusal", "rules")),
    ("mod_s2s_eku/policy/", ["s2s/", "protocol/", "mod_s2s_eku/", "policy/"], ["gnutls/", SYSTEM]),
    ("mod_s2s_eku/node/", None, None),
    ("mod_s2s_eku/ctl/", None, None),
]
# The programs may use every room below them and each library but these.
PROGRAMS_NOT = {"mod_s2s_eku/node/": ["ctl/", "unbound.h", "expat.h"], "mod_s2s_eku/ctl/": ["node/", "expat.h"]}
# Nothing above transport speaks to the sans-I/O core's private parser library, nothing in the core reads a configuration.
NOT_IN_LIBRARIES = ("yaml.h", "jansson.h", "microhttpd.h", "sqlite3.h")
# The libraries never end the process, take its signals, read its environment or write to its terminal.
NOT_FOR_LIBRARIES = re.compile(r"^(_?exit|abort|signal|sigaction|raise|kill|getenv|setenv|printf|puts|putchar|perror|system|fork)$")
FORBIDDEN_SYMBOLS = re.compile(
    r"^(uv_|gnutls_|ub_|nettle_|socket$|connect$|accept4?$|bind$|listen$|recv|send(to|msg|file)?$|read$|write$|readv$|writev$|"
    r"open(at|64)?$|fopen|close$|poll$|select$|epoll_|time$|clock_gettime$|gettimeofday$|getrandom$|getenv$|"
    r"malloc$|calloc$|realloc$|free$|fork$|pthread_|signal$|exit$|abort$)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def room_of(path):
    for prefix, project, libraries in ROOMS:
        if path.startswith(prefix):
            return prefix, project, libraries
    return None


def allowed(path, quoted, header):
    prefix, project, libraries = room_of(path)
    if project is None:
        return not any(header.startswith(word) for word in PROGRAMS_NOT[prefix])
    if quoted:
        return any(header.startswith(word) for word in project) and \
            not (header == "s2s/federation.h" and path.startswith("core/protocol/"))
    if header in PLAIN or any(header.startswith(word) for word in libraries if word != SYSTEM):
        return True
    return SYSTEM in libraries and header not in NOT_IN_LIBRARIES and \
        not re.match(r"(uv|gnutls|unbound|expat|idn2|openssl)\b", header)


def check_text(path, text):
    """The breaches in one file, as sentences."""
    if room_of(path) is None:
        return [f"{path}: stands in no room: see ROOMS in tests/house/house.py"]
    return [f"{path}: may not include {found.group(2)}" for found in INCLUDE.finditer(text)
            if not allowed(path, found.group(1) == '"', found.group(2))]


def check_tree(root):
    files = [f for top in ("core", "mod_s2s_eku") for f in sorted((root / top).rglob("*.[ch]"))]
    if not files:
        return ["no sources found"], 0
    return [line for f in files for line in check_text(f.relative_to(root).as_posix(), f.read_text())], len(files)


def undefined(library):
    out = subprocess.run(["nm", "--undefined-only", "--format=posix", str(library)], check=True,
                         capture_output=True, text=True).stdout
    return sorted({line.split()[0] for line in out.splitlines() if " U" in line})


def check_symbols(symbols, forbidden=FORBIDDEN_SYMBOLS, library="the protocol library"):
    return [f"{library} uses {name}" for name in symbols if forbidden.match(name)]


def self_test():
    breaches = [
        ("core/protocol/session/session.c", "#include <uv.h>"),
        ("core/protocol/session/session.c", "#include <time.h>"),
        ("core/protocol/buf.c", '#include "transport/pump.h"'),
        ("core/protocol/log.h", '#include "s2s/federation.h"'),
        ("core/protocol/auth/sasl.c", "#include <gnutls/gnutls.h>"),
        ("core/protocol/addr/addr.c", "#include <expat.h>"),
        ("core/include/s2s/session.h", "#include <uv.h>"),
        ("core/transport/pump.c", '#include "federation/internal.h"'),
        ("core/federation/stream.c", "#include <gnutls/x509.h>"),
        ("core/federation/link.c", '#include "mod_s2s_eku/eku.h"'),
        ("core/federation/link.c", "#include <yaml.h>"),
        ("mod_s2s_eku/policy/rules.c", "#include <gnutls/x509.h>"),
        ("mod_s2s_eku/policy/verify.c", '#include "transport/pump.h"'),
        ("mod_s2s_eku/node/node.c", "#include <unbound.h>"),
        ("mod_s2s_eku/attic/old.c", ""),
    ]
    missed = [f"not found: {text} in {path}" for path, text in breaches if not check_text(path, text)]
    missed += [f"not found: symbol {name}" for name in ("uv_run", "gnutls_init", "malloc", "time") if
               not check_symbols([name])]
    return missed, len(breaches)


def main():
    root = Path(sys.argv[1])
    if sys.argv[2:] == ["--self-test"]:
        faults, count = self_test()
        what = "planted breaches"
    else:
        faults, count = check_tree(root)
        what = "files"
        if len(sys.argv) > 2:
            faults += check_symbols(undefined(sys.argv[2]))
        for library in sys.argv[2:]:
            faults += check_symbols(undefined(library), NOT_FOR_LIBRARIES, Path(library).name)
    print("\n".join(faults + [f"house: {count} {what}, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
