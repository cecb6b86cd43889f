#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Measures what programs that know nothing of it lose in compressed memory: each as it is and by `zs swap run`, by turns.

run_programs.py BUILD_FOLDER OUT_FOLDER [--quick] [--seconds MOST] [PROGRAM...]

Time, what was resident at most, and what the summary says: faults and pages packed. The answers must be the same. One
that takes longer than MOST seconds (300) is killed and told of as such. Writes results.json and table.md to OUT_FOLDER.
"""
import argparse
import contextlib
import hashlib
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
MIB = 1 << 20
NR_LINES = 1_000_000
NR_VALUES, NR_GETS, VALUE_BYTES = 150_000, 150_000, 1024
TEXT_BYTES = 24 << 20  # of which values are pieces, at another place each time
REDIS = "redis-server"
PIPELINE = 64  # requests that a client sends at once
SUMMARY = re.compile(r"^zs swap: .* \((\d+)\): peak ([\d.]+) MiB, resident ([\d.]+) of .*?, ([\d.]+) MiB in a pool of ([\d.]+) MiB "
                     r"\(ratio ([\d.]+)\).*; (\d+) faults, (\d+) pages packed", re.M)

OBJECTS = """import gc, random
class Thing: pass
things = []
for i in range(270000):
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


def peak_of(pid):
    """Of a process and all its children the largest VmHWM so far."""
    most = 0
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/status") as file:
            most = max((int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:")), default=0)
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


def values():
    """Text of headers and the like, of which each value is another piece."""
    with tempfile.TemporaryFile() as file:
        join(text_files(), TEXT_BYTES, file)
        file.seek(0)
        text = file.read(TEXT_BYTES)
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


def ask_all(client, text):
    found = {"sets_a_second": client.ask([request(b"SET", b"key:%d" % i, one) for i, one in enumerate(text)], [b"+OK"] * len(text))}
    for name, hot_share in (("hot_gets_a_second", .1), ("any_gets_a_second", 0)):
        wanted = picks(text, hot_share)
        found[name] = client.ask([request(b"GET", b"key:%d" % i) for i in wanted], [text[i] for i in wanted])
    return found


def serve(prefix, folder, text, most_seconds):
    path = os.path.join(folder, "redis.sock")
    with tempfile.TemporaryFile() as err:
        child = subprocess.Popen([*prefix, "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True)
        try:
            client = connect(child, path, most_seconds)
            began = time.monotonic()
            found = {**ask_all(client, text), "seconds": time.monotonic() - began, "peak_mib": peak_of(child.pid) / MIB}
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
        self.text = values()
        lines, source = os.path.join(folder, "lines"), os.path.join(folder, "many.c")
        with open(lines, "w") as file:
            file.writelines(f"{i * 7919 % 1000003} the value of line {i}, and some more text to it\n" for i in range(NR_LINES))
        with open(source, "w") as file:
            file.writelines(C_LINE.format(i) for i in range(1500))
        self.programs = {  # name: (MiB that may be resident, command)
            "python3, arrays": (64, [sys.executable, "-c", ARRAYS]),
            "python3, objects": (64, [sys.executable, "-c", OBJECTS]),
            "sort, one thread": (24, ["sort", "-S", "200M", "--parallel=1", "-n", lines]),
            "sort, two threads": (24, ["sort", "-S", "200M", "--parallel=2", "-n", lines]),
            "sqlite3": (16, ["sqlite3", ":memory:", SQL]),
            "gcc": (32, ["gcc", "-O1", "-S", "-o", "-", source]),
            "node": (64, ["node", "-e", NODE]),
            REDIS: (64, None)}
        self.wanted = [name for name in self.programs if not arguments.program or any(word in name for word in arguments.program)]

    def once(self, name, is_ours):
        resident, command = self.programs[name]
        prefix = [self.zs, "swap", "run", "--resident", f"{resident}M", "--"] if is_ours else []
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

    def measure(self, name, rounds):
        pairs = []
        while len(pairs) < rounds and None not in pairs:
            pairs.append(self.pair(name))
        return {"resident_mib": self.programs[name][0], "pairs": pairs, "middle": None if None in pairs else middle(pairs)}


# ---- telling ----


def of(results, name, figure):
    found = results["programs"].get(name)
    return figure(found["middle"]) if found and found["middle"] else None


def share(figure):
    return lambda found: found["ours"][figure] / found["plain"][figure]


def beyond(found):
    """What the process has, of what may be resident and the pool."""
    return found["ours"]["peak_mib"] / (found["ours"]["resident_mib"] + found["ours"]["pool_mib"])


def target_table(results):
    rows = [at_most("redis-server: peak, × (resident + cold data / ratio)", 1.08, of(results, REDIS, beyond)),
            at_least("… values set a second, × without", .6, of(results, REDIS, share("sets_a_second")), 2),
            at_least("… read a second, nine of ten among a tenth, × without", .6, of(results, REDIS, share("hot_gets_a_second")), 2),
            at_least("… read a second, any, × without", .6, of(results, REDIS, share("any_gets_a_second")), 2),
            at_most("python3, 140 MiB of objects: time, × without", 6, of(results, "python3, objects", lambda found: found["times"]), 1)]
    return verdicts(rows, f"Pairs by turns, the median of {results['rounds']}. The ratio is the pool's, with its tables and what it wastes.")


def program_row(name, found):
    all_of = found["middle"]
    if not all_of:
        return [name, found["resident_mib"], *[""] * 7, "**not ended in time**"]
    plain, ours = all_of["plain"], all_of["ours"]
    return [name, found["resident_mib"], short(plain["peak_mib"], 0), short(ours["peak_mib"], 0), short(ours["ratio"], 1),
            short(plain["seconds"], 2), short(ours["seconds"], 2), f"{ours['faults']:,.0f}", f"{ours['packed']:,.0f}", short(all_of["times"], 1)]


def table(results):
    head = ["program", "may be resident, MiB", "peak without, MiB", "with", "ratio", "seconds without", "with", "faults", "pages packed", "× the time"]
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
        programs = {name: bench.measure(name, rounds) for name in bench.wanted}
    results = {"rounds": rounds, "programs": programs, "processors": use.so_far()}
    text = table(results)
    keep(results, text, wanted.out)
    print(text)


main()
