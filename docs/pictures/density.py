#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Draws the density of pools as benchmarks.md has it: density.py BENCHMARKS.md >density.svg

The picture in the README is made so, and a test compares it. It has a ground of its own, so that it can be read on any.
"""
import re
import sys

TABLE = "**Density: bin"
STATES = ["filled", "half freed", "half freed, compacted", "nine tenths freed", "nine tenths freed, compacted"]
COLOURS = {"zsmalloc": "#2f6db3", "glibc": "#9aa4ae", "jemalloc": "#c7695f", "kernel's zram": "#4a5560"}
BAR, GAP, LEFT, TOP, HEIGHT, BELOW = 34, 26, 52, 92, 220, 76


def rows_of(text):
    """The table's rows, each a list of cells; and what its title says in brackets."""
    start = text.index(TABLE)
    title = text[start:text.index("\n", start)]
    rows = []
    for line in text[start:].split("\n")[1:]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    return rows, re.search(r"\((.*)\)", title)[1]


def densities(rows):
    """{state: {name: density}} of what is drawn."""
    places = {name: rows[0].index(name) for name in COLOURS}
    return {row[0]: {name: float(row[place]) for name, place in places.items() if row[place]}
            for row in rows[2:] if row[0] in STATES}


def width():
    return LEFT + len(STATES) * (len(COLOURS) * BAR + GAP) + 16


def text(x, y, words, more=""):
    return f'<text x="{x:g}" y="{y:g}"{more}>{words}</text>'


def head(about):
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width()}" height="{TOP + HEIGHT + BELOW}" '
           'font-family="sans-serif" font-size="12" fill="#1f2933" role="img">')
    yield "<title>Bytes stored in a byte of memory, of zsmalloc, glibc, jemalloc and the kernel's zram</title>"
    yield '<rect width="100%" height="100%" rx="8" fill="#ffffff" stroke="#c9d1d9"/>'
    yield text(20, 28, "Bytes stored in a byte of memory", ' font-size="17" font-weight="bold"')
    yield text(20, 48, f"Programs' pages, each compressed with LZ4: {about}. More is better, 1 is no waste at all.")


def legend():
    x = 20
    for name, colour in COLOURS.items():
        yield f'<rect x="{x}" y="60" width="12" height="12" fill="{colour}"/>'
        yield text(x + 17, 70, name)
        x += 120


def scale():
    for step in range(5):
        y = TOP + HEIGHT - HEIGHT * step / 4
        yield f'<line x1="{LEFT}" x2="{width() - 16}" y1="{y:g}" y2="{y:g}" stroke="#dde3e9"/>'
        yield text(LEFT - 8, y + 4, f"{step / 4:g}", ' text-anchor="end"')


def bar(x, value, colour):
    tall = value * HEIGHT
    yield (f'<rect x="{x + 1:g}" y="{TOP + HEIGHT - tall:.1f}" width="{BAR - 2}" height="{tall:.1f}" fill="{colour}"/>')
    yield text(x + BAR / 2, TOP + HEIGHT - tall - 4, f"{value:.3f}".lstrip("0"), ' text-anchor="middle" font-size="11"')


def group(x, state, values):
    for number, (name, colour) in enumerate(COLOURS.items()):
        if name in values:
            yield from bar(x + number * BAR, values[name], colour)
    for line, words in enumerate(state.split(", ")):
        yield text(x + len(COLOURS) * BAR / 2, TOP + HEIGHT + 18 + line * 15, words, ' text-anchor="middle"')


def draw(rows, about):
    yield from head(about)
    yield from legend()
    yield from scale()
    found = densities(rows)
    for number, state in enumerate(STATES):
        yield from group(LEFT + GAP / 2 + number * (len(COLOURS) * BAR + GAP), state, found[state])
    yield text(20, TOP + HEIGHT + BELOW - 14, "All metadata of zsmalloc is counted; of the kernel's zram its own figure, "
               "which lacks that; of a malloc, what its process grows by.", ' font-size="11" fill="#5b6670"')
    yield "</svg>"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: density.py BENCHMARKS.md")
    with open(sys.argv[1], encoding="utf-8") as file:
        rows, about = rows_of(file.read())
    print("\n".join(draw(rows, about)))


main()
