# SPDX-License-Identifier: MIT
"""protocol_map.py: which test holds which requirement. Writes docs/protocol-map.md, or checks it.

    protocol_map.py SOURCE [--update]

The ids are in ids.txt. A test cites them: a dialog in its comments, a C test anywhere in its body (or in a table of its
file), an interop program in its text. A stream error is held by a dialog that ends with it, or a test of nodes that expects it. reasons.txt says why an id has no test. Fails if an id has neither, if a
citation or a reason names an id that does not exist, or if the page names a test that is gone or cites the id no more; also
if docs/interop-notes.md names a test that is none.
A test that is not on the page yet is no fault; --update adds it.
"""
import re
import sys
from pathlib import Path

ID = re.compile(r"\b(?:CX-\d{1,2}|[A-Z]{2}-\d\d)\b")
RANGE = re.compile(r"\b([A-Z]{2})-(\d\d)\.\.(\d\d)\b")
TEST = re.compile(r"^(?:Parameterized)?Test\((\w+),\s*(\w+)", re.MULTILINE)
# A stream error of ours: how a dialog says that a stream has ended, what a test of nodes expects of it.
ENDED = re.compile(r"^! closed local ([a-z-]+) ", re.MULTILINE)
EXPECTED = re.compile(r"\bS2S_COND_([A-Z_]+)\b")
SHOWN = 8  # tests named for one id; more are counted


def expand(text):
    """ST-05..08 stands for four ids."""
    return RANGE.sub(lambda m: " ".join(f"{m[1]}-{n:02d}" for n in range(int(m[2]), int(m[3]) + 1)), text)


def read_ids(file):
    """[(section, [(id, words)])]"""
    sections = []
    for line in file.read_text().splitlines():
        if line.startswith("["):
            sections.append((line.strip("[]"), []))
        elif line and not line.startswith("#"):
            sections[-1][1].append(tuple(line.split(" ", 1)))
    return sections


def read_reasons(file):
    return dict(line.split(" ", 1) for line in file.read_text().splitlines() if line and not line.startswith("#"))


def citations(source):
    """{id: {test}}, in the order of the files."""
    found = {}

    def cite(text, test):
        for name in ID.findall(expand(text)):
            found.setdefault(name, {})[test] = None

    def cite_error(condition, test):
        if condition != "none":
            found.setdefault(condition, {})[test] = None

    for file in sorted(source.glob("tests/dialogs/*.dialog")):
        text, name = file.read_text(), f"dialog.{file.stem}"
        cite("\n".join(line for line in text.splitlines() if line.startswith("#")), name)
        for condition in ENDED.findall(text):
            cite_error(condition, name)
    for file in sorted(source.glob("tests/**/*.c")):
        text = file.read_text()
        starts = [(m.start(), f"{m[1]}/{m[2]}") for m in TEST.finditer(text)]
        bounds = [0] + [start for start, _ in starts] + [len(text)]
        names = [str(file.relative_to(source))] + [name for _, name in starts]
        for name, begin, end in zip(names, bounds, bounds[1:]):
            cite(text[begin:end], name)
            if "unit/federation" in str(file):
                for condition in EXPECTED.findall(text[begin:end]):
                    cite_error(condition.lower().replace("_", "-"), name)
    for file in sorted(source.glob("interop/**/*.py")):
        cite(file.read_text(), str(file.relative_to(source)))
    return found


def all_tests(source):
    names = {f"dialog.{file.stem}" for file in source.glob("tests/dialogs/*.dialog")}
    for file in source.glob("tests/**/*.c"):
        names |= {f"{m[1]}/{m[2]}" for m in TEST.finditer(file.read_text())}
    return names


def notes_faults(source):
    """Tests that docs/interop-notes.md names."""
    known = all_tests(source)
    for name in re.findall(r"`(dialog\.[^`]+|[a-z0-9_]+/[a-z0-9_]+)`", (source / "docs/interop-notes.md").read_text()):
        if name not in known:
            yield f"docs/interop-notes.md names {name}, which is no test"


def cell(tests, reason):
    tests = list(tests)
    parts = [f"`{t}`" for t in tests[:SHOWN]]
    if len(tests) > SHOWN:
        parts.append(f"{len(tests) - SHOWN} more")
    if reason and not tests:
        parts.append(reason)
    return ", ".join(parts)


def page(sections, found, reasons):
    out = ["# Protocol map", "",
           "Which test holds which requirement. Written by `tests/map/protocol_map.py --update`, held by the test `protocol-map`.",
           "A name with a slash is a Criterion test, `dialog.NAME` a dialog; a path is a table or a program. Where there is no",
           "test there is a reason.", ""]
    for title, rows in sections:
        out += [f"## {title}", "", "| id | what | held by |", "|---|---|---|"]
        out += [f"| {name} | {words} | {cell(found.get(name, {}), reasons.get(name))} |" for name, words in rows]
        out.append("")
    return "\n".join(out)


def faults(sections, found, reasons, text):
    known = {name for _, rows in sections for name, _ in rows}
    for name in sorted(set(found) - known):
        yield f"{name}: cited by {', '.join(found[name])}, but there is no such id"
    for name in sorted(set(reasons) - known):
        yield f"{name}: has a reason, but there is no such id"
    for name in sorted(known - set(found) - set(reasons)):
        yield f"{name}: no test cites it, and reasons.txt does not say why"
    listed = dict(re.findall(r"^\| (\S+) \| [^|]* \| (.*) \|$", text, re.MULTILINE))
    for name in sorted(known):
        if name not in listed:
            yield f"{name}: not on the page"
        elif not found.get(name) and reasons.get(name, "") not in listed[name]:
            yield f"{name}: the page has another reason"
        elif name in found:
            for test in re.findall(r"`([^`]+)`", listed[name]):
                if test not in found[name]:
                    yield f"{name}: the page names {test}, which does not cite it"


def main():
    source, update = Path(sys.argv[1]), "--update" in sys.argv[2:]
    here, target = source / "tests/map", source / "docs/protocol-map.md"
    sections, reasons, found = read_ids(here / "ids.txt"), read_reasons(here / "reasons.txt"), citations(source)
    if update:
        target.write_text(page(sections, found, reasons))
    wrong = list(faults(sections, found, reasons, target.read_text() if target.exists() else ""))
    wrong += notes_faults(source)
    for line in wrong:
        print(f"protocol-map: {line}")
    if wrong:
        print("protocol-map: after a look at tests/map/reasons.txt: python3 tests/map/protocol_map.py . --update")
    held = sum(name in found for _, rows in sections for name, _ in rows)
    print(f"{held} of {sum(len(rows) for _, rows in sections)} requirements are held by tests")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
