# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""The allocators that are measured, each in a process of its own: ours in three settings, glibc's malloc, and those that
LD_PRELOAD puts in its place if they are installed."""
import glob
import os

LIBRARIES = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2*", "tcmalloc": "libtcmalloc_minimal.so.4"}
FLAGS = {"zsmalloc": 0, "zsmalloc, compactor": 1, "zsmalloc, dense": 3}
REPLAY_OPTIONS = {"zsmalloc": [], "zsmalloc, compactor": ["--compactor"], "zsmalloc, dense": ["--dense"]}


def find_library(pattern):
    for folder in ("/usr/lib/*-linux-gnu*", "/usr/lib64", "/usr/lib", "/usr/local/lib"):
        found = sorted(glob.glob(os.path.join(folder, pattern)))
        if found:
            return found[0]
    return None


def mallocs():
    """The environment of each malloc, by its name."""
    environments = {"glibc": dict(os.environ)}
    for name, pattern in LIBRARIES.items():
        library = find_library(pattern)
        if library:
            environments[name] = dict(os.environ, LD_PRELOAD=library)
    return environments
