# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""The kernel's own compressed memory: swap on a zram device of our own, and a limit on what of one program is resident.

The device is added, used and removed again (zram.with_device). While it is there, other programs may be swapped to it
too; so it is taken off as soon as what is measured is done. The limit is a memory cgroup's, of either version, which is
made for one program and removed after it; it counts what the program takes besides, so that is allowed beyond it.
"""
import contextlib
import os
import subprocess
import time

from zram import PAGE, Unavailable, check, read, with_device, write

DEVICE_BYTES = 2 << 30
GROUP = "zsmalloc-bench"
PRIORITY = 100
PROGRAM_MIB = 8


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")


@contextlib.contextmanager
def swap_on(device):
    """All of a device is swap, before any other there is."""
    device.set_up(DEVICE_BYTES // 4096)
    device.close()
    run("mkswap", device.node)
    run("swapon", "-p", str(PRIORITY), device.node)
    try:
        yield
    finally:
        run("swapoff", device.node)


def group_folder():
    """Where memory cgroups are made, and the name of the file for the limit."""
    for folder, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        if os.path.exists(os.path.join(folder, "cgroup.procs")) and (name != "memory.max" or "memory" in read(f"{folder}/cgroup.controllers")):
            return folder, name
    raise Unavailable("there is no memory cgroup")


@contextlib.contextmanager
def limited_to(mib):
    """A function for subprocess's preexec_fn, after which the child is in a cgroup with the limit, and PROGRAM_MIB more."""
    parent, name = group_folder()
    folder = os.path.join(parent, f"{GROUP}-{os.getpid()}")
    try:
        os.mkdir(folder)
        write(os.path.join(folder, name), str((mib + PROGRAM_MIB) << 20))
    except OSError as error:
        raise Unavailable(f"{folder}: {error}") from error
    try:
        yield lambda: write(os.path.join(folder, "cgroup.procs"), str(os.getpid()))
    finally:
        remove(folder)


def remove(folder):
    """What was in it may take a moment to go."""
    for attempt in range(50):
        try:
            os.rmdir(folder)
            return
        except OSError:
            if attempt == 49:
                raise
            time.sleep(.1)


def with_swap(work):
    """What work() returns, with swap on a device of its own. Raises Unavailable or OSError."""
    def on_device(device):
        with swap_on(device):
            return work()

    check(DEVICE_BYTES // PAGE)
    return with_device(on_device)
