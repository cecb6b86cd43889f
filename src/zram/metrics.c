/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the disk's figures are. The names are those of the kernel's zram (Documentation/admin-guide/blockdev/zram.rst)
 * where it has them.
 */
#include "metrics.h"

#include "zram.h"

#define ROW(member, unit, type, help) ZS_METRIC(#member, struct zram_stats, member, unit, type, help)

static const struct zs_metric rows[] = {
	ROW(disk_size, "bytes", ZS_GAUGE, "size of the disk"),
	ROW(orig_data_size, "bytes", ZS_GAUGE, "content that is stored, without pages of one repeated word"),
	ROW(compr_data_size, "bytes", ZS_GAUGE, "what that content is compressed to, as far as it is in memory"),
	ROW(mem_used_total, "bytes", ZS_GAUGE,
	    "all memory for the content, with every table and buffer, without the codecs' own"),
	ROW(mem_limit, "bytes", ZS_GAUGE, "most memory that it may take, 0 for no limit"),
	ROW(mem_used_max, "bytes", ZS_GAUGE, "most memory that it took since the start or the last reset-peak"),
	ROW(same_pages, "pages", ZS_GAUGE, "pages of one repeated word, which take no memory of their own"),
	ROW(pages_compacted, "pages", ZS_COUNTER, "pages that compaction gave back"),
	ROW(huge_pages, "pages", ZS_GAUGE, "pages that hardly compress and are stored as they are"),
	ROW(huge_pages_since, "pages", ZS_COUNTER, "pages that were stored so since the start"),
	ROW(reads, "requests", ZS_COUNTER, "reads"),
	ROW(writes, "requests", ZS_COUNTER, "writes"),
	ROW(bytes_read, "bytes", ZS_COUNTER, "bytes that reads gave"),
	ROW(bytes_written, "bytes", ZS_COUNTER, "bytes that writes brought"),
	ROW(failed_reads, "requests", ZS_COUNTER, "reads that failed"),
	ROW(failed_writes, "requests", ZS_COUNTER, "writes that failed, for lack of memory as a rule"),
	ROW(invalid_io, "requests", ZS_COUNTER, "requests beyond the end of the disk"),
	ROW(notify_free, "pages", ZS_COUNTER, "pages that were discarded"),
	ROW(units, "objects", ZS_GAUGE, "objects that hold neighbouring pages together"),
	ROW(unit_pages, "pages", ZS_GAUGE, "pages in them that live"),
	ROW(unit_dead_bytes, "bytes", ZS_GAUGE, "what pages that live no more take in them"),
	ROW(strong_pages, "pages", ZS_GAUGE, "pages that recompression packed alone"),
	ROW(recompressed, "pages", ZS_COUNTER, "pages that were packed again"),
	ROW(recompress_saved_bytes, "bytes", ZS_COUNTER, "memory that packing them again saved at the time"),
	ROW(background_ns, "nanoseconds", ZS_COUNTER, "processor time of what the disk did by itself"),
	ROW(unpacked, "pages", ZS_COUNTER, "pages that were put by themselves again, since they were read often"),
	ROW(bd_count, "pages", ZS_GAUGE, "pages that were written back to the backing store"),
	ROW(bd_reads, "objects", ZS_COUNTER, "objects that were read from there"),
	ROW(bd_writes, "objects", ZS_COUNTER, "objects that were written there"),
	ROW(bd_bytes, "bytes", ZS_GAUGE, "what lives there"),
	ROW(bd_failures, "batches", ZS_COUNTER, "batches that could not be written there"),
	ROW(shared_pages, "pages", ZS_GAUGE, "pages that share an object with others of the same content"),
	ROW(dedup_saved_bytes, "bytes", ZS_GAUGE, "what these would take besides if each had its own"),
	ROW(objects, "objects", ZS_GAUGE, "objects in the pool"),
	ROW(objects_moved, "objects", ZS_COUNTER, "objects that compaction moved"),
	ROW(pool_pages, "pages", ZS_GAUGE, "pages that the pool has from the system"),
	ROW(pool_metadata, "bytes", ZS_GAUGE, "what the pool needs beside its pages"),
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == sizeof(struct zram_stats) / sizeof(uint64_t), "a row for each figure");

const struct zs_metrics zram_metrics = { .prefix = "zram", .row = rows, .nr = sizeof(rows) / sizeof(rows[0]) };
