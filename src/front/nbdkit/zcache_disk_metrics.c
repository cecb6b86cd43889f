/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the figures of a cached disk are.
 */
#include "zcache_disk_metrics.h"

#include <string.h>

#include "zcache_disk.h"
#include "zcache_metrics.h"

#define OF(of_name, member, of_unit, of_type, text)                                                                    \
	{                                                                                                              \
		.name = of_name, .unit = of_unit, .type = of_type, .help = text,                                       \
		.offset = offsetof(struct zcache_disk_stats, member)                                                   \
	}
#define ROW(member, of_unit, of_type, text) OF(#member, member, of_unit, of_type, text)
#define COUNT(member, of_unit, text) OF(#member, counts.member, of_unit, ZS_COUNTER, text)

static const struct zs_metric rows[] = {
	ROW(disk_size, "bytes", ZS_GAUGE, "size of the disk"),
	COUNT(reads, "requests", "reads"),
	COUNT(writes, "requests", "writes, trims and zeroes"),
	COUNT(bytes_read, "bytes", "bytes that reads gave"),
	COUNT(bytes_written, "bytes", "bytes that writes brought"),
	COUNT(failed_reads, "requests", "reads that failed, as the disk behind or the connection to it did"),
	COUNT(failed_writes, "requests", "writes, trims and zeroes that failed so"),
	COUNT(hit_pages, "pages", "pages that reads found in the cache"),
	COUNT(miss_pages, "pages", "pages that reads did not find there"),
	COUNT(backing_reads, "requests", "reads from the disk behind"),
	COUNT(backing_bytes, "bytes", "what they asked for"),
	COUNT(readahead_pages, "pages", "pages that were read before anybody asked for them"),
	ROW(doubtful_pages, "pages", ZS_GAUGE, "pages that are not kept, since an unanswered write may still happen"),
	ROW(reconnections, "sessions", ZS_COUNTER, "sessions with the server behind that took the place of another"),
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
