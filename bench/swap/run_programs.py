#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Measures what programs that know nothing of it lose in compressed memory: each as it is and by `zs swap run`, by turns.

run_programs.py BUILD_FOLDER OUT_FOLDER [--quick] [--seconds MOST] [PROGRAM...]

Time, what was resident at most, and what the summary says: faults and pages packed. The answers must be the same. Rounds
are pairs of all programs, three as far as they end within 14 minutes; the table tells how many pairs there were. Two programs
are also measured on one processor, with and without: between two, a virtual machine's messages take longer than faults. One that
takes longer than MOST seconds (300) is killed and told of as such. Writes results.json and table.md to OUT_FOLDER.
"""
import argparse
import contextlib
import csv
import hashlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib")]
import children
import processors
from outcome import keep, middle, tell
from text import markdown, short
from traces import join, text_files
from verdicts import at_least, at_most, verdicts

ROUNDS = 3
ALL_SECONDS = 840
MIB = 1 << 20
SORT_MIB = 8  # that may be resident
LINE_BYTES = 64
NR_LINES = 4 * SORT_MIB * MIB // LINE_BYTES  # so that the file is four times as large
NR_VALUES, NR_GETS, VALUE_BYTES = 150_000, 150_000, 1024
NR_ASKED = 100_000  # by redis-benchmark
TEXT_BYTES = 24 << 20  # of which values are pieces, at another place each time
REDIS, OBJECTS_NAME, SORT = "redis-server", "python3, objects", "sort"
BOUND = ", one processor"  # that all threads of a program share, with those that pack for it
PIPELINE = 64  # requests that a client sends at once
SUMMARY = re.compile(r"^zs swap: .* \((\d+)\): peak ([\d.]+) MiB, resident ([\d.]+) of .*?, ([\d.]+) MiB in a pool of ([\d.]+) MiB "
                     r"\(ratio ([\d.]+)\).*; (\d+) faults, (\d+) pages packed", re.M)

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


class TooLong(Exception):
    pass


# ---- running ----


def status_of(pid, word):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(word))


def peak_of(pid):
    """Of a process and all its children the largest VmHWM so far."""
    most = 0
    with contextlib.suppress(OSError, ValueError, StopIteration):
        most = status_of(pid, "VmHWM:")
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            most = max([most, *(peak_of(int(child)) for child in file.read().split())])
    return most


def kill(child):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def summary_of(text):
    """Of several processes the one that had most faults."""
    found = [[float(word) for word in match.groups()] for match in SUMMARY.finditer(text)]
    if not found:
        return {}
    _, peak, resident, away, pool, ratio, faults, packed = max(found, key=lambda one: one[6])
    return {"peak_mib": peak, "resident_mib": resident, "away_mib": away, "pool_mib": pool, "ratio": ratio, "faults": faults, "packed": packed}


def run_to_end(command, most_seconds):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began, peak = time.monotonic(), 0
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        try:
            while child.poll() is None:
                peak = max(peak, peak_of(child.pid))
                if time.monotonic() - began > most_seconds:
                    raise TooLong
                time.sleep(.01)
            seconds = time.monotonic() - began
        finally:
            kill(child)
        out.seek(0)
        err.seek(0)
        said = err.read().decode(errors="replace")
        if child.returncode:
            sys.exit(f"bench: exit status {child.returncode} of {' '.join(command)[:200]}: {said[-300:]}")
        answer = hashlib.sha256(out.read()).hexdigest()
    return {"seconds": seconds, "peak_mib": peak / MIB, "answer": answer, **summary_of(said)}


# ---- redis-server ----


def text_and_ratio(zs):
    """Text of headers and the like, and how well its pages compress."""
    with tempfile.NamedTemporaryFile() as file:
        join(text_files(), TEXT_BYTES, file)
        file.truncate(TEXT_BYTES)
        found = json.loads(subprocess.run([zs, "trace", "-c", "lz4", "-o", "/dev/null", "--json", file.name], stdout=subprocess.PIPE, check=True).stdout)
        file.seek(0)
        return file.read(), found["units"] * 4096 / found["object_bytes"]


def values(text):
    """Each is another piece of the text."""
    places = (at * VALUE_BYTES % (len(text) - VALUE_BYTES) for at in range(NR_VALUES))
    return [text[at:at + VALUE_BYTES] for at in places]


def request(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Client:
    def __init__(self, path, most_seconds):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(most_seconds)
        self.socket.connect(path)
        self.answers = self.socket.makefile("rb")

    def answer(self):
        line = self.answers.readline()
        return self.answers.read(int(line[1:]) + 2)[:-2] if line[:1] == b"$" and line != b"$-1\r\n" else line[:-2]

    def ask(self, requests, expected):
        """Requests a second."""
        began = time.monotonic()
        for at in range(0, len(requests), PIPELINE):
            self.socket.sendall(b"".join(requests[at:at + PIPELINE]))
            for one in expected[at:at + PIPELINE]:
                if self.answer() != one:
                    sys.exit("bench: redis-server gives a wrong answer")
        return len(requests) / (time.monotonic() - began)


def picks(text, hot_share):
    """Values that are read: any, or nine of ten times one of the first hot_share of them."""
    chance = random.Random(1)
    hot = int(len(text) * hot_share)
    return [chance.randrange(hot if hot and chance.random() < .9 else len(text)) for _ in range(NR_GETS)]


def connect(child, path, most_seconds):
    for _ in range(1000):
        if os.path.exists(path) or child.poll() is not None:
            break
        time.sleep(.01)
    return Client(path, most_seconds)


def key(i):
    return b"key:%012d" % i  # as redis-benchmark calls them


def ask_by_benchmark(path, most_seconds):
    """What redis-benchmark makes of reading any of the values, with its defaults: 50 clients, each a request at a time."""
    command = ["redis-benchmark", "-s", path, "-t", "get", "-n", str(NR_ASKED), "-r", str(NR_VALUES), "--csv"]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True, timeout=most_seconds).stdout
    return next(float(row["rps"]) for row in csv.DictReader(out.splitlines()) if row["test"] == "GET")


def ask_all(client, path, text, most_seconds):
    found = {"sets_a_second": client.ask([request(b"SET", key(i), one) for i, one in enumerate(text)], [b"+OK"] * len(text))}
    for name, hot_share in (("hot_gets_a_second", .1), ("any_gets_a_second", 0)):
        wanted = picks(text, hot_share)
        found[name] = client.ask([request(b"GET", key(i)) for i in wanted], [text[i] for i in wanted])
    found["benchmark_gets_a_second"] = ask_by_benchmark(path, most_seconds)
    client.ask([request(b"GET", key(i)) for i in range(len(text))], text)  # all is right afterwards
    return found


def serve(prefix, folder, text, most_seconds):
    path = os.path.join(folder, "redis.sock")
    with tempfile.TemporaryFile() as err:
        child = subprocess.Popen([*prefix, "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True)
        try:
            client = connect(child, path, most_seconds)
            began = time.monotonic()
            found = {**ask_all(client, path, text, most_seconds), "seconds": time.monotonic() - began,
                     "peak_mib": peak_of(child.pid) / MIB, "rss_mib": status_of(child.pid, "VmRSS:") / MIB}
            client.socket.sendall(request(b"SHUTDOWN", b"NOSAVE"))
            child.wait(most_seconds)
        except (socket.timeout, subprocess.TimeoutExpired) as error:
            raise TooLong from error
        finally:
            kill(child)
        err.seek(0)
        return {**found, "answer": "", **summary_of(err.read().decode(errors="replace"))}


# ---- rounds ----


class Bench:
    def __init__(self, build, folder, arguments):
        self.zs, self.folder, self.most_seconds = os.path.join(build, "tools", "zs", "zs"), folder, arguments.seconds
        text, self.ratio = text_and_ratio(self.zs)
        self.text = values(text)
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

    def once(self, name, is_ours):
        resident, command = self.programs[name]
        prefix = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if BOUND in name else []
        prefix += [self.zs, "swap", "run", "--resident", f"{resident}M", "--"] if is_ours else []
        tell(f"{name}{', zs swap run' if is_ours else ''}")
        if command:
            return run_to_end([*prefix, *command], self.most_seconds)
        return serve(prefix, self.folder, self.text, self.most_seconds)

    def pair(self, name):
        """None: ours takes too long."""
        plain = self.once(name, False)
        try:
            ours = self.once(name, True)
        except TooLong:
            return None
        if plain.pop("answer") != ours.pop("answer"):
            sys.exit(f"bench: {name}: another answer")
        if "faults" not in ours:
            sys.exit(f"bench: {name}: nothing of it was managed")
        return {"plain": plain, "ours": ours, "times": ours["seconds"] / plain["seconds"]}

    def measure(self, rounds):
        """Round by round, so that each program has one before time is over. One that took too long is not tried again."""
        pairs, cost, deadline = {name: [] for name in self.wanted}, {}, time.monotonic() + ALL_SECONDS
        for name in self.wanted * rounds:
            began = time.monotonic()
            if None in pairs[name] or (name in cost and began + cost[name] > deadline):
                continue
            pairs[name].append(self.pair(name))
            cost[name] = time.monotonic() - began
        return {name: {"resident_mib": self.programs[name][0], "pairs": found, "middle": None if None in found else middle(found)}
                for name, found in pairs.items()}


# ---- telling ----


def of(results, name, figure):
    found = results["programs"].get(name)
    return figure(found["middle"]) if found and found["middle"] else None


def share(figure):
    return lambda found: found["ours"][figure] / found["plain"][figure]


def beyond(results, name, figure):
    """× what may be resident, and what the process has without beyond that, as well compressed as its values' text is."""
    def of_pair(found):
        resident = results["programs"][name]["resident_mib"]
        return found["ours"][figure] / (resident + (found["plain"]["peak_mib"] - resident) / results["text_ratio"])
    return of_pair


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
    return verdicts(rows, f"Pairs by turns, the median of up to {results['rounds']}. The ratio is that of the values' text, in pages by LZ4: "
                    f"{results['text_ratio']:.2f}; cold data is the peak without, less the limit.")


def program_row(name, found):
    all_of = found["middle"]
    if not all_of:
        return [name, found["resident_mib"], len(found["pairs"]) - 1, *[""] * 7, "**not ended in time**"]
    plain, ours = all_of["plain"], all_of["ours"]
    return [name, found["resident_mib"], len(found["pairs"]), short(plain["peak_mib"], 0), short(ours["peak_mib"], 0), short(ours["ratio"], 1),
            short(plain["seconds"], 2), short(ours["seconds"], 2), f"{ours['faults']:,.0f}", f"{ours['packed']:,.0f}", short(all_of["times"], 1)]


def table(results):
    head = ["program", "may be resident, MiB", "pairs", "peak without, MiB", "with", "ratio", "seconds without", "with", "faults", "pages packed", "× the time"]
    lines = target_table(results) + processors.line(results)
    return "\n".join(lines + markdown(head, [program_row(name, found) for name, found in results["programs"].items()])) + "\n"


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
        programs = bench.measure(rounds)
    results = {"rounds": rounds, "text_ratio": bench.ratio, "programs": programs, "processors": use.so_far()}
    text = table(results)
    keep(results, text, wanted.out)
    print(text)


main()
