# SPDX-License-Identifier: MIT
"""reference.py: the reference of the public headers, out of their own comments.

    reference.py OUTPUT HEADER...

Writes Markdown: where to begin, each header, an index. Each function must be in a group of declarations that begins with a comment,
or have one behind it, and one that returns s2s_err must say which errors; exit status 1 names those of which something is missing.
"""
import re
import sys
from pathlib import Path

FUNCTION = re.compile(r"\bS2S_API\b")
NAME = re.compile(r"\b((?:s2s|eku)_[a-z0-9_]+)\s*\(")
FAILS = re.compile(r"\bs2s_err (?!err\b)")
SAYS_HOW = re.compile(r"S2S_(E_|OK)|\b[Aa]s (s2s|eku)_\w+")
SKIP = re.compile(r"^(#include|#ifdef|#ifndef|#endif|#if |#else|extern \"C\"|\}$|#define S2S_[A-Z]+_H$)")

# From what most programs begin with to what few need.
ORDER = ("s2s/federation.h", "s2s/stanza.h", "s2s/addr.h", "s2s/env.h", "s2s/system.h", "s2s/limits.h", "mod_s2s_eku/eku.h",
         "mod_s2s_eku/records.h", "s2s/policy.h", "mod_s2s_eku/plugin.h", "s2s/session.h", "s2s/dialback.h", "s2s/base.h", "s2s/s2s.h")
FRONT = """# Reference

Of each public header, by its own comments. `S2S_API` marks what is exported.

Where to begin:

- A chat server on libuv that federates: [`s2s_env_init`](#s2s_env_init), [`eku_policy_new`](#eku_policy_new),
  [`s2s_federation_new`](#s2s_federation_new), [`s2s_federation_send`](#s2s_federation_send), and
  [`s2s_federation_ops`](#s2s_federation_ops) for what comes back. `embedding.md` leads through it.
- One stream under a loop and a TLS library of your own: [`s2s_session_new`](#s2s_session_new) and what follows it.
- A certificate policy: [`s2s_policy_ops`](#s2s_policy_ops).

What holds everywhere: 0 is success and errors are negative ([`s2s_err`](#s2s_err)); text is a pointer and a length
([`s2s_str`](#s2s_str)); what is lent stays valid as long as its comment says; times are milliseconds ([`s2s_time`](#s2s_time)), of the calendar
seconds since 1970; an object belongs to one thread; every maximum has a name ([`S2S_LIMITS`](#S2S_LIMITS))."""


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


def prose(text):
    """Words as Markdown that shows them as they are: a stream's </tags> are none of its own."""
    return re.sub(r"([*\\])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def functions(code):
    """(name, declaration, with what is behind it on its line) of each function."""
    for declaration in re.findall(r"S2S_API[^;]*;[^\n]*", "\n".join(code)):
        if name := NAME.search(declaration):
            yield name.group(1), declaration


def faults(told, code):
    """Functions without any comment of their own; those that can fail and do not say how."""
    for name, declaration in functions(code):
        comment = told + declaration if "/*" in declaration or told else ""
        if not comment:
            yield f"no comment: {name}"
        elif FAILS.search(declaration) and not SAYS_HOW.search(comment):
            yield f"no word about its errors: {name}"


def names(code):
    """What a piece of code declares: functions, types, macros, constants of an enum."""
    joined = re.sub(r"/\*.*?\*/", "", "\n".join(code), flags=re.S)
    yield from (name for name, _ in functions(code))
    yield from re.findall(r"^typedef [^;{]*?\b((?:s2s|eku)_\w+);", joined, re.M)
    yield from re.findall(r"^\} ((?:s2s|eku)_\w+);", joined, re.M)
    yield from (name for name in re.findall(r"^#define ((?:S2S|EKU)_\w+)", joined, re.M) if name != "S2S_X")


def page(headers):
    out, missing, index, count = [], [], {}, 0
    by_name = {f"{file.parent.name}/{file.name}": file for file in headers}
    order = [name for name in ORDER if name in by_name] + sorted(set(by_name) - set(ORDER))
    contents = []
    for shown in order:
        entries = [entry for block in groups(by_name[shown].read_text()) for entry in split(block)]
        anchor = shown.replace("/", "-").replace(".", "-")
        about = words(entries[0][0]).split("\n\n")[0].split(": ", 1)[-1].replace("\n", " ")
        contents.append(f"| [<{shown}>](#{anchor}) | {prose(about)} |".replace("[<", "[&lt;"))
        out += ["", f'<a id="{anchor}"></a>', "", f"## &lt;{shown}&gt;"]
        for comment, code in entries:
            told = words(comment)
            code = "\n".join(code).strip("\n").splitlines()
            count += sum(1 for line in code if FUNCTION.search(line))
            missing += [f"{shown}: {fault}" for fault in faults(told, code)]
            new = [name for name in dict.fromkeys(names(code)) if name not in index]
            index.update((name, shown) for name in new)
            out += ["", " ".join(f'<a id="{name}"></a>' for name in new)] if new else []
            out += ["", prose(told)] if told else []
            out += ["", "```c", *code, "```"] if code else []
    head = [FRONT, "", "| header | what it is |", "|---|---|", *contents]
    tail = ["", "## Index", "", *(f"- [`{name}`](#{name}), &lt;{index[name]}&gt;" for name in sorted(index, key=str.lower))]
    return "\n".join(head + out + tail) + "\n", missing, count


def main():
    text, missing, count = page([Path(name) for name in sys.argv[2:]])
    Path(sys.argv[1]).write_text(text)
    print("\n".join(missing + [f"reference: {count} functions, {len(missing)} of which something is missing"]))
    return 1 if missing or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
