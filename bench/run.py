#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Measures zsmalloc and other allocators on the same traces, one after the other in each round, and tells medians.

run.py BUILD_FOLDER OUT_FOLDER [--quick]

Writes results.json, table.md and drawings to OUT_FOLDER, and the table to standard output.
"""
import json
import os
import re
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import peers
import report
import traces

OBJECTS = 150000
SMALL_POOLS = [1000, 5000, 20000]
LIVE = 160000  # where time is measured
OPERATIONS = 1000000
ROUNDS = 5
KINDS = [("fill", 1), ("replace", 1), ("replace-write", 1), ("read", 1), ("touch", 1), ("hot-pair", 1), ("free", 1), ("free-bulk", 1),
         ("replace", 2), ("replace-write", 2), ("read", 2)]
COUNTED = ["replace", "map"]
COUNTED_OBJECTS, COUNTED_OPERATIONS = 40000, 200000


def tell(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, build, out, quick):
        self.zs = os.path.join(build, "tools/zs/zs")
        self.speed = {True: os.path.join(build, "bench/speed-zsmalloc"), False: os.path.join(build, "bench/speed-malloc")}
        self.mallocs = peers.mallocs()
        self.rounds = 1 if quick else ROUNDS
        self.traces = traces.make(self.zs, out)

    def replay(self, name, trace, arguments):
        options, environment = peers.REPLAY_OPTIONS.get(name, ["--malloc"]), self.mallocs.get(name)
        done = subprocess.run([self.zs, "replay", "--json", *options, *arguments, trace], env=environment,
                              stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

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
            found["proc"][str(number)] = {name: self.replay(name, self.traces["proc"], ["-n", str(number), "-s", "half"])
                                          for name in self.names()}
        return found

    def command(self, name, kind, threads, objects, operations):
        ours = name in peers.FLAGS
        arguments = ["-t", self.traces["proc"], "-n", str(objects), "-o", str(operations), "-j", str(threads)]
        if ours:
            arguments += ["-f", str(peers.FLAGS[name])]
        return [self.speed[ours], *arguments, kind], self.mallocs.get(name)

    def time_one(self, name, kind, threads):
        command, environment = self.command(name, kind, threads, LIVE, OPERATIONS)
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
        return float(done.stdout.split()[1])

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
        command, environment = self.command(name, kind, 1, COUNTED_OBJECTS, COUNTED_OPERATIONS)
        function = "measured_" + kind.replace("-", "_")
        done = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={function}",
                               "--callgrind-out-file=/dev/null", *command], env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        match = re.search(r"Collected : (\d+)", done.stderr)
        return int(match[1]) / COUNTED_OPERATIONS if match else None

    def instructions(self):
        """Instructions an operation, with the call itself, less those of the same loop without calls."""
        found = {}
        for kind in COUNTED:
            found[kind] = {}
            for name in ["zsmalloc", *self.mallocs] if kind != "map" else ["zsmalloc"]:
                tell(f"instructions: {kind}, {name}")
                all_of_it, loop = self.count_one(name, kind), self.count_one(name, "nothing-" + kind)
                found[kind][name] = all_of_it - loop if all_of_it and loop else None
        return found


def main():
    build, out = sys.argv[1], sys.argv[2]
    os.makedirs(out, exist_ok=True)
    bench = Bench(build, out, "--quick" in sys.argv)
    results = {"traces": {name: traces.describe(path) for name, path in bench.traces.items()}, "density": bench.density(),
               "instructions": bench.instructions(), "times": bench.times()}
    results["medians"] = {key: {name: statistics.median(values) for name, values in row.items()}
                          for key, row in results["times"].items()}
    with open(os.path.join(out, "results.json"), "w") as file:
        json.dump(results, file, indent=1)
    text = report.table(results)
    with open(os.path.join(out, "table.md"), "w") as file:
        file.write(text)
    report.draw(results, out)
    print(text)


main()
