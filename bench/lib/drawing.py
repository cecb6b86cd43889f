# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Drawings of bars, in groups of one for each allocator."""
from text import ZRAM

COLOURS = {"zsmalloc": "#3a76af", "zsmalloc, compactor": "#2a9d6f", "zsmalloc, dense": "#7a5195", "glibc": "#999999",
           "jemalloc": "#c0504d", "mimalloc": "#e0a040", "tcmalloc": "#6d904f", ZRAM: "#30363d"}
OTHER_COLOURS = ["#30363d", "#7f8c99", "#c0504d", "#e0a040", "#6d904f", "#a8b87a", "#d0a0a0"]
BAR, GAP, HEIGHT, LEFT, RIGHT = 14, 26, 240, 60, 220


def colour_of(names, name):
    others = [other for other in names if other not in COLOURS]
    return COLOURS.get(name) or OTHER_COLOURS[others.index(name) % len(OTHER_COLOURS)]


def scale(width, top, unit):
    for step in range(5):
        y = 40 + HEIGHT - HEIGHT * step / 4
        yield (f'<line x1="{LEFT}" x2="{width - RIGHT + 10}" y1="{y}" y2="{y}" stroke="#ddd"/>'
               f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{top * step / 4:.3g}{unit}</text>')


def group(x, label, values, names, top, unit):
    for place, name in enumerate(names):
        value = values.get(name)
        if value is None:
            continue
        tall = min(value / top, 1) * HEIGHT
        yield (f'<rect x="{x + place * BAR}" y="{40 + HEIGHT - tall:.1f}" width="{BAR - 2}" height="{tall:.1f}" '
               f'fill="{colour_of(names, name)}"><title>{name}: {value:.4g}{unit}</title></rect>')
    yield f'<text transform="translate({x + 4},{HEIGHT + 54}) rotate(18)">{label}</text>'


def legend(width, names):
    for place, name in enumerate(names):
        y = 50 + place * 18
        yield (f'<rect x="{width - RIGHT + 20}" y="{y}" width="12" height="12" fill="{colour_of(names, name)}"/>'
               f'<text x="{width - RIGHT + 38}" y="{y + 10}">{name}</text>')


def bars(title, groups, names, path, top, unit=""):
    """groups: [(label, {name: value})]; what is above top is cut, and has its value as its title."""
    width = LEFT + len(groups) * (len(names) * BAR + GAP) + RIGHT
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT + 110}" font-family="sans-serif" font-size="11">',
           f'<rect width="100%" height="100%" fill="white"/><text x="{LEFT}" y="20" font-size="14">{title}</text>']
    out += scale(width, top, unit)
    for number, (label, values) in enumerate(groups):
        out += group(LEFT + GAP / 2 + number * (len(names) * BAR + GAP), label, values, names, top, unit)
    out += legend(width, names)
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n</svg>\n")
