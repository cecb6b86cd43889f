/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The disk as a whole: made, ended, compacted, and what it tells of itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dedup.h"
#include "page.h"
#include "reserve.h"
#include "writeback.h"

/* Where pages go to a store only because they do not compress. */
#define INCOMPRESSIBLE_IDLE_NS 10000000000u

static size_t slots_bytes(const struct zram *zram)
{
	return zram->nr_pages * sizeof(*zram->slots);
}

static size_t locks_bytes(const struct zram *zram)
{
	return ((zram->nr_pages >> ZRAM_GROUP_SHIFT) + 1) * sizeof(*zram->locks);
}

static size_t given_up_bytes(const struct zram *zram)
{
	return (size_t)zram_nr_groups(zram);
}

static size_t quiet_bytes(const struct zram *zram)
{
	return (size_t)zram_nr_groups(zram) * sizeof(*zram->quiet);
}

static size_t in_use_bytes(const struct zram *zram)
{
	return (zram->nr_pages >> ZRAM_TABLE_SHIFT) + 1;
}

static int make_tables(struct zram *zram)
{
	zram->slots = zs_reserve(slots_bytes(zram));
	zram->locks = zs_reserve(locks_bytes(zram));
	zram->given_up = zs_reserve(given_up_bytes(zram));
	zram->in_use = zs_reserve(in_use_bytes(zram));
	return zram->slots && zram->locks && zram->given_up && zram->in_use ? 0 : -ENOMEM;
}

static int make_writeback(struct zram *zram, const struct zram_writeback_options *options)
{
	zram->quiet = zs_reserve(quiet_bytes(zram));
	return zram->quiet ? zram_writeback_create(zram, options) : -ENOMEM;
}

/* Half of the time that pages must be idle: for recompression, or else for writeback. */
static uint64_t period_of(const struct zram_options *options)
{
	uint64_t idle_ns = options->recompress.idle_ns;

	if (!idle_ns && options->writeback.store)
		idle_ns = options->writeback.idle_ns;
	if (!idle_ns && options->writeback.store && options->writeback.incompressible)
		idle_ns = INCOMPRESSIBLE_IDLE_NS;
	return (idle_ns + 1) / 2;
}

static int make_pool(struct zram *zram, const struct zram_options *options)
{
	const struct zs_pool_options pool = {
		.size = sizeof(pool),
		.name = "zram",
		.max_object_size = options->recompress.comp.comp ? ZRAM_UNIT_BYTES : ZRAM_PAGE_BYTES,
		.limit_bytes = options->limit_bytes,
		.flags = options->pool_flags,
	};

	zram->pool = zs_create_pool_with(&pool);
	if (!zram->pool)
		return -errno;
	zram->huge_bytes = zs_huge_class_size(zram->pool);
	return 0;
}

static bool is_valid(const struct zram_options *options)
{
	const struct zram_recompress *recompress = &options->recompress;

	if (!options->size_bytes || options->size_bytes % ZRAM_PAGE_BYTES || options->size_bytes >> 62)
		return false;
	if (!recompress->comp.comp)
		return !recompress->idle_ns;
	return recompress->unit_bytes >= ZRAM_PAGE_BYTES && recompress->unit_bytes <= ZRAM_UNIT_BYTES &&
	       recompress->unit_bytes % ZRAM_PAGE_BYTES == 0;
}

int zram_create(const struct zram_options *options, struct zram **result)
{
	struct zram *zram;
	int err;

	if (!is_valid(options))
		return -EINVAL;
	zram = calloc(1, sizeof(*zram));
	if (!zram)
		return -ENOMEM;
	zram->nr_pages = options->size_bytes >> ZRAM_PAGE_SHIFT;
	zram->limit_bytes = options->limit_bytes;
	zram->scratches.comp = options->comp;
	zram->scratches.strong = options->recompress.comp;
	zram->unit_pages = options->recompress.unit_bytes >> ZRAM_PAGE_SHIFT;
	zram->walk.period_ns = period_of(options);
	err = make_tables(zram);
	if (!err && options->writeback.store)
		err = make_writeback(zram, &options->writeback);
	if (!err && options->dedup)
		err = zram_dedup_create(zram);
	if (!err)
		err = make_pool(zram, options);
	if (err)
		zram_destroy(zram);
	else
		*result = zram;
	return err;
}

void zram_destroy(struct zram *zram)
{
	if (!zram)
		return;
	zs_destroy_pool(zram->pool);
	zram_dedup_destroy(zram);
	zram_writeback_destroy(zram);
	zs_unreserve(zram->quiet, quiet_bytes(zram));
	zram_scratches_destroy(&zram->scratches);
	zs_unreserve(zram->slots, slots_bytes(zram));
	zs_unreserve(zram->locks, locks_bytes(zram));
	zs_unreserve(zram->given_up, given_up_bytes(zram));
	zs_unreserve(zram->in_use, in_use_bytes(zram));
	free(zram);
}

uint64_t zram_size_bytes(const struct zram *zram)
{
	return zram->nr_pages << ZRAM_PAGE_SHIFT;
}

uint64_t zram_used_bytes(const struct zram *zram)
{
	return zs_get_total_size_bytes(zram->pool) + zram_counted(&zram->counts.table_bytes) +
	       zram_scratches_bytes(&zram->scratches) + zram_dedup_bytes(zram) + zram_writeback_bytes(zram);
}

bool zram_fits(const struct zram *zram, uint64_t more_bytes)
{
	return !zram->limit_bytes || zram_used_bytes(zram) + more_bytes <= zram->limit_bytes;
}

/* Without a budget it is looked now and then whether it is to end. */
#define COMPACT_SLICE_NS 50000000u

uint64_t zram_compact(struct zram *zram, uint64_t budget_ns)
{
	uint64_t nr_pages = 0;

	do
		nr_pages += zs_compact_some(zram->pool, 0, budget_ns ? budget_ns : COMPACT_SLICE_NS);
	while (!budget_ns && errno == EAGAIN && !__atomic_load_n(&zram->walk.cancelled, __ATOMIC_RELAXED));
	/* What is left is little, and what it keeps between calls goes. */
	if (!budget_ns && errno != EAGAIN)
		nr_pages += zs_compact(zram->pool);
	return nr_pages << ZRAM_PAGE_SHIFT;
}

uint64_t zram_note_peak(struct zram *zram)
{
	uint64_t used = zram_used_bytes(zram), peak = zram_counted(&zram->counts.peak_bytes);

	while (used > peak && !__atomic_compare_exchange_n(&zram->counts.peak_bytes, &peak, used, false,
							   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return used;
}

void zram_note_background(struct zram *zram, uint64_t ns)
{
	zram_count(&zram->counts.background_ns, (int64_t)ns);
}

void zram_reset_peak(struct zram *zram)
{
	__atomic_store_n(&zram->counts.peak_bytes, zram_used_bytes(zram), __ATOMIC_RELAXED);
}

void zram_stats(struct zram *zram, struct zram_stats *stats)
{
	const struct zram_counts *counts = &zram->counts;
	struct zs_pool_stats pool = { .size = sizeof(pool) };

	zs_pool_stats(zram->pool, &pool);
	*stats = (struct zram_stats){
		.disk_size = zram_size_bytes(zram),
		.orig_data_size = zram_counted(&counts->pages) << ZRAM_PAGE_SHIFT,
		.compr_data_size = zram_counted(&counts->stored_bytes),
		.mem_used_total = zram_note_peak(zram),
		.mem_limit = zram->limit_bytes,
		.mem_used_max = zram_counted(&counts->peak_bytes),
		.same_pages = zram_counted(&counts->same_pages),
		.pages_compacted = pool.pages_compacted,
		.huge_pages = zram_counted(&counts->huge_pages),
		.huge_pages_since = zram_counted(&counts->huge_pages_since),
		.reads = zram_counted(&counts->read.requests),
		.writes = zram_counted(&counts->written.requests),
		.bytes_read = zram_counted(&counts->read.bytes),
		.bytes_written = zram_counted(&counts->written.bytes),
		.failed_reads = zram_counted(&counts->read.failed),
		.failed_writes = zram_counted(&counts->written.failed),
		.invalid_io = zram_counted(&counts->invalid_io),
		.notify_free = zram_counted(&counts->notify_free),
		.units = zram_counted(&counts->units),
		.unit_pages = zram_counted(&counts->unit_pages),
		.unit_dead_bytes = zram_counted(&counts->dead_bytes),
		.strong_pages = zram_counted(&counts->strong_pages),
		.recompressed = zram_counted(&counts->recompressed),
		.recompress_saved_bytes = zram_counted(&counts->recompress_saved_bytes),
		.background_ns = zram_counted(&counts->background_ns),
		.unpacked = zram_counted(&counts->unpacked),
		.bd_count = zram_counted(&counts->bd_pages),
		.bd_reads = zram_counted(&counts->bd_reads),
		.bd_writes = zram_counted(&counts->bd_writes),
		.bd_bytes = zram_counted(&counts->backing_bytes),
		.bd_failures = zram_counted(&counts->bd_failures),
		.shared_pages = zram_counted(&counts->shared_pages),
		.dedup_saved_bytes = zram_counted(&counts->dedup_saved_bytes),
		.objects = pool.objects,
		.pool_pages = pool.pages,
		.pool_metadata = pool.metadata_bytes,
		.objects_moved = pool.objects_moved,
	};
}
