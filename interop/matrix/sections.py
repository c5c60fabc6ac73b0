# SPDX-License-Identifier: MIT
"""sections.py: docs/interop.md has a part for each program that measures; each writes its own and leaves the other's."""

MATRIX, FEATURES = "matrix", "features"
ORDER = (MATRIX, FEATURES)


def marker(name):
    return f"<!-- {name} -->\n"


def read(page):
    """{name: text} of what is there."""
    text = page.read_text() if page.exists() else ""
    found = {}
    for name in ORDER:
        if marker(name) in text:
            rest = text.split(marker(name), 1)[1]
            ends = [rest.index(marker(other)) for other in ORDER if marker(other) in rest]
            found[name] = rest[:min(ends)] if ends else rest
    return found


def put(page, name, text):
    found = {**read(page), name: text.rstrip("\n") + "\n"}
    page.write_text("\n".join(marker(n) + found[n].rstrip("\n") + "\n" for n in ORDER if n in found))
