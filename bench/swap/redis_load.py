# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""A redis-server that is filled with pieces of text, and asked for them: by a client of ours, which knows each answer, and
by redis-benchmark."""
import csv
import os
import random
import socket
import subprocess
import tempfile
import time

from running import MIB, Killed, TooLong, WrongAnswer, kill, peak_of, status_of, summary_of, was_killed

NR_VALUES, NR_GETS, VALUE_BYTES = 150_000, 150_000, 1024
NR_ASKED = 100_000  # by redis-benchmark
PIPELINE = 64  # requests that a client sends at once


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
                    raise WrongAnswer("redis-server")
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


def measure(child, path, text, most_seconds):
    client = connect(child, path, most_seconds)
    began = time.monotonic()
    found = {**ask_all(client, path, text, most_seconds), "seconds": time.monotonic() - began,
             "peak_mib": peak_of(child.pid) / MIB, "rss_mib": status_of(child.pid, "VmRSS:") / MIB}
    client.socket.sendall(request(b"SHUTDOWN", b"NOSAVE"))
    child.wait(most_seconds)
    return found


def serve(prefix, folder, text, most_seconds, enter=None):
    path = os.path.join(folder, "redis.sock")
    with tempfile.TemporaryFile() as err:
        child = subprocess.Popen([*prefix, "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True, preexec_fn=enter)
        try:
            found = measure(child, path, text, most_seconds)
        except (socket.timeout, subprocess.TimeoutExpired) as error:
            raise TooLong from error
        except (WrongAnswer, OSError, subprocess.CalledProcessError):
            if was_killed(child):
                raise Killed from None
            raise
        finally:
            kill(child)
            if os.path.exists(path):
                os.unlink(path)
        err.seek(0)
        return {**found, "answer": "", **summary_of(err.read().decode(errors="replace"))}
