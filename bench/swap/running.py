# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""A program that is run to its end: how long it took, what was resident at most, its answer, and what zs swap run said of it."""
import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
SUMMARY = re.compile(r"^zs swap: .* \((\d+)\): peak ([\d.]+) MiB, resident ([\d.]+) of .*?, ([\d.]+) MiB in a pool of ([\d.]+) MiB "
                     r"\(ratio ([\d.]+)\).*; (\d+) faults, (\d+) pages packed", re.M)
AT_THE_END_SECONDS = 2


class TooLong(Exception):
    pass


class Killed(Exception):
    """By the kernel, which found no memory for it."""


class WrongAnswer(Exception):
    pass


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


def was_killed(child):
    """Whether it was killed, not by us. It may be just about to be."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return child.wait(AT_THE_END_SECONDS) == -signal.SIGKILL
    return False


def summary_of(text):
    """Of several processes the one that had most faults."""
    found = [[float(word) for word in match.groups()] for match in SUMMARY.finditer(text)]
    if not found:
        return {}
    _, peak, resident, away, pool, ratio, faults, packed = max(found, key=lambda one: one[6])
    return {"peak_mib": peak, "resident_mib": resident, "away_mib": away, "pool_mib": pool, "ratio": ratio, "faults": faults, "packed": packed}


def watch(child, most_seconds):
    """What was resident at most."""
    began, peak = time.monotonic(), 0
    while child.poll() is None:
        peak = max(peak, peak_of(child.pid))
        if time.monotonic() - began > most_seconds:
            raise TooLong
        time.sleep(.01)
    return peak


def run_to_end(command, most_seconds, enter=None):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True, preexec_fn=enter)
        try:
            peak = watch(child, most_seconds)
            seconds = time.monotonic() - began
        finally:
            kill(child)
        out.seek(0)
        err.seek(0)
        said = err.read().decode(errors="replace")
        if enter and (child.returncode == -signal.SIGKILL or "Killed" in said):
            raise Killed
        if child.returncode:
            sys.exit(f"bench: exit status {child.returncode} of {' '.join(command)[:200]}: {said[-300:]}")
        answer = hashlib.sha256(out.read()).hexdigest()
    return {"seconds": seconds, "peak_mib": peak / MIB, "answer": answer, **summary_of(said)}
