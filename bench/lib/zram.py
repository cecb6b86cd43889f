# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""The real kernel's zsmalloc, under its own zram, with the pages that the trace of programs and libraries was made of.

A device of its own is added (/sys/class/zram-control/hot_add), written, discarded from, compacted, and removed again,
also after a signal. No other device is touched. Result: states as zs replay tells them, or why there are none.
"""
import fcntl
import mmap
import os
import random
import shutil
import signal
import stat
import struct
import tempfile
import time

from children import SIGNALS

CONTROL = "/sys/class/zram-control"
PAGE = 4096
BATCH_PAGES = 256
BLKDISCARD = 0x1277
SPARE_BYTES = 1 << 30
ALGORITHM = "lz4"
FIELDS = ("orig_data_size", "compr_data_size", "mem_used_total", "mem_limit", "mem_used_max", "same_pages", "pages_compacted",
          "huge_pages")


class Unavailable(Exception):
    pass


def read(path):
    with open(path) as file:
        return file.read().strip()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def memory_available():
    for line in read("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def files_below(folder):
    """All files with something in them, in the order of zs trace: by the bytes of their paths."""
    found = []
    for parent, _, names in os.walk(os.fsencode(folder)):
        found += [os.path.join(parent, name) for name in names]
    return [path for path in sorted(found) if stat.S_ISREG(os.lstat(path).st_mode) and os.lstat(path).st_size]


def pages_of(folders, most):
    """The pages of the files, one after the other; a file's last page is filled up with zeroes."""
    for folder in folders:
        for path in files_below(folder):
            with open(path, "rb") as file:
                while most and (page := file.read(PAGE)):
                    yield page.ljust(PAGE, b"\0")
                    most -= 1


class Device:
    """A zram device of our own."""

    def __init__(self):
        self.folder, self.node, self.fd, self.number = None, None, None, None

    def add(self):
        try:
            self.number = int(read(f"{CONTROL}/hot_add"))
        except (OSError, ValueError) as error:
            raise Unavailable(f"{CONTROL}/hot_add gave no device: {error}") from error

    def path(self, name):
        return f"/sys/block/zram{self.number}/{name}"

    def find_node(self):
        """/dev may be a plain folder in which no node appears: then one of our own is made."""
        numbers = os.makedev(*(int(number) for number in read(self.path("dev")).split(":")))
        self.node = f"/dev/zram{self.number}"
        for _ in range(20):
            if os.path.exists(self.node) and os.stat(self.node).st_rdev == numbers:
                return
            time.sleep(.05)
        self.folder = tempfile.mkdtemp(prefix="zsmalloc-bench-")
        self.node = os.path.join(self.folder, "zram")
        os.mknod(self.node, stat.S_IFBLK | 0o600, numbers)

    def set_up(self, nr_pages):
        """Empty, and of so many pages. Returns the compressor."""
        self.close()
        write(self.path("reset"), "1")
        offered = read(self.path("comp_algorithm"))
        if ALGORITHM in offered.replace("[", "").replace("]", "").split():
            write(self.path("comp_algorithm"), ALGORITHM)
        write(self.path("disksize"), str(nr_pages * PAGE))
        self.fd = os.open(self.node, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
        return read(self.path("comp_algorithm")).split("[")[1].split("]")[0]

    def fill(self, pages):
        """Returns how many pages were written."""
        buffer, held, written = mmap.mmap(-1, BATCH_PAGES * PAGE), 0, 0
        for page in pages:
            buffer[held * PAGE:(held + 1) * PAGE] = page
            held += 1
            if held == BATCH_PAGES:
                written += self.put(buffer, held, written)
                held = 0
        return written + self.put(buffer, held, written)

    def put(self, buffer, nr, first):
        if nr and os.pwrite(self.fd, memoryview(buffer)[:nr * PAGE], first * PAGE) != nr * PAGE:
            raise Unavailable(f"zram{self.number} took less than was written at page {first}")
        return nr

    def discard(self, page):
        fcntl.ioctl(self.fd, BLKDISCARD, struct.pack("QQ", page * PAGE, PAGE))

    def state(self, name):
        figures = dict(zip(FIELDS, (int(word) for word in read(self.path("mm_stat")).split())))
        used = figures["mem_used_total"]
        return {"state": name, "payload_bytes": figures["compr_data_size"], "total_bytes": used,
                "density": figures["compr_data_size"] / used if used else 0, **figures}

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def remove(self):
        self.close()
        if self.folder:
            shutil.rmtree(self.folder)
        if self.number is not None:
            self.hot_remove()

    def hot_remove(self):
        """Who watches for devices may have it open for a moment."""
        for attempt in range(50):
            try:
                write(self.path("reset"), "1")
                write(f"{CONTROL}/hot_remove", str(self.number))
                return
            except OSError as error:
                if attempt == 49:
                    raise RuntimeError(f"zram{self.number} could not be removed ({error}); do: echo 1 > {self.path('reset')}; "
                                       f"echo {self.number} > {CONTROL}/hot_remove") from error
            time.sleep(.1)


def chapter(device, folders, nr_pages, share, name):
    """As that chapter of zs replay: fill, free a random share, compact."""
    algorithm = device.set_up(nr_pages)
    written = device.fill(pages_of(folders, nr_pages))
    states = [device.state("filled")]
    for page in random.Random(1).sample(range(written), int(written * share)):
        device.discard(page)
    states.append(device.state(name))
    write(device.path("compact"), "1")
    states.append(device.state("compacted"))
    return algorithm, states


def check(nr_pages):
    if not os.path.exists(f"{CONTROL}/hot_add"):
        raise Unavailable(f"this kernel has no {CONTROL}/hot_add (no zram)")
    if os.geteuid():
        raise Unavailable("only root may add a zram device")
    if memory_available() < nr_pages * PAGE + SPARE_BYTES:
        raise Unavailable(f"{(nr_pages * PAGE + SPARE_BYTES) >> 20} MiB of available memory are needed")


def with_device(work):
    """What work(device) returns. Signals wait while the device comes and goes, so that it is not left behind."""
    old, device = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS), Device()
    try:
        try:
            device.add()
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
            device.find_node()
            return work(device)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    finally:
        device.remove()
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def chapters(device, folders, nr_pages):
    algorithm, half = chapter(device, folders, nr_pages, .5, "half freed")
    _, most = chapter(device, folders, nr_pages, .9, "nine tenths freed")
    return {"algorithm": algorithm, "half": half, "most": most}


def measure(folders, nr_pages):
    """{"half": states, "most": states, "algorithm": …}, or {"unavailable": why}. pre: children.end_in_order()"""
    try:
        check(nr_pages)
        return with_device(lambda device: chapters(device, folders, nr_pages))
    except (Unavailable, OSError) as error:
        return {"unavailable": str(error)}
