# SPDX-License-Identifier: MIT
"""reference.py: the reference of the public headers, out of their own comments.

    reference.py OUTPUT HEADER...

Writes Markdown. Each function must be in a group of declarations that begins with a comment, or have one behind it;
exit status 1 names those that have none.
"""
import re
import sys
from pathlib import Path

FUNCTION = re.compile(r"\bS2S_API\b")
NAME = re.compile(r"\b((?:s2s|eku)_[a-z0-9_]+)\s*\(")
SKIP = re.compile(r"^(#include|#ifdef|#ifndef|#endif|#if |#else|extern \"C\"|\}$|#define S2S_[A-Z]+_H$)")


def groups(text):
    """(comment, lines of code) for each run of lines without a blank one; the header's own comment comes first."""
    blocks, lines, depth = [], [], 0
    for line in text.splitlines():
        depth += line.count("{") - line.count("}")
        if line.strip() or depth > 0 or (lines and not lines[-1].rstrip().endswith((";", "*/", "}"))):
            lines.append(line)
        elif lines:
            blocks.append(lines)
            lines = []
    return blocks + ([lines] if lines else [])


def split(lines):
    """A block's entries: a comment and what it is about, up to the next comment at the margin."""
    entries, comment, code, inside = [], [], [], False
    for line in lines:
        if line.startswith("/* SPDX"):
            continue
        begins = not inside and line.startswith("/*")
        if begins:
            if code:
                entries.append((comment, code))
                comment, code = [], []
            inside = True
        if inside:
            comment.append(line)
            inside = "*/" not in line
        elif not SKIP.match(line):
            code.append(line)
    return entries + ([(comment, code)] if code or comment else [])


def words(comment):
    text = "\n".join(comment)
    text = re.sub(r"^/\*|\*/$", "", text.strip())
    return "\n".join(re.sub(r"^ ?\*? ?", "", line).rstrip() for line in text.splitlines()).strip()


def bare(code):
    """Functions without any comment of their own."""
    joined = "\n".join(code)
    for declaration in re.findall(r"S2S_API[^;]*;[^\n]*", joined):
        if "/*" not in declaration and (name := NAME.search(declaration)):
            yield name.group(1)


def page(headers):
    out, missing, count = ["# Reference", "", "Of each public header, by its own comments. `S2S_API` marks what is exported."], [], 0
    for file in headers:
        entries = [entry for block in groups(file.read_text()) for entry in split(block)]
        shown = f"{file.parent.name}/{file.name}"
        out += ["", f"## <{shown}>"]
        for comment, code in entries:
            told = words(comment)
            code = "\n".join(code).strip("\n").splitlines()
            count += sum(1 for line in code if FUNCTION.search(line))
            if not told:
                missing += [f"{shown}: {name}" for name in bare(code)]
            out += ["", told] if told else []
            out += ["", "```c", *code, "```"] if code else []
    return "\n".join(out) + "\n", missing, count


def main():
    text, missing, count = page([Path(name) for name in sys.argv[2:]])
    Path(sys.argv[1]).write_text(text)
    print("\n".join([f"no comment: {name}" for name in missing] + [f"reference: {count} functions, {len(missing)} without words"]))
    return 1 if missing or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
