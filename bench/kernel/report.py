#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Makes tables, JSON and a plot of what the guests printed.

report.py MEMORY_CONSOLE COST_CONSOLE CODEC FOLDER
"""
import json
import re
import sys

NAMES = {"stock4": "stock, chains of 4", "stock8": "stock, chains of 8", "ours": "this module"}
STATES = ["fresh", "overwritten", "compacted"]
COLOURS = {"stock4": "#c0504d", "stock8": "#e0a040", "ours": "#3a76af", "metadata": "#9dc3e6"}


def read_rows(path):
    rows = []
    for line in open(path, errors="replace"):
        match = re.match(r"row (\S+) (\d+) (\S+) (.*)", line)
        if match:
            row = {"module": match[1], "mib": int(match[2]), "state": match[3]}
            row.update((k, int(v)) for k, v in re.findall(r"(\w+)=(\d+)", match[4]))
            rows.append(row)
    return rows


def read_costs(path):
    costs = {}
    for line in open(path, errors="replace"):
        match = re.match(r"cost (\S+) (\d+) (.*)", line)
        if match:
            costs[match[1]] = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", match[3])}
    return costs


def kib(value):
    return f"{value / 1024:,.0f}"


def find(rows, module, mib, state):
    return next(r for r in rows if (r["module"], r["mib"], r["state"]) == (module, mib, state))


def memory_table(rows):
    lines = ["| disk | state | stock, chains of 4 | stock, chains of 8 | this module | its metadata | both | of chains of 4 | of chains of 8 |",
             "|---|---|---|---|---|---|---|---|---|"]
    for mib in sorted({r["mib"] for r in rows}):
        for state in STATES:
            four, eight, ours = (find(rows, m, mib, state) for m in ("stock4", "stock8", "ours"))
            both = ours["used"] + ours["metadata"]
            lines.append(f"| {mib} MiB | {state} | {kib(four['used'])} | {kib(eight['used'])} | {kib(ours['used'])} | "
                         f"{kib(ours['metadata'])} | **{kib(both)}** | {both / four['used']:.3f} | {both / eight['used']:.3f} |")
    return lines


def huge_table(rows):
    lines = ["| disk | module | stored raw | of all pages | compressed, and raw under chains of 4 |", "|---|---|---|---|---|"]
    for mib in sorted({r["mib"] for r in rows}):
        four = find(rows, "stock4", mib, "fresh")["huge"]
        for module, name in NAMES.items():
            row = find(rows, module, mib, "fresh")
            pages = mib * 256
            lines.append(f"| {mib} MiB | {name} | {row['huge']} | {row['huge'] / pages:.2%} | {(four - row['huge']) / pages:.2%} |")
    return lines


def cost_table(costs):
    lines = ["| instructions a page | write | overwrite | read |", "|---|---|---|---|"]
    for module, name in NAMES.items():
        cost, four = costs[module], costs["stock4"]
        cells = " | ".join(f"{cost[k]:,} ({cost[k] / four[k]:.3f})" for k in ("write", "overwrite", "read"))
        lines.append(f"| {name} | {cells} |")
    return lines


def plot(rows, path):
    """Bars: memory for what was stored, as a multiple of the compressed bytes."""
    mibs, bars = sorted({r["mib"] for r in rows}), []
    x, height = 70, 260
    top = max((r["used"] + r["metadata"]) / r["compr"] for r in rows)
    for mib in mibs:
        for state in STATES:
            bars.append(f'<text x="{x + 33}" y="{height + 56}" text-anchor="middle">{state}</text>')
            bars.append(f'<text x="{x + 33}" y="{height + 72}" text-anchor="middle">{mib} MiB</text>')
            for module in NAMES:
                row = find(rows, module, mib, state)
                used, meta = (row[k] / row["compr"] / top * height for k in ("used", "metadata"))
                bars.append(f'<rect x="{x}" y="{40 + height - used:.1f}" width="20" height="{used:.1f}" fill="{COLOURS[module]}"/>')
                bars.append(f'<rect x="{x}" y="{40 + height - used - meta:.1f}" width="20" height="{meta:.1f}" fill="{COLOURS["metadata"]}"/>')
                bars.append(f'<text x="{x + 10}" y="{34 + height - used - meta:.1f}" text-anchor="middle" font-size="9">'
                            f'{(row["used"] + row["metadata"]) / row["compr"]:.2f}</text>')
                x += 22
            x += 24
        x += 20
    legend = "".join(f'<rect x="{70 + i * 150}" y="{height + 88}" width="12" height="12" fill="{COLOURS[m]}"/>'
                     f'<text x="{88 + i * 150}" y="{height + 98}">{n}</text>'
                     for i, (m, n) in enumerate({**NAMES, "metadata": "its metadata"}.items()))
    with open(path, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{x + 20}" height="{height + 115}" '
                   'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
                   f'<text x="70" y="18">memory taken, as a multiple of the compressed bytes</text>{"".join(bars)}{legend}</svg>\n')


def main():
    rows, costs = read_rows(sys.argv[1]), read_costs(sys.argv[2])
    codec, folder = sys.argv[3], sys.argv[4]
    print(f"\nmem_used_total and metadata in KiB, {codec}\n")
    print("\n".join(memory_table(rows)))
    print("\npages stored raw, since they do not fit below zs_huge_class_size()\n")
    print("\n".join(huge_table(rows)))
    print("\ncost on one CPU (in brackets: of chains of 4)\n")
    print("\n".join(cost_table(costs)))
    with open(f"{folder}/results.json", "w") as file:
        json.dump({"codec": codec, "memory": rows, "instructions": costs}, file, indent=1)
    plot(rows, f"{folder}/memory.svg")
    print(f"\nbench: wrote {folder}/results.json and memory.svg")
    if any(find(rows, "ours", r["mib"], r["state"])["used"] + find(rows, "ours", r["mib"], r["state"])["metadata"] >= r["used"]
           for r in rows if r["module"] != "ours"):
        print("bench: somewhere this module takes more memory than a stock one")


main()
