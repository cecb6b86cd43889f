#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Measures zsmalloc and other allocators on the same traces, one after the other in each round, and tells medians. What
each of the programs beside this file asks, and how, stands at its head.

run.py BUILD_FOLDER OUT_FOLDER [--quick]

Writes results.json, table.md and drawings to OUT_FOLDER, and the table to standard output.
"""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import children
import peers
import processors
import report
import traces
import zram
from outcome import keep, middle, tell

OBJECTS = 150000
SMALL_POOLS = [1000, 5000, 20000]
SEEDS = range(1, 10)
LIVE = 160000  # where time and instructions are measured
OPERATIONS = 1000000
ROUNDS = 5
KINDS = [("fill", 1), ("replace", 1), ("replace-write", 1), ("read", 1), ("touch", 1), ("hot-pair", 1), ("free", 1), ("free-bulk", 1),
         ("replace", 2), ("replace-write", 2), ("read", 2)]
COUNTED = ["replace", "map"]
COUNTED_OPERATIONS = 300000
WORKLOADS = [f"W{number}" for number in range(1, 9)]
BUDGETS_NS = [50000, 200000, 1000000]
PACE_THREADS = [0, 2]
PACE_ROUNDS = 3


class Bench:
    def __init__(self, build, out, quick):
        self.build = build
        self.zs = os.path.join(build, "tools/zs/zs")
        self.speed = {True: os.path.join(build, "bench/speed-zsmalloc"), False: os.path.join(build, "bench/speed-malloc")}
        self.mallocs = peers.mallocs()
        self.rounds = 1 if quick else ROUNDS
        self.pace_rounds = 1 if quick else PACE_ROUNDS
        self.traces = traces.make(self.zs, out)

    def replay(self, name, trace, arguments):
        options, environment = peers.REPLAY_OPTIONS.get(name, ["--malloc"]), self.mallocs.get(name)
        return json.loads(children.output([self.zs, "replay", "--json", *options, *arguments, trace], environment))

    def tell(self, program, *arguments, environment=None):
        """What one of the programs tells in JSON."""
        command = [os.path.join(self.build, "bench", program), *map(str, arguments)]
        return json.loads(children.output(command, environment))

    def names(self):
        return [*peers.FLAGS, *self.mallocs]

    def density(self):
        """States by trace, number of objects and allocator; of small pools only the fill."""
        found = {}
        for trace, path in self.traces.items():
            found[trace] = {str(OBJECTS): {}}
            for name in self.names():
                tell(f"density: {trace}, {name}")
                found[trace][str(OBJECTS)][name] = self.replay(name, path, ["-n", str(OBJECTS)])
        for number in SMALL_POOLS:
            tell(f"density: proc, {number} objects")
            found["proc"][str(number)] = {name: self.small(name, number) for name in self.names()}
        return found

    def small(self, name, number):
        """Of several fills, which differ in few objects, the one of median density."""
        fills = [self.replay(name, self.traces["proc"], ["-n", str(number), "-r", str(seed), "-s", "half"]) for seed in SEEDS]
        return sorted(fills, key=lambda fill: fill["half"][0]["density"])[len(fills) // 2]

    def command(self, name, kind, threads, objects, operations):
        ours = name in peers.FLAGS
        arguments = ["-t", self.traces["proc"], "-n", str(objects), "-o", str(operations), "-j", str(threads)]
        if ours:
            arguments += ["-f", str(peers.FLAGS[name])]
        return [self.speed[ours], *arguments, kind], self.mallocs.get(name)

    def time_one(self, name, kind, threads):
        command, environment = self.command(name, kind, threads, LIVE, OPERATIONS)
        return float(children.output(command, environment).split()[1])

    def times(self):
        """Nanoseconds an operation: of each round, by kind, threads and allocator. In a round each has its turn."""
        found = {f"{kind}/{threads}": {name: [] for name in self.names()} for kind, threads in KINDS}
        for number in range(self.rounds):
            for kind, threads in KINDS:
                tell(f"time: round {number + 1} of {self.rounds}, {kind}, threads: {threads}")
                for name in self.names():
                    found[f"{kind}/{threads}"][name].append(self.time_one(name, kind, threads))
        return found

    def count_one(self, name, kind):
        """Instructions an operation of the loop that is measured: with all that it calls, and without."""
        command, environment = self.command(name, kind, 1, LIVE, COUNTED_OPERATIONS)
        function = "measured_" + kind.replace("-", "_")
        with tempfile.NamedTemporaryFile(prefix="callgrind-") as counts:
            valgrind = ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={function}",
                        f"--callgrind-out-file={counts.name}"]
            children.run([*valgrind, *command], environment, stderr=subprocess.DEVNULL)
            told = children.output(["callgrind_annotate", counts.name])
        total = re.search(r"^\s*([\d,]+) .*PROGRAM TOTALS", told, re.M)
        own = re.search(rf"^\s*([\d,]+) .*:{function} ", told, re.M)
        return [int(match[1].replace(",", "")) / COUNTED_OPERATIONS if match else None for match in (total, own)]

    def instructions(self):
        """Instructions an operation: from the caller's side, less those of the same loop without calls; and inside the calls."""
        found = {}
        for kind in COUNTED:
            outside, inside = found.setdefault(kind, {}), found.setdefault(kind + ", inside", {})
            for name in ["zsmalloc", *self.mallocs] if kind != "map" else ["zsmalloc"]:
                tell(f"instructions: {kind}, {name}")
                (total, own), (loop, _) = self.count_one(name, kind), self.count_one(name, "nothing-" + kind)
                outside[name] = total - loop if total and loop else None
                inside[name] = total - own if total and own else None
        return found

    def shift_one(self, name, workload):
        options = ["-f", peers.FLAGS[name]] if name in peers.FLAGS else ["-m"]
        return self.tell("shift", *options, workload, environment=self.mallocs.get(name))

    def shift(self):
        """Memory while the sizes of the objects change, by workload and allocator."""
        found = {}
        for workload in WORKLOADS:
            tell(f"shift: {workload}")
            found[workload] = {name: self.shift_one(name, workload) for name in self.names()}
        return found

    def ways(self):
        tell("ways")
        return self.tell("ways", "-t", self.traces["proc"])

    def claims(self):
        tell("claims")
        return self.tell("claims", "-t", self.traces["proc"])

    def pace(self):
        """Compaction in steps, by budget and threads beside it."""
        found = {}
        for budget in BUDGETS_NS:
            for threads in PACE_THREADS:
                tell(f"pace: {budget} ns, threads: {threads}")
                arguments = ["-t", self.traces["proc"], "-b", budget, "-j", threads]
                found[f"{budget}/{threads}"] = middle([self.tell("pace", *arguments) for _ in range(self.pace_rounds)])
        return found

    def zram(self):
        """The kernel's zram on the pages that the trace was made of, and this library on the trace, all of it in its order."""
        if "bin" not in self.traces:
            return {"kernel": {"unavailable": "there is no trace of its pages"}}
        tell("the kernel's zram")
        found = zram.measure(traces.BIN_FOLDERS, traces.MOST_UNITS)
        if "unavailable" in found:
            tell(f"the kernel's zram is left out: {found['unavailable']}")
            return {"kernel": found}
        return {"kernel": found, "zsmalloc": self.replay("zsmalloc", self.traces["bin"], ["-s", "half", "-s", "most"])}


def main():
    build, out = sys.argv[1], sys.argv[2]
    os.makedirs(out, exist_ok=True)
    children.end_in_order()
    bench, use = Bench(build, out, "--quick" in sys.argv), processors.Use()
    results = {"traces": {name: traces.describe(path) for name, path in bench.traces.items()}, "density": bench.density(),
               "zram": bench.zram(), "instructions": bench.instructions(), "times": bench.times(), "shift": bench.shift(),
               "ways": bench.ways(), "claims": bench.claims(), "pace": bench.pace()}
    results["medians"] = {key: {name: statistics.median(values) for name, values in row.items()}
                          for key, row in results["times"].items()}
    results["processors"] = use.so_far()
    text = report.table(results)
    keep(results, text, out)
    report.draw(results, out)
    print(text)


main()
