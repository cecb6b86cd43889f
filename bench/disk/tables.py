# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Targets, tables and drawings of what a run found of the compressed RAM disk."""
import os

import processors
from drawing import bars
from server import LZ4, MALLOC, ZSTD_ALLOCATOR
from text import ZRAM, markdown, short
from verdicts import at_least, at_most, verdicts

MIB = 1 << 20
# The memory that was asked for, in MiB, of an image whose pages LZ4 makes so many MiB of.
SET_PAYLOAD, SET_ACCOUNTED, SET_RESIDENT = 645, 662, 675
# Settled, without and with deduplication; the latter saves what is there more than once.
SET_SETTLED = {"recompress": 490, "recompress, dedup": 475}
MOST_AGAIN = 1.02
LEAST_UTILISATION = .95
DIRECT_SPEEDS = ("read_mb_s", "random_read", "random_read_all", "random_write", "random_write_all")
DEPTHS = ("1", "16")
KINDS = [(kind, depth) for kind in ("write", "read") for depth in DEPTHS]


def speed_of_direct(run):
    return {"write_mb_s": run["writes"][0]["mb_s"], **{key: run[key] for key in DIRECT_SPEEDS}}


def mib(value):
    return f"{value / MIB:,.1f}"


# ---- what was found ----

def ideal(results, name=LZ4):
    return results["codec"][name]["ideal_bytes"]


def accounted(results, number, name=LZ4):
    return results["direct"][name]["writes"][number]["used_bytes"]


def grown(results, number, name=LZ4):
    memory = results["memory"][name]
    return memory["written"][number]["rss"] - memory["before"]["rss"]


def utilisation(state):
    return state["payload_bytes"] / state["used_bytes"]


def latest(results, chapter):
    """The state before a compaction was asked for."""
    return utilisation([state for state in results["direct"][LZ4][chapter] if state["state"] != "compacted"][-1])


def served(results, name, key):
    value = results["medians"]["served"][name][key]
    return value["iops"] if isinstance(value, dict) else value


def times_zstd(results, name, key):
    return served(results, name, key) / served(results, ZSTD_ALLOCATOR, key)


def less_codec(results, name, depth):
    """Microseconds of a random read without those of the codec, which several requests in flight share the processors for."""
    codec = results["codec"].get(name, {"decompress_ns": 0})["decompress_ns"] / 1000
    return 1e6 / served(results, name, f"random_read/{depth}") - codec / (1 if depth == "1" else results["processors"]["number"])


def server_time(results, name, key):
    """Microseconds of the server's processor time for a request."""
    return results["medians"]["served"][name][key]["server_us"]


def server_time_less_codec(results, depth):
    return server_time(results, LZ4, f"random_read/{depth}") - results["codec"][LZ4]["decompress_ns"] / 1000


# ---- targets ----

def memory_targets(results):
    scale = ideal(results) / MIB / SET_PAYLOAD
    rows = []
    for what, found, target in (("its own accounting", accounted, SET_ACCOUNTED), ("the server grows by", grown, SET_RESIDENT)):
        first, last = found(results, 0), found(results, -1)
        rows += [at_most(f"image written: {what}, MiB", target, first / MIB, 1),
                 at_most("… of the target as scaled to this image", round(target * scale, 1), first / MIB, 1),
                 at_most("… after three times, × the first", MOST_AGAIN, last / first, 3)]
    return rows


def ageing_targets(results):
    return [at_least(f"{label}, 5 seconds later: payload of all memory", LEAST_UTILISATION, latest(results, chapter), 3)
            for chapter, label in (("overwritten", "a quarter overwritten"), ("discarded", "44 % trimmed"))]


def speed_targets(results):
    rows = [at_least(f"{what}, × the zstd allocator's", target, times_zstd(results, LZ4, key), 2)
            for what, key, target in (("nbdcopy writes", "write_mb_s", 1.5), ("nbdcopy reads", "read_mb_s", 2.5),
                                      ("random writes, 16 in flight", "random_write/16", 8),
                                      ("random reads, 16 in flight", "random_read/16", 4))]
    for depth in DEPTHS:
        rows += [at_most(f"a random read without the codec's time, {depth} in flight, × the malloc allocator's", 1.25,
                         less_codec(results, LZ4, depth) / less_codec(results, MALLOC, depth), 2),
                 at_most("… the server's processor time for it", 1.25,
                         server_time_less_codec(results, depth) / server_time(results, MALLOC, f"random_read/{depth}"), 2)]
    return rows


def policy_targets(results):
    scale = ideal(results) / MIB / SET_PAYLOAD
    rows = [at_most(f"settled, {name}: MiB, as scaled to this image", target * scale, results["policies"][name]["settled"]["used_bytes"] / MIB, 1)
            for name, target in SET_SETTLED.items()]
    found = results["policies"]["recompress"]
    back = found["written_back"]["used_bytes"] / found["image_bytes"]
    overwriting = found["overwriting"]
    return rows + [at_most("a random read of what has settled, in process: 99 %, µs", 150, found["random_read_ns"]["p99"] / 1000, 1),
                   at_most("a thousand random overwrites a second: all memory for the bytes that live, at most", 1.05,
                           overwriting["used_for_live_most"], 3),
                   at_most("… processors that its background work takes", .5, overwriting["busy_seconds"] / overwriting["seconds"], 3),
                   at_most("written back: memory, of the image", .15, back, 4),
                   at_most("pages that came back wrong", 0, sum(one["discarded"]["wrong_pages"] for one in results["policies"].values()), 0),
                   at_most("objects left after all was discarded", 0, sum(one["discarded"]["objects"] for one in results["policies"].values()), 0)]


def target_table(results):
    return verdicts([*memory_targets(results), *ageing_targets(results), *speed_targets(results), *policy_targets(results)],
                    f"All of {LZ4}. The memory was set for an image of 1 GiB whose pages LZ4 makes {SET_PAYLOAD} MiB of; this one's it "
                    f"makes {mib(ideal(results))} MiB of.")


# ---- memory ----

def image_lines(results):
    codec = results["codec"]
    rows = [[name.split(", ")[1], mib(one["ideal_bytes"]), short(one["ideal_bytes"] / results["image_bytes"]),
             short(one["compress_ns"] / 1000, 2), short(one["decompress_ns"] / 1000, 2)] for name, one in codec.items()]
    return [f"### The image: {results['image_bytes'] // MIB:,} MiB", "", "The codec alone, page by page, in one thread:", ""] + markdown(
        ["codec", "makes MiB of it", "of the image", "µs to compress a page", "µs to decompress"], rows)


def resident_table(results):
    memory = results["memory"]
    empty = min(one["before"]["rss"] for one in memory.values())
    rows = [[label, *(mib(one["written"][number]["rss"] - empty) for one in memory.values())]
            for number, label in ((0, "image written"), (-1, "written three times"))]
    return ["### Memory of the server, MiB", "", "Resident, less what an nbdkit has that holds nothing.", ""] + markdown(
        ["", *memory], rows)


def accounted_table(results):
    direct = results["direct"]
    rows = [["payload", *(mib(run["writes"][0]["payload_bytes"]) for run in direct.values())]]
    rows += [[label, *(mib(run["writes"][number]["used_bytes"]) for run in direct.values())]
             for number, label in ((0, "image written"), (-1, "written three times"))]
    rows += [["payload of that", *(short(utilisation(run["writes"][-1])) for run in direct.values())],
             ["pages stored raw", *(f"{run['writes'][0]['raw_pages']:,}" for run in direct.values())]]
    lines = ["### Memory by their own accounting, MiB, without a server", ""] + markdown(["", *direct], rows)
    return lines + [f"{name} was not measured: {why}.\n" for name, why in results["unavailable"].items()]


def aged_table(results):
    direct = results["direct"]
    rows = []
    for chapter, label in (("overwritten", "a quarter overwritten"), ("discarded", "44 % trimmed")):
        for number, state in enumerate(direct[LZ4][chapter]):
            when = "compaction asked for" if state["state"] == "compacted" else f"{state['seconds']} s later"
            rows.append([f"{label}, {when}", *(short(utilisation(run[chapter][number])) for run in direct.values())])
    return ["### Payload of all memory, after random overwrites and after random trims", "", "A little goes on meanwhile: 200 pages "
            "are read and 100 written a second. The kernel's zram compacts only when it is asked to.", ""] + markdown(
        ["", *direct], rows)


def aged_served_table(results):
    aged = results["aged"]
    rows = []
    for chapter, label in (("overwritten", "a quarter overwritten"), ("trimmed", "44 % trimmed")):
        for number, when in enumerate(("at once", "5 s later, at rest")):
            rows.append([f"{label}, {when}", *(mib(one[chapter][number]["rss"] - results["memory"][name]["before"]["rss"])
                                               for name, one in aged.items())])
    return ["### The same through nbdkit: memory of the server, MiB", ""] + markdown(["", *aged], rows)


# ---- speed ----

def with_ratio(results, name, key, digits=0):
    value = served(results, name, key)
    ratio = "" if name == ZSTD_ALLOCATOR else f" ({times_zstd(results, name, key):.2f})"
    return f"{value:,.{digits}f}{ratio}"


def served_table(results):
    names = list(results["medians"]["served"])
    rows = [["nbdcopy writes, MB/s", *(with_ratio(results, name, "write_mb_s") for name in names)],
            ["nbdcopy reads, MB/s", *(with_ratio(results, name, "read_mb_s") for name in names)]]
    for kind, depth in KINDS:
        rows.append([f"random {kind}s a second, {depth} in flight",
                     *(with_ratio(results, name, f"random_{kind}/{depth}") for name in names)])
    rows += [[f"… by fio, {depth} in flight", *(f"{one[depth]:,.0f}" for one in results["fio"].values())]
             for depth in DEPTHS if results["fio"]]
    for kind, depth in KINDS:
        rows.append([f"µs of a random {kind}, {depth} in flight: median / 99 %",
                     *(latency(results, name, f"random_{kind}/{depth}") for name in names)])
    for kind, depth in KINDS:
        rows.append([f"µs of the server's processor time for it, {kind}, {depth} in flight",
                     *(short(server_time(results, name, f"random_{kind}/{depth}"), 1) for name in names)])
    rows += [[f"µs a random read without the codec, {depth} in flight", *(short(less_codec(results, name, depth), 1) for name in names)]
             for depth in DEPTHS]
    return ["### Speed through nbdkit (and times the zstd allocator's)", ""] + markdown(["", *names], rows)


def latency(results, name, key, way="served"):
    found = results["medians"][way][name][key]
    return f"{found['p50_ns'] / 1000:,.1f} / {found['p99_ns'] / 1000:,.1f}"


def direct_table(results):
    speeds, threads = results["medians"]["direct"], results["threads"]
    rows = [[f"writes, {threads} threads, MB/s", *(f"{one['write_mb_s']:,.0f}" for one in speeds.values())],
            [f"reads, {threads} threads, MB/s", *(f"{one['read_mb_s']:,.0f}" for one in speeds.values())]]
    for kind in ("write", "read"):
        for key, label in ((f"random_{kind}", "1 thread"), (f"random_{kind}_all", f"{threads} threads")):
            rows += [[f"random {kind}s a second, {label}", *(f"{one[key]['iops']:,.0f}" for one in speeds.values())],
                     ["… µs, median / 99 %", *(latency(results, name, key, "direct") for name in speeds)]]
    return ["### Speed without a server", "", "The engine in the process that measures; the kernel's zram by direct requests to its "
            "device.", ""] + markdown(["", *speeds], rows)


def table(results):
    parts = (target_table, processors.line, image_lines, resident_table, accounted_table, aged_table, aged_served_table, served_table,
             direct_table, policies_table)
    return "\n".join(line for part in parts for line in part(results))


POLICY_STATES = (("written", "written"), ("settled", "left alone"), ("read", "all read, and 50,000 random pages, a few times"),
                 ("overwritten", "a thousand random overwrites a second"), ("settled_again", "left alone again"),
                 ("written_back", "written back to a file"), ("discarded", "discarded"))


def policies_table(results):
    policies = results["policies"]
    rows = [[label, *(f"{mib(one[state]['used_bytes'])} / {mib(one[state]['dead_bytes'])}" for one in policies.values())]
            for state, label in POLICY_STATES]
    rows += [["µs of a random read of what has settled, median / 99 %",
              *(" / ".join(short(one["random_read_ns"][key] / 1000, 1) for key in ("p50", "p99")) for one in policies.values())],
             ["processor seconds to settle", *(short(one["settled"]["busy_seconds"], 1) for one in policies.values())],
             ["pages that share an object", *(f"{one['settled']['shared_pages']:,}" for one in policies.values())]]
    return ["### A disk that packs itself tighter: memory, and what is dead in units, MiB", "",
            "LZ4, then units of 32 KiB by zstd:6 of what was idle for a minute, in the last column of 64; the engine in process, with a clock that is turned.", ""] + markdown(
        ["", *policies], rows)


# ---- drawings ----

def draw_memory(results, out):
    memory, direct = results["memory"], results["direct"]
    empty = min(one["before"]["rss"] for one in memory.values())
    values = {name: (one["written"][0]["rss"] - empty) / MIB for name, one in memory.items()}
    again = {name: (one["written"][-1]["rss"] - empty) / MIB for name, one in memory.items()}
    if ZRAM in direct:
        values[ZRAM], again[ZRAM] = (accounted(results, number, ZRAM) / MIB for number in (0, -1))
    bars(f"Memory for an image of {results['image_bytes'] // MIB} MiB", [("written", values), ("written three times", again)],
         list(values), os.path.join(out, "memory.svg"), results["image_bytes"] / MIB, " MiB")


def draw_ageing(results, out):
    direct = results["direct"]
    groups = [(f"{label}, {state['seconds']} s" if state["state"] != "compacted" else f"{label}, compacted",
               {name: utilisation(run[chapter][number]) for name, run in direct.items()})
              for chapter, label in (("overwritten", "overwritten"), ("discarded", "trimmed"))
              for number, state in enumerate(direct[LZ4][chapter])]
    bars("Payload of all memory", groups, list(direct), os.path.join(out, "ageing.svg"), 1.0)


def draw_speed(results, out):
    names = list(results["medians"]["served"])
    for title, path, keys in (("nbdcopy, MB/s", "copy.svg", {"write_mb_s": "writes", "read_mb_s": "reads"}),
                              ("Random requests a second, 4 KiB, through nbdkit", "random.svg",
                               {f"random_{kind}/{depth}": f"{kind}s, {depth} in flight" for kind, depth in KINDS})):
        groups = [(label, {name: served(results, name, key) for name in names}) for key, label in keys.items()]
        bars(title, groups, names, os.path.join(out, path), max(max(values.values()) for _, values in groups))


def draw(results, out):
    for drawing in (draw_memory, draw_ageing, draw_speed):
        drawing(results, out)
