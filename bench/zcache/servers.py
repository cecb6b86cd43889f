# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""memcached and redis, each on a unix socket in a folder of its own that goes with it; and what they have grown by."""
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

LEAST, MOST = 300, 3500
BATCH = 200
START_SECONDS = 10


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        _, everything, shared, *_ = (int(word) for word in file.read().split())
    return (everything - shared) * os.sysconf("SC_PAGESIZE")


class Memcached:
    name = "memcached"

    def command(self, folder):
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        os.chmod(folder, 0o777)
        return ["memcached", "-s", f"{folder}/socket", "-m", "1024", "-t", "1", *user]

    def put(self, number, value):
        return b"set %d 0 0 %d\r\n%s\r\n" % (number, len(value), value)

    def drop(self, number):
        return b"delete %d\r\n" % number

    put_answer, drop_answer = b"STORED\r\n", b"DELETED\r\n"


class Redis:
    name = "redis"

    def command(self, folder):
        return ["redis-server", "--port", "0", "--unixsocket", f"{folder}/socket", "--save", "", "--appendonly", "no", "--daemonize", "no",
                "--dir", folder, "--maxmemory", "1gb"]

    def put(self, number, value):
        key = b"%d" % number
        return b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(key), key, len(value), value)

    def drop(self, number):
        key = b"%d" % number
        return b"*2\r\n$3\r\nDEL\r\n$%d\r\n%s\r\n" % (len(key), key)

    put_answer, drop_answer = b"+OK\r\n", b":1\r\n"


KINDS = (Memcached, Redis)


def connect(path, child):
    for _ in range(START_SECONDS * 50):
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(path)
            client.settimeout(60)
            return client
        except OSError:
            client.close()
            if child.poll() is not None:
                break
            time.sleep(.02)
    raise RuntimeError("the server does not answer")


@contextlib.contextmanager
def running(kind):
    """(process id, connection); both gone at the end."""
    folder = tempfile.mkdtemp(prefix="bench-zcache.")
    try:
        child = subprocess.Popen(kind.command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            with connect(f"{folder}/socket", child) as client:
                yield child.pid, client
        finally:
            os.killpg(child.pid, signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def send_all(client, requests, answer):
    """A batch at a time; every answer must be this one."""
    def flush(batch):
        client.sendall(b"".join(batch))
        wanted, got = answer * len(batch), b""
        while len(got) < len(wanted):
            more = client.recv(65536)
            if not more:
                raise RuntimeError("the server has closed the connection")
            got += more
        if got != wanted:
            raise RuntimeError(f"the server says {got[:80]!r}")
    batch = []
    for request in requests:
        batch.append(request)
        if len(batch) == BATCH:
            flush(batch)
            batch = []
    if batch:
        flush(batch)


class Load:
    """The same steps as density.c makes: values of random lengths and content, put, overwritten, dropped."""

    def __init__(self, kind, seed):
        self.kind, self.random, self.lengths = kind, random.Random(seed), {}

    def put(self, number):
        self.lengths[number] = length = self.random.randint(LEAST, MOST)
        return self.kind.put(number, self.random.randbytes(length))

    def drop(self, number):
        del self.lengths[number]
        return self.kind.drop(number)


def measure(kind, nr_values, nr_overwrites, percent, seed):
    """The density in each of the three states."""
    load, found = Load(kind, seed), {}
    with running(kind) as (pid, client):
        base = resident_bytes(pid)

        def look(state):
            grown, held = resident_bytes(pid) - base, sum(load.lengths.values())
            found[state] = {"value_bytes": held, "grown_bytes": grown, "density": held / grown}

        send_all(client, (load.put(number) for number in range(nr_values)), kind.put_answer)
        look("fresh")
        send_all(client, (load.put(load.random.randrange(nr_values)) for _ in range(nr_overwrites)), kind.put_answer)
        look("overwritten")
        dropped = [number for number in range(nr_values) if load.random.randrange(100) < percent]
        send_all(client, (load.drop(number) for number in dropped), kind.drop_answer)
        time.sleep(1)  # what a server gives back a moment later
        look("dropped")
    return found
