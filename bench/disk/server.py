# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""nbdkit with the plugins that are compared, each on a unix socket in a folder of its own, and gone afterwards."""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time

THREADS = 4
START_SECONDS = 60  # the malloc allocator fills its memory first
STOP_SECONDS = 20
PLUGIN = "src/front/nbdkit/nbdkit-zram-plugin.so"
LZ4, ZSTD = "zsmalloc, lz4", "zsmalloc, zstd"
SPARSE, MALLOC, ZSTD_ALLOCATOR = "memory, sparse", "memory, malloc", "memory, zstd"


def parameters(build):
    """What each is started with, by its name."""
    ours = os.path.abspath(os.path.join(build, PLUGIN))
    return {SPARSE: ["memory", "allocator=sparse"], MALLOC: ["memory", "allocator=malloc"], ZSTD_ALLOCATOR: ["memory", "allocator=zstd"],
            LZ4: [ours, "compressor=lz4"], ZSTD: [ours, "compressor=zstd"]}


class Server:
    """Has pid, socket, and uri."""

    def __init__(self, folder, plugin, bytes_of_disk):
        self.zs = os.path.join(os.path.dirname(plugin[0]), "../../../tools/zs/zs") if "/" in plugin[0] else None
        self.socket = os.path.join(folder, "socket")
        self.uri = f"nbd+unix:///?socket={self.socket}"
        # It also ends if this program is killed.
        command = ["nbdkit", "-f", "--exit-with-parent", "--threads", str(THREADS), "-U", self.socket, *plugin, f"size={bytes_of_disk}"]
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
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

    def accounted_bytes(self):
        """What the disk itself says it takes; None: it does not."""
        if self.zs is None:
            return None
        told = subprocess.run([self.zs, "zram", "stat", "--json", str(self.pid)], stdout=subprocess.PIPE, check=True).stdout
        return json.loads(told)["mem_used_total"]

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


@contextlib.contextmanager
def serve(plugin, bytes_of_disk):
    folder = tempfile.mkdtemp(prefix="zsmalloc-bench-")
    try:
        server = Server(folder, plugin, bytes_of_disk)
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
