# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Programs that are run to their end, and that do not outlive this one, nor does what they have started."""
import os
import signal
import subprocess
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_in_order():
    """From here on a signal unwinds the program, so that it cleans up after itself."""
    for number in SIGNALS:
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def run(command, environment=None, stderr=None, seconds=None):
    """(exit status, standard output, standard error if it is piped). One that takes longer is killed, and an error raised."""
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True, start_new_session=True)
    try:
        out, err = child.communicate(timeout=seconds)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    return child.returncode, out, err


def output(command, environment=None, seconds=None):
    """Standard output; ends with a message if the program fails, or takes too long."""
    try:
        status, out, _ = run(command, environment, seconds=seconds)
    except subprocess.TimeoutExpired:
        sys.exit(f"bench: more than {seconds} s: {' '.join(command)}")
    if status:
        sys.exit(f"bench: exit status {status} of: {' '.join(command)}")
    return out
