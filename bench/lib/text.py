# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""How numbers and tables are written, and in which order allocators stand."""

OURS = ["zsmalloc", "zsmalloc, compactor", "zsmalloc, dense"]
MALLOCS = ["glibc", "jemalloc", "mimalloc", "tcmalloc"]
ZRAM = "kernel's zram"


def names_in(row):
    return [name for name in [*OURS, *MALLOCS, ZRAM] if name in row]


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return lines + [""]


def short(value, digits=3):
    if value is None:
        return ""
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("0.") else text


def state_of(found, chapter, state):
    """A state of an allocator, or None if this one was not brought there."""
    states = found.get(chapter, [])
    return states[state] if state < len(states) else None


def density_of(found, chapter, state):
    there = state_of(found, chapter, state)
    return there["density"] if there else None


def moved_per_freed(found):
    return found["half"][2]["moved_bytes"] / found["half"][1]["freed_bytes"]


def moved_per_replaced(found):
    churn = found["churn"]
    return (churn[1]["moved_bytes"] + churn[2]["moved_bytes"]) / churn[1]["freed_bytes"]


def moved_gb_a_second(found):
    return found["half"][2]["moved_bytes"] / found["half"][2]["time_ns"]
