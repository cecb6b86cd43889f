# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Tables and drawings of the programs that each answer one question: shift, ways, claims, pace."""
import os

from drawing import bars
from text import markdown, names_in, short

SHIFT_FIGURES = (("peak_bytes", "Peak"), ("end_bytes", "At the end"), ("compacted_bytes", "At the end, compacted"))
MODES = ("RO", "RW", "WO")


# ---- objects whose sizes change ----

def shift_ratio(run, figure):
    """Memory for a byte of the objects that are live at the end; at the peak they were as many."""
    return run[figure] / run["live_bytes"]


def shift_tables(results):
    shift = results["shift"]
    names = names_in(next(iter(shift.values())))
    lines = ["### Sizes that change: memory for a live byte, under RAMCloud's workloads W1 to W8", ""]
    for figure, label in SHIFT_FIGURES:
        lines += markdown([label, *names], [[workload, *(short(shift_ratio(row[name], figure), 2) for name in names)]
                                            for workload, row in shift.items()])
    return lines


def draw_shift(results, out):
    shift = results["shift"]
    names = names_in(next(iter(shift.values())))
    for figure, label in SHIFT_FIGURES:
        groups = [(workload, {name: shift_ratio(row[name], figure) for name in names}) for workload, row in shift.items()]
        bars(f"Sizes that change: memory for a live byte. {label}", groups, names,
             os.path.join(out, f"shift-{figure.removesuffix('_bytes')}.svg"), 3.0)


# ---- ways of mapping ----

def ways_table(results):
    rows = [[subject, f"{found['copied'] * 100:.0f} %", *(f"{found[way][mode]:.0f}" for way in ("arena", "pages") for mode in MODES)]
            for subject, found in results["ways"].items()]
    head = ["objects of", "span pages", *(f"{way}, {mode}" for way in ("arena", "single pages") for mode in MODES)]
    return ["### Nanoseconds to map an object, touch all of it and unmap it", ""] + markdown(head, rows)


def draw_ways(results, out):
    names = [f"{way}, {mode}" for way in ("arena", "pages") for mode in MODES]
    groups = [(subject, {f"{way}, {mode}": found[way][mode] for way in ("arena", "pages") for mode in MODES})
              for subject, found in results["ways"].items()]
    top = max(max(values.values()) for _, values in groups)
    bars("Map, touch, unmap: nanoseconds", groups, names, os.path.join(out, "ways.svg"), top, " ns")


# ---- the claims of 2013 ----

def claims_tables(results):
    density, sources = results["claims"]["density"], results["claims"]["single_pages"]
    names = list(next(iter(density.values())))
    lines = ["### The claims of 2013: objects of more than half a page", "",
             "Density of a fill. zsmalloc is measured, the others are models.", ""]
    lines += markdown(["objects of", *names], [[label, *(short(row[name]) for name in names)] for label, row in density.items()])
    names = list(sources[0]["allocators"])
    lines += ["### The claims of 2013: single pages are enough", "",
              "Objects of proc stored before the first that failed / in all / bytes of them for a byte of the free pages and of the "
              "metadata beside them. Random pages of a region are free. zsmalloc is measured, the others are models.", ""]
    return lines + markdown(["free pages", *names], [[f"{source['free_pages']:,} of {source['pages']:,}",
                                                      *(stored(source["allocators"][name]) for name in names)] for source in sources])


def stored(found):
    return f"{found['objects_before_failure']:,} / {found['objects']:,} / {short(found['density'])}"


def draw_claims(results, out):
    density, sources = results["claims"]["density"], results["claims"]["single_pages"]
    bars("Density of a fill (zsmalloc measured, others modelled)", list(density.items()), list(next(iter(density.values()))),
         os.path.join(out, "claims-density.svg"), 1.0)
    names = list(sources[0]["allocators"])
    groups = [(f"{source['free_pages']:,} of {source['pages']:,} free",
               {name: source["allocators"][name]["objects_before_failure"] / source["free_pages"] for name in names})
              for source in sources]
    bars("Objects stored before the first failure, for each free page", groups, names,
         os.path.join(out, "claims-single-pages.svg"), 4.0)


# ---- compaction in steps ----

def microseconds(quantiles, keys):
    return " / ".join(short(quantiles[key] / 1000, 1) for key in keys) if quantiles else ""


def budget_label(key):
    return f"{int(key.split('/')[0]) // 1000:,} µs"


def pace_label(key):
    threads = key.split("/")[1]
    return budget_label(key) + (f", beside {threads} threads" if threads != "0" else "")


def moved_for_freed(key, run):
    """Beside threads that free, there is no such figure."""
    return short(run["moved_bytes"] / run["freed_bytes"]) if key.endswith("/0") else ""


def pace_tables(results):
    rows = [[pace_label(key), f"{run['calls']:,.0f}", "yes" if run["done"] else "**no**", f"{run['wall_ns'] / 1e6:.0f}",
             f"{run['cpu_ns'] / 1e6:.0f}", short(run["moved_bytes"] / run["cpu_ns"], 2), moved_for_freed(key, run),
             f"{run['pages']:,.0f}", microseconds(run["over_cpu_ns"], ("p50", "p99", "max")),
             microseconds(run["over_wall_ns"], ("p50", "p99", "max"))] for key, run in results["pace"].items()]
    lines = ["### Compaction in steps: a million objects of proc, half of them freed", "",
             "Beyond the budget: microseconds, median / 99th percentile / most. “Ends”: zs_compact_some() said that its round was done; if "
             "not, no page came back for a second before it was stopped, and the figures are those until the last page.", ""]
    lines += markdown(["budget", "calls", "ends", "ms", "ms of processor", "GB/s moved, of processor time", "bytes moved for a byte freed",
                       "pages back", "beyond the budget, processor", "beyond the budget, clock"], rows)
    return lines + replace_table(results)


def replace_table(results):
    keys = ("p50", "p99", "p999", "max")
    rows = [[budget_label(key), beside, f"{found['replaces']:,.0f}", *(microseconds(found, (key,)) for key in keys)]
            for key, run in results["pace"].items() for beside, found in run["replace_ns"].items()]
    lines = ["Microseconds of a replace (zs_free and zs_malloc) in each of two threads, beside a third that does nothing, that computes, "
             "or that compacts. The processors are fewer than the threads, so the longest are waits for a turn.", ""]
    return lines + markdown(["budget", "beside", "replaces", "median", "99 %", "99.9 %", "most"], rows)


def tables(results):
    return shift_tables(results) + ways_table(results) + claims_tables(results) + pace_tables(results)


def draw(results, out):
    for drawing in (draw_shift, draw_ways, draw_claims):
        drawing(results, out)
