#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Measures what programs that know nothing of it lose in compressed memory: each as it is, by `zs swap run`, and, as root, by
the kernel's own swap on a zram device in a memory cgroup with as much and 8 MiB more, by turns.

run_programs.py BUILD_FOLDER OUT_FOLDER [--quick] [--seconds MOST] [PROGRAM...]

Time, what was resident at most, and what the summary says: faults and pages packed. The answers must be the same. There are
three rounds of all programs, as far as they end within 14 minutes; the table tells how many there were. Two programs
are also measured on one processor, with and without: between two, a virtual machine's messages take longer than faults. One that
takes longer than MOST seconds (300) is killed and told of as such. Writes results.json and table.md to OUT_FOLDER.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib")]
import children
import kernel_swap
import processors
import redis_load
import zram
from outcome import keep, middle, tell
from running import MIB, Killed, TooLong, WrongAnswer, run_to_end
from text import markdown, short
from traces import join, text_files
from verdicts import at_least, at_most, verdicts

ROUNDS = 3
ALL_SECONDS = 840
SORT_MIB = 8  # that may be resident
LINE_BYTES = 64
NR_LINES = 4 * SORT_MIB * MIB // LINE_BYTES  # so that the file is four times as large
TEXT_BYTES = 24 << 20  # of which values are pieces, at another place each time
REDIS, OBJECTS_NAME, SORT = "redis-server", "python3, objects", "sort"
BOUND = ", one processor"  # that all threads of a program share, with those that pack for it
PLAIN, OURS, KERNEL = "plain", "ours", "kernel"
WAYS = {PLAIN: "", OURS: ", zs swap run", KERNEL: ", kernel's zram swap"}

OBJECTS = """import gc, random
class Thing: pass
things = []
for i in range(295000):
    thing = Thing(); thing.a = i; thing.b = [i, str(i)]; thing.c = {"k": i}
    things.append(thing)
for k in range(7):
    gc.collect()
    print(sum(x.a + x.b[0] + x.c["k"] for x in things))
random.seed(1)
print(sum(random.choice(things).b[0] for _ in range(20000)))"""

ARRAYS = """import array
a = [array.array("Q", range(i, i + 65536)) for i in range(300)]
print(sum(sum(b) for b in a), sum(memoryview(b)[i] for i, b in enumerate(a)))"""

SQL = """create table t(k integer primary key, v text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 400000)
    insert into t select i, 'the value of row ' || i || ' and some more text' from n;
create index i on t(v); select count(*), sum(length(v)), max(v) from t;
delete from t where k % 3 = 0; vacuum; select count(*), sum(k) from t; pragma integrity_check;"""

NODE = """const a = []; for (let i = 0; i < 150; i++) a.push(Buffer.alloc(1 << 20, "text " + i));
let s = 0; for (const b of a) for (let i = 0; i < b.length; i += 64) s += b[i]; console.log(s)"""

C_LINE = "int f{0}(int a, int b) {{ int c = a * {0}; for (int k = 0; k < b; k++) c += k ^ (a << (k & 7)); return c > {0} ? c - b : c + a; }}\n"


# ---- rounds ----


def text_and_ratio(zs):
    """Text of headers and the like, and how well its pages compress."""
    with tempfile.NamedTemporaryFile() as file:
        join(text_files(), TEXT_BYTES, file)
        file.truncate(TEXT_BYTES)
        found = json.loads(subprocess.run([zs, "trace", "-c", "lz4", "-o", "/dev/null", "--json", file.name], stdout=subprocess.PIPE, check=True).stdout)
        file.seek(0)
        return file.read(), found["units"] * 4096 / found["object_bytes"]


class Bench:
    def __init__(self, build, folder, arguments):
        self.zs, self.folder, self.most_seconds = os.path.join(build, "tools", "zs", "zs"), folder, arguments.seconds
        text, self.ratio = text_and_ratio(self.zs)
        self.text = redis_load.values(text)
        lines, source = os.path.join(folder, "lines"), os.path.join(folder, "many.c")
        with open(lines, "w") as file:
            file.writelines(f"{i * 7919 % 524309:07d} the value of line {i}, and more".ljust(LINE_BYTES - 1, ".") + "\n" for i in range(NR_LINES))
        with open(source, "w") as file:
            file.writelines(C_LINE.format(i) for i in range(1500))
        self.programs = {  # name: (MiB that may be resident, command)
            "python3, arrays": (64, [sys.executable, "-c", ARRAYS]),
            OBJECTS_NAME: (64, [sys.executable, "-c", OBJECTS]),
            SORT: (SORT_MIB, ["env", "LC_ALL=C", "sort", "-S", "400M", lines]),
            "sqlite3": (16, ["sqlite3", ":memory:", SQL]),
            "gcc": (32, ["gcc", "-O1", "-S", "-o", "-", source]),
            "node": (64, ["node", "-e", NODE]),
            REDIS: (64, None)}
        self.programs |= {name + BOUND: self.programs[name] for name in (OBJECTS_NAME, REDIS)}
        self.wanted = [name for name in self.programs if not arguments.program or any(word in name for word in arguments.program)]

    def run(self, name, prefix, enter=None):
        command = self.programs[name][1]
        if BOUND in name:
            prefix = ["taskset", "-c", str(max(os.sched_getaffinity(0))), *prefix]
        if command:
            return run_to_end([*prefix, *command], self.most_seconds, enter)
        return redis_load.serve(prefix, self.folder, self.text, self.most_seconds, enter)

    def limited(self, name, resident):
        with kernel_swap.limited_to(resident) as enter:
            return self.run(name, [], enter)

    def once(self, name, way):
        resident = self.programs[name][0]
        tell(f"{name}{WAYS[way]}")
        if way == KERNEL:
            return kernel_swap.with_swap(lambda: self.limited(name, resident))
        return self.run(name, [self.zs, "swap", "run", "--resident", f"{resident}M", "--"] if way == OURS else [])

    def kernels(self, name, answer):
        """The same, or why there is none."""
        try:
            found = self.once(name, KERNEL)
        except (zram.Unavailable, OSError) as error:
            return {"why": f"not measured: {error}"}
        except Killed:
            return {"why": "killed: out of memory"}
        except TooLong:
            return {"why": "not ended in time"}
        if found.pop("answer") != answer:
            raise WrongAnswer(name)
        return found

    def round(self, name):
        """None: ours takes too long."""
        plain = self.once(name, PLAIN)
        try:
            ours = self.once(name, OURS)
        except TooLong:
            return None
        answer = plain.pop("answer")
        if ours.pop("answer") != answer:
            raise WrongAnswer(name)
        if "faults" not in ours:
            sys.exit(f"bench: {name}: nothing of it was managed")
        return {PLAIN: plain, OURS: ours, KERNEL: self.kernels(name, answer), "times": ours["seconds"] / plain["seconds"]}

    def measure(self, nr_rounds):
        """Round by round, so that each program has one before time is over. One that took too long is not tried again."""
        rounds, cost, deadline = {name: [] for name in self.wanted}, {}, time.monotonic() + ALL_SECONDS
        for name in self.wanted * nr_rounds:
            began = time.monotonic()
            if None in rounds[name] or (name in cost and began + cost[name] > deadline):
                continue
            rounds[name].append(self.round(name))
            cost[name] = time.monotonic() - began
        return {name: collect(self.programs[name][0], found) for name, found in rounds.items()}


def collect(resident, rounds):
    """What each round found, and the middle of them, if ours has ended in all; the kernel's own may have in some."""
    both = [found and {way: found[way] for way in (PLAIN, OURS, "times")} for found in rounds]
    return {"resident_mib": resident, "rounds": rounds, "middle": None if None in rounds else middle(both)}


# ---- telling ----


def of(results, name, figure):
    """The median of what each round says."""
    found = results["programs"].get(name)
    return statistics.median(map(figure, found["rounds"])) if found and found["middle"] else None


def share(figure):
    return lambda found: found["ours"][figure] / found["plain"][figure]


def beyond(results, name, figure):
    """× what may be resident, and what the process has without beyond that, as well compressed as its values' text is."""
    def of_round(found):
        resident = results["programs"][name]["resident_mib"]
        return found["ours"][figure] / (resident + (found["plain"]["peak_mib"] - resident) / results["text_ratio"])
    return of_round


def times(found):
    return found["times"]


def redis_rows(results, name):
    return [at_most(f"{name}: resident in the end, × (limit + cold data / ratio)", 1.08, of(results, name, beyond(results, name, "rss_mib"))),
            at_most("… at its peak", 1.08, of(results, name, beyond(results, name, "peak_mib"))),
            at_least("… values set a second, × without", .6, of(results, name, share("sets_a_second")), 2),
            at_least("… read a second, nine of ten among a tenth, × without", .6, of(results, name, share("hot_gets_a_second")), 2),
            at_least("… read a second, any, × without", .6, of(results, name, share("any_gets_a_second")), 2),
            at_least("… by redis-benchmark, any, × without", .6, of(results, name, share("benchmark_gets_a_second")), 2)]


def objects_row(results, name):
    peak = of(results, name, lambda found: found["plain"]["peak_mib"])
    return at_most(f"{name}, {short(peak, 0) or 'no'} MiB at 64: time, × without", 6, of(results, name, times), 1)


def target_table(results):
    lines = of(results, SORT, lambda found: found["plain"]["peak_mib"])
    rows = [*redis_rows(results, REDIS), *redis_rows(results, REDIS + BOUND), objects_row(results, OBJECTS_NAME),
            objects_row(results, OBJECTS_NAME + BOUND),
            at_most(f"sort, a file of {4 * SORT_MIB} MiB, {short(lines, 0) or 'no'} MiB at {SORT_MIB}: other answers", 0,
                    None if lines is None else 0, 0)]
    return verdicts(rows, f"Rounds by turns, the median of up to {results['rounds']}. The ratio is that of the values' text, in pages by LZ4: "
                    f"{results['text_ratio']:.2f}; cold data is the peak without, less the limit.")


def program_row(name, found):
    all_of = found["middle"]
    if not all_of:
        return [name, found["resident_mib"], len(found["rounds"]) - 1, *[""] * 7, "**not ended in time**"]
    plain, ours = all_of["plain"], all_of["ours"]
    return [name, found["resident_mib"], len(found["rounds"]), short(plain["peak_mib"], 0), short(ours["peak_mib"], 0), short(ours["ratio"], 1),
            short(plain["seconds"], 2), short(ours["seconds"], 2), f"{ours['faults']:,.0f}", f"{ours['packed']:,.0f}", short(all_of["times"], 1)]


def middle_share(rounds, way, figure, digits):
    return short(statistics.median(one[way][figure] / one[PLAIN][figure] for one in rounds), digits)


def kernels_cell(rounds, figure, digits):
    """What the kernel made of it, and in how many of the rounds, if not in all."""
    ended, whys = [one for one in rounds if "why" not in one[KERNEL]], [one[KERNEL]["why"] for one in rounds if "why" in one[KERNEL]]
    of_all = f" (in {len(ended)} of {len(rounds)} rounds; {whys[0]})" if ended and whys else ""
    return middle_share(ended, KERNEL, figure, digits) + of_all if ended else whys[0]


def kernels_rows(name, found):
    def row(label, figure, digits):
        return [label, middle_share(found["rounds"], OURS, figure, digits), kernels_cell(found["rounds"], figure, digits)]

    if not name.startswith(REDIS):
        return [row(f"{name}: time", "seconds", 1)]
    return [row(f"{name}: values set a second", "sets_a_second", 2), row("… read a second, nine of ten among a tenth", "hot_gets_a_second", 2),
            row("… read a second, any", "any_gets_a_second", 2), row("… by redis-benchmark, any", "benchmark_gets_a_second", 2)]


def kernels_table(results):
    rows = [row for name, found in results["programs"].items() if found["middle"] for row in kernels_rows(name, found)]
    return ["### Beside the kernel's own swap", "",
            f"Swap on a zram device with lz4, and a memory cgroup with what may be resident and {kernel_swap.PROGRAM_MIB} MiB more. All × without.", "",
            *markdown(["", "zs swap run", "kernel's zram swap"], rows)]


def table(results):
    head = ["program", "may be resident, MiB", "rounds", "peak without, MiB", "with", "ratio", "seconds without", "with", "faults", "pages packed", "× the time"]
    lines = target_table(results) + processors.line(results) + ["### Programs", ""]
    lines += markdown(head, [program_row(name, found) for name, found in results["programs"].items()])
    return "\n".join(lines + kernels_table(results)) + "\n"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("out")
    parser.add_argument("program", nargs="*", help="part of the names of those to be measured (all)")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--seconds", type=int, default=300, metavar="MOST")
    return parser.parse_intermixed_args()


def main():
    wanted = arguments()
    os.makedirs(wanted.out, exist_ok=True)
    children.end_in_order()
    use, rounds = processors.Use(), 1 if wanted.quick else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(wanted.build, folder, wanted)
        try:
            programs = bench.measure(rounds)
        except WrongAnswer as program:
            sys.exit(f"bench: {program}: a wrong answer")
    results = {"rounds": rounds, "text_ratio": bench.ratio, "programs": programs, "processors": use.so_far()}
    text = table(results)
    keep(results, text, wanted.out)
    print(text)


main()
