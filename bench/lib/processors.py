# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Who has used the processors since a moment: this run, or other programs beside it, which disturb what is timed."""
import os
import resource
import time

IDLE_FIELDS = (3, 4)  # idle and waiting for a disk, in the first line of /proc/stat
NR_FIELDS = 8  # guests, which come after these, are in them already
DISTURBED_SHARE = .05  # of the processors, from which on times are not to be trusted


def busy_seconds():
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:1 + NR_FIELDS]]
    return sum(count for field, count in enumerate(ticks) if field not in IDLE_FIELDS) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


class Use:
    def __init__(self):
        self.began, self.busy, self.own = time.monotonic(), busy_seconds(), own_seconds()

    def so_far(self):
        own = own_seconds() - self.own
        return {"number": os.cpu_count(), "wall_s": time.monotonic() - self.began, "own_s": own,
                "others_s": max(busy_seconds() - self.busy - own, 0)}


def line(results):
    use = results["processors"]
    share = use["others_s"] / (use["wall_s"] * use["number"])
    said = (f"The run took {use['wall_s'] / 60:.1f} minutes on {use['number']} processors and {use['own_s']:.0f} s of their time; other "
            f"programs and the system took {use['others_s']:.0f} s of it.")
    return [said + (" **They have disturbed what is timed.**" if share > DISTURBED_SHARE else ""), ""]
