#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Measures the compressed RAM disk beside nbdkit's memory plugin with each of its allocators, and beside the kernel's
zram: memory and speed, on an image of this machine's files. In each round each has its turn; told are medians.

run.py BUILD_FOLDER OUT_FOLDER [--quick]

Through nbdkit: nbdcopy writes and reads the image, disk-client (client.c) reads and writes random pages; in the first
round the image is written three times, fio reads too if there is one, and the compressing ones are aged: random
overwrites and trims. Without a server: disk-direct (direct.c) on the engine, and on a zram device of our own; and disk-policies (policies.c),
on the engine that packs itself tighter.

Writes results.json, table.md and drawings to OUT_FOLDER, and the table to standard output. The image stays there.
"""
import json
import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import children
import image
import processors
import server
import tables
import zram
from outcome import keep, middle, tell
from text import ZRAM

ROUNDS = 3
WRITES = 3
RANDOM_SECONDS = 2
DEPTHS = (1, 16)
OVERWRITTEN_SHARE, TRIMMED_SHARE = .25, .44  # as direct.c has them
AGED = (server.ZSTD_ALLOCATOR, server.LZ4)
AGED_SECONDS = 5
OVERWRITTEN_MINUTES = 2  # of a clock that disk-policies turns
MOST_SECONDS = 300  # of any program that is started


def output(command):
    return children.output([str(word) for word in command], seconds=MOST_SECONDS)


class Bench:
    def __init__(self, build, out, quick):
        self.direct_program, self.client_program = (os.path.join(build, "bench", name) for name in ("disk-direct", "disk-client"))
        self.policies_program, self.out = os.path.join(build, "bench", "disk-policies"), out
        self.rounds = 1 if quick else ROUNDS
        self.image = image.make(out)
        self.bytes = os.path.getsize(self.image)
        self.plugins = server.parameters(build)

    # ---- through nbdkit ----

    def copy(self, source, destination):
        """MB/s."""
        began = time.monotonic()
        output(["nbdcopy", source, destination])
        return self.bytes / 1e6 / (time.monotonic() - began)

    def client(self, disk, kind, *options):
        """What disk-client tells, and the processor time of the server for each request."""
        before = disk.processor_seconds()
        told = json.loads(output([self.client_program, "-u", disk.socket, "-i", self.image, *options, kind]))
        return {**told, "server_us": (disk.processor_seconds() - before) * 1e6 / told["requests"]}

    def fio(self, disk, depth):
        """Random reads a second by a client of others' making."""
        told = output(["fio", "--name=read", "--ioengine=nbd", f"--uri={disk.uri}", "--rw=randread", "--bs=4k", f"--iodepth={depth}",
                       "--time_based", f"--runtime={RANDOM_SECONDS}", "--output-format=json"])
        return json.loads(told[told.index("{"):])["jobs"][0]["read"]["iops"]  # messages come first

    def served_speed(self, disk):
        found = {"read_mb_s": self.copy(disk.uri, "null:")}
        for kind in ("read", "write"):
            for depth in DEPTHS:
                found[f"random_{kind}/{depth}"] = self.client(disk, kind, "-q", depth, "-s", RANDOM_SECONDS)
        return found

    def served_memory(self, disk, before):
        """After the first write; writes the image again so often."""
        found = [{**disk.memory(), "accounted": disk.accounted_bytes()}]
        for _ in range(WRITES - 1):
            self.copy(self.image, disk.uri)
            found.append({**disk.memory(), "accounted": disk.accounted_bytes()})
        return {"before": before, "written": found}

    def served_age(self, disk):
        """Resident bytes after random overwrites and trims, at once and later."""
        found = {}
        self.copy(self.image, disk.uri)
        for name, kind, share in (("overwritten", "write", OVERWRITTEN_SHARE), ("trimmed", "trim", TRIMMED_SHARE)):
            self.client(disk, kind, "-q", max(DEPTHS), "-n", int(share * self.bytes / 4096))
            found[name] = [disk.memory()]
            time.sleep(AGED_SECONDS)
            found[name].append(disk.memory())
        return found

    def served(self, name, is_first):
        with server.serve(self.plugins[name], self.bytes) as disk:
            before = disk.memory()
            found = {"speed": {"write_mb_s": self.copy(self.image, disk.uri)}}
            if is_first:
                found["memory"] = self.served_memory(disk, before)
            found["speed"].update(self.served_speed(disk))
            if is_first and name in AGED:
                found["aged"] = self.served_age(disk)
            if is_first and shutil.which("fio"):
                found["fio"] = {str(depth): self.fio(disk, depth) for depth in DEPTHS}
        return found

    # ---- without a server ----

    def direct(self, is_first, *options):
        options += ("-w", WRITES, "-a") if is_first else ("-w", 1)
        return json.loads(output([self.direct_program, "-i", self.image, "-j", server.THREADS, *options]))

    def on_device(self, device, is_first):
        algorithm = device.set_up(self.bytes // zram.PAGE)
        return {"algorithm": algorithm, **self.direct(is_first, "-d", device.node)}

    def kernel(self, is_first):
        try:
            zram.check(self.bytes // zram.PAGE)
            return zram.with_device(lambda device: self.on_device(device, is_first))
        except (zram.Unavailable, OSError) as error:
            return {"unavailable": str(error)}

    def policies(self):
        """What the disk comes to that packs itself tighter, without and with deduplication, and in larger units."""
        found = {}
        for name, options in (("recompress", ()), ("recompress, dedup", ("-d",)), ("recompress, 64 KiB", ("-u", 64))):
            tell(f"policies: {name}")
            found[name] = json.loads(output([self.policies_program, "-i", self.image, "-b", self.out, "-m", OVERWRITTEN_MINUTES, *options]))
        return found

    # ---- all ----

    def round(self, number):
        """What each of them gave, by name."""
        found, is_first = {"served": {}, "direct": {}}, number == 0
        for name in self.plugins:
            tell(f"round {number + 1} of {self.rounds}: nbdkit, {name}")
            found["served"][name] = self.served(name, is_first)
        for name, codec in ((server.LZ4, "lz4"), (server.ZSTD, "zstd")):
            tell(f"round {number + 1} of {self.rounds}: in process, {name}")
            found["direct"][name] = self.direct(is_first, "-c", codec)
        tell(f"round {number + 1} of {self.rounds}: {ZRAM}")
        found["direct"][ZRAM] = self.kernel(is_first)
        return found


def collect(rounds):
    """Of the first round what only it has; of speeds the medians, and each round's as they were."""
    first = rounds[0]
    direct = {name: run for name, run in first["direct"].items() if "unavailable" not in run}
    speeds = {"served": {name: [one["served"][name]["speed"] for one in rounds] for name in first["served"]},
              "direct": {name: [tables.speed_of_direct(one["direct"][name]) for one in rounds] for name in direct}}
    medians = {way: {name: middle(runs) for name, runs in of_way.items()} for way, of_way in speeds.items()}
    once = {key: {name: found[key] for name, found in first["served"].items() if key in found} for key in ("memory", "aged", "fio")}
    return {"rounds": speeds, "medians": medians, **once,
            "direct": direct, "codec": {name: middle([one["direct"][name]["codec"] for one in rounds])
                                        for name, run in direct.items() if "codec" in run},
            "unavailable": {name: run["unavailable"] for name, run in first["direct"].items() if "unavailable" in run}}


def main():
    build, out = sys.argv[1], sys.argv[2]
    os.makedirs(out, exist_ok=True)
    children.end_in_order()
    bench, use = Bench(build, out, "--quick" in sys.argv), processors.Use()
    rounds = [bench.round(number) for number in range(bench.rounds)]
    results = {"image_bytes": bench.bytes, "threads": server.THREADS, **collect(rounds), "policies": bench.policies(), "processors": use.so_far()}
    text = tables.table(results)
    keep(results, text, out)
    tables.draw(results, out)
    print(text)


main()
