# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Tables and drawings of what a run of the benchmarks found."""
import os

import answers
import processors
import targets
from drawing import bars
from text import (OURS, ZRAM, density_of, markdown, moved_gb_a_second, moved_per_freed, moved_per_replaced, names_in, short,
                  state_of)

STATES = [("half", 0, "filled"), ("half", 1, "half freed"), ("half", 2, "half freed, compacted"), ("half", 3, "refilled"),
          ("most", 1, "nine tenths freed"), ("most", 2, "nine tenths freed, compacted"), ("churn", 1, "ten tenths replaced"),
          ("churn", 2, "a second later"), ("churn", 3, "compacted")]
HANDLE_BYTES = 8  # of the kernel's, for each object


def full_row(results, trace):
    by_number = results["density"][trace]
    row = by_number[max(by_number, key=int)]
    zram = results["zram"]["kernel"]
    return dict(row, **{ZRAM: zram}) if trace == "bin" and "unavailable" not in zram else row


def density_tables(results):
    lines = []
    for trace, by_number in results["density"].items():
        about, full = results["traces"][trace], full_row(results, trace)
        names = names_in(full)
        lines += [f"### Density: {trace} ({about['sizes']:,} sizes, mean {about['mean']:.0f} bytes)", ""]
        rows = [[label, *(short(density_of(full[name], chapter, state)) for name in names)] for chapter, state, label in STATES]
        rows += [[f"filled, {int(number):,} objects", *(short(density_of(by_number[number][name], "half", 0)) for name in names)]
                 for number in sorted(by_number, key=int)[:-1]]
        lines += markdown(["", *names], rows)
        lines += zram_table(results) if trace == "bin" else []
        lines += moved_table(full)
    return lines


def zram_table(results):
    """What both take for the very same pages, in the same order."""
    zram = results["zram"]["kernel"]
    if "unavailable" in zram:
        return [f"The kernel's zram was not measured: {zram['unavailable']}.", ""]
    rows, ours = [], results["zram"]["zsmalloc"]
    for chapter, state, label in STATES[:3] + STATES[4:6]:
        theirs, our = state_of(zram, chapter, state), state_of(ours, chapter, state)
        cells = our["total_bytes"], theirs["total_bytes"], theirs["total_bytes"] + zram_objects(theirs) * HANDLE_BYTES
        rows.append([label, *(f"{cell / 2**20:.1f}" for cell in cells), short(cells[0] / cells[2], 3)])
    head = ["MiB for the same pages", "zsmalloc, all metadata", ZRAM, "kernel's with its handles", "zsmalloc's of that"]
    return zram_footnote(results, zram) + markdown(head, rows)


def zram_objects(state):
    return state["orig_data_size"] // 4096 - state["same_pages"]


def zram_footnote(results, zram):
    filled, sizes = zram["half"][0], results["traces"]["bin"]["sizes"]
    lines = [f"{ZRAM}: Linux {os.uname().release}, {zram['algorithm']}, {filled['orig_data_size'] // 4096:,} pages (of which "
             f"{filled['same_pages']:,} same-filled, with no object), compr_data_size / mem_used_total. mem_used_total lacks zsmalloc's "
             f"metadata: a handle of {HANDLE_BYTES} bytes an object, and descriptors of zspages. {filled['huge_pages']:,} pages are stored "
             "raw there and count as 4096 bytes of data each; those of them that are stored compressed here make its density look better "
             "than it is. So see the next table. Which pages are freed is random in each."]
    if zram_objects(filled) != sizes:
        lines.append(f"The trace is of other pages ({sizes:,} objects, not {zram_objects(filled):,}), since files have changed: remove "
                     "bin.trace, and both will be made of the same.")
    return [" ".join(lines), ""]


def moved_table(full):
    """Bytes moved for each byte freed, or replaced."""
    rows = [[name, short(moved_per_freed(full[name])), short(moved_gb_a_second(full[name]), 2), short(moved_per_replaced(full[name]))]
            for name in names_in(full) if name in OURS]
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
    lines = ["### Instructions an operation", "", "From the caller's side, with the call and the jump through the PLT, less those of the same "
             "loop without the calls; and inside the calls.", ""]
    counts = results["instructions"]
    names = names_in(counts["replace"])
    rows = [[kind, *("" if row.get(name) is None else f"{row[name]:.0f}" for name in names)] for kind, row in counts.items()]
    return lines + markdown(["", *names], rows)


def table(results):
    parts = (targets.table, processors.line, density_tables, instruction_table, time_tables, answers.tables)
    return "\n".join(line for part in parts for line in part(results))


def draw(results, out):
    for trace in results["density"]:
        full = full_row(results, trace)
        groups = [(label, {name: density_of(full[name], chapter, state) for name in names_in(full)})
                  for chapter, state, label in STATES]
        bars(f"Density: {trace}", groups, names_in(full), os.path.join(out, f"density-{trace}.svg"), 1.0)
    medians = results["medians"]
    groups = [(key.replace("/1", "").replace("/2", ", 2 threads"), row) for key, row in medians.items()]
    bars("Nanoseconds an operation", groups, names_in(groups[0][1]), os.path.join(out, "times.svg"), 1000, " ns")
    answers.draw(results, out)
