# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""nbdkit on a unix socket in a folder of its own, and gone afterwards."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time

START_SECONDS = 60  # a plugin may fill its memory first
STOP_SECONDS = 20


class Nbdkit:
    """Has pid, folder, socket, and uri."""

    def __init__(self, folder, threads, words, environment=None):
        self.folder, self.socket = folder, os.path.join(folder, "socket")
        self.uri = f"nbd+unix:///?socket={self.socket}"
        # It also ends if this program is killed.
        command = ["nbdkit", "-f", "--exit-with-parent", "--threads", str(threads), "-U", self.socket, *words]
        self.child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        self.pid = self.child.pid

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while not os.path.exists(self.socket):
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nbdkit does not start: {' '.join(self.child.args)}")
            time.sleep(.02)

    def memory(self):
        """Bytes of the process as the system counts them."""
        with open(f"/proc/{self.pid}/status") as file:
            words = dict(line.split(":", 1) for line in file)
        return {key: int(words[field].split()[0]) * 1024 for key, field in (("rss", "VmRSS"), ("anonymous", "RssAnon"))}

    def processor_seconds(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


@contextlib.contextmanager
def folder(where=None):
    path = tempfile.mkdtemp(prefix="zsmalloc-bench-", dir=where)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def started(server):
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
