# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Tables and drawings of what a run of the benchmarks found."""
import os

OURS = ["zsmalloc", "zsmalloc, compactor", "zsmalloc, dense"]
MALLOCS = ["glibc", "jemalloc", "mimalloc", "tcmalloc"]
COLOURS = {"zsmalloc": "#3a76af", "zsmalloc, compactor": "#2a9d6f", "zsmalloc, dense": "#7a5195", "glibc": "#999999",
           "jemalloc": "#c0504d", "mimalloc": "#e0a040", "tcmalloc": "#6d904f"}
STATES = [("half", 0, "filled"), ("half", 1, "half freed"), ("half", 2, "half freed, compacted"), ("half", 3, "refilled"),
          ("most", 1, "nine tenths freed"), ("most", 2, "nine tenths freed, compacted"), ("churn", 1, "ten tenths replaced"),
          ("churn", 2, "a second later"), ("churn", 3, "compacted")]


def names_in(row):
    return [name for name in OURS + MALLOCS if name in row]


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return lines + [""]


def short(value, digits=3):
    return "" if value is None else f"{value:.{digits}f}".lstrip("0") if value < 1 else f"{value:.{digits}f}"


def density_tables(results):
    lines = []
    for trace, by_number in results["density"].items():
        about = results["traces"][trace]
        full = by_number[max(by_number, key=int)]
        names = names_in(full)
        lines += [f"### Density: {trace} ({about['sizes']:,} sizes, mean {about['mean']:.0f} bytes)", ""]
        rows = [[label, *(short(full[name][chapter][state]["density"]) for name in names)] for chapter, state, label in STATES]
        rows += [[f"filled, {int(number):,} objects", *(short(by_number[number][name]["half"][0]["density"]) for name in names)]
                 for number in sorted(by_number, key=int)[:-1]]
        lines += markdown(["", *names], rows)
        lines += moved_table(full)
    return lines


def moved_table(full):
    """Bytes moved for each byte freed, or replaced."""
    rows = []
    for name in names_in(full):
        if name not in OURS:
            continue
        half, churn = full[name]["half"], full[name]["churn"]
        replaced = churn[1]["freed_bytes"]
        rows.append([name, short(half[2]["moved_bytes"] / half[1]["freed_bytes"]),
                     short(half[2]["moved_bytes"] / 1e9 / (half[2]["time_ns"] / 1e9), 2),
                     short((churn[1]["moved_bytes"] + churn[2]["moved_bytes"]) / replaced)])
    return markdown(["moved", "bytes for a byte freed", "GB/s", "bytes for a byte replaced"], rows)


def time_tables(results):
    lines = ["### Nanoseconds an operation (and times jemalloc's)", ""]
    medians = results["medians"]
    names = names_in(next(iter(medians.values())))
    rows = []
    for key, row in medians.items():
        kind, threads = key.split("/")
        base = row.get("jemalloc")
        rows.append([kind + (f", {threads} threads" if threads != "1" else ""),
                     *(f"{row[name]:.0f}" + (f" ({row[name] / base:.2f})" if base and name in OURS else "") for name in names)])
    return lines + markdown(["", *names], rows)


def instruction_table(results):
    lines = ["### Instructions an operation", ""]
    counts = results["instructions"]
    names = names_in(counts["replace"])
    rows = [[kind, *("" if row.get(name) is None else f"{row[name]:.0f}" for name in names)] for kind, row in counts.items()]
    return lines + markdown(["", *names], rows)


def table(results):
    return "\n".join(density_tables(results) + instruction_table(results) + time_tables(results))


def bars(title, groups, path, top, unit):
    """groups: [(label, {name: value})]"""
    bar, gap, height, left = 14, 26, 240, 60
    names = names_in(groups[0][1])
    width = left + len(groups) * (len(names) * bar + gap) + 190
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + 110}" font-family="sans-serif" font-size="11">',
           f'<rect width="100%" height="100%" fill="white"/><text x="{left}" y="20" font-size="14">{title}</text>']
    for step in range(5):
        y = 40 + height - height * step / 4
        out.append(f'<line x1="{left}" x2="{width - 180}" y1="{y}" y2="{y}" stroke="#ddd"/>'
                   f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{top * step / 4:.3g}{unit}</text>')
    for number, (label, values) in enumerate(groups):
        x = left + gap / 2 + number * (len(names) * bar + gap)
        for place, name in enumerate(names):
            value = values.get(name) or 0
            tall = min(value / top, 1) * height
            out.append(f'<rect x="{x + place * bar}" y="{40 + height - tall:.1f}" width="{bar - 2}" height="{tall:.1f}" '
                       f'fill="{COLOURS[name]}"><title>{name}: {value:.4g}{unit}</title></rect>')
        out.append(f'<text transform="translate({x + 4},{height + 54}) rotate(18)">{label}</text>')
    for place, name in enumerate(names):
        y = 50 + place * 18
        out.append(f'<rect x="{width - 170}" y="{y}" width="12" height="12" fill="{COLOURS[name]}"/>'
                   f'<text x="{width - 152}" y="{y + 10}">{name}</text>')
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n</svg>\n")


def draw(results, out):
    for trace, by_number in results["density"].items():
        full = by_number[max(by_number, key=int)]
        groups = [(label, {name: full[name][chapter][state]["density"] for name in names_in(full)})
                  for chapter, state, label in STATES]
        bars(f"Density: {trace}", groups, os.path.join(out, f"density-{trace}.svg"), 1.0, "")
    medians = results["medians"]
    groups = [(key.replace("/1", "").replace("/2", ", 2 threads"), row) for key, row in medians.items()]
    bars("Nanoseconds an operation", groups, os.path.join(out, "times.svg"), 1000, " ns")
