# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""The image that disks are filled with: archives of this machine's headers, shared data and libraries, one after the
other, each cut so that all have their part. Made once and kept."""
import os
import subprocess

from outcome import tell

FOLDERS = ["/usr/include", "/usr/share", "/usr/lib"]
IMAGE_BYTES = 1 << 30
UNIT_BYTES = 1 << 20


def append_archive(out, folder, most_bytes):
    """Returns the bytes written."""
    tar = subprocess.Popen(["tar", "--sort=name", "-cf", "-", "-C", "/", folder.lstrip("/")], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
    left = most_bytes
    try:
        while left and (piece := tar.stdout.read(min(left, UNIT_BYTES))):
            out.write(piece)
            left -= len(piece)
    finally:
        tar.kill()
        tar.wait()
    return most_bytes - left


def write_image(path):
    """What one folder has too little of, those after it may fill. The end is cut to whole MiB."""
    left = IMAGE_BYTES
    with open(path, "wb") as out:
        for number, folder in enumerate(FOLDERS):
            left -= append_archive(out, folder, left // (len(FOLDERS) - number))
        out.truncate(out.tell() // UNIT_BYTES * UNIT_BYTES)


def make(folder):
    """The path of the image."""
    path = os.path.join(folder, "image")
    if not os.path.exists(path):
        tell(f"making an image of {', '.join(FOLDERS)}")
        write_image(path + ".new")
        os.rename(path + ".new", path)
    return path


def sample(path, out, part):
    """The path of a file in the folder out: each so-many-th MiB of the image, so it has its part of everything."""
    to = os.path.join(out, f"sample-{part}")
    if not os.path.exists(to) or os.path.getmtime(to) < os.path.getmtime(path):
        with open(path, "rb") as image, open(to, "wb") as file:
            for unit in range(0, os.path.getsize(path) // UNIT_BYTES, part):
                image.seek(unit * UNIT_BYTES)
                file.write(image.read(UNIT_BYTES))
    return to
