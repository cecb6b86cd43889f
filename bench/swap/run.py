#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Measures memory of which not all is resident: this library's, with each way of taking faults, beside the kernel's own
swap on a zram device with LZ4. In each round each has its turn; told are medians.

run.py BUILD_FOLDER OUT_FOLDER [--quick]

Faults and evictions by swap-latency (latency.c), programs larger than their limit by swap-working (working.c). Writes
results.json, table.md and a drawing to OUT_FOLDER, and the table to standard output. The image stays there.
"""
import json
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "disk"), os.path.join(os.path.dirname(HERE), "lib")]
import children
import drawing
import image
import kernel_swap
import processors
import zram
from outcome import keep, middle, tell
from text import markdown, short
from verdicts import at_least, at_most, verdicts

KERNEL, SIGBUS, PAGER, BOUND = "kernel", "sigbus", "pager", "bound"
NAMES = {SIGBUS: "zsmalloc, SIGBUS", PAGER: "zsmalloc, pager", BOUND: "zsmalloc, pager, one processor", KERNEL: "kernel's zram swap"}
ROUNDS = 5
LIMIT_MIB = 64
TIMES = (.5, 1, 2, 4)  # of the limit
PATTERNS = ("zipf", "uniform", "sequential")
SECONDS = 2
MOST_SECONDS = 300


def output(command, **options):
    return json.loads(subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, timeout=MOST_SECONDS, check=True, **options).stdout)


class Bench:
    def __init__(self, build, out, quick):
        self.latency_program, self.working_program = (os.path.join(build, "bench", name) for name in ("swap-latency", "swap-working"))
        self.rounds, self.image = 1 if quick else ROUNDS, image.make(out)

    def latency(self, kind, *options):
        """Two threads that wake each other by turns: on two processors each of these falls asleep in between, on one none does."""
        bound = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))] if kind == BOUND else []
        return output([*bound, self.latency_program, "-i", self.image, "-k", PAGER if kind == BOUND else kind, *options])

    def working(self, kind, times, pattern, **options):
        return output([self.working_program, "-i", self.image, "-k", kind, "-l", LIMIT_MIB, "-m", int(LIMIT_MIB * times), "-p", pattern,
                       "-s", SECONDS], **options)

    def working_or_killed(self, times, pattern, enter):
        """The kernel may find that it cannot keep the program within its limit."""
        try:
            return self.working(KERNEL, times, pattern, preexec_fn=enter)
        except subprocess.CalledProcessError as error:
            if error.returncode != -signal.SIGKILL:
                raise
            return None

    def faults(self, kind):
        return {"read": self.latency(kind), "write": self.latency(kind, "-w")}

    def sets(self, kind):
        found = {}
        for pattern in PATTERNS:
            for times in TIMES:
                if kind == KERNEL:
                    with kernel_swap.limited_to(LIMIT_MIB) as enter:
                        found[f"{pattern}/{times}"] = self.working_or_killed(times, pattern, enter)
                else:
                    found[f"{pattern}/{times}"] = self.working(kind, times, pattern)
        return found

    def measure(self, kind, number):
        """Working sets in the first round only: they take long, and differ by more than rounds do."""
        tell(f"round {number + 1} of {self.rounds}: {NAMES[kind]}")
        return {"faults": self.faults(kind), **({"sets": self.sets(kind)} if number == 0 and kind != BOUND else {})}

    def kernel(self, number):
        try:
            return kernel_swap.with_swap(lambda: self.measure(KERNEL, number))
        except (zram.Unavailable, OSError) as error:
            return {"unavailable": str(error)}

    def round(self, number):
        return {kind: self.kernel(number) if kind == KERNEL else self.measure(kind, number) for kind in NAMES}


def collect(rounds):
    there = [kind for kind in NAMES if "unavailable" not in rounds[0][kind]]
    return {"faults": {kind: middle([one[kind]["faults"] for one in rounds]) for kind in there},
            "rounds": {kind: [one[kind]["faults"] for one in rounds] for kind in there},
            "sets": {kind: rounds[0][kind]["sets"] for kind in there if kind != BOUND},
            "unavailable": {kind: rounds[0][kind]["unavailable"] for kind in NAMES if kind not in there}}


# ---- telling ----


def times_kernel(results, kind, figure, way="read"):
    if KERNEL not in results["faults"]:
        return None
    return results["faults"][kind][way][figure] / results["faults"][KERNEL][way][figure]


def evictions(results, kind):
    """Pages a second, times the kernel's: such as have changed, so that all of them are packed here, too."""
    there = times_kernel(results, kind, "evict_again_ns", "write")
    return 1 / there if there else None


def target_table(results):
    rows = [at_most("SIGBUS: median of a fault, × the kernel's", 1.15, times_kernel(results, SIGBUS, "p50_ns")),
            at_most("… 99th percentile", 1.3, times_kernel(results, SIGBUS, "p99_ns")),
            at_most("pager, on one processor: median of a fault, × the kernel's", 1.8, times_kernel(results, BOUND, "p50_ns")),
            at_most("… 99th percentile", 1.7, times_kernel(results, BOUND, "p99_ns")),
            at_most("pager, where it likes: median of a fault, × the kernel's", 1.8, times_kernel(results, PAGER, "p50_ns")),
            at_most("… 99th percentile", 1.7, times_kernel(results, PAGER, "p99_ns")),
            at_least("pages evicted a second, all of them written, × the kernel's MADV_PAGEOUT, SIGBUS", 1, evictions(results, SIGBUS), 2),
            at_least("… pager", 1, evictions(results, PAGER), 2)]
    return verdicts(rows, f"Memory of 256 MiB with pages of the image, all evicted, then read at 20,000 random pages; five times over, "
                          f"and the median of {len(results['rounds'][SIGBUS])} such runs.")


def fault_table(results):
    kinds = list(results["faults"])
    rows = []
    for way in ("read", "write"):
        for label, figure in (("median", "p50_ns"), ("99 %", "p99_ns")):
            rows.append([f"{way}, {label}", *(short(results["faults"][kind][way][figure] / 1000, 1) for kind in kinds)])
    for way, label in (("read", "eviction of a page that was read"), ("write", "… that was written")):
        rows.append([label, *(short(results["faults"][kind][way]["evict_again_ns"] / 1000, 1) for kind in kinds)])
    return ["### Microseconds of a fault, and of an eviction", ""] + markdown(["", *(NAMES[kind] for kind in kinds)], rows)


def uses(found):
    return f"{found['uses_a_second']:,.0f}" if found else "killed: out of memory"


def set_table(results):
    kinds = list(results["sets"])
    rows = [[f"{pattern}, {times} × the limit", *(uses(results["sets"][kind][f"{pattern}/{times}"]) for kind in kinds)]
            for pattern in PATTERNS for times in TIMES]
    return ["### Uses of a page a second, in memory larger than its limit", "",
            f"The limit is {LIMIT_MIB} MiB; a fifth of the uses are writes.", ""] + markdown(["", *(NAMES[kind] for kind in kinds)], rows)


def table(results):
    lines = target_table(results) + processors.line(results) + fault_table(results) + set_table(results)
    lines += [f"{NAMES[kind]}: not measured, {why}." for kind, why in results["unavailable"].items()]
    return "\n".join(lines) + "\n"


def draw(results, out):
    kinds = [NAMES[kind] for kind in results["faults"]]
    groups = [(f"{way}, {label}", {NAMES[kind]: results["faults"][kind][way][figure] / 1000 for kind in results["faults"]})
              for way in ("read", "write") for label, figure in (("median", "p50_ns"), ("99 %", "p99_ns"))]
    top = max(value for _, values in groups for value in values.values())
    drawing.bars("µs of a fault on memory that was compressed away", groups, kinds, os.path.join(out, "faults.svg"), top, " µs")


def main():
    build, out = sys.argv[1], sys.argv[2]
    os.makedirs(out, exist_ok=True)
    children.end_in_order()
    bench, use = Bench(build, out, "--quick" in sys.argv), processors.Use()
    results = {**collect([bench.round(number) for number in range(bench.rounds)]), "processors": use.so_far()}
    text = table(results)
    keep(results, text, out)
    draw(results, out)
    print(text)


main()
