# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""What was asked of the cached disk, what came of it, and where others are ahead."""
import processors
from cached import DELAY_MS, LRU, LZ4, NO_CACHE, OURS, PLAIN, ZSTD
from text import markdown, short
from verdicts import at_least, at_most, verdicts

MIB = 1 << 20
UNIFORM, ZIPF = "uniform", "zipf"
PATTERNS = {UNIFORM: "uniform", ZIPF: "Zipf .99"}
DEPTHS = ("1", "4", "16")
JUDGED = "4"  # requests in flight: with more it is the processors that are waited for, not the disk behind
# Of uniform reads: hits for the ratio, and reads a second, × without compression; which was set for an image that packs so well.
SET_HITS, SET_SPEED, SET_RATIO = .93, {LZ4: 1.15, ZSTD: 1.3}, {LZ4: 1.55, ZSTD: 1.85}
# Of Zipf's, × the LRU's.
SET_MISSES, SET_FASTER = .55, 1.6


def own_figures(before, after):
    """Of two answers of a cache: its share of hits between them; how well it packs, and its memory."""
    hits, misses = (after[key] - before[key] for key in ("hit_pages", "miss_pages"))
    return {"hits": hits / (hits + misses), "ratio": after["value_bytes"] / after["stored_bytes"], "total_bytes": after["total_bytes"]}


# ---- what was found ----

def hits(results, name, pattern):
    return results["medians"][name][pattern]["hits"]


def misses(results, name, pattern):
    return results["medians"][name][pattern]["misses"]


def timed(results, name, pattern, depth, key="iops"):
    return results["medians"][name][pattern]["timed"][depth][key]


def times(results, name, other, pattern, depth=JUDGED):
    return timed(results, name, pattern, depth) / timed(results, other, pattern, depth)


def ratio(results, name):
    return results["medians"][name][UNIFORM]["own"]["ratio"]


def fewer_waits(results, packs):
    """How many times as often a quarter of the disk that packs so well would be read, if only misses took time."""
    share = results["cache_bytes"] / results["disk_bytes"]
    return (1 - share) / (1 - packs * share)


# ---- targets ----

def uniform_targets(results):
    rows = []
    for name in (LZ4, ZSTD):
        packs = ratio(results, name)
        scale = fewer_waits(results, packs) / fewer_waits(results, SET_RATIO[name])
        faster = times(results, name, PLAIN, UNIFORM)
        rows += [at_least(f"uniform, {name}: hits, × those without compression × {packs:.2f}", SET_HITS,
                          hits(results, name, UNIFORM) / hits(results, PLAIN, UNIFORM) / packs, 3),
                 at_least("… reads a second, × without compression", SET_SPEED[name], faster, 2),
                 at_least("… of the target as scaled to this disk", round(SET_SPEED[name] * scale, 2), faster, 2)]
    return rows


def zipf_targets(results):
    rows = []
    for name in (LZ4, ZSTD):
        rows += [at_most(f"Zipf, {name}: misses, × the LRU's", SET_MISSES, misses(results, name, ZIPF) / misses(results, LRU, ZIPF), 3),
                 at_least("… reads a second, × the LRU's", SET_FASTER, times(results, name, LRU, ZIPF), 2)]
    return rows


def target_table(results):
    disk, cache = results["disk_bytes"] // MIB, results["cache_bytes"] // MIB
    return verdicts([*uniform_targets(results), *zipf_targets(results)],
                    f"Reads of 4 KiB from a disk of {disk} MiB, {cache} MiB of memory for each cache, {DELAY_MS} ms for a read behind, "
                    f"{JUDGED} in flight; rounds: {len(results['rounds'])}. The speeds were set for a disk that LZ4 packs "
                    f"{SET_RATIO[LZ4]} times as tight and zstd {SET_RATIO[ZSTD]} times; this one's pages it packs {ratio(results, LZ4):.2f} and "
                    f"{ratio(results, ZSTD):.2f} times, as the caches tell (value_bytes / stored_bytes).")


# ---- all of it ----

def hit_table(results):
    names = list(results["medians"])
    rows = []
    for pattern, label in PATTERNS.items():
        rows += [[f"{label}: hits", *(short(hits(results, name, pattern)) for name in names)],
                 ["… as it tells itself", *(short(results["medians"][name][pattern]["own"]["hits"]) if name in OURS else "" for name in names)],
                 ["… misses, × the LRU's", *(short(misses(results, name, pattern) / misses(results, LRU, pattern), 2) for name in names)]]
    return ["### Hits", "", "Counted at the disk behind. Without compression what differs from the LRU is what goes first (S3-FIFO), and the "
            "memory for tables.", ""] + markdown(["", *names], rows)


def speed_table(results):
    names = list(results["medians"])
    rows = []
    for pattern, label in PATTERNS.items():
        for depth in DEPTHS:
            rows += [[f"{label}, {depth} in flight: reads a second (× the LRU's)",
                      *(f"{timed(results, name, pattern, depth):,.0f} ({times(results, name, LRU, pattern, depth):.2f})" for name in names)],
                     ["… µs, median / 99 %", *(" / ".join(f"{timed(results, name, pattern, depth, key) / 1000:,.0f}" for key in ("p50_ns", "p99_ns"))
                                               for name in names)],
                     ["… µs of the server's processor time", *(short(timed(results, name, pattern, depth, "server_us"), 1) for name in names)]]
    return ["### Speed", ""] + markdown(["", *names], rows)


def memory_table(results):
    medians, base = results["medians"], results["medians"][NO_CACHE]["grown_bytes"]
    limit = results["cache_bytes"]
    rows = [["grown by, MiB", *(f"{one['grown_bytes'] / MIB:.1f}" for one in medians.values())],
            ["… less what a server without a cache grows by, of the memory given",
             *("" if name == NO_CACHE else short((one["grown_bytes"] - base) / limit) for name, one in medians.items())]]
    return ["### Memory of the server", "", "Resident, and of nbdkit's cache filter the file in a memory file system that it has its blocks in; from "
            "the start to the end of all reads.", ""] + markdown(["", *medians], rows)


def ahead(results, what, better):
    """Lines for those who are ahead of ours with LZ4. better: of a name and a pattern, more is better"""
    for pattern, label in PATTERNS.items():
        mine = better(LZ4, pattern)
        for name in results["medians"]:
            theirs = better(name, pattern)
            if name != LZ4 and theirs > mine:
                yield f"* {label}, {what}: {name}, {theirs / mine:.2f} times."


def ahead_list(results):
    lines = list(ahead(results, "hits", lambda name, pattern: hits(results, name, pattern)))
    for depth in DEPTHS:
        lines += ahead(results, f"reads a second, {depth} in flight", lambda name, pattern: timed(results, name, pattern, depth))
    lines += ahead(results, "processor time saved, 16 in flight", lambda name, pattern: 1 / timed(results, name, pattern, "16", "server_us"))
    return [f"### Ahead of {LZ4}", "", *(lines or ["Nobody."]), ""]


def table(results):
    parts = (target_table, processors.line, hit_table, speed_table, memory_table, ahead_list)
    return "\n".join(line for part in parts for line in part(results))
