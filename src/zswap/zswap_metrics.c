/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the figures of compressed memory are. The names are those of the kernel's zswap where it has them.
 */
#include "zswap_metrics.h"

#include "zswap.h"

#define ROW(member, unit, type, help) ZS_METRIC(#member, struct zswap_stats, member, unit, type, help)

static const struct zs_metric rows[] = {
	ROW(managed_pages, "pages", ZS_GAUGE, "memory that the program has mapped"),
	ROW(resident_pages, "pages", ZS_GAUGE, "pages that it has in memory"),
	ROW(standby_pages, "pages", ZS_GAUGE, "pages taken, not packed yet, and memory kept for those that come"),
	ROW(resident_limit_pages, "pages", ZS_GAUGE, "most that both may be"),
	ROW(same_filled_pages, "pages", ZS_GAUGE, "pages of one repeated word, which take no memory of their own"),
	ROW(pool_pages, "pages", ZS_GAUGE, "pages in the pool"),
	ROW(raw_pages, "pages", ZS_GAUGE, "of those, pages that do not compress, on their way to the file"),
	ROW(stored_pages, "pages", ZS_GAUGE, "pages in the backing file"),
	ROW(compressed_bytes, "bytes", ZS_GAUGE, "what the pool's pages are compressed to"),
	ROW(pool_total_bytes, "bytes", ZS_GAUGE, "all memory of the pool"),
	ROW(table_bytes, "bytes", ZS_GAUGE, "memory of the table of pages, and of writing back"),
	ROW(pool_limit_bytes, "bytes", ZS_GAUGE, "most that the pool and the table may take, 0 for no limit"),
	ROW(backing_bytes, "bytes", ZS_GAUGE, "bytes of use in the backing file"),
	ROW(faults, "faults", ZS_COUNTER, "faults"),
	ROW(zero_faults, "faults", ZS_COUNTER, "faults of pages never touched before"),
	ROW(standby_faults, "faults", ZS_COUNTER, "faults of pages that stood by"),
	ROW(pool_faults, "faults", ZS_COUNTER, "faults of pages that were in the pool, or of one repeated word"),
	ROW(stored_faults, "faults", ZS_COUNTER, "faults of pages that were in the file"),
	ROW(read_ahead, "pages", ZS_COUNTER, "pages that came with others' faults"),
	ROW(evicted, "pages", ZS_COUNTER, "pages taken from the program"),
	ROW(packed, "pages", ZS_COUNTER, "pages packed, without those that had not changed"),
	ROW(spared, "pages", ZS_COUNTER, "pages that were to be taken, but had been written lately"),
	ROW(busy_pages, "pages", ZS_COUNTER, "pages that could not be taken: pinned, locked or protected"),
	ROW(incompressible, "pages", ZS_COUNTER, "pages that did not compress"),
	ROW(direct_evictions, "batches", ZS_COUNTER, "batches of pages whose eviction faults had to wait for"),
	ROW(written_back_pages, "pages", ZS_COUNTER, "pages written to the backing file"),
	ROW(pool_limit_hit, "pages", ZS_COUNTER, "pages that the pool had no room for"),
	ROW(failed_writes, "writes", ZS_COUNTER, "writes to the backing file that failed"),
	ROW(lost_pages, "pages", ZS_COUNTER, "pages whose content could not be had again"),
};

const struct zs_metrics zswap_metrics = { .prefix = "zswap", .row = rows, .nr = sizeof(rows) / sizeof(rows[0]) };
