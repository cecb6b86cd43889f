# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""A slow disk, and in front of it what is compared: each an nbdkit of its own."""
import contextlib
import json
import os
import re
import subprocess
import sys

import nbdkit

PAGE = 4096
REQUEST_BYTES = 28  # of the NBD protocol, of a read
THREADS = 32
DELAY_MS = 1
MEMORY_FILES = "/dev/shm"  # what is written there is memory
PLUGIN, LRU_FILTER = "src/front/nbdkit/nbdkit-zcache-plugin.so", "bench/nbdkit-lru-filter.so"
NO_CACHE, FILTER, LRU = "no cache", "nbdkit's cache filter", "LRU"
PLAIN, LZ4, ZSTD = "zcache, none", "zcache, lz4", "zcache, zstd"
OURS = (PLAIN, LZ4, ZSTD)


def parameters(build, cache_bytes):
    """What each is started with, by its name. All but ours read from the disk behind by nbdkit's own plugin."""
    plugin, lru = (os.path.abspath(os.path.join(build, path)) for path in (PLUGIN, LRU_FILTER))
    ours = {name: [plugin, f"cache={cache_bytes}", f"compressor={name.split(', ')[1]}", "readahead=0"] for name in OURS}
    return {NO_CACHE: ["nbd"],
            FILTER: ["--filter=cache", "nbd", f"cache-max-size={cache_bytes}", "cache-min-block-size=4K", "cache-on-read=true"],
            LRU: [f"--filter={lru}", "nbd", f"lru-size={cache_bytes}"], **ours}


class Slow(nbdkit.Nbdkit):
    """Serves a file, and waits before each read."""

    def __init__(self, folder, image):
        self.statistics = os.path.join(folder, "statistics")
        super().__init__(folder, THREADS, ["-r", "--filter=stats", "--filter=delay", "file", image, f"rdelay={DELAY_MS}ms",
                                           f"statsfile={self.statistics}"])

    def wait_until_ready(self):
        super().wait_until_ready()
        self.at_first = self.bytes_read()

    def bytes_read(self):
        """As the system counts it: for each read a page of the file, and the request for it."""
        with open(f"/proc/{self.pid}/io") as file:
            return int(re.search(r"rchar: (\d+)", file.read())[1])

    def reads(self):
        """How many pages were read so far."""
        return round((self.bytes_read() - self.at_first) / (PAGE + REQUEST_BYTES))

    def check(self, counted):
        """Ends with a message unless nbdkit's own filter has counted as many reads, which it tells when it has ended."""
        with open(self.statistics) as file:
            told = re.search(r"^read: (\d+) ops", file.read(), re.MULTILINE)
        if counted != int(told[1] if told else 0):
            sys.exit(f"bench: {counted} reads were counted, and nbdkit counts {told and told[1]}")


class Front(nbdkit.Nbdkit):
    """A cache, or none, in front of a server."""

    def __init__(self, folder, name, words, slow, build):
        self.name, self.zs = name, os.path.join(build, "tools/zs/zs")
        super().__init__(folder, THREADS, [*words, f"uri={slow.uri}"], {**os.environ, "TMPDIR": folder})

    def file_bytes(self):
        """What files take that it has open in its folder, deleted ones too."""
        found = 0
        for entry in os.scandir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(entry.path).startswith(self.folder + "/"):
                    found += os.stat(entry.path).st_blocks * 512
        return found

    def memory_bytes(self):
        return self.memory()["rss"] + self.file_bytes()

    def figures(self):
        """What ours tells of itself; None: it is another."""
        if self.name not in OURS:
            return None
        return json.loads(subprocess.run([self.zs, "zcache", "stat", "--json", str(self.pid)], stdout=subprocess.PIPE, check=True).stdout)


@contextlib.contextmanager
def running(name, words, image, build):
    """(the cache, the slow disk)"""
    with nbdkit.folder() as folder:
        with nbdkit.started(Slow(folder, image)) as slow:
            with nbdkit.folder(MEMORY_FILES) as own, nbdkit.started(Front(own, name, words, slow, build)) as front:
                yield front, slow
            counted = slow.reads()
        slow.check(counted)
