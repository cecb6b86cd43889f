# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""What the design asks of the allocator, and what came of it."""
from text import density_of, moved_gb_a_second, moved_per_freed, moved_per_replaced
from verdicts import at_least, at_most, verdicts

PLAIN, COMPACTOR, DENSE = "zsmalloc", "zsmalloc, compactor", "zsmalloc, dense"


def full(results, trace):
    by_number = results["density"].get(trace)
    return by_number[max(by_number, key=int)] if by_number else None


def density_targets(results):
    rows = []
    for trace, target in (("bin", .986), ("text", .985), ("proc", .981)):
        found = full(results, trace)
        rows.append(at_least(f"density, filled ({trace})", target, density_of(found[PLAIN], "half", 0) if found else None))
    proc = full(results, "proc")[PLAIN]
    rows += [at_least("a random half freed, compacted (proc)", .970, density_of(proc, "half", 2)),
             at_least("… before compaction", .55, density_of(proc, "half", 1)),
             at_least("nine tenths freed, compacted (proc)", .89, density_of(proc, "most", 2))]
    for number, target in (("1000", .895), ("5000", .945)):
        small = results["density"]["proc"][number][PLAIN]
        rows.append(at_least(f"a pool of {int(number):,} objects, filled (proc)", target, density_of(small, "half", 0)))
    return rows


def churn_targets(results):
    rows = []
    for name, churned, later, moved in ((COMPACTOR, .945, .972, .05), (DENSE, .970, .973, .08)):
        found = full(results, "proc")[name]
        rows += [at_least(f"{name}: ten tenths replaced", churned, density_of(found, "churn", 1)),
                 at_least(f"{name}: a second later", later, density_of(found, "churn", 2)),
                 at_most(f"{name}: bytes moved for a byte replaced", moved, moved_per_replaced(found), 3)]
    return rows


def times_jemalloc(results, key, name):
    row = results["medians"].get(key, {})
    return row[name] / row["jemalloc"] if "jemalloc" in row else None


def cost_targets(results):
    counts, ratio = results["instructions"], lambda key, name: times_jemalloc(results, key, name)
    return [at_most("instructions inside the calls: replace", 190, counts["replace, inside"].get(PLAIN), 0),
            at_most("instructions inside the calls: map and unmap", 36, counts["map, inside"].get(PLAIN), 0),
            at_most(f"time of a replace, {COMPACTOR}: × jemalloc", 2.5, ratio("replace/1", COMPACTOR)),
            at_most("… on two threads", 3, ratio("replace/2", COMPACTOR)),
            at_most(f"time of a replace, {DENSE}: × jemalloc", 3, ratio("replace/1", DENSE)),
            at_most("… on two threads", 8, ratio("replace/2", DENSE)),
            at_most(f"replace and write, {COMPACTOR}: × jemalloc", 1.6, ratio("replace-write/1", COMPACTOR)),
            at_most(f"read of everything, {COMPACTOR}: × jemalloc", 1.2, ratio("read/1", COMPACTOR))]


def compaction_targets(results):
    proc = full(results, "proc")[PLAIN]
    alone = [run["over_cpu_ns"].get("p99") for key, run in results["pace"].items() if key.endswith("/0")]
    over = [ns / 1000 for ns in alone if ns is not None]
    asked = [source["pages_asked_at_most"] for source in results["claims"]["single_pages"]]
    return [at_least("compaction after half is freed, GB/s", 1.5, moved_gb_a_second(proc), 2),
            at_most("… bytes moved for a byte freed", .65, moved_per_freed(proc), 3),
            at_least("compaction in steps: kinds of runs that come to an end", len(results["pace"]),
                     sum(run["done"] for run in results["pace"].values()), 0),
            at_most("overrun of a budget, alone, p99, µs", 50, max(over) if over else None, 1),
            at_most("pages asked of zs_ops by one allocation", 2, max(asked), 0)]


def table(results):
    rows = [*density_targets(results), *churn_targets(results), *cost_targets(results), *compaction_targets(results)]
    return verdicts(rows, "Densities with all metadata; instructions as callgrind counts them, those of the caller and of the jump through "
                    "the PLT not among them (see below for both).")
