#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Measures the cached disk beside nbdkit's own cache filter and a plain LRU of the same memory, in front of a disk that
takes a millisecond for each read. In each round each has its turn; told are medians.

disk.py BUILD_FOLDER OUT_FOLDER [--quick]

The disk is every fourth MiB of the image of bench/disk (BUILD_FOLDER/results/image, made if it is not there), served by
nbdkit with its delay filter over a unix socket; memory for a cache is a quarter of that. disk-client (bench/disk) reads
random pages of 4 KiB, all alike or as Zipf's law has it, until the cache is what it will be, and is timed then. What is
missed is counted at the disk behind, for all alike.

Writes results.json and table.md to OUT_FOLDER, and the table to standard output.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "disk"), os.path.join(os.path.dirname(HERE), "lib")]
import cached
import children
import disk_tables
import image
import processors
from outcome import keep, middle, tell

ROUNDS = 3
SAMPLE_PART, CACHE_PART = 4, 4
PATTERNS = {"uniform": (), "zipf": ("-z", ".99")}
DEPTHS = (1, 4, 16)
SECONDS = 2
WARM_DEPTH = cached.THREADS
WARM_PASSES = {"uniform": 2, "zipf": 6}  # reads for each page of the disk: what is used most is found out slowly
WARM_SECONDS = 25  # at most; what holds a lock while it reads is full then, and was filled again
MOST_SECONDS = 120  # of any program that is started


class Bench:
    def __init__(self, build, out, quick):
        self.build, self.rounds = os.path.abspath(build), 1 if quick else ROUNDS
        self.program = os.path.join(build, "bench", "disk-client")
        whole = os.path.join(build, "results")
        os.makedirs(whole, exist_ok=True)
        self.image = os.path.abspath(image.sample(image.make(whole), out, SAMPLE_PART))
        self.bytes = os.path.getsize(self.image)
        self.cache_bytes = self.bytes // CACHE_PART
        self.kinds = cached.parameters(build, self.cache_bytes)
        self.seed = 0

    def client(self, front, pattern, *options):
        """What disk-client tells of other random reads than those before."""
        self.seed += 1
        command = [self.program, "-u", front.socket, "-i", self.image, "-r", self.seed, *PATTERNS[pattern], *options, "read"]
        return json.loads(children.output([str(word) for word in command], seconds=MOST_SECONDS))

    def timed(self, front, slow, pattern, depth):
        misses, busy = slow.reads(), front.processor_seconds()
        told = self.client(front, pattern, "-q", depth, "-s", SECONDS)
        return {**told, "misses": slow.reads() - misses, "server_us": (front.processor_seconds() - busy) * 1e6 / told["requests"]}

    def warm_up(self, front, pattern):
        reads = WARM_PASSES[pattern] * self.bytes // cached.PAGE
        if front.name != cached.NO_CACHE:
            self.client(front, pattern, "-q", WARM_DEPTH, "-n", reads, "-s", WARM_SECONDS)

    def patterned(self, front, slow, pattern):
        """Warmed up, then timed; the share of hits is of all that was timed."""
        self.warm_up(front, pattern)
        before = front.figures()
        found = {str(depth): self.timed(front, slow, pattern, depth) for depth in DEPTHS}
        misses, reads = (sum(one[key] for one in found.values()) for key in ("misses", "requests"))
        ours = {"own": disk_tables.own_figures(before, front.figures())} if before else {}
        return {"hits": 1 - misses / reads, "misses": misses / reads, "timed": found, **ours}

    def measure(self, name):
        with cached.running(name, self.kinds[name], self.image, self.build) as (front, slow):
            before = front.memory_bytes()
            found = {pattern: self.patterned(front, slow, pattern) for pattern in PATTERNS}
            return {**found, "grown_bytes": front.memory_bytes() - before}

    def round(self, number):
        """What each of them gave, by name."""
        found = {}
        for name in self.kinds:
            tell(f"round {number + 1} of {self.rounds}: {name}")
            found[name] = self.measure(name)
        return found


def main():
    build, out = sys.argv[1], sys.argv[2]
    os.makedirs(out, exist_ok=True)
    children.end_in_order()
    bench, use = Bench(build, out, "--quick" in sys.argv), processors.Use()
    rounds = [bench.round(number) for number in range(bench.rounds)]
    results = {"disk_bytes": bench.bytes, "cache_bytes": bench.cache_bytes, "rounds": rounds,
               "medians": {name: middle([one[name] for one in rounds]) for name in rounds[0]}, "processors": use.so_far()}
    text = disk_tables.table(results)
    keep(results, text, out)
    print(text)


main()
