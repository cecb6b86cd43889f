/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the figures of a cached disk are.
 */
#include "zcache_disk_metrics.h"

#include <string.h>

#include "zcache_disk.h"
#include "zcache_metrics.h"

static const struct zs_metric rows[] = {
#define ROW(member, unit, type, help) ZS_METRIC(#member, struct zcache_disk_stats, member, unit, type, help)
	ROW(disk_size, "bytes", ZS_GAUGE, "size of the disk"),
	ROW(doubtful_pages, "pages", ZS_GAUGE, "pages that are not kept, since an unanswered write may still happen"),
	ROW(reconnections, "sessions", ZS_COUNTER, "sessions with the server behind that took the place of another"),
#undef ROW
#define ROW(member, unit, type, help) ZS_METRIC(#member, struct zcache_disk_stats, counts.member, unit, type, help)
	ROW(reads, "requests", ZS_COUNTER, "reads"),
	ROW(writes, "requests", ZS_COUNTER, "writes, trims and zeroes"),
	ROW(bytes_read, "bytes", ZS_COUNTER, "bytes that reads gave"),
	ROW(bytes_written, "bytes", ZS_COUNTER, "bytes that writes brought"),
	ROW(failed_reads, "requests", ZS_COUNTER, "reads that failed, as the disk behind or its connection did"),
	ROW(failed_writes, "requests", ZS_COUNTER, "writes, trims and zeroes that failed so"),
	ROW(hit_pages, "pages", ZS_COUNTER, "pages that reads found in the cache"),
	ROW(miss_pages, "pages", ZS_COUNTER, "pages that reads did not find there"),
	ROW(backing_reads, "requests", ZS_COUNTER, "reads from the disk behind"),
	ROW(backing_bytes, "bytes", ZS_COUNTER, "what they asked for"),
	ROW(readahead_pages, "pages", ZS_COUNTER, "pages that were read before anybody asked for them"),
#undef ROW
};

#define NR_OWN (sizeof(rows) / sizeof(rows[0]))
#define NR_CACHE (sizeof(struct zcache_stats) / sizeof(uint64_t) - 1) /* but for its size */

_Static_assert(NR_OWN == (sizeof(struct zcache_disk_stats) - sizeof(struct zcache_stats)) / sizeof(uint64_t),
	       "a row for each figure");
_Static_assert(offsetof(struct zcache_disk_stats, cache) == 0, "the cache's table fits");

const struct zs_metrics *zcache_disk_metrics(void)
{
	static struct zs_metric all[NR_OWN + NR_CACHE];
	static const struct zs_metrics metrics = { .prefix = "zcache", .row = all, .nr = NR_OWN + NR_CACHE };

	if (all[0].name)
		return &metrics;
	memcpy(&all[NR_OWN], zcache_metrics.row, NR_CACHE * sizeof(all[0]));
	memcpy(all, rows, sizeof(rows));
	return &metrics;
}
