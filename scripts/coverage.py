#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""
Which lines of the product were run, by folder, as gcov knows it. A file that is compiled more than once, for several
hosts or tests, counts as one: a line was run if it was in any of them.
  coverage.py [-l] ROOT BUILD LEAST FOLDER...
Exit status 1: one of these folders has less than LEAST percent. -l: tells the lines that were not run, too.
"""
import argparse
import collections
import json
import os
import subprocess
import sys

AT_ONCE = 40  # files for a call of gcov
PARTS = ("src/", "tools/")


def notes_in(build):
    """Each object that was compiled with counters has one."""
    for folder, _, files in os.walk(build):
        for name in files:
            if name.endswith(".gcno"):
                yield os.path.abspath(os.path.join(folder, name))


def reports(notes, build):
    """What gcov says of objects: a JSON text a line. Those whose program never ran have no counts: zeroes."""
    for i in range(0, len(notes), AT_ONCE):
        told = subprocess.run(["gcov", "--json-format", "--stdout", *notes[i:i + AT_ONCE]], cwd=build, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in told.stdout.splitlines():
            if line.strip():
                yield json.loads(line)


def gather(root, build):
    """Whether each line was run, by file. A count may have lost or gained from threads, but is 0 only if there was none."""
    run = collections.defaultdict(dict)
    for report in reports(sorted(notes_in(build)), build):
        for file in report["files"]:
            path = os.path.join(report["current_working_directory"], file["file"])
            path = os.path.relpath(os.path.realpath(path), root)
            if path.startswith(PARTS):
                for line in file["lines"]:
                    number = line["line_number"]
                    run[path][number] = run[path].get(number, False) or line["count"] != 0
    return run


def ranges(numbers):
    """As 3-5, 9."""
    found = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{a}-{b}" if a < b else f"{a}" for a, b in found)


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-l", action="store_true")
    parser.add_argument("root")
    parser.add_argument("build")
    parser.add_argument("least", type=float)
    parser.add_argument("folders", nargs="+")
    wanted = parser.parse_args()
    run = gather(os.path.realpath(wanted.root), wanted.build)
    lines, hit = collections.Counter(), collections.Counter()
    for path, found in run.items():
        lines[os.path.dirname(path)] += len(found)
        hit[os.path.dirname(path)] += sum(found.values())
    if wanted.l:
        for path, found in sorted(run.items()):
            if not all(found.values()):
                print(f"{path}: {ranges(n for n in found if not found[n])}")
    print(f"{'folder':<20} {'lines':>8} {'run':>8} {'percent':>8}")
    for folder in sorted(lines):
        print(f"{folder:<20} {lines[folder]:8} {hit[folder]:8} {100 * hit[folder] / lines[folder]:8.1f}")
    poor = [folder for folder in wanted.folders if 100 * hit[folder] < wanted.least * max(lines[folder], 1)]
    for folder in poor:
        print(f"coverage: {folder} is below {wanted.least:g} %")
    return 1 if poor else 0


sys.exit(main())
