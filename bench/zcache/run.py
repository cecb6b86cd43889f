#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Measures how many bytes of values a cache holds for each byte that its process grows by: this library's, memcached and
redis. 100,000 values of 300 to 3500 bytes that do not compress are put; 200,000 random ones overwritten; 70 % dropped.

run.py BUILD_FOLDER OUT_FOLDER [--quick]

The library is in the program zcache-density, the servers are asked over unix sockets. Writes results.json and table.md to
OUT_FOLDER, and the table to standard output.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import children
import processors
import servers
from outcome import keep, middle, tell
from text import markdown, short
from verdicts import at_least, verdicts

OURS = "libzcache"
ROUNDS = 3
VALUES, OVERWRITES, PERCENT = 100000, 200000, 70
STATES = {"fresh": ("put", .93), "overwritten": ("overwritten", .93), "dropped": (f"{PERCENT} % dropped", .85)}
MOST_SECONDS = 300


def library(program, seed):
    command = [program, "-n", str(VALUES), "-o", str(OVERWRITES), "-d", str(PERCENT), "-r", str(seed)]
    return json.loads(children.output(command, seconds=MOST_SECONDS))


def server(kind, seed):
    try:
        return servers.measure(kind(), VALUES, OVERWRITES, PERCENT, seed)
    except (OSError, RuntimeError) as error:
        return {"unavailable": str(error)}


def one_round(program, number, count):
    tell(f"round {number} of {count}")
    return {OURS: library(program, number), **{kind.name: server(kind, number) for kind in servers.KINDS}}


def collect(rounds):
    missing = {name: found["unavailable"] for one in rounds for name, found in one.items() if "unavailable" in found}
    there = [name for name in rounds[0] if name not in missing]
    return {"density": {name: middle([one[name] for one in rounds]) for name in there}, "rounds": rounds, "unavailable": missing}


def table(results):
    found = results["density"]
    targets = [at_least(f"bytes of values a byte, {label}", target, found[OURS][state]["density"], 3)
               for state, (label, target) in STATES.items()]
    lines = verdicts(targets, f"{VALUES:,} values of {servers.LEAST} to {servers.MOST} bytes, {OVERWRITES:,} overwritten, {PERCENT} % dropped; "
                              f"medians of {len(results['rounds'])} rounds.")
    rows = [[label, *(short(found[name][state]["density"]) for name in found)] for state, (label, _) in STATES.items()]
    lines += processors.line(results)
    lines += ["### Bytes of values for each byte of the process's growth", ""] + markdown(["", *found], rows)
    lines += [f"{name}: not measured, {why}." for name, why in results["unavailable"].items()]
    return "\n".join(lines) + "\n"


def main():
    build, out = sys.argv[1], sys.argv[2]
    os.makedirs(out, exist_ok=True)
    children.end_in_order()
    use, count = processors.Use(), 1 if "--quick" in sys.argv else ROUNDS
    rounds = [one_round(os.path.join(build, "bench", "zcache-density"), number + 1, count) for number in range(count)]
    results = {**collect(rounds), "processors": use.so_far()}
    text = table(results)
    keep(results, text, out)
    print(text)


main()
