#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""What documents say of each other: links lead somewhere, the comparison has no figure of its own, and pictures show what
docs/benchmarks.md says; src/README.md tells of each file. Usage: documents.py SOURCE_ROOT"""
import os
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$")
# A version, as 6.1, is none, nor is a whole number below 10, nor what is a part of a word.
FIGURE = re.compile(r"(?<![\w.,])(?:\d*\.\d+|\d+(?:,\d{3})+|\d\d+)(?![\w])")
VERSION = re.compile(r"\b(?:Linux|on|where there is|is not) \d\.\d+\b|\b\d\.\d+'s\b")

root = sys.argv[1]
failed = []


def fail(what):
    failed.append(what)
    print(f"FAILED: {what}")


def read(path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def documents():
    """Those of the project, by their paths."""
    yield from (name for name in sorted(os.listdir(root)) if name.endswith(".md"))
    for top in ("docs", "src", "packaging"):
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            yield from (os.path.relpath(os.path.join(folder, name), root) for name in sorted(names) if name.endswith(".md"))


def prose(text):
    """Without what is in fences or is code."""
    parts = re.split(r"^```.*?^```$", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", "".join(parts))


def anchors(text):
    """As GitHub makes them of headings."""
    found = set()
    for line in re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL).split("\n"):
        heading = HEADING.match(line)
        if heading:
            found.add(re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-"))
    return found


def check_link(document, target):
    path, _, anchor = target.partition("#")
    path = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
    if not os.path.exists(os.path.join(root, path)):
        fail(f"{document}: leads to {target}, which is missing")
    elif anchor and anchor not in anchors(read(path)):
        fail(f"{document}: leads to {target}, and there is no such heading")


def check_links():
    for document in documents():
        for target in LINK.findall(prose(read(document))):
            if not re.match(r"[a-z]+:", target):
                check_link(document, target)


def figures(text):
    return set(FIGURE.findall(text))


def check_comparison():
    """Each figure is one of the benchmarks'."""
    text = VERSION.sub("", re.sub(r"\]\([^)]*\)", "]", prose(read("docs/comparison.md"))))
    found = figures(text)
    if not found:
        fail("docs/comparison.md: no figure found")
    for figure in sorted(found - figures(read("docs/benchmarks.md"))):
        fail(f"docs/comparison.md: {figure} is not in docs/benchmarks.md")


def check_pictures():
    for name in sorted(os.listdir(os.path.join(root, "docs/pictures"))):
        if not name.endswith(".py"):
            continue
        script = os.path.join(root, "docs/pictures", name)
        drawn = subprocess.run([sys.executable, script, os.path.join(root, "docs/benchmarks.md")], capture_output=True,
                               text=True, check=False)
        picture = f"docs/pictures/{name[:-3]}.svg"
        if drawn.returncode != 0 or drawn.stdout != read(picture):
            fail(f"{picture}: is not what docs/pictures/{name} draws of docs/benchmarks.md: {drawn.stderr}")


def check_files():
    """Where src/README.md has a table of files, it has all of them."""
    cells = re.findall(r"^\| (`[^|]*`) \|", read("src/README.md"), re.MULTILINE)
    rows = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    for folder in ("core", "engine", "service", "zram", "zswap", "zcache", "front/nbdkit", "front/uffd", "front/preload", "front/zcache"):
        names = {name[:-2] for name in os.listdir(os.path.join(root, "src", folder)) if name.endswith(".c")}
        for name in sorted(names - rows):
            fail(f"src/README.md: has no row for src/{folder}/{name}.c")


check_links()
check_files()
check_comparison()
check_pictures()
sys.exit(1 if failed else 0)
