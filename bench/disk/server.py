# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""nbdkit with the plugins that are compared."""
import contextlib
import json
import os
import subprocess

import nbdkit

THREADS = 4
PLUGIN = "src/front/nbdkit/nbdkit-zram-plugin.so"
LZ4, ZSTD = "zsmalloc, lz4", "zsmalloc, zstd"
SPARSE, MALLOC, ZSTD_ALLOCATOR = "memory, sparse", "memory, malloc", "memory, zstd"


def parameters(build):
    """What each is started with, by its name."""
    ours = os.path.abspath(os.path.join(build, PLUGIN))
    return {SPARSE: ["memory", "allocator=sparse"], MALLOC: ["memory", "allocator=malloc"], ZSTD_ALLOCATOR: ["memory", "allocator=zstd"],
            LZ4: [ours, "compressor=lz4"], ZSTD: [ours, "compressor=zstd"]}


class Server(nbdkit.Nbdkit):
    def __init__(self, folder, plugin, bytes_of_disk):
        self.zs = os.path.join(os.path.dirname(plugin[0]), "../../../tools/zs/zs") if "/" in plugin[0] else None
        super().__init__(folder, THREADS, [*plugin, f"size={bytes_of_disk}"])

    def accounted_bytes(self):
        """What the disk itself says it takes; None: it does not."""
        if self.zs is None:
            return None
        told = subprocess.run([self.zs, "zram", "stat", "--json", str(self.pid)], stdout=subprocess.PIPE, check=True).stdout
        return json.loads(told)["mem_used_total"]


@contextlib.contextmanager
def serve(plugin, bytes_of_disk):
    with nbdkit.folder() as folder, nbdkit.started(Server(folder, plugin, bytes_of_disk)) as server:
        yield server
